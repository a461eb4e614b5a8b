#include "tokenizer/tokenizer.h"

#include <simdjson.h>

#include <algorithm>
#include <unordered_set>

#include "base/file.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/tokenizer_impl.h"

namespace jaju {
namespace {

constexpr int64_t kMaxFileBytes = 256'000'000;
constexpr size_t kMaxPooled = 64;
constexpr size_t kKeepBytes = 1 << 20;

// Ids of added tokens that the model's vocabulary contains too, sorted.
std::vector<TokenId> added_in_vocab(const TokenizerSpec& spec) {
  std::vector<TokenId> in_vocab;
  if (spec.added_tokens.empty()) return in_vocab;
  std::vector<TokenId> vocab;
  for (const auto& entry : spec.model.vocab) vocab.push_back(entry.id);
  std::sort(vocab.begin(), vocab.end());
  for (const auto& token : spec.added_tokens) {
    if (std::binary_search(vocab.begin(), vocab.end(), token.id)) in_vocab.push_back(token.id);
  }
  std::sort(in_vocab.begin(), in_vocab.end());
  return in_vocab;
}

// The matcher of the tokens that are looked for in raw or in normalized text. Special tokens come first, as
// in the library: of two with the same normalized content the first wins.
AddedTokenMatcher make_matcher(const TokenizerSpec& spec, bool normalized, const Normalizer& normalizer,
                               RegexWorkspace& workspace) {
  std::vector<AddedTokenMatcher::Entry> entries;
  for (const bool special : {true, false}) {
    for (const auto& t : spec.added_tokens) {
      if (t.normalized != normalized || t.special != special) continue;
      std::string content = t.content;
      if (normalized) normalizer.apply(content, workspace);
      entries.push_back({std::move(content), t.id, t.single_word, t.lstrip, t.rstrip});
    }
  }
  return AddedTokenMatcher(std::move(entries));
}

}  // namespace

Tokenizer::Impl::Impl(TokenizerSpec spec, Normalizer normalizer_, PreTokenizer pre_tokenizer_,
                      Decoder decoder_, Context& context)
    : normalizer(std::move(normalizer_)),
      pre_tokenizer(std::move(pre_tokenizer_)),
      model(spec.model, pre_tokenizer.raw_bytes()),
      decoder(std::move(decoder_)),
      added(make_matcher(spec, false, normalizer, context.regex)),
      normalized_added(make_matcher(spec, true, normalizer, context.regex)) {
  const std::vector<TokenId> forbidden = added_in_vocab(spec);
  if (!forbidden.empty())
    strict_model = std::make_unique<Bpe>(spec.model, pre_tokenizer.raw_bytes(), forbidden);

  TokenId largest = -1;
  for (const auto& entry : spec.model.vocab) largest = std::max(largest, entry.id);
  for (const auto& token : spec.added_tokens) largest = std::max(largest, token.id);
  tokens.resize(static_cast<size_t>(largest) + 1);
  const bool byte_level = pre_tokenizer.raw_bytes() || decoder.joins_bytes();
  for (auto& entry : spec.model.vocab) {
    Token& t = tokens[static_cast<size_t>(entry.id)];
    t.exists = true;
    t.content = std::move(entry.content);
    const int b = spec.model.byte_fallback ? Decoder::fallback_byte(t.content) : -1;
    t.bytes = byte_level ? Decoder::byte_level_bytes(t.content)
              : b >= 0   ? std::string(1, static_cast<char>(b))
                         : t.content;
  }
  std::unordered_set<std::string> special_contents;
  for (const auto& token : spec.added_tokens) {
    if (token.special) special_contents.insert(token.content);
  }
  for (auto& added_token : spec.added_tokens) {
    Token& t = tokens[static_cast<size_t>(added_token.id)];
    t.exists = t.added = true;
    t.special = added_token.special;
    std::string decoded_content = added_token.content;
    if (added_token.normalized) normalizer.apply(decoded_content, context.regex);
    // The library looks for what it decodes among the special contents, so a special token that its own
    // normalizer rewrites is not skipped.
    t.skipped = special_contents.contains(decoded_content);
    if (decoder.joins_bytes()) decoded_content = Decoder::byte_level_bytes(decoded_content);
    if (decoded_content != added_token.content)
      added_decoded.emplace(added_token.id, std::move(decoded_content));
    t.content = t.bytes = std::move(added_token.content);
  }
  ids.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].exists) ids.emplace(tokens[id].content, static_cast<TokenId>(id));
  }
}

