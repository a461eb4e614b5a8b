#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <mutex>

#include "server/chat_service.h"

namespace jaju::server {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                              2.5,   5,    10,    30,   60,  120,  300};
const Histogram::BucketBoundaries kGaps = {0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075,
                                           0.1,   0.15,   0.25,  0.5,  1,    2.5,  5};

}  // namespace

struct ServerMetrics::Impl {
  prometheus::Registry registry;
  std::mutex text_mutex;  // one scrape at a time: it moves the mirrored counters

  Family<Counter>& requests = BuildCounter()
                                  .Name("jaju_http_requests_total")
                                  .Help("Requests answered, by route and status")
                                  .Register(registry);
  Histogram& first_token = BuildHistogram()
                               .Name("jaju_time_to_first_token_seconds")
                               .Help("From the request's submission to its first token")
                               .Register(registry)
                               .Add({}, kSeconds);
  Histogram& gap =
      BuildHistogram()
          .Name("jaju_inter_token_seconds")
          .Help("Between a token and the one before it; tokens of one step share the step's time")
          .Register(registry)
          .Add({}, kGaps);
  Histogram& queue = BuildHistogram()
                         .Name("jaju_queue_seconds")
                         .Help("From submission to the first row in the model")
                         .Register(registry)
                         .Add({}, kSeconds);
  Histogram& duration = BuildHistogram()
                            .Name("jaju_http_request_seconds")
                            .Help("From the head of a request to the last byte of its answer")
                            .Register(registry)
                            .Add({}, kSeconds);
  Counter& gone = BuildCounter()
                      .Name("jaju_clients_gone_total")
                      .Help("Clients that left before their answer ended")
                      .Register(registry)
                      .Add({});
  Counter& reasoning = BuildCounter()
                           .Name("jaju_reasoning_tokens_total")
                           .Help("Tokens of reasoning, of the generated ones")
                           .Register(registry)
                           .Add({});

  Gauge& gauge(const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }
  Gauge& waiting = gauge("jaju_queue_waiting", "Requests waiting for a place");
  Gauge& running = gauge("jaju_sequences_running", "Sequences that read their prompt or answer");
  Gauge& slots = gauge("jaju_sequences_max", "Most sequences side by side");
  Gauge& batch = gauge("jaju_batch_rows", "Rows of the last step");
  Gauge& pages_total = gauge("jaju_cache_pages", "Pages of 64 positions in the budget");
  Gauge& pages_running = gauge("jaju_cache_pages_running", "Pages held by running sequences");
  Gauge& pages_cached = gauge("jaju_cache_pages_prefix", "Pages held by the prefix cache alone");
  prometheus::Family<Gauge>& page_bytes =
      BuildGauge().Name("jaju_cache_page_bytes").Help("Bytes of one page, by its type").Register(registry);
  Gauge& ready = gauge("jaju_ready", "1 when the model can answer");
  Gauge& connections = gauge("jaju_connections", "Open connections");
  Gauge& jobs = gauge("jaju_worker_jobs_waiting", "Jobs waiting for a worker thread");

  // Counters the scheduler keeps; moved up to its numbers at every scrape.
  struct Mirror {
    Counter& counter;
    double at = 0;
    void set(double value) {
      if (value > at) counter.Increment(value - at);
      at = std::max(at, value);
    }
  };
  Mirror mirror(const char* name, const char* help) {
    return {BuildCounter().Name(name).Help(help).Register(registry).Add({})};
  }
  Mirror accepted = mirror("jaju_requests_accepted_total", "Generations taken into the queue");
  Mirror refused =
      mirror("jaju_requests_refused_total", "Generations refused: queue full, too long, out of range");
  Mirror finished = mirror("jaju_requests_finished_total", "Generations that ended by themselves");
  Mirror cancelled =
      mirror("jaju_requests_cancelled_total", "Generations cancelled: client gone, stop string");
  Mirror failed = mirror("jaju_requests_failed_total", "Generations that ended with an error");
  Mirror preemptions = mirror("jaju_preemptions_total", "Sequences put back for want of cache pages");
  Mirror steps = mirror("jaju_steps_total", "Steps of the model");
  Mirror rows = mirror("jaju_step_rows_total", "Rows of all steps; rows / steps is the mean batch");
  Mirror step_seconds = mirror("jaju_step_seconds_total", "Seconds in the model");
  Mirror prompt = mirror("jaju_prompt_tokens_total", "Prompt tokens of admitted requests");
  Mirror cached = mirror("jaju_prompt_tokens_cached_total", "Of them from the prefix cache");
  Mirror generated = mirror("jaju_generated_tokens_total", "Tokens generated");
  Mirror recomputed = mirror("jaju_recomputed_tokens_total", "Tokens read again after preemptions");
  Mirror drafted = mirror("jaju_speculation_drafted_tokens_total", "Tokens guessed by speculation");
  Mirror taken = mirror("jaju_speculation_accepted_tokens_total", "Of them right");
  Mirror evictions = mirror("jaju_cache_evictions_total", "Prefixes that had to make room");

