// What was typed in earlier sessions: one JSON string per line, so a message of several lines is one entry.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"

namespace jaju::cli {

inline constexpr size_t kHistoryEntries = 1000;

// state_dir()/history
std::filesystem::path history_path();

// The last kHistoryEntries entries, oldest first; damaged lines are skipped, a missing file is empty.
// A file twice as long is rewritten to that many.
std::vector<std::string> load_history(const std::filesystem::path& path);

// Adds one entry; the file and its folder are made readable for their owner only.
Status append_history(const std::filesystem::path& path, const std::string& entry);

}  // namespace jaju::cli
