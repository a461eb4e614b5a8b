// One conversation: prompt in, tokens out, the cache kept for the next turn.

#include <algorithm>
#include <chrono>

#include "runtime/engine_impl.h"

namespace jaju {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool cancelled(const GenerateHooks& hooks) {
  return hooks.cancel != nullptr && hooks.cancel->load(std::memory_order_relaxed);
}

}  // namespace

Status check_request(std::span<const int32_t> prompt, const SamplingParams& params, int64_t vocab,
                     int64_t context) {
  const auto n_prompt = static_cast<int64_t>(prompt.size());
  JAJU_RETURN_IF_ERROR(params.validate(vocab));
  if (prompt.empty()) return error("the prompt is empty: give at least one token");
  if (n_prompt >= context) {
    return error("the prompt has {} tokens, the context holds {}: shorten it or raise --context", n_prompt,
                 context);
  }
  for (const int32_t token : prompt) {
    if (token < 0 || token >= vocab) {
      return error("token {} of the prompt is outside the model's vocabulary (0 to {})", token, vocab - 1);
    }
  }
  return {};
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Status Session::Impl::step(std::span<const int32_t> step_tokens, AttentionMode mode, bool wants_logits) {
  const auto n = static_cast<int64_t>(step_tokens.size());
  const auto first_pos = static_cast<int64_t>(tokens.size());
  JAJU_RETURN_IF_ERROR(pages.reserve(first_pos + n));
  const BatchSequence sequence{n, first_pos, pages.view(), mode};
  const int32_t last_row = static_cast<int32_t>(n) - 1;
  JAJU_RETURN_IF_ERROR(engine.forward->run(
      {step_tokens, {&sequence, 1}, std::span<const int32_t>(&last_row, wants_logits ? 1 : 0)},
      MutRows(logits.data(), wants_logits ? 1 : 0, engine.config.vocab_size)));
  JAJU_RETURN_IF_ERROR(engine.weights->intact());
  tokens.insert(tokens.end(), step_tokens.begin(), step_tokens.end());
  return {};
}

Status Session::Impl::prefill(std::span<const int32_t> prompt, int64_t from, const GenerateHooks& hooks) {
  const auto n = static_cast<int64_t>(prompt.size());
  const int64_t chunk = engine.options.prefill_chunk;
  for (int64_t at = from; at < n && !cancelled(hooks); at += chunk) {
    const int64_t rows = std::min(chunk, n - at);
    JAJU_RETURN_IF_ERROR(step(prompt.subspan(static_cast<size_t>(at), static_cast<size_t>(rows)),
                              AttentionMode::expanded, at + rows == n));
    if (hooks.on_prefill) hooks.on_prefill(at + rows - from, n - from);
  }
  return {};
}

Status Session::Impl::decode(int32_t token) {
  return step({&token, 1}, AttentionMode::absorbed, true);
}

Result<Generation> Session::generate(std::span<const int32_t> prompt, const SamplingParams& params,
                                     const GenerateHooks& hooks) {
  return within_memory("answer", [&] { return impl_->generate(prompt, params, hooks); });
}

Result<Generation> Session::Impl::generate(std::span<const int32_t> prompt, const SamplingParams& params,
                                           const GenerateHooks& hooks) {
  Impl& s = *this;
  const int64_t vocab = s.engine.config.vocab_size;
  const int64_t context = s.engine.options.context;
  const auto n_prompt = static_cast<int64_t>(prompt.size());
  JAJU_RETURN_IF_ERROR(check_request(prompt, params, vocab, context));
  std::optional<StoreFigures> before;
  if (s.engine.store != nullptr) before = s.engine.store->figures();

  // Keep what the cache and the prompt share, but read at least the last token again: its logits are needed.
  const Clock::time_point start = Clock::now();
  const auto shared =
      std::mismatch(prompt.begin(), prompt.end(), s.tokens.begin(), s.tokens.end()).first - prompt.begin();
  const int64_t kept = std::min<int64_t>(shared, n_prompt - 1);
  s.tokens.resize(static_cast<size_t>(kept));
  s.pages.truncate(kept);

  Generation result;
  GenerationStats& stats = result.stats;
  stats.prompt_tokens = n_prompt;
  stats.cached_tokens = kept;
  JAJU_RETURN_IF_ERROR(s.prefill(prompt, kept, hooks));
  stats.prefill_seconds = seconds_since(start);
  std::optional<StoreFigures> after_prompt;
  if (before) after_prompt = s.engine.store->figures();

  Sampler sampler(params, vocab);
  sampler.observe_prompt(prompt);
  const Clock::time_point decode_start = Clock::now();
  for (;;) {
    // A prompt that was not read to its end has no logits, even if the flag is down again by now.
    if (cancelled(hooks) || static_cast<int64_t>(s.tokens.size()) < n_prompt) {
      result.reason = StopReason::cancelled;
      break;
    }
    if (stats.generated_tokens == params.max_tokens) {  // before the step whose logits nobody would read
      result.reason = StopReason::length;
      break;
    }
    if (stats.generated_tokens > 0) {
      if (static_cast<int64_t>(s.tokens.size()) >= context) {
        result.reason = StopReason::context_full;
        break;
      }
      JAJU_RETURN_IF_ERROR(s.decode(result.tokens.back()));
    }
    JAJU_ASSIGN(const int32_t token, sampler.sample(s.logits));
    ++stats.generated_tokens;
    if (stats.generated_tokens == 1) stats.first_token_seconds = seconds_since(start);
    if (std::find(params.stop_tokens.begin(), params.stop_tokens.end(), token) != params.stop_tokens.end()) {
      result.reason = StopReason::stop_token;
      break;
    }
    result.tokens.push_back(token);
    if (hooks.on_token && !hooks.on_token(token)) {
      result.reason = StopReason::cancelled;
      break;
    }
  }
  stats.decode_seconds = seconds_since(decode_start);
  if (before) {
    const StoreFigures now = s.engine.store->figures();
    stats.store = now.since(*before);
    stats.decode_store = now.since(*after_prompt);
  }
  return result;
}

}  // namespace jaju
