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

// That a file can be made at `path`, or replaced: for what takes long before it writes. Errors: as
// write_file_atomic would say them, and that `path` is a directory.
Status check_writable(const std::filesystem::path& path);

// That `folder`'s disk has room for `bytes` more of `what` ("the GGUF file").
Status check_room(const std::filesystem::path& folder, int64_t bytes, std::string_view what);

// Where a path leads, symbolic links followed, also to what is not there yet.
std::filesystem::path follow_links(std::filesystem::path path);

// "12.3 GB", "640 B": decimal units, three significant digits.
std::string human_bytes(double bytes);

}  // namespace jaju
