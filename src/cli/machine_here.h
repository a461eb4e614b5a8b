// This machine as predictions see it: from the profile of `jaju tune` where there is one, else measured for a
// moment, else assumed.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "memory/disk_probe.h"
#include "memory/machine.h"

namespace jaju::cli {

// dir: where the model lies, to know and, without a profile, measure its drive; empty: no drive in
// particular. threads: 0 for the profile's, or every CPU. slot_bytes: of the model's experts, 0 without any.
// Notes on stderr what a short measurement stands in for.
Result<Machine> machine_here(const std::filesystem::path& dir, int threads, int64_t slot_bytes);

// The same from the profile of `jaju tune` alone, nothing measured or assumed; nothing: this machine, this
// number of threads or this drive was not tuned.
std::optional<Machine> tuned_machine(const std::filesystem::path& dir, int threads);

// What `jaju tune` found best for computing, where nothing was said on the command line. (How a drive is read
// best the engine looks up itself.)
struct Tuned {
  int threads = 0;     // 0: not tuned
  std::string note{};  // why a profile that is there was not used
};
Tuned tuned();

// Reads of a model's experts from its own files, of slot_bytes (0: kUsualExtent), but never more than the
// largest file has. Errors: no weights there; the disk.
Result<std::unique_ptr<DiskProbe>> open_probe(const std::filesystem::path& dir, int64_t slot_bytes);

// Weight files of a model directory, largest first.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& dir);

}  // namespace jaju::cli
