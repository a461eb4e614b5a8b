// Token shards: what `jaju data prepare` writes and `jaju train` maps.
//
// A directory with manifest.json and shard-00000.bin, shard-00001.bin, ... A shard holds whole documents in order;
// packing into rows of a context length happens when they are read, so one directory serves every stage.
//
//   0   8 bytes   "JAJUTOK1"
//   8   u64       tokens in this shard
//   16  u64       documents in this shard
//   24  u64       XXH3-64 of everything after the header
//   32  u32 * tokens     token id in bits 0..30; bit 31: the loss counts when this token is predicted
//       u64 * documents  end offset (in tokens, from the shard's start) of each document, ascending
//
// Little-endian, 8-byte aligned (one zero u32 follows an odd number of tokens).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace jaju::data {

inline constexpr uint32_t kLossBit = 0x80000000u;

class ShardWriter {
 public:
  // Starts, or goes on with, the directory `dir`: shards that are complete stay, a half-written one is dropped.
  static Result<std::unique_ptr<ShardWriter>> create(const std::filesystem::path& dir, int64_t tokens_per_shard);
  ~ShardWriter();
  // `tokens` with their loss bits.
  Status append(std::span<const uint32_t> tokens);
  Status finish();  // closes the last shard

  struct Shard {
    std::string file;
    int64_t tokens = 0;
    int64_t documents = 0;
    std::string hash;  // 16 hex digits
  };
  const std::vector<Shard>& shards() const;

 private:
  ShardWriter();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// All shards of one directory, mapped. Documents are numbered through all shards.
class ShardSet {
 public:
  // Errors: no manifest, a shard missing, its size or header not what the manifest says, offsets that do not ascend.
  // verify: also the hash of every shard.
  static Result<std::unique_ptr<ShardSet>> open(const std::filesystem::path& dir, bool verify = false);
  ~ShardSet();

  int64_t documents() const;
  int64_t tokens() const;
  // Tokens with their loss bits; valid as long as this object.
  std::span<const uint32_t> document(int64_t index) const;
  int64_t vocab_size() const;       // of the tokenizer the manifest names
  const std::string& hash() const;  // of the manifest: two sets with the same hash are the same data

 private:
  ShardSet();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju::data
