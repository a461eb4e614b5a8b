// How fast an engine reads prompts and writes answers, beside what the machine could do at most.
//
// Tokens are random and differ from sequence to sequence and from step to step, so that a batch visits the
// experts it would visit in earnest. Nothing is measured before the fast path's logits have been compared
// with f32 ones.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/machine_peaks.h"
#include "runtime/engine.h"

namespace jaju {

struct BenchmarkPlan {
  std::vector<int64_t> prompts = {512};  // tokens of one prompt each
  bool all_logits = false;               // of a prompt's every token, not only its last: no layer is skipped
  int64_t generated = 64;                // steps of each decode test; 0: none
  std::vector<int64_t> depths = {0};     // positions each sequence holds before its first step
  std::vector<int64_t> batches = {1};    // sequences that decode together
  int repeats = 5;
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const std::string& test, int done, int total)> on_progress;  // may be empty
};

// One test: `seconds` of each repeat, and what one repeat moves and computes.
struct BenchmarkRow {
  bool prompt = false;
  int64_t tokens = 0;  // of a repeat, all sequences together
  int64_t depth = 0;
  int64_t batch = 1;
  std::vector<double> seconds;  // ascending
  double flop = 0;              // products only: weights, and attention over what is in the cache
  double bytes = 0;  // decode: weights and cache as read once a step, an expert only when somebody visits it
  std::optional<StoreFigures> store{};  // a streamed model: all repeats together

  std::string name() const;  // "pp512", "tg64 @4096 x8"
  double median_seconds() const {
    const size_t n = seconds.size();
    return (seconds[(n - 1) / 2] + seconds[n / 2]) / 2;
  }
  double all_seconds() const;
};

struct BenchmarkReport {
  std::vector<BenchmarkRow> rows;
  MachinePeaks before, after;  // the machine drifts: both ends of the run
  // The check: over so many positions, the median distance of the fast logits from f32 ones, relative to
  // their length.
  int64_t checked_positions = 0;
  double prompt_difference = 0;
  double decode_difference = 0;

  MachinePeaks peaks() const;  // the better of the two, one by one
};

// Errors: the context does not hold a test, more sequences than rows of a step, the outputs are wrong,
// cancelled.
Result<BenchmarkReport> run_benchmark(Engine& engine, const BenchmarkPlan& plan);

// A shape in words, for random weights: "hidden=2048,layers=8,experts=64,width=768". What is left out is
// A.X K1's. Errors name the word.
struct SyntheticShape {
  ModelConfig config;
  RandomTypes types;
  std::string config_json;  // as a model's directory has it
};
// option: what the errors call it.
Result<SyntheticShape> parse_shape(std::string_view text, std::string_view option = "--synthetic");
// "hidden", "layers", ... with what each means, for help.
std::string shape_help();

}  // namespace jaju
