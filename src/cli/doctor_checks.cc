#include "cli/doctor_checks.h"

#include <langinfo.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/paths.h"
#include "base/thread_team.h"
#include "base/topology.h"
#include "chat/chat.h"
#include "cli/cli.h"
#include "cli/generation_defaults.h"
#include "kernels/ops.h"
#include "model/weights.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

Check ok(std::string name, std::string finding) {
  return {std::move(name), Level::ok, std::move(finding), "", ""};
}
Check warn(std::string name, std::string finding, std::string cost, std::string fix) {
  return {std::move(name), Level::warn, std::move(finding), std::move(cost), std::move(fix)};
}
Check fail(std::string name, std::string finding, std::string fix) {
  return {std::move(name), Level::fail, std::move(finding), "the model cannot run", std::move(fix)};
}

std::string read_text(const fs::path& path) {
  // Files of /proc and /sys say size 0, so read_file's checks do not fit them.
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "r"); file != nullptr) {
    char buffer[16384];
    text.assign(buffer, std::fread(buffer, 1, sizeof buffer, file));
    std::fclose(file);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::optional<int64_t> to_number(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// Bytes of one line of /proc/meminfo ("MemAvailable:   123 kB").
std::optional<int64_t> meminfo(const fs::path& root, std::string_view field) {
  const std::string text = read_text(root / "proc/meminfo");
  const size_t at = text.find(std::string(field) + ":");
  if (at == std::string::npos) return std::nullopt;
  const std::optional<int64_t> kilobytes = to_number(std::string_view(text).substr(at + field.size() + 1));
  return kilobytes ? std::optional(*kilobytes * 1024) : std::nullopt;
}

// The folder of this process below `top`, a tree of cgroups; its line in /proc/self/cgroup has `controller`:
// "::/" in version 2, ":memory:/" in version 1.
fs::path cgroup(const fs::path& root, const fs::path& top, std::string_view controller) {
  const std::string text = read_text(root / "proc/self/cgroup");
  const size_t at = text.find(controller);
  if (at == std::string::npos) return top;
  const size_t below = at + controller.size();
  return top / text.substr(below, text.find('\n', below) - below);
}
fs::path cgroup(const fs::path& root) {
  return cgroup(root, root / "sys/fs/cgroup", "::/");
}

// The tightest limit from `at` up to `top`; version 1 writes a number near 2^63 where there is none.
std::optional<int64_t> tightest(fs::path at, const fs::path& top, const char* limit_file) {
  std::optional<int64_t> least;
  for (; at.string().size() >= top.string().size(); at = at.parent_path()) {
    const std::optional<int64_t> limit = to_number(read_text(at / limit_file));
    if (limit && *limit < INT64_MAX / 2 && (!least || *limit < *least)) least = limit;
    if (at == at.parent_path()) break;
  }
  return least;
}

// The tightest memory limit on this process.
std::optional<int64_t> cgroup_memory(const fs::path& root) {
  const fs::path top = root / "sys/fs/cgroup";
  if (const auto limit = tightest(cgroup(root), top, "memory.max"); limit) return limit;
  const fs::path one = top / "memory";
  return tightest(cgroup(root, one, ":memory:/"), one, "memory.limit_in_bytes");
}

std::string bytes(int64_t n) {
  return human_bytes(static_cast<double>(n));
}

Check check_cpu() {
  std::string features;
  for (const auto& [name, there] : cpu_features()) {
    if (there) features += (features.empty() ? "" : " ") + name;
  }
  return ok("cpu", fmt::format("{} CPUs usable; {}", usable_cpus(),
                               features.empty() ? "no vector features known" : features));
}

Check check_kernels() {
  const Result<const Ops*> chosen = select_ops();
  if (!chosen.ok()) return fail("kernels", chosen.message(), "unset JAJU_ISA");
  const std::string name = (*chosen)->name;
  if (name == "ref") {
    const bool forced = std::getenv("JAJU_ISA") != nullptr;
    return warn("kernels", "ref (plain loops)", "many times slower than the vector kernels",
                forced ? "unset JAJU_ISA" : "use a CPU with AVX2 or AVX-512");
  }
  std::string with;
  if (name == "avx512" && cpu_has_fast_bf16_dot()) with += ", with the bf16 dot product";
  if (name == "avx512" && uses_int8_tiles())
    with += (with.empty() ? ", with" : " and") + std::string(" AMX tiles");
  if (name == "avx2" && uses_avx_vnni()) with += ", with AVX-VNNI";
  return ok("kernels", name + with);
}

Check check_memory(const fs::path& root) {
  const std::optional<int64_t> total = meminfo(root, "MemTotal");
  const std::optional<int64_t> available = meminfo(root, "MemAvailable");
  if (!total || !available) {
    return warn("memory", "/proc/meminfo cannot be read", "the fit of a model cannot be judged",
                "mount /proc");
  }
  const std::string finding = fmt::format("{} free of {}", bytes(*available), bytes(*total));
  if (*available < 512'000'000) {
    return warn("memory", finding, "even small models may be pushed out to disk", "close other programs");
  }
  return ok("memory", finding);
}

Check check_swap(const fs::path& root) {
  const int64_t total = meminfo(root, "SwapTotal").value_or(0);
  const int64_t used = total - meminfo(root, "SwapFree").value_or(total);
  if (total > 0 && used > total / 4) {
    return warn("swap", fmt::format("{} of {} in use", bytes(used), bytes(total)),
                "memory is short already; answers stall while pages come back", "close other programs");
  }
  return ok("swap", total == 0 ? "none" : fmt::format("{} of {} in use", bytes(used), bytes(total)));
}

Check check_cgroup(const fs::path& root) {
  std::string finding;
  bool tight = false;
  if (const std::optional<int64_t> limit = cgroup_memory(root); limit) {
    finding = fmt::format("memory limited to {}", bytes(*limit));
    tight = *limit < meminfo(root, "MemTotal").value_or(*limit);
  }
  const std::string cpu = read_text(cgroup(root) / "cpu.max");
  if (!cpu.empty() && cpu.compare(0, 3, "max") != 0) {
    const std::optional<int64_t> quota = to_number(cpu);
    const size_t space = cpu.find(' ');
    const std::optional<int64_t> period =
        space == std::string::npos ? std::nullopt : to_number(cpu.substr(space));
    if (quota && period && *period > 0) {
      finding += fmt::format("{}CPU time limited to {:.3g} CPUs", finding.empty() ? "" : "; ",
                             static_cast<double>(*quota) / static_cast<double>(*period));
      tight = true;
    }
  }
  if (finding.empty()) return ok("cgroup", "no limits");
  if (!tight) return ok("cgroup", finding);
  return warn("cgroup", finding, "a model larger than the limit is killed or read from disk again and again",
              "raise the container's limits (docker: --memory, --cpus)");
}

std::string limit_text(rlim_t value, bool in_bytes) {
  if (value == RLIM_INFINITY) return "unlimited";
  return in_bytes ? bytes(static_cast<int64_t>(value)) : std::to_string(value);
}

Check check_open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::string finding = limit_text(limit.rlim_cur, false);
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < 512) {
    return warn("open files", finding,
                "a checkpoint of hundreds of shards (A.X K1: up to 260) cannot be opened", "ulimit -n 4096");
  }
  return ok("open files", finding);
}

