#include "memory/machine_profile.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/thread_team.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "jaju-machine";
constexpr int64_t kVersion = 1;
constexpr int64_t kMostBytes = 4'000'000;
constexpr size_t kMostEntries = 4096;
constexpr size_t kMostText = 4096;
constexpr double kMostSpeed = 1e18;
constexpr int64_t kMostSize = int64_t{1} << 50;

// First line of `file` that starts with `name`, behind its colon; empty when there is none.
std::string line_of(const char* file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name)) continue;
    const size_t text = line.find_first_not_of(": \t", name.size());
    return text == std::string::npos ? "" : line.substr(text);
  }
  return "";
}

// File pages that a cgroup counts as used and gives up as soon as somebody needs the room. Version 1 counts
// those of groups below it apart, as total_.
int64_t reclaimable(const fs::path& cgroup) {
  std::ifstream in(cgroup / "memory.stat");
  int64_t sum = 0, total = 0, bytes = 0;
  for (std::string name; in >> name >> bytes;) {
    if (name == "inactive_file" || name == "active_file") sum += bytes;
    if (name == "total_inactive_file" || name == "total_active_file") total += bytes;
  }
  return std::max(sum, total);
}

// The path of this process below the controller of a cgroup: "4:memory:/a/b" is "/a/b" for ":memory:".
std::string cgroup_of_process(std::string_view controller) {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t at = line.find(':');
    if (at != std::string::npos && line.substr(at).starts_with(controller))
      return line.substr(at + controller.size());
  }
  return "";
}

Json to_json(const ReadSpeed& s) {
  return {{"direct", s.direct},
          {"piece_bytes", s.piece_bytes},
          {"depth", s.depth},
          {"bytes_per_second", s.bytes_per_second}};
}

// Reads fields of one object; the first that is wrong is remembered, the others are then of no interest.
class Fields {
 public:
  Fields(const nlohmann::json& object, std::string place, Status* wrong)
      : object_(object), place_(std::move(place)), wrong_(wrong) {
    if (!object_.is_object()) fail("", "an object");
  }

  std::string text(const char* name) {
    const nlohmann::json* v = find(name);
    if (v != nullptr && v->is_string() && v->get_ref<const std::string&>().size() <= kMostText)
      return v->get<std::string>();
    fail(name, "a text");
    return "";
  }
  int64_t whole(const char* name, int64_t least, int64_t most) {
    const nlohmann::json* v = find(name);
    if (v != nullptr && v->is_number_unsigned() && v->get<uint64_t>() <= static_cast<uint64_t>(most) &&
        v->get<int64_t>() >= least)
      return v->get<int64_t>();
    fail(name, fmt::format("a whole number from {} to {}", least, most));
    return least;
  }
  double speed(const char* name) {
    const nlohmann::json* v = find(name);
    if (v != nullptr && v->is_number() && v->get<double>() >= 0 && v->get<double>() <= kMostSpeed)
      return v->get<double>();
    fail(name, "a number from 0");
    return 0;
  }
  bool flag(const char* name) {
    const nlohmann::json* v = find(name);
    if (v != nullptr && v->is_boolean()) return v->get<bool>();
    fail(name, "true or false");
    return false;
  }
  const nlohmann::json& list(const char* name) {
    static const nlohmann::json kNone = nlohmann::json::array();
    const nlohmann::json* v = find(name);
    if (v != nullptr && v->is_array() && v->size() <= kMostEntries) return *v;
    fail(name, "a list");
    return kNone;
  }
  const nlohmann::json& object(const char* name) {
    static const nlohmann::json kNone = nlohmann::json::object();
    const nlohmann::json* v = find(name);
    if (v != nullptr && v->is_object()) return *v;
    fail(name, "an object");
    return kNone;
  }
  void fail(const std::string& name, const std::string& expected) {
    if (!wrong_->ok()) return;
    const std::string field = name.empty() ? place_ : place_.empty() ? name : place_ + "." + name;
    *wrong_ = error("its field '{}' must be {}", field, expected);
  }

 private:
  const nlohmann::json* find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  const nlohmann::json& object_;
  std::string place_;
  Status* wrong_;
};

ReadSpeed read_speed(const nlohmann::json& json, const std::string& place, Status* wrong) {
  Fields f(json, place, wrong);
  ReadSpeed s;
  s.direct = f.flag("direct");
  s.piece_bytes = f.whole("piece_bytes", 4096, int64_t{1} << 30);
  s.depth = static_cast<int>(f.whole("depth", 1, 4096));
  s.bytes_per_second = f.speed("bytes_per_second");
  if (s.piece_bytes % 4096 != 0) f.fail("piece_bytes", "a multiple of 4096");
  return s;
}

}  // namespace

