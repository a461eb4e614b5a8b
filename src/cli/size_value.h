// Sizes and seeds on the command line, the same for every verb: base/quantity.h's, so 16G is 16 GB.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>

namespace jaju::cli {

inline constexpr int64_t kMostMemory = 1'000'000'000'000'000;  // of --memory: any machine's

// For `->transform(...)` of an option that holds a whole number of bytes: "6.3G" becomes 6300000000. (CLI11's
// own AsSizeValue refuses fractions.) Outside of least to most it is an error.
CLI::Validator size_value(int64_t least = 0, int64_t most = kMostMemory);

// For an option that holds a seed: 0 to 2^64 - 1. (CLI11 takes -1 for the largest.)
CLI::Validator seed_value();

}  // namespace jaju::cli
