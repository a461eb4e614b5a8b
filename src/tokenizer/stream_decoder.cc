#include "base/utf8.h"
#include "tokenizer/tokenizer_impl.h"

namespace jaju {

struct StreamDecoder::State {
  const Tokenizer& tokenizer;
  bool skip_special;
  std::string pending;     // bytes of an unfinished character
  Decoder::Stream stream;  // when tokens are more than bytes to join
};

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : state_(new State{tokenizer, skip_special, {}, {}}) {}
StreamDecoder::~StreamDecoder() = default;
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;

std::string StreamDecoder::push(TokenId id) {
  const Tokenizer::Impl& impl = *state_->tokenizer.impl_;
  const Tokenizer::Impl::Token* token = impl.token(id);
  if (token == nullptr || (state_->skip_special && token->skipped)) return {};
  if (!impl.decoder.joins_bytes())
    return impl.decoder.push(state_->stream, std::string(impl.decoded(id, *token)));

  std::string& pending = state_->pending;
  pending += impl.decoded(id, *token);
  // A lead byte always begins a character, so only the last three bytes can be an unfinished one.
  size_t keep = 0;
  for (size_t n = 1; n <= 3 && n <= pending.size(); ++n) {
    if (utf8_is_prefix(std::string_view(pending).substr(pending.size() - n))) keep = n;
  }
  std::string out = utf8_replace_invalid(std::string_view(pending).substr(0, pending.size() - keep));
  pending.erase(0, pending.size() - keep);
  return out;
}

std::string StreamDecoder::finish() {
  const Tokenizer::Impl& impl = *state_->tokenizer.impl_;
  if (!impl.decoder.joins_bytes()) return impl.decoder.finish(state_->stream);
  std::string out = utf8_replace_invalid(state_->pending);
  state_->pending.clear();
  return out;
}

}  // namespace jaju
