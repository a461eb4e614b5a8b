// What the scheduler's tests share: a sink that keeps what it is given, a clock that is turned by hand,
// prompts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/scheduler.h"

namespace jaju {

struct Collected : GenerationSink {
  std::vector<int32_t> tokens;
  std::vector<TokenEvent> events;
  FinishEvent finish;
  bool finished = false;
  int calls_after_finish = 0;
  std::vector<int64_t> prefill;
  std::function<void(const Collected&)> hook;  // after every call of on_tokens

  void on_tokens(std::span<const TokenEvent> fresh) override;
  void on_prefill(int64_t done, int64_t total) override;
  void on_finish(FinishEvent&& event) override;
};

// A golden checkpoint's or models/nano's engine.
std::unique_ptr<Engine> open_model(const std::string& name, EngineOptions options = {});
std::unique_ptr<Scheduler> start_by_hand(Engine& engine, SchedulerOptions options = {});

GenerationRequest greedy(std::vector<int32_t> prompt, int64_t max_tokens);
GenerationRequest sampled(std::vector<int32_t> prompt, int64_t max_tokens, uint64_t seed);
// Token ids from a seed, not all different: a few repeat, so that prompt lookup finds something.
std::vector<int32_t> made_up_prompt(uint64_t seed, int64_t n, const Engine& engine);
std::vector<int32_t> join(std::vector<int32_t> a, const std::vector<int32_t>& b);

// Submits, or fails the test.
std::shared_ptr<Collected> submit(Scheduler& scheduler, GenerationRequest request, RequestId* id = nullptr);
void run_until_idle(Scheduler& scheduler);
// The answer a scheduler with nothing but this request gives: no cache, no speculation.
std::vector<int32_t> quiet_answer(Engine& engine, GenerationRequest request,
                                  PromptAttention attention = PromptAttention::same_bits);

// Calls of operator new so far; -1: not counted in this build.
int64_t heap_allocations();
// The call of operator new after so many others fails, once; -1: none does. Nothing where they are not
// counted.
void fail_allocation(int64_t after);

}  // namespace jaju
