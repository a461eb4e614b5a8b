#include "tokenizer/decoder.h"

#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/growth.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/unicode.h"

namespace jaju {
namespace {

using Kind = DecoderSpec::Kind;

// Runs of byte tokens become their text, or one U+FFFD per byte when the run is not valid UTF-8.
std::vector<std::string> join_fallback_bytes(const std::vector<std::string>& tokens) {
  std::vector<std::string> out;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (utf8_valid(run)) {
      out.push_back(run);
    } else {
      out.insert(out.end(), run.size(), "\xef\xbf\xbd");
    }
    run.clear();
  };
  for (const auto& token : tokens) {
    const int b = Decoder::fallback_byte(token);
    if (b >= 0) {
      run += static_cast<char>(b);
    } else {
      flush();
      out.push_back(token);
    }
  }
  flush();
  return out;
}

// At most `start` leading and `stop` trailing copies of the character go.
std::string strip(const std::string& token, const std::string& character, int64_t start, int64_t stop) {
  size_t begin = 0;
  size_t end = token.size();
  const size_t n = character.size();
  for (int64_t k = 0; k < start && begin + n <= end && token.compare(begin, n, character) == 0; ++k)
    begin += n;
  for (int64_t k = 0; k < stop && end >= begin + n && token.compare(end - n, n, character) == 0; ++k)
    end -= n;
  return token.substr(begin, end - begin);
}

std::string join(const std::vector<std::string>& tokens, std::string_view separator = "") {
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) out += separator;
    out += tokens[i];
  }
  return out;
}

}  // namespace

Result<Decoder> Decoder::create(std::vector<DecoderSpec> specs, bool has_decoder, const std::string& what) {
  Decoder decoder;
  decoder.has_decoder_ = has_decoder;
  Growth growth;
  for (auto& spec : specs) {
    Step step;
    if (spec.kind == Kind::replace) growth.replace(spec.pattern, spec.content);
    if (spec.kind == Kind::replace && spec.pattern.is_regex) {
      JAJU_ASSIGN(Regex regex, Regex::compile(spec.pattern.text, what + ": decoder Replace"));
      step.regex.push_back(std::move(regex));
    }
    step.spec = std::move(spec);
    decoder.steps_.push_back(std::move(step));
  }
  JAJU_RETURN_IF_ERROR(growth.check(what, "decoder"));
  // ByteLevel first and nothing that changes text after it.
  decoder.joins_bytes_ = !decoder.steps_.empty() && decoder.steps_[0].spec.kind == Kind::byte_level;
  for (size_t i = 1; i < decoder.steps_.size(); ++i) {
    if (decoder.steps_[i].spec.kind != Kind::fuse) decoder.joins_bytes_ = false;
  }
  size_t i = 0;
  const auto is = [&](Kind kind) { return i < decoder.steps_.size() && decoder.steps_[i].spec.kind == kind; };
  for (; is(Kind::replace) && !decoder.steps_[i].spec.pattern.is_regex; ++i) ++decoder.n_replaces_;
  if (is(Kind::byte_fallback)) {
    decoder.byte_fallback_ = true;
    ++i;
  }
  if (is(Kind::fuse)) {
    ++i;
    if (is(Kind::strip) && decoder.steps_[i].spec.stop == 0) decoder.strip_step_ = static_cast<int>(i++);
  }
  decoder.streams_ = i == decoder.steps_.size();
  return decoder;
}

int Decoder::fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::string Decoder::byte_level_bytes(std::string_view content) {
  std::string bytes;
  return from_byte_level(content, bytes) ? bytes : std::string(content);
}

std::string Decoder::decode(std::vector<std::string> tokens) const {
  if (!has_decoder_) return join(tokens, " ");
  RegexWorkspace workspace;
  for (const Step& step : steps_) {
    const DecoderSpec& s = step.spec;
    switch (s.kind) {
      case Kind::byte_level: {
        std::string bytes;
        for (const auto& token : tokens) bytes += byte_level_bytes(token);
        tokens = {utf8_replace_invalid(bytes)};
        break;
      }
      case Kind::byte_fallback:
        tokens = join_fallback_bytes(tokens);
        break;
      case Kind::fuse:
        tokens = {join(tokens)};
        break;
      case Kind::strip:
        for (auto& token : tokens) token = strip(token, s.content, s.start, s.stop);
        break;
      case Kind::replace:
        for (auto& token : tokens) {
          token = step.regex.empty() ? replace_all(token, s.pattern.text, s.content)
                                     : replace_all(token, step.regex[0], s.content, workspace);
        }
        break;
    }
  }
  return join(tokens);
}

std::string Decoder::flush_run(Stream& stream) const {
  std::string out;
  if (utf8_valid(stream.run)) {
    out = stream.run;
  } else {
    for (size_t i = 0; i < stream.run.size(); ++i) out += "\xef\xbf\xbd";
  }
  stream.run.clear();
  return out;
}

std::string Decoder::strip_start(Stream& stream, std::string text) const {
  if (strip_step_ < 0 || stream.stripped < 0) return text;
  const DecoderSpec& spec = steps_[static_cast<size_t>(strip_step_)].spec;
  size_t begin = 0;
  while (stream.stripped < spec.start && text.compare(begin, spec.content.size(), spec.content) == 0) {
    begin += spec.content.size();
    ++stream.stripped;
  }
  text.erase(0, begin);
  if (!text.empty()) stream.stripped = -1;
  return text;
}

std::string Decoder::push(Stream& stream, std::string token) const {
  if (!has_decoder_) {
    std::string out(stream.first ? 0 : 1, ' ');
    stream.first = false;
    return out += token;
  }
  if (!streams_) {
    stream.held.push_back(std::move(token));
    return {};
  }
  for (size_t k = 0; k < n_replaces_; ++k) {
    token = replace_all(token, steps_[k].spec.pattern.text, steps_[k].spec.content);
  }
  const int b = byte_fallback_ ? fallback_byte(token) : -1;
  if (b >= 0) {
    stream.run += static_cast<char>(b);
    return {};
  }
  return strip_start(stream, flush_run(stream) + token);
}

std::string Decoder::finish(Stream& stream) const {
  if (!has_decoder_) return {};
  std::string out = streams_ ? strip_start(stream, flush_run(stream)) : decode(std::move(stream.held));
  stream = {};
  return out;
}

}  // namespace jaju
