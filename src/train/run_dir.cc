#include "train/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/file.h"
#include "base/json.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxStateBytes = 64'000'000;
constexpr const char* kPartial = ".partial-";

std::string step_name(int64_t step) {
  return fmt::format("step-{:06}", step);
}

// The step of a directory named step-N, or -1.
int64_t step_of(const std::string& name) {
  constexpr std::string_view kPrefix = "step-";
  if (name.rfind(kPrefix, 0) != 0) return -1;
  int64_t step = -1;
  const char* end = name.data() + name.size();
  const auto [stop, failure] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return failure == std::errc() && stop == end ? step : -1;
}

Status sync_directory(const fs::path& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  return ok ? Status() : error("cannot write {}: {}", dir.string(), std::strerror(reason));
}

Status make_directories(const fs::path& dir) {
  std::error_code failure;
  fs::create_directories(dir, failure);
  if (failure) return error("cannot make the directory {}: {}", dir.string(), failure.message());
  return {};
}

}  // namespace

Result<std::unique_ptr<RunDir>> RunDir::open(const fs::path& path, bool create) {
  std::error_code failure;
  // Every run has a lock, and one that was copied without it its checkpoints.
  const bool is_run = fs::exists(path / ".lock", failure) || !list_checkpoints(path).empty();
  for (const char* name : {"config.toml", "metrics.jsonl", "run.json"}) {
    if (create && !is_run && fs::exists(path / name, failure)) {
      return error("{} is there, and {} is no run's directory: choose another --out", (path / name).string(),
                   path.string());
    }
  }
  if (create) {
    JAJU_RETURN_IF_ERROR(make_directories(path / "checkpoints"));
  } else if (!fs::is_directory(path / "checkpoints", failure)) {
    return error("{} is not the directory of a run: it has no checkpoints", path.string());
  }
  std::unique_ptr<RunDir> run(new RunDir);
  run->path_ = path;
  run->lock_ = ::open((path / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (run->lock_ < 0) return error("cannot write {}: {}", path.string(), std::strerror(errno));
  if (::flock(run->lock_, LOCK_EX | LOCK_NB) != 0) {
    return error("another process trains in {}; stop it first, or choose another --out", path.string());
  }
  return run;
}

RunDir::~RunDir() {
  if (metrics_ >= 0) ::close(metrics_);
  if (lock_ >= 0) ::close(lock_);
}

Result<fs::path> RunDir::begin_checkpoint() {
  const fs::path root = path_ / "checkpoints";
  std::error_code failure;
  for (fs::directory_iterator it(root, failure), end; !failure && it != end; it.increment(failure)) {
    std::error_code ignored;
    if (it->path().filename().string().rfind(kPartial, 0) == 0) fs::remove_all(it->path(), ignored);
  }
  const fs::path partial = root / fmt::format("{}{}", kPartial, ::getpid());
  JAJU_RETURN_IF_ERROR(make_directories(partial));
  return partial;
}

Status RunDir::commit_checkpoint(const fs::path& partial, int64_t step, int64_t keep) {
  const fs::path root = path_ / "checkpoints";
  const fs::path target = root / step_name(step);
  JAJU_RETURN_IF_ERROR(sync_directory(partial));
  std::error_code failure;
  // The same step again (a resumed run that stops at once): the two change places in one move, so that one of
  // them is always there.
  if (fs::exists(target, failure)) {
    if (::renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) != 0) {
      return error("cannot write {}: {}", target.string(), std::strerror(errno));
    }
    fs::remove_all(partial, failure);
  } else {
    fs::rename(partial, target, failure);
    if (failure) return error("cannot write {}: {}", target.string(), failure.message());
  }
  JAJU_RETURN_IF_ERROR(sync_directory(root));
  JAJU_RETURN_IF_ERROR(write_file_atomic(root / "latest", step_name(step) + "\n"));

  // A later one could not be used, or this run would have gone on from it: it is nobody's successor.
  std::vector<CheckpointInfo> all = list_checkpoints(path_);
  std::erase_if(all, [step](const CheckpointInfo& info) { return info.step > step; });
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i) {
    if (!all[i].stage_end) fs::remove_all(all[i].dir, failure);
  }
  return {};
}

void RunDir::abandon_checkpoint(const fs::path& partial) {
  std::error_code ignored;
  fs::remove_all(partial, ignored);
}

Status RunDir::trim_metrics(int64_t step) {
  const fs::path file = path_ / "metrics.jsonl";
  std::error_code failure;
  if (!fs::exists(file, failure)) return {};
  std::ifstream in(file);
  if (!in) return error("cannot open {}: {}", file.string(), std::strerror(errno));
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object() || in.eof()) continue;  // cut short: its newline is missing
    const auto at = entry.find("step");
    if (at != entry.end() && at->is_number_integer() && at->get<int64_t>() <= step) kept += line + "\n";
  }
  return write_file_atomic(file, kept);
}

Status RunDir::append_metrics(const std::string& line) {
  const fs::path file = path_ / "metrics.jsonl";
  if (metrics_ < 0) metrics_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::string whole = line + "\n";
  size_t done = 0;
  while (metrics_ >= 0 && done < whole.size()) {
    const ssize_t n = ::write(metrics_, whole.data() + done, whole.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<size_t>(n);
  }
  if (metrics_ < 0 || done < whole.size()) {
    return error("cannot write {}: {}", file.string(), std::strerror(errno));
  }
  return {};
}

std::vector<CheckpointInfo> list_checkpoints(const fs::path& run) {
  std::vector<CheckpointInfo> found;
  std::error_code failure;
  for (fs::directory_iterator it(run / "checkpoints", failure), end; !failure && it != end;
       it.increment(failure)) {
    CheckpointInfo info;
    info.step = step_of(it->path().filename().string());
    info.dir = it->path();
    if (info.step < 0) continue;
    Result<nlohmann::json> state = read_json(info.dir / "state.json", kMaxStateBytes);
    if (!state.ok() || !state->is_object()) continue;
    const auto end_of_stage = state->find("stage_end");
    info.stage_end = end_of_stage != state->end() && end_of_stage->is_boolean() && end_of_stage->get<bool>();
    info.state = std::move(*state);
    found.push_back(std::move(info));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

Status check_checkpoints(const fs::path& run) {
  const fs::path root = run / "checkpoints";
  std::error_code failure;
  if (!fs::exists(root, failure)) return {};
  fs::path newest;
  for (fs::directory_iterator it(root, failure), end; !failure && it != end; it.increment(failure)) {
    if (step_of(it->path().filename().string()) > step_of(newest.filename().string())) newest = it->path();
  }
  if (failure) return error("cannot read {}: {}", root.string(), failure.message());
  if (newest.empty() || !list_checkpoints(run).empty()) return {};
  return error(
      "{} and the checkpoints before it have no state.json that can be read: restore it, or choose another "
      "--out",
      newest.string());
}

bool is_training(const fs::path& run) {
  const int fd = ::open((run / ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

Result<fs::path> find_model_dir(const fs::path& dir) {
  // A run first: a model that was written into its directory would never change again.
  const std::vector<CheckpointInfo> all = list_checkpoints(dir);
  if (!all.empty()) return all.back().dir;
  std::error_code failure;
  if (fs::exists(dir / "config.json", failure)) return dir;
  return error("{} is neither a model (it has no config.json) nor a run with a checkpoint", dir.string());
}

}  // namespace jaju::train