std::string cpu_name() {
  const std::string name = line_of("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown CPU" : name;
}

bool same_machine(const MachineIdentity& a, const MachineIdentity& b) {
  return a.cpu == b.cpu && a.cores == b.cores &&
         std::abs(a.memory_bytes - b.memory_bytes) <= std::max(a.memory_bytes, b.memory_bytes) / 32;
}

MachineIdentity this_machine() {
  const int64_t pages = ::sysconf(_SC_PHYS_PAGES);
  const int64_t page_bytes = ::sysconf(_SC_PAGESIZE);
  return {cpu_name(), usable_cpus(), pages * page_bytes};
}

std::optional<int64_t> cgroup_room(const fs::path& top, const fs::path& below) {
  std::optional<int64_t> least;
  for (fs::path at = top / below.relative_path();; at = at.parent_path()) {
    int64_t limit = 0, used = 0;
    const auto read = [&](const char* limit_file, const char* used_file) {
      return std::ifstream(at / limit_file) >> limit && std::ifstream(at / used_file) >> used;
    };
    if (read("memory.max", "memory.current") || read("memory.limit_in_bytes", "memory.usage_in_bytes")) {
      const int64_t room = std::max<int64_t>(limit - std::max<int64_t>(used - reclaimable(at), 0), 0);
      least = std::min(least.value_or(room), room);
    }
    if (at == top || at == at.parent_path()) break;
  }
  return least;
}

std::optional<int64_t> free_memory() {
  std::optional<int64_t> room = cgroup_room("/sys/fs/cgroup", cgroup_of_process("::"));
  if (!room) room = cgroup_room("/sys/fs/cgroup/memory", cgroup_of_process(":memory:"));
  const std::string text = line_of("/proc/meminfo", "MemAvailable");
  int64_t kilobytes = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), kilobytes);
  if (failed != std::errc()) return room;
  const int64_t available = kilobytes * 1024;
  return std::min(available, room.value_or(available));
}

Result<std::string> device_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return error("'{}' is not there", path.string());
  return fmt::format("{}:{}", major(info.st_dev), minor(info.st_dev));
}

const ThreadSpeeds* MachineProfile::at(int n_threads) const {
  for (const ThreadSpeeds& s : speeds) {
    if (s.threads == n_threads) return &s;
  }
  return nullptr;
}

const DriveProfile* MachineProfile::drive(std::string_view device) const {
  for (const DriveProfile& d : drives) {
    if (d.device == device) return &d;
  }
  return nullptr;
}

int best_threads(const std::vector<ThreadSpeeds>& speeds) {
  constexpr double kEnough = 0.95;
  double stream = 0, products = 0;
  const auto of = [](const ThreadSpeeds& s) { return std::max({s.int8, s.bf16, s.f32}); };
  for (const ThreadSpeeds& s : speeds) {
    stream = std::max(stream, s.stream);
    products = std::max(products, of(s));
  }
  for (const ThreadSpeeds& s : speeds) {
    if (s.stream >= kEnough * stream && of(s) >= kEnough * products) return s.threads;
  }
  return speeds.empty() ? 0 : speeds.back().threads;
}

namespace {

int64_t under_way(const ReadSpeed& s) {
  return s.depth * s.piece_bytes;
}
// Of reads by O_DIRECT or the page cache, of at most an extent under way or more.
size_t read_kind(const ReadSpeed& s, int64_t extent_bytes) {
  return (s.direct ? 0u : 2u) + (under_way(s) <= extent_bytes ? 0u : 1u);
}

}  // namespace

ReadSpeed best_read(const std::vector<ReadSpeed>& speeds, int64_t extent_bytes) {
  constexpr double kAlike = 0.97;
  constexpr double kMustGain = 1.2;
  double fastest[4] = {};
  for (const ReadSpeed& s : speeds) {
    double& of_kind = fastest[read_kind(s, extent_bytes)];
    of_kind = std::max(of_kind, s.bytes_per_second);
  }
  const auto better = [&](size_t usual, size_t other) {
    return fastest[usual] > 0 && fastest[other] < kMustGain * fastest[usual] ? usual : other;
  };
  const size_t kind = better(better(0, 1), better(2, 3));
  const ReadSpeed* best = nullptr;
  for (const ReadSpeed& s : speeds) {
    if (read_kind(s, extent_bytes) != kind || s.bytes_per_second < kAlike * fastest[kind]) continue;
    if (best == nullptr || under_way(s) < under_way(*best) ||
        (under_way(s) == under_way(*best) && s.depth < best->depth)) {
      best = &s;
    }
  }
  return best != nullptr ? *best : speeds.front();
}

std::vector<ReadSpeed> leading_reads(std::vector<ReadSpeed> speeds, int64_t extent_bytes, size_t n) {
  std::stable_sort(speeds.begin(), speeds.end(), [](const ReadSpeed& a, const ReadSpeed& b) {
    return a.bytes_per_second > b.bytes_per_second;
  });
  std::vector<ReadSpeed> leading;
  size_t of_kind[4] = {};
  for (const ReadSpeed& s : speeds) {
    const size_t kind = read_kind(s, extent_bytes);
    if (of_kind[kind]++ < (kind == 0 ? n : 1)) leading.push_back(s);
  }
  return leading;
}

