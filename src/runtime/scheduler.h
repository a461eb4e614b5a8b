// Many clients, one model: requests go in through a bounded queue, tokens come out through sinks.
//
// One thread, the scheduler's, owns every sequence, every cache page and the engine's forward pass. A step:
// take what was submitted and cancelled; admit by priority, then by fairness between tenants; give every
// answering sequence its row and share what is left of the step's rows among prompts; run the model once;
// sample; call the sinks. Token ids only, never text: stop *strings* are the server's (it cancels).
//
// Promises (each has a test in scheduler_*test.cc)
// - A request's answer depends on its prompt ids, its parameters and the model only. With
//   PromptAttention::same_bits (the default) that holds to the bit: alone or in a batch, prompt cached whole,
//   in part or not at all, cache read back from disk, preempted and recomputed, speculation on or off, any
//   chunking. With PromptAttention::fast it holds to rounding: see the enum.
// - An error of one request (logits that are not numbers, a constraint out of budget) ends only that one.
// - A cancel takes effect before the next step; a full queue refuses at once.
// - No page is lost: after every request ended, pages are free or in the prefix cache (the snapshot tells).
//
// While a Scheduler lives nobody else may run the engine: no Session, no generate_batch, no Engine::evaluate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "model/expert_tally.h"
#include "runtime/engine.h"
#include "runtime/sampler.h"
#include "runtime/token_constraint.h"

namespace jaju {

using RequestId = uint64_t;

// After `max_tokens` tokens of thinking without its end, the ids of `close` follow, forced
// (TokenEvent::forced).
struct ThinkingBudget {
  int64_t max_tokens = -1;     // -1: no budget; 0: closed at once
  std::vector<int32_t> close;  // e.g. "\n", "</think>", "\n\n"; must hold GenerationRequest::think_close
};

struct GenerationRequest {
  std::vector<int32_t> prompt;  // at least one token
  SamplingParams params;  // seed, stop tokens and max_tokens included; max_tokens 0 reads the prompt and ends
  std::string tenant;     // fairness and prefix-cache partition ("" is a tenant like any other)
  int priority = 0;       // larger first, strictly; may preempt smaller ones. The server decides who may ask
  int top_logprobs = -1;  // -1: no logprobs; 0: the token's own; n to 20: also the n likeliest
  std::unique_ptr<TokenConstraint> constraint;  // null: free
  // A token id (</think>): the constraint starts after it, and the answer can not stop before; -1: at once.
  int32_t constraint_after = -1;
  ThinkingBudget thinking;
  // Id of </think>, for counting reasoning tokens and for the budget; -1: no reasoning.
  int32_t think_close = -1;
  bool thinking_open = true;  // the prompt ends inside <think>: reasoning counts from the first token
  bool want_hidden = false;   // embeddings: the mean final hidden state over the prompt, nothing generated
  bool speculate = true;      // allows drafts; they never change the answer
};

struct TokenEvent {
  int32_t token = 0;
  bool forced = false;  // by the thinking budget
  // Natural logarithms of the model's own distribution: log-softmax of the raw logits, before bias,
  // penalties, constraint and temperature (what OpenAI reports). 0 and empty when not asked for.
  float logprob = 0;
  std::vector<std::pair<int32_t, float>> top;  // likeliest first, ties by id
};

// Why the prefix cache was used no further.
enum class CacheStop {
  off,             // the cache is off, or this request may not use it (embeddings)
  nothing_stored,  // the tenant has no prompt that begins like this
  whole_prompt,    // all but the last token, which is always read: its logits are needed
  end_of_stored,   // what is stored ends here: the rest is new. The normal case of a conversation's next turn
  prompt_differs,  // what is stored goes on with another token: see stored_token
  evicted          // more was stored once, and had to make room
};

struct RequestStats {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, from the prefix cache: also the position where it stopped
  CacheStop cache_stop = CacheStop::off;
  int32_t stored_token = -1;  // prompt_differs: what the nearest stored prompt has at position cached_tokens
  int64_t generated_tokens = 0;  // stop token and forced tokens included
  int64_t reasoning_tokens = 0;  // of them, up to and including </think>
  int64_t drafted_tokens = 0;    // speculation
  int64_t accepted_tokens = 0;
  int64_t preemptions = 0;
  int64_t recomputed_tokens = 0;   // read again after preemptions
  double queue_seconds = 0;        // submit until its first row ran
  double first_token_seconds = 0;  // submit until the first token; 0: none came
  double total_seconds = 0;        // submit until the end
};

// "1024 of 1100 prompt tokens from the cache; the rest is new". For logs; no contents, token ids at most.
std::string describe_cache(const RequestStats& stats);

struct FinishEvent {
  // stop_token (the id is in stop_token, and was not given to on_tokens), length, context_full, cancelled
  StopReason reason = StopReason::cancelled;
  Status status;                   // not ok: this request failed, `reason` means nothing
  bool constraint_failed = false;  // not ok because of the request's own constraint
  int32_t stop_token = -1;         // -1 with reason stop_token: the constraint said that the text is complete
  RequestStats stats;
  std::vector<float> hidden;  // want_hidden: (hidden_size)
};

// Where a request's tokens go. Called on the scheduler's thread: must not block, must not call the Scheduler
// except cancel(). One call of on_finish ends it; after that the scheduler lets go of the object.
class GenerationSink {
 public:
  virtual ~GenerationSink() = default;
  // One or more tokens of a step, in order.
  virtual void on_tokens(std::span<const TokenEvent> tokens) = 0;
  // Prompt positions in the cache so far, of all; reused ones count as done.
  virtual void on_prefill(int64_t /*done*/, int64_t /*total*/) {}
  virtual void on_finish(FinishEvent&& event) = 0;
};

// How prompts are attended; generated tokens always are absorbed.
enum class PromptAttention {
  // Absorbed, like generated tokens: a position's latent has the same bits whether it was read or generated,
  // so cached and uncached answers are equal to the bit.
  same_bits,
  // Expanded, as Session does. Faster for long prompts. A cached *answer's* latents then differ from re-read
  // ones in their last bits, so a follow-up turn may, rarely, differ from an uncached one where two tokens
  // are
  // nearly equal. Cached prompts, batches, preemption and speculation still are exact.
  fast
};

struct SchedulerOptions {
  // Limits
  int64_t max_sequences = 32;    // side by side; at most the engine's prefill_chunk (the rows of a step)
  int64_t kv_budget_bytes = 0;   // cache pages, prefix cache included; 0: what max_sequences * 4096 tokens
                                 // need, at most a quarter of memory (of a streamed model, what its engine
                                 // set aside). At least one page
  int64_t queue_capacity = 256;  // waiting requests; more are refused

