// The scheduler's door: what other threads may do. The steps are in scheduler_step.cc.
#include "runtime/scheduler.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <system_error>

#include "base/check.h"
#include "base/file.h"
#include "runtime/model_hash.h"
#include "runtime/scheduler_impl.h"

namespace jaju {
namespace {

constexpr int64_t kPage = LatentCache::kPositions;
constexpr int64_t kDefaultTokensPerSequence = 4096;
constexpr int kMostTopLogprobs = 20;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t physical_memory() {
  return static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
}

Status check_options(const SchedulerOptions& o, int64_t step_rows) {
  if (o.max_sequences < 1 || o.max_sequences > step_rows) {
    return error("max_sequences is {}, but must be 1 to {}, the rows of a step (prefill chunk)",
                 o.max_sequences, step_rows);
  }
  if (o.kv_budget_bytes < 0) return error("kv_budget_bytes is {}, but must be 0 or more", o.kv_budget_bytes);
  if (o.queue_capacity < 0) return error("queue_capacity is {}, but must be 0 or more", o.queue_capacity);
  if (!(o.decode_stretch >= 1.0))
    return error("decode_stretch is {}, but must be at least 1", o.decode_stretch);
  if (o.min_prefill_rows < 1 || o.max_prefill_rows < o.min_prefill_rows) {
    return error("prefill rows beside answers are {} to {}, but must be at least 1 and in order",
                 o.min_prefill_rows, o.max_prefill_rows);
  }
  if (o.max_draft < 0 || o.max_draft > 16) return error("max_draft is {}, but must be 0 to 16", o.max_draft);
  if (o.cache_file_bytes < 0)
    return error("cache_file_bytes is {}, but must be 0 or more", o.cache_file_bytes);
  return {};
}

// Pages the budget buys; the error says what one costs.
Result<int64_t> page_capacity(const SchedulerOptions& o, int64_t page_bytes, int64_t context,
                              int64_t set_aside) {
  int64_t budget = o.kv_budget_bytes > 0 ? o.kv_budget_bytes : set_aside;
  if (budget == 0) {
    const int64_t pages = o.max_sequences * (std::min(context, kDefaultTokensPerSequence) / kPage + 1);
    budget = std::max(page_bytes, std::min(pages * page_bytes, physical_memory() / 4));
  }
  if (budget < page_bytes) {
    return error("the KV budget of {} is less than one page of {} positions, {}: raise it",
                 human_bytes(static_cast<double>(budget)), kPage,
                 human_bytes(static_cast<double>(page_bytes)));
  }
  return budget / page_bytes;
}

}  // namespace

std::string describe_cache(const RequestStats& s) {
  const std::string start =
      fmt::format("{} of {} prompt tokens from the cache", s.cached_tokens, s.prompt_tokens);
  switch (s.cache_stop) {
    case CacheStop::off:
      return start + "; it is off for this request";
    case CacheStop::nothing_stored:
      return start + "; nothing that begins like this was stored";
    case CacheStop::whole_prompt:
      return start + "; the last is always read";
    case CacheStop::end_of_stored:
      return start + "; the rest is new";
    case CacheStop::prompt_differs:
      return fmt::format("{}; at token {} the prompt differs from what was stored (id {} there)", start,
                         s.cached_tokens, s.stored_token);
    case CacheStop::evicted:
      return start + "; what followed had made room for others";
  }
  return start;
}

Scheduler::Impl::Impl(Engine::Impl& e, const SchedulerOptions& o)
    : engine(e),
      options(o),
      pool(o.use_mtp && o.speculation ? e.forward->cache_layers() : e.config.n_layers, e.pool->layout(), 0),
      cache(pool) {}

Scheduler::Scheduler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Scheduler::~Scheduler() {
  impl_->stop();
}

Result<std::unique_ptr<Scheduler>> Scheduler::start(Engine& engine, const SchedulerOptions& options) {
  return within_memory("start the scheduler", [&]() -> Result<std::unique_ptr<Scheduler>> {
    Engine::Impl& e = *engine.impl_;
    SchedulerOptions o = options;
    if (!o.clock) o.clock = steady_seconds;
    JAJU_RETURN_IF_ERROR(check_options(o, e.options.prefill_chunk));
    auto impl = std::make_unique<Impl>(e, o);
    JAJU_ASSIGN(const int64_t pages,
                page_capacity(o, impl->pool.page_bytes(), e.options.context, e.kv_budget));
    impl->pool.set_capacity(pages);
    impl->max_rows = e.options.prefill_chunk;
    impl->most_positions = std::min(e.options.context, pages * kPage);
    impl->has_mtp = o.speculation && o.use_mtp && o.max_draft > 0 && e.weights->mtp.has_value();
    impl->max_logit_rows =
        std::min(impl->max_rows, o.max_sequences * (1 + (o.speculation ? o.max_draft : 0)));
    impl->logits = std::make_unique_for_overwrite<float[]>(
        static_cast<size_t>(impl->max_logit_rows * e.config.vocab_size));
    const auto rows = static_cast<size_t>(impl->max_rows);
    impl->tokens.reserve(rows);
    impl->slices.reserve(rows);
    impl->logit_rows.reserve(rows);
    impl->batch.reserve(rows);
    impl->sampling.reserve(rows);
    impl->prompts.reserve(rows);
    impl->running.reserve(static_cast<size_t>(o.max_sequences) + 1);
    if (impl->has_mtp) impl->hidden.resize(rows * static_cast<size_t>(e.config.hidden_size));
    impl->counters.max_sequences = o.max_sequences;
    impl->counters.page_bytes = impl->pool.page_bytes();
    impl->counters.cache_type = impl->pool.layout().type;
    impl->load_cache();
    impl->publish_snapshot();
    if (!o.manual) {
      try {
        impl->thread = std::thread([i = impl.get()] { i->loop(); });
      } catch (const std::system_error& failed) {
        return error("cannot start the scheduler's thread: {}", failed.what());
      }
    }
    return std::unique_ptr<Scheduler>(new Scheduler(std::move(impl)));
  });
}

Submission Scheduler::submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink) {
  return impl_->submit(std::move(request), std::move(sink));
}
void Scheduler::cancel(RequestId id) {
  impl_->cancel(id);
}
SchedulerSnapshot Scheduler::snapshot() const {
  return impl_->snapshot();
}