std::string to_json(const MachineProfile& profile) {
  Json speeds = Json::array();
  for (const ThreadSpeeds& s : profile.speeds) {
    speeds.push_back({{"threads", s.threads},
                      {"stream", s.stream},
                      {"f32", s.f32},
                      {"bf16", s.bf16},
                      {"int8", s.int8},
                      {"decode_bytes", s.decode_bytes},
                      {"prompt_ops", s.prompt_ops}});
  }
  Json drives = Json::array();
  for (const DriveProfile& d : profile.drives) {
    Json tried = Json::array();
    for (const ReadSpeed& s : d.speeds) tried.push_back(to_json(s));
    drives.push_back({{"device", d.device},
                      {"where", d.where},
                      {"extent_bytes", d.extent_bytes},
                      {"best", to_json(d.best)},
                      {"speeds", std::move(tried)}});
  }
  const Json all = {{"format", kFormat},
                    {"version", kVersion},
                    {"measured", profile.measured},
                    {"machine",
                     {{"cpu", profile.machine.cpu},
                      {"cores", profile.machine.cores},
                      {"memory_bytes", profile.machine.memory_bytes}}},
                    {"threads", profile.threads},
                    {"speeds", std::move(speeds)},
                    {"drives", std::move(drives)}};
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<MachineProfile> parse_machine_profile(std::string_view text, const std::string& what) {
  JAJU_ASSIGN(const nlohmann::json root, parse_json(text, what));
  if (!root.is_object() || root.value("format", nlohmann::json()) != kFormat)
    return error("{} is no machine profile: its field 'format' must be \"{}\"", what, kFormat);
  if (root.value("version", nlohmann::json()) != kVersion)
    return error("{} has a version this jaju does not read (it reads {})", what, kVersion);
  Status wrong;
  MachineProfile p;
  Fields top(root, "", &wrong);
  p.measured = top.text("measured");
  Fields machine(top.object("machine"), "machine", &wrong);
  p.machine.cpu = machine.text("cpu");
  p.machine.cores = static_cast<int>(machine.whole("cores", 1, 65536));
  p.machine.memory_bytes = machine.whole("memory_bytes", 0, kMostSize);
  p.threads = static_cast<int>(top.whole("threads", 1, 4096));
  for (const nlohmann::json& entry : top.list("speeds")) {
    Fields f(entry, fmt::format("speeds[{}]", p.speeds.size()), &wrong);
    ThreadSpeeds s;
    s.threads =
        static_cast<int>(f.whole("threads", p.speeds.empty() ? 1 : p.speeds.back().threads + 1, 65536));
    s.stream = f.speed("stream");
    s.f32 = f.speed("f32");
    s.bf16 = f.speed("bf16");
    s.int8 = f.speed("int8");
    s.decode_bytes = f.speed("decode_bytes");
    s.prompt_ops = f.speed("prompt_ops");
    p.speeds.push_back(s);
    if (!wrong.ok()) break;
  }
  for (const nlohmann::json& entry : top.list("drives")) {
    const std::string place = fmt::format("drives[{}]", p.drives.size());
    Fields f(entry, place, &wrong);
    DriveProfile d;
    d.device = f.text("device");
    d.where = f.text("where");
    d.extent_bytes = f.whole("extent_bytes", 1, kMostSize);
    d.best = read_speed(f.object("best"), place + ".best", &wrong);
    for (const nlohmann::json& tried : f.list("speeds"))
      d.speeds.push_back(read_speed(tried, fmt::format("{}.speeds[{}]", place, d.speeds.size()), &wrong));
    if (p.drive(d.device) != nullptr) f.fail("device", "another one than the drives before");
    p.drives.push_back(std::move(d));
    if (!wrong.ok()) break;
  }
  if (!wrong.ok()) return error("{} is damaged, {}", what, wrong.message());
  return p;
}

fs::path machine_profile_file() {
  return cache_dir() / "machine.json";
}

Status save_machine_profile(const MachineProfile& profile) {
  const fs::path file = machine_profile_file();
  std::error_code failure;
  fs::create_directories(file.parent_path(), failure);
  if (failure) return error("'{}' cannot be made: {}", file.parent_path().string(), failure.message());
  return write_file_atomic(file, to_json(profile));
}

LoadedProfile load_machine_profile() {
  const fs::path file = machine_profile_file();
  std::error_code failure;
  if (!fs::exists(file, failure)) return {};
  const Result<std::string> text = read_file(file, kMostBytes);
  if (!text.ok()) return {std::nullopt, text.message() + "; going on without it"};
  Result<MachineProfile> profile = parse_machine_profile(*text, file.string());
  if (!profile.ok())
    return {std::nullopt, profile.message() + "; going on without it (`jaju tune` makes a new one)"};
  if (!same_machine(profile->machine, this_machine())) {
    return {std::nullopt,
            fmt::format("{} was measured on another machine ({}, {} cores); going on without it "
                        "(`jaju tune` makes a new one)",
                        file.string(), profile->machine.cpu, profile->machine.cores)};
  }
  return {*std::move(profile), ""};
}

}  // namespace jaju
