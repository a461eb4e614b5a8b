// This machine as predictions see it: from the profile of `jaju tune` where there is one, else measured for a
// moment, else assumed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "memory/machine.h"

namespace jaju::cli {

// dir: where the model lies, to know and, without a profile, measure its drive; empty: no drive in
// particular. threads: 0 for the profile's, or every CPU. extent_bytes: what one read fetches. Notes on
// stderr what a short measurement stands in for.
Result<Machine> machine_here(const std::filesystem::path& dir, int threads, int64_t extent_bytes);

// What `jaju tune` found best for computing, where nothing was said on the command line. (How a drive is read
// best the engine looks up itself.)
struct Tuned {
  int threads = 0;     // 0: not tuned
  std::string note{};  // why a profile that is there was not used
};
Tuned tuned();

// Weight files of a model directory, largest first.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& dir);

}  // namespace jaju::cli
