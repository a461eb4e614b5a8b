// The inside of the scheduler. Everything below "the scheduler's thread" is touched by that thread only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cache_file.h"
#include "runtime/engine_impl.h"
#include "runtime/page_pool.h"
#include "runtime/prefix_cache.h"
#include "runtime/scheduler.h"
#include "runtime/sequence.h"
#include "runtime/speculation.h"

namespace jaju {

struct Scheduler::Impl {
  Impl(Engine::Impl& engine, const SchedulerOptions& options);

  // scheduler.cc: the door
  Submission submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink);
  Status check(const GenerationRequest& request) const;
  void cancel(RequestId id);
  void drain(double seconds);
  void loop();
  void load_cache();
  void save_cache();
  void stop();
  SchedulerSnapshot snapshot() const;
  double now() const { return options.clock(); }
  double retry_after() const;

  // scheduler_step.cc: one step
  bool step();
  void take_notes();
  void admit();
  bool try_admit(Sequence& s);
  Status prepare(Sequence& s);
  void match(Sequence& s);
  void plan();
  int64_t plan_prompts(int64_t answers, int64_t room);
  Status run_model();
  Status end_failed(const Status& status);
  void sample();
  void commit();
  void draft();
  void store_pages(Sequence& s, bool partial_too);
  void publish_snapshot();

  bool reserve(Sequence& s, int64_t positions);
  bool take_page(Sequence& s);
  Sequence* least();
  void preempt(Sequence& s);
  void release_pages(Sequence& s);
  void finish(Sequence& s, StopReason reason, Status status);
  void forget(Sequence& s);
  void fail_all(const Status& status);
  void cancel_everything();
  AttentionMode mode_at(const Sequence& s) const;
  void activate(Sequence& s);

  // Constant after start
  Engine::Impl& engine;
  SchedulerOptions options;
  int64_t max_rows = 0;
  int64_t most_positions = 0;  // of one sequence
  bool has_mtp = false;
  CacheFileKey file_key;
  std::string cache_file;  // what happened to it at the start

  // Between threads
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable idle;
  std::vector<std::unique_ptr<Sequence>> inbox;
  std::vector<RequestId> cancels;
  RequestId next_id = 1;
  int64_t queued = 0;  // accepted and not admitted yet
  bool draining = false;
  bool stopping = false;
  bool cancel_all = false;
  bool busy = false;  // something waits or runs
  Status health;
  double mean_seconds = 1;  // a request takes, fading
  SchedulerSnapshot published;
  uint64_t refused = 0;

  // The scheduler's thread
  PagePool pool;
  PrefixCache cache;
  std::map<std::string, Tenant, std::less<>> tenants;
  std::vector<std::unique_ptr<Sequence>> waiting;
  std::vector<std::unique_ptr<Sequence>> running;  // by rank: priority, then arrival
  std::vector<std::unique_ptr<Sequence>> ended;    // of this step
  SchedulerSnapshot counters;
  StepCost answer_cost;
  double prompt_row_seconds = 0;
  double mtp_row_seconds = 0;

  // The step at hand; sized once
  std::vector<int32_t> tokens;
  std::vector<BatchSequence> slices;
  std::vector<int32_t> logit_rows;
  std::vector<Sequence*> batch;     // in the order of slices
  std::vector<Sequence*> sampling;  // those with logits
  std::vector<Sequence*> prompts;   // scratch of plan_prompts
  std::unique_ptr<float[]> logits;  // (max_logit_rows, vocab)
  int64_t max_logit_rows = 0;
  std::vector<float> hidden;  // (max_rows, hidden_size); sized when first needed
  bool with_hidden = false;
  bool retry = false;  // it did nothing, but changed what the next one does

  std::thread thread;
};

}  // namespace jaju
