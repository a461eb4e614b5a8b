// The prefix cache on disk, from one run to the next.
#pragma once

#include <filesystem>
#include <string>

#include "runtime/cache_file_format.h"
#include "runtime/page_pool.h"
#include "runtime/prefix_cache.h"

namespace jaju {

// Of this model, in `dir`.
std::filesystem::path cache_file_path(const std::filesystem::path& dir, const CacheFileKey& key);

// Writes the latest used pages, `most_bytes` of file at most: a new file of mode 0600, renamed over the old
// one when whole and on the disk. `dir` is made (0700) where it is missing. On success one sentence says what
// was written.
Result<std::string> save_cache_file(const std::filesystem::path& path, const CacheFileKey& key,
                                    const PrefixCache& cache, const PagePool& pool, int64_t most_bytes);

// Puts the file's pages into an empty cache, as far as there are pages in the pool. Errors, after which the
// cache is as good as before: another model's file, damage from the start, or a file others may write. A file
// that is damaged further on is used up to there. On success one sentence says what was read; an absent file
// is one too.
Result<std::string> load_cache_file(const std::filesystem::path& path, const CacheFileKey& key,
                                    PrefixCache& cache, PagePool& pool, int64_t most_bytes);

}  // namespace jaju