Check check_memlock() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  return ok("memlock", limit_text(limit.rlim_cur, true) + "; this version locks no memory");
}

// "[madvise]" of "always [madvise] never".
std::string chosen_word(const std::string& text) {
  const size_t open = text.find('[');
  const size_t close = text.find(']', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return text;
  return text.substr(open + 1, close - open - 1);
}

Check check_huge_pages(const fs::path& root) {
  const std::string mode = chosen_word(read_text(root / "sys/kernel/mm/transparent_hugepage/enabled"));
  if (mode.empty()) return ok("huge pages", "not offered by this kernel");
  if (mode == "never") {
    return warn("huge pages", "never", "more TLB misses, a few per cent of speed on large models",
                "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
  }
  return ok("huge pages", mode);
}

Check check_governor(const fs::path& root) {
  const fs::path cpu = root / "sys/devices/system/cpu/cpu0/cpufreq";
  const std::string governor = read_text(cpu / "scaling_governor");
  const std::string driver = read_text(cpu / "scaling_driver");
  if (governor.empty()) return ok("governor", "not visible (usual in a virtual machine)");
  // These two drivers raise the clock under load whatever the word says.
  const bool active = driver == "intel_pstate" || driver == "amd-pstate-epp";
  if (governor == "powersave" && !active) {
    return warn("governor", fmt::format("powersave ({})", driver),
                "the clock stays low; answers take about a quarter longer",
                "sudo cpupower frequency-set -g performance");
  }
  return ok("governor", driver.empty() ? governor : fmt::format("{} ({})", governor, driver));
}

Check check_numa() {
  const Result<Topology> topology = Topology::of_this_machine();
  if (topology.ok()) return ok("numa", topology->in_words());
  return warn("numa", topology.message(),
              "threads and weights are not placed by node where there are several", "mount /sys");
}

Check check_locale() {
  const char* codeset = nl_langinfo(CODESET);
  if (std::strcmp(codeset, "UTF-8") == 0) return ok("text", "UTF-8");
  return warn("text", codeset, "Korean cannot be typed in the session", "export LC_ALL=C.UTF-8");
}

Check check_disk(const char* name, const fs::path& dir) {
  fs::path at = dir;
  std::error_code failure;
  while (!at.empty() && !fs::exists(at, failure) && at != at.parent_path()) at = at.parent_path();
  const fs::space_info space = fs::space(at, failure);
  if (failure)
    return warn(name, fmt::format("'{}': {}", at.string(), failure.message()), "its free space is unknown",
                "check the path");
  return ok(name, fmt::format("{} free at {}", bytes(static_cast<int64_t>(space.available)), at.string()));
}

}  // namespace

Check check_fit(int64_t weights, int64_t on_disk, const fs::path& root) {
  int64_t room = meminfo(root, "MemAvailable").value_or(0);
  if (const std::optional<int64_t> limit = cgroup_memory(root); limit) room = std::min(room, *limit);
  const std::string finding = fmt::format("weights {}, memory free {}", bytes(weights), bytes(room));
  if (weights > room && weights - on_disk < room) {
    return ok("fit", finding + "; experts that find no room are read when wanted: `jaju plan` says how fast");
  }
  if (weights > room) {
    return warn(
        "fit", finding,
        "what does not fit is read from disk: seconds or minutes a token where the model is not packed",
        "`jaju plan` says how fast; `jaju pack` if it is not packed; a machine with more memory");
  }
  return ok("fit", finding);
}

std::vector<Check> check_machine(const fs::path& root) {
  return {check_cpu(),          check_kernels(),    check_memory(root), check_swap(root),
          check_cgroup(root),   check_open_files(), check_memlock(),    check_huge_pages(root),
          check_governor(root), check_numa(),       check_locale()};
}

std::vector<Check> check_folders() {
  std::vector<Check> checks = {check_disk("disk", data_dir())};
  const fs::path state = state_dir();
  fs::path at = state;
  std::error_code failure;
  while (!fs::exists(at, failure) && at != at.parent_path()) at = at.parent_path();
  if (::access(at.c_str(), W_OK) != 0) {
    checks.push_back(warn("history", fmt::format("'{}' cannot be written", state.string()),
                          "the session's history and saved conversations are lost at its end",
                          "set JAJU_HOME to a folder of yours"));
  } else {
    checks.push_back(ok("history", state.string()));
  }
  return checks;
}

std::vector<Check> check_model(const fs::path& dir, const fs::path& root) {
  std::vector<Check> checks = {check_disk("model disk", dir)};
  const Result<ModelConfig> config = load_config(dir);
  if (!config.ok()) {
    checks.push_back(fail("config", config.message(), "download config.json again"));
    return checks;
  }
  checks.push_back(ok("config", fmt::format("{}, {} layers", config->model_type, config->n_layers)));
  const Result<std::unique_ptr<Weights>> weights = Weights::load(dir, *config, StoredFp4::wanted);
  if (!weights.ok()) {
    checks.push_back(fail("weights", weights.message(), "download the missing or damaged files again"));
  } else {
    int64_t total = 0, experts = 0;
    for (const TensorGroup& group : (*weights)->groups) {
      total += group.bytes;
      if (group.name == "routed experts") experts = group.bytes;
    }
    checks.push_back(ok("weights", fmt::format("{} parameters, {}",
                                               with_commas((*weights)->parameters.total()), bytes(total))));
    checks.push_back(check_fit(total, (*weights)->packed ? experts : 0, root));
  }
  const Result<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::load(dir);
  if (!tokenizer.ok()) {
    checks.push_back(
        fail("tokenizer", tokenizer.message(), "copy the model's tokenizer.json into the directory"));
    return checks;
  }
  if ((*tokenizer)->vocab_size() > config->vocab_size) {
    checks.push_back(fail("tokenizer",
                          fmt::format("tokenizer.json has {} tokens, config.json a vocabulary of {}",
                                      (*tokenizer)->vocab_size(), config->vocab_size),
                          "use the tokenizer.json that belongs to these weights"));
    return checks;
  }
  checks.push_back(ok("tokenizer", fmt::format("{} tokens", with_commas((*tokenizer)->vocab_size()))));
  const Result<std::unique_ptr<ChatTemplate>> chat = ChatTemplate::load(dir);
  checks.push_back(
      chat.ok() ? ok("template", (*chat)->source())
                : fail("template", chat.message(), "remove the file; the built-in template takes its place"));
  const Result<GenerationDefaults> defaults = load_generation_defaults(dir, *config, **tokenizer);
  checks.push_back(defaults.ok()
                       ? ok("sampling", defaults->source)
                       : fail("sampling", defaults.message(), "correct or remove generation_config.json"));
  return checks;
}

}  // namespace jaju::cli
