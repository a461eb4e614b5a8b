// Slots, each one sequence; a step takes one row from every sequence that answers and as many prompt rows as
// fit beside them.
#include "runtime/batch_generator.h"

#include <algorithm>
#include <optional>

#include "runtime/engine_impl.h"

namespace jaju {
namespace {

// A shorter common beginning (the template's first tokens, as a rule) is cheaper to read again than to wait
// for.
constexpr int64_t kWorthSharing = 16;

}  // namespace

class BatchGenerator {
 public:
  BatchGenerator(Engine& engine, std::span<const BatchRequest> requests, int64_t slots)
      : engine_(*engine.impl_), requests_(requests), answers_(requests.size()) {
    const auto most = std::min(engine_.options.prefill_chunk, static_cast<int64_t>(requests.size()));
    for (int64_t i = 0; i < std::min(slots, most); ++i)
      slots_.push_back(std::make_unique<Slot>(*engine_.pool));
    logits_.resize(slots_.size() * static_cast<size_t>(engine_.config.vocab_size));
  }

  Result<std::vector<BatchAnswer>> run(const std::function<void(int64_t, int64_t)>& on_done,
                                       const std::atomic<bool>* cancel);

 private:
  static constexpr int64_t kNone = -1;

  struct Slot {
    explicit Slot(KvPool& pool) : pages(pool) {}

    KvPages pages;
    int64_t request = kNone;  // kNone: free; pages and `read` are kept for whoever comes with the same prompt
    int64_t last_request = kNone;
    int64_t read = 0;       // prompt positions in the cache
    int64_t cached = 0;     // positions in the cache, the answer's included
    int64_t donor = kNone;  // slot whose first `shared` positions are waited for
    int64_t shared = 0;
    std::optional<Sampler> sampler;
    std::optional<Result<int32_t>> sampled;  // of this step
  };

  const BatchRequest& request(const Slot& slot) const { return requests_[static_cast<size_t>(slot.request)]; }
  BatchAnswer& answer(const Slot& slot) { return answers_[static_cast<size_t>(slot.request)]; }
  static int64_t length(const BatchRequest& request) { return static_cast<int64_t>(request.prompt.size()); }

  Status refill();
  Status start(int64_t index, int64_t request);
  int64_t common(const Slot& slot, const BatchRequest& request) const;
  void collect();
  void add_rows(int64_t index, std::span<const int32_t> tokens, AttentionMode mode, bool wants_logits);
  Status run_model();
  Status lend(Slot& slot);
  Status sample();
  void finish(Slot& slot, StopReason reason);

  Engine::Impl& engine_;
  std::span<const BatchRequest> requests_;
  std::vector<BatchAnswer> answers_;
  std::vector<std::unique_ptr<Slot>> slots_;
  size_t next_ = 0;
  int64_t finished_ = 0;

