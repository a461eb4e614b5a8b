// The BPE model: one piece of text to ids by merging neighbours, best rank first.
//
// Short pieces are merged by scanning, long ones through a heap: n log n, whatever the text. A bounded table
// of recent pieces in the scratch answers most of a normal text without merging.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/spec.h"

namespace jaju {

// Work memory of one thread for one Bpe.
class BpeScratch {
 public:
  BpeScratch();
  // Pair look-ups made so far: the measure of work in tests.
  uint64_t pair_lookups = 0;
  // Gives back what an unusually long piece made us allocate.
  void shrink();

 private:
  friend class Bpe;
  static constexpr size_t kCacheEntries = 1 << 16;
  static constexpr size_t kMaxKey = 32;
  static constexpr size_t kMaxIds = 6;
  struct alignas(64) CacheEntry {  // n_ids == 0: empty
    std::array<uint64_t, kMaxKey / 8> key;
    std::array<TokenId, kMaxIds> ids;
    uint8_t key_bytes;
    uint8_t n_ids;
  };
  struct Symbol {
    TokenId id;
    int32_t rank;  // of the pair with the next symbol; kNoRank when there is none
    TokenId merged;
    uint32_t prev, next;
  };
  // calloc, not a vector: pages of the cache that a short text never reaches are never touched.
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> cache_memory;
  CacheEntry* cache = nullptr;  // (kCacheEntries) within cache_memory, on cache lines
  std::vector<Symbol> symbols;
  std::vector<uint64_t> heap;  // rank << 32 | position
};

class Bpe {
 public:
  // With raw_bytes, pieces are raw bytes that stand for their byte-level characters. Ids in `forbidden`
  // (sorted) can not come out: they count as absent from the vocabulary.
  Bpe(const ModelSpec& model, bool raw_bytes, const std::vector<TokenId>& forbidden = {});

  // Appends the ids of one piece (valid UTF-8 unless raw_bytes).
  void encode(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& out) const;

 private:
  struct Pair {
    uint64_t key;  // left << 32 | right; kNoKey when free
    int32_t rank;
    TokenId merged;
  };
  static constexpr int32_t kNoRank = 0x7fffffff;
  static constexpr uint64_t kNoKey = ~uint64_t{0};

  const Pair* find(TokenId left, TokenId right, BpeScratch& scratch) const;
  void rank_pair(BpeScratch::Symbol& symbol, TokenId right, BpeScratch& scratch) const;
  TokenId lookup(std::string_view content) const;  // -1: absent
  void to_symbols(std::string_view piece, BpeScratch& scratch) const;
  void merge_short(BpeScratch& scratch, std::vector<TokenId>& out) const;
  void merge_long(BpeScratch& scratch, std::vector<TokenId>& out) const;
  void encode_uncached(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& out) const;

  const bool raw_bytes_;
  bool fuse_unk_, byte_fallback_, ignore_merges_;
  bool plain_symbols_;  // raw bytes, all in the vocabulary, no affixes
  std::string prefix_, suffix_;
  TokenId unk_ = -1;
  std::array<TokenId, 256> byte_symbols_;           // of raw bytes
  std::array<TokenId, 256> fallback_;               // of <0xNN>
  std::unordered_map<std::string, TokenId> vocab_;  // by content as pieces spell it; only what is looked up
  std::vector<Pair> pairs_;
  uint64_t pair_mask_ = 0;
  int pair_shift_ = 0;
};

}  // namespace jaju
