#include "cli/machine_here.h"

#include <algorithm>

#include "base/thread_team.h"
#include "cli/cli.h"
#include "memory/kernel_probe.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTuned = "tuned";
constexpr const char* kNow = "measured now";
constexpr const char* kAssumed = "assumed";

// The drive of `dir`, if it was tuned.
bool set_tuned_drive(const fs::path& dir, const MachineProfile& profile, Machine* m) {
  const Result<std::string> device = device_of(dir.empty() ? fs::path(".") : dir);
  const DriveProfile* const drive = device.ok() ? profile.drive(*device) : nullptr;
  if (drive == nullptr) return false;
  m->drive_bytes = drive->best.bytes_per_second;
  m->drive_from = kTuned;
  return true;
}

// The drive of `dir`: as tuned, else half a second of reads, else an assumption.
void set_drive(const fs::path& dir, const std::optional<MachineProfile>& profile, int64_t slot_bytes,
               Machine* m) {
  if (profile && set_tuned_drive(dir, *profile, m)) return;
  m->drive_bytes = kAssumedDrive;
  m->drive_from = kAssumed;
  if (dir.empty()) return;
  const auto probe = open_probe(dir, slot_bytes);
  if (!probe.ok()) return;
  const auto speed = (*probe)->measure((*probe)->direct_works(), int64_t{1} << 20, 16, 0.5);
  if (!speed.ok() || speed->bytes_per_second <= 0) return;
  m->drive_bytes = speed->bytes_per_second;
  m->drive_from = kNow;
}

Machine this_machine_unmeasured() {
  const MachineIdentity identity = this_machine();
  Machine m;
  m.name = identity.cpu;
  m.memory_bytes = identity.memory_bytes;
  m.free_bytes = std::min(free_memory().value_or(identity.memory_bytes), identity.memory_bytes);
  return m;
}

}  // namespace

std::vector<fs::path> weight_files(const fs::path& dir) {
  std::vector<std::pair<uintmax_t, fs::path>> files;
  std::error_code failure;
  for (fs::directory_iterator entry(dir, failure), end; !failure && entry != end; entry.increment(failure)) {
    std::error_code ignored;
    if (entry->path().extension() == ".safetensors")
      files.emplace_back(entry->file_size(ignored), entry->path());
  }
  std::sort(files.rbegin(), files.rend());
  std::vector<fs::path> paths;
  for (auto& [size, path] : files) paths.push_back(std::move(path));
  return paths;
}

Result<std::unique_ptr<DiskProbe>> open_probe(const fs::path& dir, int64_t slot_bytes) {
  const std::vector<fs::path> files = weight_files(dir);
  if (files.empty()) return error("{} has no weights to read", dir.string());
  std::error_code failure;
  const auto largest = static_cast<int64_t>(fs::file_size(files[0], failure));
  if (failure) return error("'{}' cannot be read: {}", files[0].string(), failure.message());
  return DiskProbe::open(files, std::min(slot_bytes > 0 ? slot_bytes : kUsualExtent, largest));
}

std::optional<Machine> tuned_machine(const fs::path& dir, int threads) {
  const LoadedProfile loaded = load_machine_profile();
  const ThreadSpeeds* const speeds = loaded.profile ? loaded.profile->at(threads) : nullptr;
  Machine m = this_machine_unmeasured();
  if (speeds == nullptr || !set_tuned_drive(dir, *loaded.profile, &m)) return std::nullopt;
  set_speeds(*speeds, kTuned, &m);
  return m;
}

Tuned tuned() {
  const LoadedProfile loaded = load_machine_profile();
  return {loaded.profile ? loaded.profile->threads : 0, loaded.note};
}

Result<Machine> machine_here(const fs::path& dir, int threads, int64_t slot_bytes) {
  LoadedProfile loaded = load_machine_profile();
  if (!loaded.note.empty()) note(loaded.note);
  const std::optional<MachineProfile>& profile = loaded.profile;
  Machine m = this_machine_unmeasured();
  if (threads == 0) threads = profile ? profile->threads : usable_cpus();
  if (const ThreadSpeeds* speeds = profile ? profile->at(threads) : nullptr; speeds != nullptr) {
    set_speeds(*speeds, kTuned, &m);
  } else {
    if (!profile && loaded.note.empty())
      note("this machine is measured for a moment; `jaju tune` does it once and better");
    JAJU_ASSIGN(const ThreadSpeeds now, measure_threads(threads, /*quick=*/true));
    set_speeds(now, kNow, &m);
  }
  set_drive(dir, profile, slot_bytes, &m);
  return m;
}

}  // namespace jaju::cli
