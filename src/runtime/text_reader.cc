#include "runtime/text_reader.h"

#include <cstring>
#include <deque>
#include <numeric>

#include "base/check.h"
#include "runtime/engine_impl.h"

namespace jaju {

std::vector<std::span<const TokenSequence>> steps_of(std::span<const TokenSequence> sequences,
                                                     int64_t max_tokens) {
  std::vector<std::span<const TokenSequence>> steps;
  size_t first = 0;
  int64_t tokens = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto n = static_cast<int64_t>(sequences[i].size());
    JAJU_CHECK(n <= max_tokens);
    if (tokens + n > max_tokens) {
      steps.push_back(sequences.subspan(first, i - first));
      first = i;
      tokens = 0;
    }
    tokens += n;
  }
  if (first < sequences.size()) steps.push_back(sequences.subspan(first));
  return steps;
}

TextReader::TextReader(Engine& engine)
    : engine_(engine),
      pool_(engine.impl_->forward->cache_layers(), cache_row(engine.impl_->config, KvType::f32)) {}

int64_t TextReader::max_tokens() const {
  return engine_.impl_->options.prefill_chunk;
}

Status TextReader::read(std::span<const TokenSequence> sequences, InputObserver* inputs, MutRows logits) {
  Context& context = *engine_.impl_->context;
  const Precision precision = context.precision;
  context.precision = Precision::f32;
  const Status done = within_memory("read that many tokens", [&] { return run(sequences, inputs, logits); });
  context.precision = precision;
  return done;
}

Status TextReader::run(std::span<const TokenSequence> sequences, InputObserver* inputs, MutRows logits) {
  Engine::Impl& e = *engine_.impl_;
  const int64_t vocab = e.config.vocab_size;
  std::vector<int32_t> tokens;
  for (const TokenSequence& s : sequences) {
    if (s.empty()) return error("a sequence without tokens cannot be read");
    tokens.insert(tokens.end(), s.begin(), s.end());
  }
  for (const int32_t token : tokens) {
    if (token < 0 || token >= vocab) {
      return error("token {} is outside the vocabulary (0 to {})", token, vocab - 1);
    }
  }
  const auto n = static_cast<int64_t>(tokens.size());
  if (n == 0) return {};
  if (n > max_tokens()) return error("{} tokens are more than a step of {}", n, max_tokens());

  std::deque<KvPages> pages;  // one of each sequence, given back at the end
  std::vector<BatchSequence> batch;
  for (const TokenSequence& s : sequences) {
    const auto rows = static_cast<int64_t>(s.size());
    JAJU_RETURN_IF_ERROR(pages.emplace_back(pool_).reserve(rows));
    batch.push_back({rows, 0, pages.back().view(), AttentionMode::expanded});
  }
  std::vector<int32_t> wanted(static_cast<size_t>(logits.n));
  std::iota(wanted.begin(), wanted.end(), 0);
  JAJU_CHECK(logits.n == 0 || logits.n == n);
  const bool with_mtp = inputs != nullptr && e.weights->mtp.has_value();
  std::vector<float> hidden(with_mtp ? static_cast<size_t>(n * e.config.hidden_size) : 0);
  ForwardExtras extras;
  extras.inputs = inputs;
  if (with_mtp) extras.hidden = MutRows(hidden.data(), n, e.config.hidden_size);
  JAJU_RETURN_IF_ERROR(e.forward->run({tokens, batch, wanted}, logits, extras));
  if (with_mtp) {
    // The draft of a row reads the token after it: a sequence's last row has none.
    std::vector<BatchSequence> shifted;
    std::vector<int32_t> next;
    int64_t from = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      const int64_t drafts = batch[i].n_rows - 1;
      const size_t width = static_cast<size_t>(e.config.hidden_size);
      std::memmove(hidden.data() + next.size() * width, hidden.data() + static_cast<size_t>(from) * width,
                   static_cast<size_t>(drafts) * width * sizeof(float));
      next.insert(next.end(), sequences[i].begin() + 1, sequences[i].end());
      from += batch[i].n_rows;
      if (drafts > 0) shifted.push_back({drafts, 0, batch[i].kv, AttentionMode::expanded});
    }
    if (!next.empty()) {
      const Rows rows(hidden.data(), static_cast<int64_t>(next.size()), e.config.hidden_size);
      e.forward->run_mtp({next, shifted, {}}, rows, MutRows(nullptr, 0, vocab), inputs);
    }
  }
  return e.weights->intact();
}

}  // namespace jaju
