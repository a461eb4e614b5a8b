// One request on its way through the scheduler: waiting, reading its prompt, answering, perhaps preempted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/prefix_cache.h"
#include "runtime/sampler.h"
#include "runtime/scheduler.h"
#include "runtime/speculation.h"

namespace jaju {

// Who asks, and how much of the model's time he had: in rows, an answer's counting double. Fairness is by
// "virtual token counters" (Sheng et al., OSDI 2024): who had least goes first, and who comes back does not
// bring credit.
struct Tenant {
  std::string name;
  double service = 0;
  int64_t requests = 0;  // waiting or running
};

struct Sequence {
  RequestId id = 0;  // grows with arrival
  GenerationRequest request;
  std::shared_ptr<GenerationSink> sink;
  Tenant* tenant = nullptr;
  RequestStats stats;
  double submitted = 0;  // by the scheduler's clock

  // Text
  std::vector<int32_t> tokens;  // prompt and answer, the stop token too
  int64_t n_prompt = 0;
  bool running = false;
  bool started = false;  // admitted once

  // Cache
  int64_t cached = 0;      // positions in the cache
  int64_t high_water = 0;  // most that ever were: below it, reading is recomputing
  std::vector<CachePage*> pages;
  std::vector<std::byte*> page_data;  // of pages
  PrefixCache::Place place;
  int64_t stored_pages = 0;    // whole pages that the prefix cache has
  bool prompt_stored = false;  // the prompt's last, partial page too
  const Sequence* leader =
      nullptr;  // reads a prompt that begins alike: wait until it has read `shared` positions
  int64_t shared = 0;

  // Choosing
  std::optional<Sampler> sampler;
  std::vector<uint64_t> mask;
  bool constrained = false;  // the constraint has started
  bool thinking = false;
  int64_t thought = 0;  // tokens sampled while thinking
  size_t forced = 0;    // ids of thinking.close that were forced so far
  bool forcing = false;

  // Guessing
  PromptLookup lookup;
  DraftGate lookup_gate;
  DraftGate mtp_gate;
  std::vector<int32_t> drafts;       // to be checked in the next step
  DraftGate* drafts_gate = nullptr;  // whose they are; null: forced tokens
  bool mtp = false;                  // keeps the MTP layer's cache

  // The step at hand
  int64_t rows = 0;       // without drafts
  int64_t first_pos = 0;  // in the cache
  int64_t first_row = 0;  // in the batch
  int64_t first_logits = -1;
  int64_t accepted = 0;  // drafts
  Sampled sampled;
  std::vector<TokenEvent> events;
  std::optional<StopReason> reason;  // it ends with this step
  int32_t stop_token = -1;
  Status failure;                  // or with this
  bool constraint_failed = false;  // which came from the constraint

  std::vector<double> hidden_sum;  // want_hidden: over the positions read

  int64_t pending() const { return static_cast<int64_t>(tokens.size()) - cached; }
  bool reading() const { return cached < n_prompt; }
  bool wants_logits() const { return !request.want_hidden && request.params.max_tokens != 0; }

  // Samples this step's rows of logits (1 + drafts, vocab): as long as a draft equals what was drawn, the
  // next row counts too. Fills events, tokens, accepted, reason, failure. Touches nothing but this sequence.
  void sample(float* logits, int64_t vocab, int64_t most_positions);

 private:
  // Notes that the constraint has failed, if it has.
  Status obeyed(Status status);
  Status sample_one(std::span<float> logits, int64_t most_positions);
  void follow_thinking(int32_t token);
};

}  // namespace jaju