  // The step at hand.
  std::vector<int32_t> tokens_;
  std::vector<BatchSequence> sequences_;
  std::vector<int64_t> sequence_slots_;  // (sequences)
  std::vector<int32_t> logit_rows_;
  std::vector<int64_t> logit_slots_;  // (logit_rows)
  std::vector<float> logits_;         // (slots, vocab), the first logit_rows rows in use
};

// How much of the request's prompt stands in the slot's cache, or will. The last token is left out: its
// logits are needed, so it is read by everyone.
int64_t BatchGenerator::common(const Slot& slot, const BatchRequest& wanted) const {
  const int64_t owner = slot.request == kNone ? slot.last_request : slot.request;
  if (owner == kNone) return 0;
  const auto& held = requests_[static_cast<size_t>(owner)].prompt;
  const auto& prompt = wanted.prompt;
  const auto same =
      std::mismatch(prompt.begin(), prompt.end(), held.begin(), held.end()).first - prompt.begin();
  return std::min<int64_t>(same, length(wanted) - 1);
}

Status BatchGenerator::start(int64_t index, int64_t request_index) {
  Slot& slot = *slots_[static_cast<size_t>(index)];
  const BatchRequest& wanted = requests_[static_cast<size_t>(request_index)];
  // Only what was read as a prompt is shared: an answer's positions went through the other form of attention,
  // whose last bits differ.
  int64_t best = kNone;
  int64_t shared = kWorthSharing - 1;
  for (int64_t i = 0; i < static_cast<int64_t>(slots_.size()); ++i) {
    const Slot& other = *slots_[static_cast<size_t>(i)];
    const int64_t n =
        other.request == kNone ? std::min(common(other, wanted), other.read) : common(other, wanted);
    if (n > shared || (n == shared && best != kNone && i == index)) {
      best = i;
      shared = n;
    }
  }
  slot.request = slot.last_request = request_index;
  slot.donor = kNone;
  slot.read = slot.cached = 0;
  slot.sampler.emplace(wanted.params, engine_.config.vocab_size);
  slot.sampler->observe_prompt(wanted.prompt);
  if (best == index) {
    slot.pages.truncate(shared);
    slot.read = slot.cached = shared;
  } else if (best != kNone) {
    slot.donor = best;
    slot.shared = shared;
    return lend(slot);  // at once where it can be: a free donor may be given away before this step runs
  }
  return {};
}

Status BatchGenerator::refill() {
  for (int64_t i = 0; i < static_cast<int64_t>(slots_.size()); ++i) {
    if (slots_[static_cast<size_t>(i)]->request != kNone) continue;
    while (next_ < requests_.size() && requests_[next_].params.max_tokens == 0) {
      ++next_;  // an empty answer, reason length
      ++finished_;
    }
    if (next_ == requests_.size()) return {};
    JAJU_RETURN_IF_ERROR(start(i, static_cast<int64_t>(next_++)));
  }
  return {};
}

void BatchGenerator::add_rows(int64_t index, std::span<const int32_t> tokens, AttentionMode mode,
                              bool wants_logits) {
  const Slot& slot = *slots_[static_cast<size_t>(index)];
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  sequences_.push_back({static_cast<int64_t>(tokens.size()), slot.cached, {}, mode});
  sequence_slots_.push_back(index);
  if (!wants_logits) return;
  logit_rows_.push_back(static_cast<int32_t>(tokens_.size()) - 1);
  logit_slots_.push_back(index);
}

// Answers first, so that no slot waits; prompts share the rows that are left.
void BatchGenerator::collect() {
  tokens_.clear();
  sequences_.clear();
  sequence_slots_.clear();
  logit_rows_.clear();
  logit_slots_.clear();
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = *slots_[i];
    if (slot.request == kNone || slot.read < length(request(slot))) continue;
    add_rows(static_cast<int64_t>(i), {&answer(slot).tokens.back(), 1}, AttentionMode::absorbed, true);
  }
  int64_t room = engine_.options.prefill_chunk - static_cast<int64_t>(tokens_.size());
  for (size_t i = 0; i < slots_.size() && room > 0; ++i) {
    const Slot& slot = *slots_[i];
    if (slot.request == kNone || slot.donor != kNone) continue;
    const int64_t left = length(request(slot)) - slot.read;
    if (left == 0) continue;
    const int64_t rows = std::min(left, room);
    add_rows(
        static_cast<int64_t>(i),
        std::span(request(slot).prompt).subspan(static_cast<size_t>(slot.read), static_cast<size_t>(rows)),
        AttentionMode::expanded, rows == left);
    room -= rows;
  }
}

Status BatchGenerator::run_model() {
  for (size_t s = 0; s < sequences_.size(); ++s) {
    KvPages& pages = slots_[static_cast<size_t>(sequence_slots_[s])]->pages;
    JAJU_RETURN_IF_ERROR(pages.reserve(sequences_[s].first_pos + sequences_[s].n_rows));
    sequences_[s].kv = pages.view();
  }
  JAJU_RETURN_IF_ERROR(engine_.forward->run(
      {tokens_, sequences_, logit_rows_},
      MutRows(logits_.data(), static_cast<int64_t>(logit_rows_.size()), engine_.config.vocab_size)));
  JAJU_RETURN_IF_ERROR(engine_.weights->intact());
  for (size_t s = 0; s < sequences_.size(); ++s) {
    Slot& slot = *slots_[static_cast<size_t>(sequence_slots_[s])];
    slot.cached += sequences_[s].n_rows;
    if (sequences_[s].mode == AttentionMode::expanded) slot.read = slot.cached;
  }
  return {};
}

