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
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju::data {

inline constexpr uint32_t kLossBit = 0x80000000u;

class ShardWriter {
 public:
  // Starts, or goes on with, the directory `dir`: shards that are complete stay, a half-written or damaged one is
  // dropped with all behind it, and so is the manifest. A shard ends with the document that reaches tokens_per_shard.
  static Result<std::unique_ptr<ShardWriter>> create(const std::filesystem::path& dir, int64_t tokens_per_shard);
  ~ShardWriter();
  // One document: `tokens` with their loss bits, at least one.
  Status append(std::span<const uint32_t> tokens);
  // Closes the last shard and writes a manifest with just the shards; vocab_size is the largest id + 1.
  Status finish();
  // finish() in two steps, for a manifest that says more.
  Status close_shard();
  // Drops the shards behind the first `n_shards`; only before the first append().
  Status keep(int64_t n_shards);

  struct Shard {
    std::string file;
    int64_t tokens = 0;
    int64_t documents = 0;
    std::string hash;  // 16 hex digits
  };
  const std::vector<Shard>& shards() const;  // complete ones

 private:
  ShardWriter();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Writes dir/manifest.json, which makes the directory a shard set. Keys of `more` (an object) follow ours.
Status write_shard_manifest(const std::filesystem::path& dir, const std::vector<ShardWriter::Shard>& shards,
                            int64_t vocab_size, const nlohmann::ordered_json& more);

struct ShardManifest {
  int64_t vocab_size = 0;
  std::vector<ShardWriter::Shard> shards;
};
// `what` names the file in errors.
Result<ShardManifest> parse_shard_manifest(std::string_view json, const std::string& what);

// All shards of one directory, mapped. Documents are numbered through all shards.
class ShardSet {
 public:
  // Errors: no manifest, a shard missing, its size or header not what the manifest says, offsets that do not ascend.
  // verify: also the hash of every shard, and that its ids are below vocab_size.
  static Result<std::unique_ptr<ShardSet>> open(const std::filesystem::path& dir, bool verify = false);
  ~ShardSet();

  int64_t documents() const;
  int64_t tokens() const;
  // OK, or the sentence to report when a shard's file shrank or its disk failed since open(): what was read is wrong.
  Status intact() const;
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
