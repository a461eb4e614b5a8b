#include "runtime/sequence.h"

#include <algorithm>

#include "runtime/engine_impl.h"

namespace jaju {
namespace {

bool contains(const std::vector<int32_t>& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void Sequence::follow_thinking(int32_t token) {
  const ThinkingBudget& budget = request.thinking;
  if (forcing) forcing = ++forced < budget.close.size();
  if (!thinking) return;
  ++stats.reasoning_tokens;
  ++thought;
  if (token == request.think_close) {
    thinking = false;
  } else if (!forcing && budget.max_tokens >= 0 && thought >= budget.max_tokens) {
    forcing = true;  // close holds think_close, so this happens once
  }
}

Status Sequence::obeyed(Status status) {
  constraint_failed = constraint_failed || !status.ok();
  return status;
}

Status Sequence::sample_one(std::span<float> logits, int64_t most_positions) {
  SampleRequest wish;
  wish.top_logprobs = request.top_logprobs;
  if (forcing) {
    wish.forced = request.thinking.close[forced];
  } else if (constrained) {
    mask.resize(static_cast<size_t>(mask_words(static_cast<int64_t>(logits.size()))));
    JAJU_RETURN_IF_ERROR(obeyed(request.constraint->allowed(mask)));
    wish.mask = mask;
  } else if (request.constraint != nullptr) {
    wish.banned = request.params.stop_tokens;  // what must be constrained is still to come
  }
  const bool was_forced = forcing;
  JAJU_RETURN_IF_ERROR(sampler->sample(logits, wish, sampled));
  const int32_t token = sampled.token;
  if (constrained && !was_forced) JAJU_RETURN_IF_ERROR(obeyed(request.constraint->accept(token)));
  tokens.push_back(token);
  ++stats.generated_tokens;
  follow_thinking(token);
  if (request.constraint != nullptr && !constrained && token == request.constraint_after) constrained = true;
  if (!was_forced && contains(request.params.stop_tokens, token)) {
    stop_token = token;
    reason = StopReason::stop_token;
    return {};
  }
  TokenEvent event;
  event.token = token;
  event.forced = was_forced;
  event.logprob = sampled.logprob;
  event.top = sampled.top;
  events.push_back(std::move(event));
  // Session::generate's order: the limit first, then the room for another step.
  if (constrained && request.constraint->must_end()) {
    reason = StopReason::stop_token;
  } else if (stats.generated_tokens == request.params.max_tokens) {
    reason = StopReason::length;
  } else if (static_cast<int64_t>(tokens.size()) > most_positions) {
    reason = StopReason::context_full;
  }
  return {};
}

void Sequence::sample(float* logits, int64_t vocab, int64_t most_positions) {
  accepted = 0;
  failure = within_memory("answer", [&]() -> Status {
    for (size_t i = 0; i <= drafts.size(); ++i) {
      const std::span<float> row(logits + static_cast<int64_t>(i) * vocab, static_cast<size_t>(vocab));
      JAJU_RETURN_IF_ERROR(sample_one(row, most_positions));
      if (i == drafts.size() || drafts[i] != tokens.back() || reason.has_value()) break;
      ++accepted;
    }
    return {};
  });
}

}  // namespace jaju
