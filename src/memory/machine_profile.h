// What `jaju tune` measured about this machine, kept for run, serve and plan.
//
// A profile belongs to one machine (CPU, cores, memory) and, drive by drive, to one file system; elsewhere it
// is ignored. Speeds are bytes or operations a second.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju {

struct MachineIdentity {
  std::string cpu;  // "AMD EPYC 9B45"
  int cores = 0;    // CPUs this process may use
  int64_t memory_bytes = 0;
};
// Memory may differ by a 32nd: kernels keep more or less of it for themselves.
bool same_machine(const MachineIdentity& a, const MachineIdentity& b);
MachineIdentity this_machine();
// Of /proc/cpuinfo, or "unknown CPU".
std::string cpu_name();
// Bytes of memory that programs may still take (MemAvailable), within this process's cgroup; nothing:
// unknown.
std::optional<int64_t> free_memory();
// What the tightest of the cgroups from `below` up to `top` has left, in the files of version 2 or 1; file
// pages it could drop count as free, as they do in MemAvailable. Nothing: no limit anywhere.
std::optional<int64_t> cgroup_room(const std::filesystem::path& top, const std::filesystem::path& below);

// "259:2": the device a path lies on. Error: there is no such path.
Result<std::string> device_of(const std::filesystem::path& path);

// Loops that only read or only multiply (kernels/machine_peaks.h), and the kernels themselves on one expert's
// matrices, with so many threads.
struct ThreadSpeeds {
  int threads = 1;
  double stream = 0;                   // bytes read from memory
  double f32 = 0, bf16 = 0, int8 = 0;  // operations of dot products; 0: the CPU has none of the kind
  double decode_bytes = 0;             // of quantised weights for one row
  double prompt_ops = 0;               // of a product of quantised weights with many rows
};

// One way to read extents of an expert's size at random places.
struct ReadSpeed {
  bool direct = true;       // O_DIRECT, by the page cache else
  int64_t piece_bytes = 0;  // what an extent is cut into
  int depth = 1;            // pieces under way at a time
  double bytes_per_second = 0;
};

struct DriveProfile {
  std::string device;  // device_of
  std::string where;   // a path on it, for people
  int64_t extent_bytes = 0;
  std::vector<ReadSpeed> speeds;  // everything that was tried
  ReadSpeed best;                 // what reads should be like
};

struct MachineProfile {
  MachineIdentity machine;
  std::string measured;              // when: "2026-11-28T14:00:00Z"
  int threads = 0;                   // the number that is best
  std::vector<ThreadSpeeds> speeds;  // ascending in threads, no number twice
  std::vector<DriveProfile> drives;

  const ThreadSpeeds* at(int n_threads) const;  // null: not measured
  const DriveProfile* drive(std::string_view device) const;
};

// The fewest threads with which memory and products both run at 95 % of the best.
int best_threads(const std::vector<ThreadSpeeds>& speeds);
// Of all within 3 % of the fastest the one with the least under way (a demand waits for what is in flight).
// At most an extent under way, so that experts arrive one after another and the first is computed while the
// others come, and what is no longer wanted can be left; and by O_DIRECT, for what the page cache holds is
// held twice: each unless going without is a fifth faster. `speeds` must not be empty.
ReadSpeed best_read(const std::vector<ReadSpeed>& speeds, int64_t extent_bytes);
// The `n` fastest with at most an extent under way, and the fastest with more and by the page cache where
// there are any: what to measure again, since the best of many unsteady figures is a lucky one.
std::vector<ReadSpeed> leading_reads(std::vector<ReadSpeed> speeds, int64_t extent_bytes, size_t n);

std::string to_json(const MachineProfile& profile);
// `what` names the text in messages. Errors: not JSON, another format or a later version, a field that is
// missing, of the wrong type or out of range.
Result<MachineProfile> parse_machine_profile(std::string_view text, const std::string& what);

std::filesystem::path machine_profile_file();  // cache_dir()/machine.json
// Atomically, for this user alone to write; makes the directory.
Status save_machine_profile(const MachineProfile& profile);

// The profile of this machine, or none; `note` is one sentence when there is a file that cannot be used.
struct LoadedProfile {
  std::optional<MachineProfile> profile;
  std::string note;
};
LoadedProfile load_machine_profile();

}  // namespace jaju