std::unique_ptr<Tokenizer::Impl::Context> Tokenizer::Impl::acquire() const {
  {
    const std::lock_guard lock(pool_mutex);
    if (!pool.empty()) {
      auto context = std::move(pool.back());
      pool.pop_back();
      return context;
    }
  }
  auto context = std::make_unique<Context>();
  if (strict_model != nullptr) context->strict_scratch = std::make_unique<BpeScratch>();
  return context;
}

void Tokenizer::Impl::release(std::unique_ptr<Context> context) const {
  context->regex.reset();
  context->plain_scratch.shrink();
  if (context->strict_scratch != nullptr) context->strict_scratch->shrink();
  Pieces& p = context->pieces;
  p.view = {};
  if (p.text.capacity() > kKeepBytes) p.text = {};
  if (p.spans.capacity() * sizeof(Span) > kKeepBytes) p.spans = {};
  if (p.next.capacity() * sizeof(Span) > kKeepBytes) p.next = {};
  if (p.parts.capacity() * sizeof(Pieces::Part) > kKeepBytes) p.parts = {};
  if (context->normalized.capacity() > kKeepBytes) context->normalized = {};
  if (context->matches.capacity() * sizeof(AddedMatch) > kKeepBytes) context->matches = {};
  if (context->normalized_matches.capacity() * sizeof(AddedMatch) > kKeepBytes)
    context->normalized_matches = {};
  const std::lock_guard lock(pool_mutex);
  if (pool.size() < kMaxPooled) pool.push_back(std::move(context));
}

void Tokenizer::Impl::encode_plain(std::string_view text, bool parse, Context& context,
                                   std::vector<TokenId>& out) const {
  const bool strict = !parse && strict_model != nullptr;
  const Bpe& bpe = strict ? *strict_model : model;
  BpeScratch& scratch = strict ? *context.strict_scratch : context.plain_scratch;
  pre_tokenizer.split(text, context.pieces, context.regex);
  const std::string_view view = context.pieces.view;
  for (const Span& s : context.pieces.spans) bpe.encode(view.substr(s.begin, s.end - s.begin), scratch, out);
}

void Tokenizer::Impl::encode_normalized(std::string_view text, bool parse, Context& context,
                                        std::vector<TokenId>& out) const {
  if (!parse || normalized_added.empty()) {
    encode_plain(text, parse, context, out);
    return;
  }
  normalized_added.find(text, context.normalized_matches);
  size_t from = 0;
  for (const AddedMatch& m : context.normalized_matches) {
    if (from < m.begin) encode_plain(text.substr(from, m.begin - from), parse, context, out);
    out.push_back(m.id);
    from = m.end;
  }
  if (from < text.size()) encode_plain(text.substr(from), parse, context, out);
}

void Tokenizer::Impl::encode(std::string_view text, bool parse, Context& context,
                             std::vector<TokenId>& out) const {
  const auto gap = [&](std::string_view part) {
    if (part.empty()) return;
    if (normalizer.empty()) {
      encode_normalized(part, parse, context, out);
      return;
    }
    context.normalized = part;
    normalizer.apply(context.normalized, context.regex);
    encode_normalized(context.normalized, parse, context, out);
  };
  if (!parse || added.empty()) {
    gap(text);
    return;
  }
  added.find(text, context.matches);
  size_t from = 0;
  for (const AddedMatch& m : context.matches) {
    if (from < m.begin) gap(text.substr(from, m.begin - from));
    out.push_back(m.id);
    from = m.end;
  }
  gap(text.substr(from));
}

