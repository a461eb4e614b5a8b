// Whole-file reading and atomic writing, with errors as sentences.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju {

// Reads a regular file of at most max_bytes. Errors: missing, unreadable, too large, changed while read.
Result<std::string> read_file(const std::filesystem::path& path, int64_t max_bytes);

// Writes through a temporary file beside `path`, fsync and rename: the old content or the new, never half.
// mode is the permission of the new file (0600 for anything private).
Status write_file_atomic(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// "12.3 GB", "640 B": decimal units, three significant digits.
std::string human_bytes(double bytes);

}  // namespace jaju
