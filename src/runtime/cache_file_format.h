// The bytes of a prefix-cache file. Little endian, nothing aligned.
//
//   header   "JAJUKV\r\n", u32 version, u32 type (0 f32, 1 bf16, 2 q8), u64 model[2], u64 maker,
//            u32 layers, u32 width, u32 page positions, u32 vocabulary, u64 XXH3 of what stands before
//   records  u32 kind, u32 size, `size` bytes, u64 XXH3 of kind, size and bytes
//     1 tenant  its name; tenants are numbered in order
//     2 page    u32 tenant, u32 tokens (1 to 64), i64 parent (number of an earlier page of 64 tokens of the
//               same tenant; -1: the first of a branch), i32 ids, then per layer the latents of those
//               positions
//     3 end     u64 pages; nothing behind it
//
// Pages are numbered in order, the latest used first. A file that ends early, or is damaged somewhere, is
// good up to there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kernels/cache_row.h"

namespace jaju {

// What the pages were made with. Latents of another model, or with other last bits, are of no use.
struct CacheFileKey {
  uint64_t model[2] = {0, 0};  // model_hash.h
  uint64_t maker = 0;          // kernels, precision, attention of prompts
  CacheRow layout;
  int64_t layers = 0;
  int64_t vocab = 0;
};

struct CacheFilePage {
  std::string_view tenant;
  int64_t parent = -1;
  std::span<const int32_t> tokens;
  std::span<const std::byte> latents;  // (layers, tokens), each a CacheRow
};

struct CacheFileContent {
  int64_t pages = 0;     // that were given to the visitor
  bool damaged = false;  // something behind them is not as it was written
};

// Gives every page to `visitor`, in order; it returns false to stop. Error: not such a file, or made with
// anything but `key`; `what` names it.
Result<CacheFileContent> parse_cache_file(std::span<const std::byte> bytes, const CacheFileKey& key,
                                          const std::string& what,
                                          const std::function<bool(const CacheFilePage&)>& visitor);

// The writer's half, appended to `out`.
void append_cache_header(const CacheFileKey& key, std::string& out);
// The checksum over everything in `out` from `start` on.
void append_checksum(size_t start, std::string& out);
void append_tenant_record(std::string_view name, std::string& out);
// `latents` of one layer after the other: calls layer(i) for the bytes of each.
void append_page_record(uint32_t tenant, int64_t parent, std::span<const int32_t> tokens, int64_t layers,
                        const std::function<std::string_view(int64_t)>& layer, std::string& out);
void append_end_record(uint64_t pages, std::string& out);
// Bytes of a page's record.
int64_t page_record_bytes(const CacheFileKey& key, int64_t tokens);

}  // namespace jaju
