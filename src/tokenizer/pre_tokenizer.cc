#include "tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/growth.h"
#include "tokenizer/unicode.h"

namespace jaju {
namespace {

using Kind = PreTokenizerSpec::Kind;

// GPT-2's words: contractions, then optional space + letters, digits or the rest, then spaces.
constexpr std::string_view kGpt2Pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

void add_part(std::vector<Pieces::Part>& parts, size_t begin, size_t end, bool match) {
  parts.push_back({{begin, end}, match});
}

// Single characters that fulfil `test` are matches, runs of others are not.
template <typename Test>
void match_chars(std::string_view text, std::vector<Pieces::Part>& parts, Test&& test) {
  size_t start = 0;
  for (size_t pos = 0; pos < text.size();) {
    const size_t at = pos;
    if (!test(next_char(text, pos))) continue;
    if (start < at) add_part(parts, start, at, false);
    add_part(parts, at, pos, true);
    start = pos;
  }
  if (start < text.size()) add_part(parts, start, text.size(), false);
}

void match_literal(std::string_view text, std::string_view literal, std::vector<Pieces::Part>& parts) {
  size_t start = 0;
  for (size_t at = text.find(literal); at != std::string_view::npos; at = text.find(literal, start)) {
    if (start < at) add_part(parts, start, at, false);
    add_part(parts, at, at + literal.size(), true);
    start = at + literal.size();
  }
  if (start < text.size()) add_part(parts, start, text.size(), false);
}

// Words (runs of word characters) and runs of other visible characters; white space falls between.
void match_whitespace_words(std::string_view text, std::vector<Pieces::Part>& parts) {
  const auto kind = [](uint32_t c) { return is_word(c) ? 2 : is_white_space(c) ? 0 : 1; };
  size_t start = 0;
  int current = -1;
  for (size_t pos = 0; pos <= text.size();) {
    const size_t at = pos;
    const int k = pos < text.size() ? kind(next_char(text, pos)) : -1;
    if (k != current) {
      if (current > 0) add_part(parts, start, at, true);
      start = at;
      current = k;
    }
    if (at == text.size()) break;
  }
}

// What becomes of matches and the text between them.
void apply_behavior(const std::vector<Pieces::Part>& parts, SplitBehavior behavior, size_t offset,
                    std::vector<Span>& out) {
  const size_t first = out.size();
  const auto push = [&](Span s) { out.push_back({s.begin + offset, s.end + offset}); };
  bool previous = false;
  switch (behavior) {
    case SplitBehavior::isolated:
      for (const auto& p : parts) push(p.span);
      break;
    case SplitBehavior::removed:
      for (const auto& p : parts) {
        if (!p.match) push(p.span);
      }
      break;
    case SplitBehavior::contiguous:
      for (const auto& p : parts) {
        if (p.match == previous && out.size() > first) {
          out.back().end = p.span.end + offset;
        } else {
          push(p.span);
        }
        previous = p.match;
      }
      break;
    case SplitBehavior::merged_with_previous:
      for (const auto& p : parts) {
        if (p.match && !previous && out.size() > first) {
          out.back().end = p.span.end + offset;
        } else {
          push(p.span);
        }
        previous = p.match;
      }
      break;
    case SplitBehavior::merged_with_next:
      for (auto p = parts.rbegin(); p != parts.rend(); ++p) {
        if (p->match && !previous && out.size() > first) {
          out.back().begin = p->span.begin + offset;
        } else {
          push(p->span);
        }
        previous = p->match;
      }
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
      break;
  }
  // Empty matches leave empty pieces.
  out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                           [](const Span& s) { return s.begin == s.end; }),
            out.end());
}

}  // namespace

Result<PreTokenizer> PreTokenizer::create(std::vector<PreTokenizerSpec> specs, const std::string& what) {
  PreTokenizer pre;
  Growth growth;
  for (auto& spec : specs) {
    Step step;
    if (spec.kind == Kind::split && (spec.pattern.is_regex || spec.pattern.text.empty())) {
      JAJU_ASSIGN(Regex regex, Regex::compile(spec.pattern.text, what + ": pre-tokenizer Split"));
      step.regex.push_back(std::move(regex));
    } else if (spec.kind == Kind::byte_level) {
      step.map_bytes = true;
      growth.times(2);
      if (spec.use_regex) {
        JAJU_ASSIGN(Regex regex, Regex::compile(kGpt2Pattern, what + ": pre-tokenizer ByteLevel"));
        step.regex.push_back(std::move(regex));
      }
    }
    step.spec = std::move(spec);
    pre.steps_.push_back(std::move(step));
  }
  JAJU_RETURN_IF_ERROR(growth.check(what, "pre-tokenizer"));
  if (!pre.steps_.empty() && pre.steps_.back().map_bytes) {
    pre.raw_bytes_ = true;
    pre.steps_.back().map_bytes = false;
  }
  return pre;
}

