// What the scheduler gives and what it costs: prompt tokens per second with both kinds of prompt attention,
// answer tokens per second with 1, 8 and 32 streams, and the share of a step that is not the model. One
// thread by default and the process's CPU time as the clock, so that a busy machine does not blur the result.
//
//   scheduler_bench MODEL [threads]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "runtime/scheduler.h"

namespace {

using namespace jaju;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Nobody : GenerationSink {
  void on_tokens(std::span<const TokenEvent>) override {}
  void on_finish(FinishEvent&& event) override {
    if (!event.status.ok()) std::fprintf(stderr, "%s\n", event.status.message().c_str());
  }
};

// n random tokens, said `repeats` times.
GenerationRequest request(int64_t n, int64_t repeats, int64_t answer, uint64_t seed, int64_t vocab) {
  GenerationRequest r;
  Dice dice(seed);
  for (int64_t i = 0; i < n; ++i) {
    r.prompt.push_back(static_cast<int32_t>(dice.next() % static_cast<uint64_t>(vocab)));
  }
  const std::vector<int32_t> once = r.prompt;
  for (int64_t i = 1; i < repeats; ++i) r.prompt.insert(r.prompt.end(), once.begin(), once.end());
  r.params.temperature = 0;
  r.params.max_tokens = answer;
  return r;
}

struct Timing {
  double seconds, model;
  SchedulerSnapshot snapshot;
};

Timing time(Engine& engine, SchedulerOptions options, int64_t streams, int64_t prompt, int64_t answer,
            int64_t repeats = 1) {
  options.manual = true;
  options.clock = cpu_seconds;
  auto scheduler = Scheduler::start(engine, options);
  if (!scheduler.ok()) {
    std::fprintf(stderr, "%s\n", scheduler.message().c_str());
    std::exit(1);
  }
  const int64_t vocab = engine.config().vocab_size;
  for (int64_t i = 0; i < streams; ++i) {
    const auto s = (*scheduler)
                       ->submit(request(prompt, repeats, answer, static_cast<uint64_t>(i + 1), vocab),
                                std::make_shared<Nobody>());
    if (!s.ok()) std::fprintf(stderr, "%s\n", s.status.message().c_str());
  }
  const double start = cpu_seconds();
  while ((*scheduler)->step()) {
  }
  const double seconds = cpu_seconds() - start;
  const auto snapshot = (*scheduler)->snapshot();
  return {seconds, snapshot.step_seconds, snapshot};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: scheduler_bench MODEL [threads]\n");
    return 2;
  }
  auto engine = Engine::open(argv[1], {.context = 2048, .threads = argc > 2 ? std::atoi(argv[2]) : 1});
  if (!engine.ok()) {
    std::fprintf(stderr, "%s\n", engine.message().c_str());
    return 1;
  }
  std::printf("kernels %s\n", (*engine)->kernels().c_str());
  for (const int64_t n : {256, 1024, 2000}) {
    double best[2] = {1e9, 1e9};
    for (int repeat = 0; repeat < 3; ++repeat) {
      for (const bool fast : {false, true}) {
        const auto t = time(**engine,
                            {.prompt_attention = fast ? PromptAttention::fast : PromptAttention::same_bits,
                             .prefix_cache = false},
                            1, n, 0);
        best[fast] = std::min(best[fast], t.seconds);
      }
    }
    std::printf("prompt of %4ld: %8.0f tokens/s with same bits, %8.0f fast\n", n,
                static_cast<double>(n) / best[0], static_cast<double>(n) / best[1]);
  }
  for (const int64_t streams : {1, 8, 32}) {
    const auto t = time(**engine, {.speculation = false}, streams, 16, 200);
    const auto tokens = static_cast<double>(t.snapshot.generated_tokens);
    std::printf(
        "%2ld streams: %8.0f tokens/s, %7.1f us a step, of them %5.1f us outside the model and the dice\n",
        streams, tokens / t.seconds, t.seconds / static_cast<double>(t.snapshot.steps) * 1e6,
        (t.seconds - t.model) / static_cast<double>(t.snapshot.steps) * 1e6);
  }
  // A text that says the same again and again, and one that does not.
  for (const int64_t repeats : {8, 1}) {
    double best[2] = {0, 0};
    SchedulerSnapshot with;
    for (int round = 0; round < 3; ++round) {
      for (const bool on : {false, true}) {
        const auto t = time(**engine, {.speculation = on}, 1, repeats > 1 ? 24 : 192, 300, repeats);
        best[on] = std::max(best[on], static_cast<double>(t.snapshot.generated_tokens) / t.seconds);
        if (on) with = t.snapshot;
      }
    }
    std::printf("%s text: %6.0f tokens/s without guesses, %6.0f with (%ld of %ld right)\n",
                repeats > 1 ? "repeating" : "random   ", best[0], best[1],
                static_cast<long>(with.accepted_tokens), static_cast<long>(with.drafted_tokens));
  }
  return 0;
}