// Copies what the slot waits for once its donor has read it.
Status BatchGenerator::lend(Slot& slot) {
  if (slot.donor == kNone) return {};
  const Slot& donor = *slots_[static_cast<size_t>(slot.donor)];
  if (donor.read < slot.shared) return {};
  JAJU_RETURN_IF_ERROR(slot.pages.copy_from(donor.pages, slot.shared));
  slot.read = slot.cached = slot.shared;
  slot.donor = kNone;
  return {};
}

void BatchGenerator::finish(Slot& slot, StopReason reason) {
  answer(slot).reason = reason;
  slot.request = kNone;
  ++finished_;
}

Status BatchGenerator::sample() {
  const auto vocab = static_cast<size_t>(engine_.config.vocab_size);
  engine_.team->parallel_for(static_cast<int64_t>(logit_slots_.size()), [&](int64_t i, int) {
    Slot& slot = *slots_[static_cast<size_t>(logit_slots_[static_cast<size_t>(i)])];
    const std::span<float> row(logits_.data() + static_cast<size_t>(i) * vocab, vocab);
    slot.sampled = within_memory("answer", [&] { return slot.sampler->sample(row); });
  });
  for (const int64_t index : logit_slots_) {
    Slot& slot = *slots_[static_cast<size_t>(index)];
    if (!slot.sampled->ok()) return slot.sampled->status();
    const int32_t token = **slot.sampled;
    const SamplingParams& params = request(slot).params;
    BatchAnswer& a = answer(slot);
    if (std::find(params.stop_tokens.begin(), params.stop_tokens.end(), token) != params.stop_tokens.end()) {
      a.stop_token = token;
      finish(slot, StopReason::stop_token);
      continue;
    }
    a.tokens.push_back(token);
    // Session::generate's order: the limit first, then the room for another step.
    if (static_cast<int64_t>(a.tokens.size()) == params.max_tokens) {
      finish(slot, StopReason::length);
    } else if (slot.cached >= engine_.options.context) {
      finish(slot, StopReason::context_full);
    }
  }
  return {};
}

Result<std::vector<BatchAnswer>> BatchGenerator::run(const std::function<void(int64_t, int64_t)>& on_done,
                                                     const std::atomic<bool>* cancel) {
  const auto total = static_cast<int64_t>(requests_.size());
  while (finished_ < total) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      for (const auto& slot : slots_) {
        if (slot->request != kNone) finish(*slot, StopReason::cancelled);
      }
      for (; next_ < requests_.size(); ++next_) answers_[next_].reason = StopReason::cancelled;
      break;
    }
    JAJU_RETURN_IF_ERROR(refill());
    collect();
    if (!tokens_.empty()) {  // empty: only requests of no tokens were left
      JAJU_RETURN_IF_ERROR(run_model());
      // Before a donor can finish and be given to another request.
      for (const auto& slot : slots_) JAJU_RETURN_IF_ERROR(lend(*slot));
      JAJU_RETURN_IF_ERROR(sample());
    }
    if (on_done) on_done(finished_, total);
  }
  return std::move(answers_);
}

Result<std::vector<BatchAnswer>> generate_batch(Engine& engine, std::span<const BatchRequest> requests,
                                                int64_t slots,
                                                const std::function<void(int64_t, int64_t)>& on_done,
                                                const std::atomic<bool>* cancel) {
  if (slots < 1) return error("slots is {}, but at least 1 sequence must run", slots);
  for (size_t i = 0; i < requests.size(); ++i) {
    const Status status = check_request(requests[i].prompt, requests[i].params, engine.config().vocab_size,
                                        engine.options().context);
    if (!status.ok()) return error("request {}: {}", i, status.message());
  }
  return within_memory("answer that many at once", [&]() -> Result<std::vector<BatchAnswer>> {
    return BatchGenerator(engine, requests, slots).run(on_done, cancel);
  });
}

}  // namespace jaju
