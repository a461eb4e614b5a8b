// The checks of `jaju doctor`: what this machine offers, what is amiss, what that costs and what helps.
// They only read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace jaju::cli {

enum class Level { ok, warn, fail };

struct Check {
  std::string name;
  Level level = Level::ok;
  std::string finding;  // what is there
  std::string cost;     // what it costs; empty when ok
  std::string fix;      // the command or step that helps; empty when ok
};

// Machine: CPU, kernels, memory, limits, cgroup, huge pages, governor, locale. `root` is "/" (the tests put a
// made-up /proc and /sys below another folder).
std::vector<Check> check_machine(const std::filesystem::path& root = "/");

// Where jaju writes: the state folder.
std::vector<Check> check_folders();

// Weights, of which so many bytes may stay on the disk (a packed model's routed experts), against what memory
// and cgroup allow.
Check check_fit(int64_t weights, int64_t on_disk, const std::filesystem::path& root = "/");

// A model directory: config, weights, tokenizer, template, generation defaults, and whether memory holds it.
std::vector<Check> check_model(const std::filesystem::path& dir, const std::filesystem::path& root = "/");

}  // namespace jaju::cli