  // Experts from the disk; absent while the model is in memory.
  struct StoreMetrics {
    Mirror pinned, cached, prefetched, read, bytes, busy, wait, predicted, right, prefetches, evictions,
        failures;
    Gauge &slots, &slots_pinned, &slot_bytes, &prefetch_on;
  };
  std::unique_ptr<StoreMetrics> store;

  StoreMetrics store_metrics() {
    Family<Counter>& asked = BuildCounter()
                                 .Name("jaju_store_experts_total")
                                 .Help("Experts a step asked for, each once a layer, by where they were")
                                 .Register(registry);
    const auto from = [&](const char* tier) { return Mirror{asked.Add({{"from", tier}})}; };
    return {
        from("pinned"),
        from("cached"),
        from("prefetched"),
        from("read"),
        mirror("jaju_store_read_bytes_total", "Bytes of experts read from the disk"),
        mirror("jaju_store_busy_seconds_total",
               "Seconds in which experts were read; bytes / busy is the speed"),
        mirror("jaju_store_wait_seconds_total", "Seconds the model waited for experts"),
        mirror("jaju_store_predicted_total", "Experts that were not there and were expected to be wanted"),
        mirror("jaju_store_predicted_right_total", "Of them, those that were"),
        mirror("jaju_store_prefetches_total", "Reads begun because of a prediction"),
        mirror("jaju_store_evictions_total", "Experts that made room for others"),
        mirror("jaju_store_failures_total", "Experts that could not be read, or were damaged"),
        gauge("jaju_store_slots", "Experts that have a place in memory"),
        gauge("jaju_store_slots_pinned", "Of them pinned"),
        gauge("jaju_store_slot_bytes", "Bytes of one place"),
        gauge("jaju_store_prefetch_on", "1 while experts are read ahead")};
  }

  void set(const StoreFigures& f) {
    if (store == nullptr) store = std::make_unique<StoreMetrics>(store_metrics());
    const auto number = [](auto value) { return static_cast<double>(value); };
    store->pinned.set(number(f.pinned));
    store->cached.set(number(f.cached));
    store->prefetched.set(number(f.prefetched));
    store->read.set(number(f.read));
    store->bytes.set(number(f.bytes));
    store->busy.set(f.busy_seconds);
    store->wait.set(f.wait_seconds);
    store->predicted.set(number(f.predicted));
    store->right.set(number(f.predicted_right));
    store->prefetches.set(number(f.prefetches));
    store->evictions.set(number(f.evictions));
    store->failures.set(number(f.failures));
    store->slots.Set(number(f.slots));
    store->slots_pinned.Set(number(f.slots_pinned));
    store->slot_bytes.Set(number(f.slot_bytes));
    store->prefetch_on.Set(f.prefetch_on ? 1 : 0);
  }

  // Per MoE layer, labelled with its number.
  struct ExpertMetrics {
    Mirror visits, reads;
    Gauge& busiest;
    Gauge& unvisited;
  };
  Family<Counter>& expert_visits = BuildCounter()
                                       .Name("jaju_expert_visits_total")
                                       .Help("Rows sent to routed experts, of a layer")
                                       .Register(registry);
  Family<Counter>& expert_reads = BuildCounter()
                                      .Name("jaju_expert_reads_total")
                                      .Help(
                                          "Experts that a step had to read, of a layer; visits / reads is "
                                          "the rows an expert serves at once")
                                      .Register(registry);
  Family<Gauge>& expert_busiest = BuildGauge()
                                      .Name("jaju_expert_busiest_ratio")
                                      .Help("Visits of a layer's busiest expert, of the mean; 1 is balanced")
                                      .Register(registry);
  Family<Gauge>& expert_unvisited = BuildGauge()
                                        .Name("jaju_experts_unvisited")
                                        .Help("Experts of a layer that no row has visited yet")
                                        .Register(registry);
  Gauge& experts = gauge("jaju_experts", "Routed experts of a layer");
  std::vector<ExpertMetrics> layers;