std::string_view Tokenizer::Impl::decoded(TokenId id, const Token& token) const {
  if (token.added && !added_decoded.empty()) {
    const auto other = added_decoded.find(id);
    if (other != added_decoded.end()) return other->second;
  }
  return decoder.joins_bytes() ? token.bytes : token.content;
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto file = std::filesystem::is_directory(path, ignored) ? path / "tokenizer.json" : path;
  JAJU_ASSIGN(const std::string json, read_file(file, kMaxFileBytes));
  return parse(json, file.string());
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::parse(std::string_view json, const std::string& what) {
  if (json.size() > static_cast<size_t>(kMaxFileBytes)) {
    return error("{}: has {} bytes, more than the {} a tokenizer may have", what, json.size(), kMaxFileBytes);
  }
  JAJU_ASSIGN(TokenizerSpec spec, parse_tokenizer_json(json, what));
  JAJU_ASSIGN(Normalizer normalizer, Normalizer::create(spec.normalizers, what));
  JAJU_ASSIGN(PreTokenizer pre_tokenizer, PreTokenizer::create(spec.pre_tokenizers, what));
  JAJU_ASSIGN(Decoder decoder, Decoder::create(spec.decoders, spec.has_decoder, what));
  Impl::Context context;
  auto impl = std::make_unique<Impl>(std::move(spec), std::move(normalizer), std::move(pre_tokenizer),
                                     std::move(decoder), context);
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(impl)));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, SpecialText special) const {
  std::vector<TokenId> out;
  if (text.empty()) return out;
  std::string repaired;
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    repaired = utf8_replace_invalid(text);
    text = repaired;
  }
  out.reserve(text.size() / 4 + 8);
  auto context = impl_->acquire();
  impl_->encode(text, special == SpecialText::parse, *context, out);
  impl_->release(std::move(context));
  return out;
}

std::vector<Tokenizer::AddedSpan> Tokenizer::find_added(std::string_view text) const {
  std::vector<AddedSpan> spans;
  std::vector<AddedMatch> matches, inner;
  const auto look_between = [&](size_t begin, size_t end) {
    if (begin >= end || !impl_->normalizer.empty() || impl_->normalized_added.empty()) return;
    inner.clear();
    impl_->normalized_added.find(text.substr(begin, end - begin), inner);
    for (const AddedMatch& m : inner) spans.push_back({begin + m.begin, begin + m.end, m.id});
  };
  if (!impl_->added.empty()) impl_->added.find(text, matches);
  size_t from = 0;
  for (const AddedMatch& m : matches) {
    look_between(from, m.begin);
    spans.push_back({m.begin, m.end, m.id});
    from = m.end;
  }
  look_between(from, text.size());
  return spans;
}

std::string_view Tokenizer::bytes_of(TokenId id) const {
  const Impl::Token* token = impl_->token(id);
  return token == nullptr ? std::string_view() : std::string_view(token->bytes);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string bytes;
  std::vector<std::string> contents;
  const bool joins = impl_->decoder.joins_bytes();
  for (const TokenId id : ids) {
    const Impl::Token* token = impl_->token(id);
    if (token == nullptr || (skip_special && token->skipped)) continue;
    if (joins) {
      bytes += impl_->decoded(id, *token);
    } else {
      contents.emplace_back(impl_->decoded(id, *token));
    }
  }
  if (!joins) return impl_->decoder.decode(std::move(contents));
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return bytes;
  return utf8_replace_invalid(bytes);
}

int64_t Tokenizer::vocab_size() const {
  return static_cast<int64_t>(impl_->tokens.size());
}

std::optional<TokenId> Tokenizer::id_of(std::string_view content) const {
  const auto found = impl_->ids.find(content);
  if (found == impl_->ids.end()) return std::nullopt;
  return found->second;
}

bool Tokenizer::is_added(TokenId id) const {
  const Impl::Token* token = impl_->token(id);
  return token != nullptr && token->added;
}

bool Tokenizer::is_special(TokenId id) const {
  const Impl::Token* token = impl_->token(id);
  return token != nullptr && token->special;
}

}  // namespace jaju
