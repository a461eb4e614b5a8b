// A machine in the few numbers that decide how fast a model runs on it: measured, described in words, or
// assumed. What the numbers come from is kept beside them, for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "memory/machine_profile.h"

namespace jaju {

struct Machine {
  std::string name;  // "AMD EPYC 9B45", or "as described"
  int64_t memory_bytes = 0;
  int64_t free_bytes = 0;        // what programs may still take; a budget leaves the system some of it
  int threads = 1;               // that compute
  double drive_bytes = 0;        // a second, whole experts at random places
  double decode_bytes = 0;       // of weights a second when few rows are computed
  double int8_ops = 0;           // a second, in products of quantised matrices with many rows
  double bf16_ops = 0;           // the same of matrices that are not quantised
  double layer_seconds = 40e-6;  // of a step in each layer, for all the small work that no peak describes:
                                 // nano, whose weights lie in the caches, answers at 2,400 to 3,700 tokens/s
                                 // (docs/benchmarks.md)
  std::string drive_from, memory_from, compute_from;  // "measured by jaju tune", "as said", "assumed", ...
};

// What our kernels reach of loops that do nothing else, where they themselves were not measured. bf16:
// docs/benchmarks.md, prompts at 68 to 82 % of the BF16 peak; decode and int8 are set with caution.
inline constexpr double kStreamShare = 0.80;
inline constexpr double kBf16Share = 0.65;
inline constexpr double kInt8Share = 0.40;

// Assumed where nothing is known: a PCIe 3 drive, and a desktop CPU of some years ago.
inline constexpr double kAssumedDrive = 3.0e9;
inline constexpr double kAssumedStream = 40e9;
inline constexpr double kAssumedInt8PerCore = 0.15e12;

// Fills in the compute and memory figures from loops and, where they were run, kernels.
void set_speeds(const ThreadSpeeds& speeds, const std::string& from, Machine* machine);

// "ram=64G,disk=7GB/s,cores=16,membw=80GB/s,int8=2TOPS": a machine one does not have. Only ram is required;
// also bf16. Sizes are those of base/quantity.h, and all of the ram is free. Errors name the word.
Result<Machine> parse_machine(std::string_view words);

}  // namespace jaju