void PreTokenizer::split(std::string_view text, Pieces& pieces, RegexWorkspace& workspace) const {
  pieces.view = text;
  pieces.spans.clear();
  if (!text.empty()) pieces.spans.push_back({0, text.size()});
  for (const Step& step : steps_) split_step(step, pieces, workspace);
}

void PreTokenizer::split_step(const Step& step, Pieces& pieces, RegexWorkspace& workspace) const {
  const PreTokenizerSpec& spec = step.spec;
  if (spec.kind == Kind::byte_level && spec.add_prefix_space) {
    // Every piece that does not start with a space gets one.
    std::string text;
    text.reserve(pieces.view.size() + pieces.spans.size());
    for (Span& s : pieces.spans) {
      const std::string_view piece = pieces.view.substr(s.begin, s.end - s.begin);
      s.begin = text.size();
      if (!piece.starts_with(' ')) text += ' ';
      text += piece;
      s.end = text.size();
    }
    pieces.text = std::move(text);
    pieces.view = pieces.text;
  }
  const bool splits = spec.kind != Kind::byte_level || spec.use_regex;
  if (splits) {
    pieces.next.clear();
    const SplitBehavior behavior = spec.kind == Kind::digits && spec.individual_digits
                                       ? SplitBehavior::isolated
                                   : spec.kind == Kind::digits           ? SplitBehavior::contiguous
                                   : spec.kind == Kind::whitespace       ? SplitBehavior::isolated
                                   : spec.kind == Kind::whitespace_split ? SplitBehavior::removed
                                                                         : spec.behavior;
    const bool simple = !step.regex.empty() && behavior == SplitBehavior::isolated;
    for (const Span& s : pieces.spans) {
      const std::string_view piece = pieces.view.substr(s.begin, s.end - s.begin);
      if (simple) {  // matches and gaps alike are pieces
        size_t start = 0;
        step.regex[0].for_each_match(piece, workspace, [&](size_t begin, size_t end) {
          if (start < begin) pieces.next.push_back({s.begin + start, s.begin + begin});
          if (begin < end) pieces.next.push_back({s.begin + begin, s.begin + end});
          start = end;
        });
        if (start < piece.size()) pieces.next.push_back({s.begin + start, s.end});
        continue;
      }
      auto& parts = pieces.parts;
      parts.clear();
      if (!step.regex.empty()) {
        size_t start = 0;
        step.regex[0].for_each_match(piece, workspace, [&](size_t begin, size_t end) {
          if (start < begin) add_part(parts, start, begin, false);
          add_part(parts, begin, end, true);
          start = end;
        });
        if (start < piece.size()) add_part(parts, start, piece.size(), false);
      } else if (spec.kind == Kind::split) {
        match_literal(piece, spec.pattern.text, parts);
      } else if (spec.kind == Kind::digits) {
        match_chars(piece, parts, is_numeric);
      } else if (spec.kind == Kind::whitespace) {
        match_whitespace_words(piece, parts);
      } else if (spec.kind == Kind::whitespace_split) {
        match_chars(piece, parts, is_white_space);
      } else {
        match_chars(piece, parts, is_punctuation);
      }
      if (spec.invert) {
        for (auto& p : parts) p.match = !p.match;
      }
      apply_behavior(parts, behavior, s.begin, pieces.next);
    }
    pieces.spans.swap(pieces.next);
  }
  if (step.map_bytes) {
    std::string text;
    text.reserve(pieces.view.size() * 2);
    for (Span& s : pieces.spans) {
      const size_t begin = text.size();
      text += to_byte_level(pieces.view.substr(s.begin, s.end - s.begin));
      s = {begin, text.size()};
    }
    pieces.text = std::move(text);
    pieces.view = pieces.text;
  }
}

}  // namespace jaju