std::vector<ExpertFigures> Scheduler::experts() const {
  return impl_->engine.forward->experts().figures();
}
int64_t Scheduler::max_tokens_per_request() const {
  return impl_->most_positions;
}
void Scheduler::drain(double seconds) {
  impl_->drain(seconds);
}
bool Scheduler::step() {
  JAJU_CHECK(impl_->options.manual);
  return impl_->step();
}

Status Scheduler::Impl::check(const GenerationRequest& r) const {
  const int64_t vocab = engine.config.vocab_size;
  JAJU_RETURN_IF_ERROR(check_request(r.prompt, r.params, vocab, engine.options.context));
  const auto outside = [&](int32_t id) { return id < -1 || id >= vocab; };
  if (r.top_logprobs < -1 || r.top_logprobs > kMostTopLogprobs) {
    return error("top_logprobs is {}, but must be 0 to {}", r.top_logprobs, kMostTopLogprobs);
  }
  if (outside(r.constraint_after))
    return error("constraint_after names token {}, which is not one", r.constraint_after);
  if (outside(r.think_close)) return error("think_close names token {}, which is not one", r.think_close);
  if (r.constraint != nullptr && r.constraint->vocabulary_size() != vocab) {
    return error("the constraint was made for {} tokens, the model has {}", r.constraint->vocabulary_size(),
                 vocab);
  }
  const ThinkingBudget& t = r.thinking;
  if (t.max_tokens < -1)
    return error("the thinking budget is {}, but must be -1 (none), 0 or more", t.max_tokens);
  if (t.max_tokens >= 0) {
    for (const int32_t id : t.close) {
      if (id < 0 || outside(id)) return error("thinking.close names token {}, which is not one", id);
    }
    if (r.think_close < 0 || std::find(t.close.begin(), t.close.end(), r.think_close) == t.close.end()) {
      return error(
          "a thinking budget needs the token that closes thinking, in think_close and thinking.close");
    }
  }
  return {};
}

double Scheduler::Impl::retry_after() const {
  const auto places = static_cast<double>(options.max_sequences);
  return std::clamp(std::ceil(mean_seconds * (static_cast<double>(queued) + 1) / places), 1.0, 60.0);
}

Submission Scheduler::Impl::submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink) {
  JAJU_CHECK(sink != nullptr);
  Submission result;
  const auto refuse = [&](SubmitVerdict verdict, Status status) {
    result.verdict = verdict;
    result.status = std::move(status);
    return std::move(result);
  };
  const auto n = static_cast<int64_t>(request.prompt.size());
  if (n >= most_positions && n < engine.options.context) {
    return refuse(SubmitVerdict::never_fits,
                  error("the prompt has {} tokens, the KV budget holds {}: shorten it or raise the budget", n,
                        most_positions));
  }
  if (Status status = check(request); !status.ok()) {
    return refuse(n >= most_positions ? SubmitVerdict::never_fits : SubmitVerdict::bad_request,
                  std::move(status));
  }
  std::unique_ptr<Sequence> s;
  Status status = within_memory("queue the request", [&]() -> Status {
    s = std::make_unique<Sequence>();
    s->tokens = std::move(request.prompt);
    return {};
  });
  if (!status.ok()) return refuse(SubmitVerdict::queue_full, std::move(status));
  s->n_prompt = n;
  s->stats.prompt_tokens = n;
  s->request = std::move(request);
  s->sink = std::move(sink);
  s->submitted = now();

  const std::lock_guard lock(mutex);
  if (!health.ok()) {
    ++refused;
    return refuse(SubmitVerdict::unhealthy, health);
  }
  if (draining || stopping) {
    ++refused;
    return refuse(SubmitVerdict::draining, error("the server is shutting down: ask another, or later"));
  }
  if (queued >= options.queue_capacity) {
    ++refused;
    result.retry_after_seconds = retry_after();
    return refuse(SubmitVerdict::queue_full, error("{} requests are waiting already: try again in {:.0f} s",
                                                   queued, result.retry_after_seconds));
  }
  s->id = next_id;
  status = within_memory("queue the request", [&]() -> Status {
    inbox.push_back(std::move(s));
    return {};
  });
  if (!status.ok()) return refuse(SubmitVerdict::queue_full, std::move(status));
  ++queued;
  busy = true;
  result.id = next_id++;
  result.verdict = SubmitVerdict::accepted;
  wake.notify_one();
  return result;
}

void Scheduler::Impl::cancel(RequestId id) {
  const std::lock_guard lock(mutex);
  cancels.push_back(id);
  wake.notify_one();
}

SchedulerSnapshot Scheduler::Impl::snapshot() const {
  const std::lock_guard lock(mutex);
  SchedulerSnapshot s = published;
  s.healthy = health.ok();
  s.draining = draining;
  s.refused = refused;
  s.cache_file = cache_file;
  s.accepted = next_id - 1;
  if (engine.store != nullptr) s.store = engine.store->figures();
  return s;
}

void Scheduler::Impl::drain(double seconds) {
  const double until = now() + seconds;
  if (options.manual) {
    {
      const std::lock_guard lock(mutex);
      draining = true;
    }
    while (now() < until && step()) {
    }
    {
      const std::lock_guard lock(mutex);
      cancel_all = true;
    }
    step();
    return;
  }
  std::unique_lock lock(mutex);
  draining = true;
  const auto is_idle = [&] { return !busy; };
  idle.wait_for(lock, std::chrono::duration<double>(std::clamp(seconds, 0.0, 1e9)), is_idle);
  if (!busy) return;
  cancel_all = true;
  wake.notify_one();
  idle.wait(lock, is_idle);
}

void Scheduler::Impl::loop() {
  for (;;) {
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return stopping || busy || !cancels.empty(); });
      if (stopping) return;
    }
    step();
  }
}

void Scheduler::Impl::stop() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
    wake.notify_one();
  }
  if (thread.joinable()) thread.join();
  {
    const std::lock_guard lock(mutex);
    cancel_all = true;
  }
  take_notes();
  ended.clear();
  save_cache();
}

void Scheduler::Impl::load_cache() {
  if (!options.prefix_cache || options.cache_dir.empty()) return;
  const auto hash = model_hash(engine.config, *engine.weights);
  std::copy(hash.begin(), hash.end(), file_key.model);
  const Precision precision = *engine.options.precision;
  const std::string maker =
      fmt::format("{} {} {}", describe_kernels(engine.context->ops, precision, engine.weights->packed),
                  static_cast<int>(precision), static_cast<int>(options.prompt_attention));
  file_key.maker = text_hash(maker);
  file_key.layout = pool.layout();
  file_key.layers = pool.n_layers();
  file_key.vocab = engine.config.vocab_size;
  const auto result = load_cache_file(cache_file_path(options.cache_dir, file_key), file_key, cache, pool,
                                      options.cache_file_bytes);
  cache_file = result.ok() ? *result : "not used: " + result.message();
}

// When all is over; what could not be written is only missed.
void Scheduler::Impl::save_cache() {
  if (!options.prefix_cache || options.cache_dir.empty() || !health.ok()) return;
  const auto result = save_cache_file(cache_file_path(options.cache_dir, file_key), file_key, cache, pool,
                                      options.cache_file_bytes);
  if (options.on_saved) options.on_saved(result.ok() ? *result : result.message());
}

}  // namespace jaju