  void set(std::span<const ExpertFigures> figures) {
    experts.Set(figures.empty() ? 0 : static_cast<double>(figures[0].experts));
    for (const ExpertFigures& f : figures.subspan(std::min(layers.size(), figures.size()))) {
      const prometheus::Labels layer = {{"layer", std::to_string(f.layer)}};
      layers.push_back({{expert_visits.Add(layer)},
                        {expert_reads.Add(layer)},
                        expert_busiest.Add(layer),
                        expert_unvisited.Add(layer)});
    }
    for (size_t i = 0; i < figures.size(); ++i) {
      const ExpertFigures& f = figures[i];
      layers[i].visits.set(static_cast<double>(f.visits));
      layers[i].reads.set(static_cast<double>(f.reads));
      const double mean = static_cast<double>(f.visits) / static_cast<double>(f.experts);
      layers[i].busiest.Set(mean > 0 ? static_cast<double>(f.busiest) / mean : 0);
      layers[i].unvisited.Set(static_cast<double>(f.unvisited));
    }
  }
};

ServerMetrics::ServerMetrics(const std::string& model) : impl_(std::make_unique<Impl>()) {
  BuildGauge()
      .Name("jaju_model_info")
      .Help("The served model, as a label")
      .Register(impl_->registry)
      .Add({{"model", model}})
      .Set(1);
}

ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::tokens(TokenClock& clock, size_t n) {
  const double now =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (clock.last_token > 0 && n > 0) {
    const double gap = (now - clock.last_token) / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) impl_->gap.Observe(gap);
  }
  clock.last_token = now;
}

void ServerMetrics::finished(const Usage& usage) {
  if (usage.first_token_seconds > 0) impl_->first_token.Observe(usage.first_token_seconds);
  impl_->queue.Observe(usage.queue_seconds);
  if (usage.reasoning_tokens > 0) impl_->reasoning.Increment(static_cast<double>(usage.reasoning_tokens));
}

void ServerMetrics::answered(const RequestRecord& record) {
  const std::string route = record.route.empty() ? "none" : record.route;
  impl_->requests.Add({{"route", route}, {"status", std::to_string(record.status)}}).Increment();
  const auto seconds = std::chrono::steady_clock::now() - record.start;
  impl_->duration.Observe(std::chrono::duration<double>(seconds).count());
  if (record.gone) impl_->gone.Increment();
}

std::string ServerMetrics::text(const SchedulerSnapshot& now, std::span<const ExpertFigures> experts,
                                int64_t connections, int64_t worker_jobs) {
  Impl& m = *impl_;
  const std::lock_guard lock(m.text_mutex);
  m.waiting.Set(static_cast<double>(now.waiting));
  m.running.Set(static_cast<double>(now.running));
  m.slots.Set(static_cast<double>(now.max_sequences));
  m.batch.Set(static_cast<double>(now.last_rows));
  m.pages_total.Set(static_cast<double>(now.pages_total));
  m.pages_running.Set(static_cast<double>(now.pages_running));
  m.pages_cached.Set(static_cast<double>(now.pages_cached));
  m.page_bytes.Add({{"type", std::string(name_of(now.cache_type))}}).Set(static_cast<double>(now.page_bytes));
  m.ready.Set(now.healthy && !now.draining ? 1 : 0);
  m.connections.Set(static_cast<double>(connections));
  m.jobs.Set(static_cast<double>(worker_jobs));
  m.accepted.set(static_cast<double>(now.accepted));
  m.refused.set(static_cast<double>(now.refused));
  m.finished.set(static_cast<double>(now.finished));
  m.cancelled.set(static_cast<double>(now.cancelled));
  m.failed.set(static_cast<double>(now.failed));
  m.preemptions.set(static_cast<double>(now.preemptions));
  m.steps.set(static_cast<double>(now.steps));
  m.rows.set(static_cast<double>(now.rows));
  m.step_seconds.set(now.step_seconds);
  m.prompt.set(static_cast<double>(now.prompt_tokens));
  m.cached.set(static_cast<double>(now.cached_tokens));
  m.generated.set(static_cast<double>(now.generated_tokens));
  m.recomputed.set(static_cast<double>(now.recomputed_tokens));
  m.drafted.set(static_cast<double>(now.drafted_tokens));
  m.taken.set(static_cast<double>(now.accepted_tokens));
  m.evictions.set(static_cast<double>(now.cache_evictions));
  m.set(experts);
  if (now.store) m.set(*now.store);
  return prometheus::TextSerializer().Serialize(m.registry.Collect());
}

}  // namespace jaju::server