  // Steps
  PromptAttention prompt_attention = PromptAttention::same_bits;
  // Prompt rows of a step that also has answers in it: as many as stretch it to `decode_stretch` times the
  // step without them (measured), within these bounds. Without answers a step takes the engine's
  // prefill_chunk.
  double decode_stretch = 3.0;
  int64_t min_prefill_rows = 8;
  int64_t max_prefill_rows = 256;

  // Prefix cache
  bool prefix_cache = true;
  std::filesystem::path cache_dir{};            // kept across restarts in a file here; empty: memory only
  int64_t cache_file_bytes = int64_t{4} << 30;  // most that is written or read
  std::function<void(const std::string&)> on_saved{};  // one sentence when the file was written, or why not

  // Speculation
  bool speculation = true;
  int64_t max_draft = 4;  // tokens drafted per sequence and step
  bool use_mtp = true;    // where the model has an MTP block

  // For tests
  bool manual = false;              // no thread: step() is called by hand
  std::function<double()> clock{};  // seconds, monotonic; empty: the steady clock
};

enum class SubmitVerdict {
  accepted,
  queue_full,  // try again in retry_after_seconds (HTTP 429)
  draining,    // shutting down (503)
  unhealthy,   // the model can not answer any more: status says why (503)
  never_fits,  // longer than the context, or than the whole KV budget (400)
  bad_request  // a parameter out of range: status names it (400)
};

struct Submission {
  SubmitVerdict verdict = SubmitVerdict::bad_request;
  RequestId id = 0;  // of an accepted one; never 0 then
  Status status;     // not ok unless accepted: one sentence for the client
  double retry_after_seconds = 0;
  bool ok() const { return verdict == SubmitVerdict::accepted; }
};

// Counters count since the start; the rest is how things stand.
struct SchedulerSnapshot {
  bool healthy = true;
  bool draining = false;
  int64_t waiting = 0;
  int64_t running = 0;  // admitted: reading their prompt or answering
  int64_t max_sequences = 0;
  // Requests
  uint64_t accepted = 0, refused = 0, finished = 0, cancelled = 0, failed = 0;
  uint64_t preemptions = 0;
  // Work
  uint64_t steps = 0;
  uint64_t rows = 0;      // of all steps; rows / steps is the mean batch
  int64_t last_rows = 0;  // of the last step
  int64_t last_sequences = 0;
  uint64_t prompt_tokens = 0;  // of admitted requests
  uint64_t cached_tokens = 0;  // of them from the prefix cache
  uint64_t generated_tokens = 0;
  uint64_t recomputed_tokens = 0;
  uint64_t drafted_tokens = 0, accepted_tokens = 0;
  double step_seconds = 0;  // in the model, all steps
  // Pages of 64 positions
  int64_t pages_total = 0;    // the KV budget
  int64_t pages_running = 0;  // held by admitted sequences (shared ones once)
  int64_t pages_cached = 0;   // held by the prefix cache alone; given up when needed
  int64_t page_bytes = 0;
  CacheType cache_type = CacheType::f32;
  uint64_t cache_evictions = 0;
  std::string cache_file;             // what happened to the file at start; empty: no cache_dir
  std::optional<StoreFigures> store;  // experts from the disk; nothing when they are all in memory
};

class Scheduler {
 public:
  // Errors: options out of range, no memory, threads. A damaged or foreign cache file is no error: it is
  // ignored and snapshot().cache_file says so. The engine must outlive the scheduler.
  static Result<std::unique_ptr<Scheduler>> start(Engine& engine, const SchedulerOptions& options);
  // Cancels what runs, then writes the cache file.
  ~Scheduler();

  // Any thread. Never blocks on the model.
  Submission submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink);
  // Any thread, any time; an id that has ended is ignored. The sink gets on_finish with reason cancelled (or
  // what it had already ended with) within one step.
  void cancel(RequestId id);

  SchedulerSnapshot snapshot() const;  // any thread
  // Routing since the start, one entry per MoE layer. Any thread.
  std::vector<ExpertFigures> experts() const;
  // Longest prompt + answer one request may have: the context or the whole KV budget, whichever is less.
  int64_t max_tokens_per_request() const;

  // Refuses new requests, lets what waits and runs finish, cancels what is left after `seconds`. Returns
  // when nothing runs.
  void drain(double seconds);

  // options.manual only: one step on the caller's thread. False: there was nothing to do.
  bool step();

 private:
  struct Impl;
  explicit Scheduler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju
