#include "tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <new>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace jaju {
namespace {

constexpr size_t kShortPiece = 48;  // symbols; above this a heap beats scanning
constexpr size_t kKeepSymbols = 1 << 16;

uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

uint64_t pair_hash(uint64_t key) {
  return key * 0x9e3779b97f4a7c15u;
}

}  // namespace

BpeScratch::BpeScratch() : cache_memory(std::calloc(kCacheEntries + 1, sizeof(CacheEntry))) {
  if (cache_memory == nullptr) throw std::bad_alloc();
  void* start = cache_memory.get();
  size_t space = (kCacheEntries + 1) * sizeof(CacheEntry);
  cache = static_cast<CacheEntry*>(
      std::align(alignof(CacheEntry), kCacheEntries * sizeof(CacheEntry), start, space));
}

void BpeScratch::shrink() {
  if (symbols.capacity() > kKeepSymbols) {
    symbols = {};
    heap = {};
  }
}

Bpe::Bpe(const ModelSpec& model, bool raw_bytes, const std::vector<TokenId>& forbidden)
    : raw_bytes_(raw_bytes),
      fuse_unk_(model.fuse_unk),
      byte_fallback_(model.byte_fallback),
      ignore_merges_(model.ignore_merges),
      prefix_(model.continuing_subword_prefix),
      suffix_(model.end_of_word_suffix) {
  const auto is_forbidden = [&](TokenId id) {
    return std::binary_search(forbidden.begin(), forbidden.end(), id);
  };
  byte_symbols_.fill(-1);
  fallback_.fill(-1);
  // Whole contents are looked up for words (ignore_merges), for characters, and with affixes.
  const bool keep_all = ignore_merges_ || !prefix_.empty() || !suffix_.empty();
  for (const auto& entry : model.vocab) {
    if (is_forbidden(entry.id)) continue;
    if (!model.unk_token.empty() && entry.content == model.unk_token) unk_ = entry.id;
    if (byte_fallback_ && entry.content.size() == 6 && entry.content.starts_with("<0x")) {
      for (int b = 0; b < 256; ++b) {
        if (entry.content == fmt::format("<0x{:02X}>", b)) fallback_[static_cast<size_t>(b)] = entry.id;
      }
    }
    const bool one_char =
        !entry.content.empty() && utf8_length(entry.content) == static_cast<int>(entry.content.size());
    if (raw_bytes_ && one_char) {
      size_t pos = 0;
      const int b = byte_of_char(next_char(entry.content, pos));
      if (b >= 0) byte_symbols_[static_cast<size_t>(b)] = entry.id;
    }
    if (keep_all || (one_char && !raw_bytes_)) vocab_.emplace(entry.content, entry.id);
  }
  plain_symbols_ = raw_bytes_ && prefix_.empty() && suffix_.empty() &&
                   std::find(byte_symbols_.begin(), byte_symbols_.end(), -1) == byte_symbols_.end();

  const size_t capacity = std::bit_ceil(std::max<size_t>(16, model.merges.size() * 2 + 2));
  pairs_.assign(capacity, Pair{kNoKey, 0, 0});
  pair_mask_ = capacity - 1;
  pair_shift_ = 64 - std::countr_zero(capacity);
  for (size_t rank = 0; rank < model.merges.size(); ++rank) {
    const MergeSpec& m = model.merges[rank];
    if (is_forbidden(m.result)) continue;
    const uint64_t key = pair_key(m.left, m.right);
    uint64_t slot = pair_hash(key) >> pair_shift_;
    while (pairs_[slot].key != kNoKey && pairs_[slot].key != key) slot = (slot + 1) & pair_mask_;
    pairs_[slot] = {key, static_cast<int32_t>(rank), m.result};  // listed twice: the later rank counts
  }
}

const Bpe::Pair* Bpe::find(TokenId left, TokenId right, BpeScratch& scratch) const {
  ++scratch.pair_lookups;
  const uint64_t key = pair_key(left, right);
  for (uint64_t slot = pair_hash(key) >> pair_shift_;; slot = (slot + 1) & pair_mask_) {
    const Pair& p = pairs_[slot];
    if (p.key == key) return &p;
    if (p.key == kNoKey) return nullptr;
  }
}

void Bpe::rank_pair(BpeScratch::Symbol& symbol, TokenId right, BpeScratch& scratch) const {
  const Pair* p = find(symbol.id, right, scratch);
  symbol.rank = p == nullptr ? kNoRank : p->rank;
  symbol.merged = p == nullptr ? -1 : p->merged;
}

TokenId Bpe::lookup(std::string_view content) const {
  const auto found = vocab_.find(std::string(content));
  return found == vocab_.end() ? -1 : found->second;
}

void Bpe::to_symbols(std::string_view piece, BpeScratch& scratch) const {
  auto& symbols = scratch.symbols;
  symbols.clear();
  const auto add = [&](TokenId id) { symbols.push_back({id, kNoRank, -1, 0, 0}); };
  if (plain_symbols_) {
    for (const char b : piece) add(byte_symbols_[static_cast<uint8_t>(b)]);
    return;
  }
  bool unk_pending = false;
  std::string content;
  for (size_t pos = 0; pos < piece.size();) {
    const size_t start = pos;
    TokenId id = -1;
    if (raw_bytes_ && prefix_.empty() && suffix_.empty()) {
      id = byte_symbols_[static_cast<uint8_t>(piece[pos++])];
      if (id < 0) content = to_byte_level(piece.substr(start, 1));
    } else {
      if (raw_bytes_) {
        ++pos;
        content = to_byte_level(piece.substr(start, 1));
      } else {
        next_char(piece, pos);
        content = piece.substr(start, pos - start);
      }
      if (start > 0 && !prefix_.empty()) content.insert(0, prefix_);
      if (pos == piece.size()) content += suffix_;
      id = lookup(content);
    }
    if (id >= 0) {
      if (unk_pending) add(unk_);
      unk_pending = false;
      add(id);
      continue;
    }
    if (byte_fallback_) {
      const bool all = std::all_of(content.begin(), content.end(),
                                   [&](char b) { return fallback_[static_cast<uint8_t>(b)] >= 0; });
      if (all) {
        // A waiting unknown stays behind these bytes, as in the library.
        for (const char b : content) add(fallback_[static_cast<uint8_t>(b)]);
        continue;
      }
    }
    if (unk_ < 0) continue;  // no unknown token: the character is dropped
    if (unk_pending && !fuse_unk_) add(unk_);
    unk_pending = true;
  }
  if (unk_pending) add(unk_);
}

void Bpe::merge_short(BpeScratch& scratch, std::vector<TokenId>& out) const {
  std::array<TokenId, kShortPiece> id;
  std::array<TokenId, kShortPiece> merged;
  std::array<int32_t, kShortPiece> rank;  // of the pair (i, i + 1)
  size_t n = scratch.symbols.size();
  for (size_t i = 0; i < n; ++i) id[i] = scratch.symbols[i].id;
  const auto rank_at = [&](size_t i) {
    const Pair* p = find(id[i], id[i + 1], scratch);
    rank[i] = p == nullptr ? kNoRank : p->rank;
    merged[i] = p == nullptr ? -1 : p->merged;
  };
  for (size_t i = 0; i + 1 < n; ++i) rank_at(i);
  while (n > 1) {
    size_t best = 0;
    int32_t best_rank = rank[0];
    for (size_t i = 1; i + 1 < n; ++i) {
      best = rank[i] < best_rank ? i : best;
      best_rank = std::min(best_rank, rank[i]);
    }
    if (best_rank == kNoRank) break;
    id[best] = merged[best];
    --n;
    for (size_t i = best + 1; i < n; ++i) {
      id[i] = id[i + 1];
      rank[i] = rank[i + 1];  // the last one moves nothing of use
      merged[i] = merged[i + 1];
    }
    if (best + 1 < n) rank_at(best);
    if (best > 0) rank_at(best - 1);
  }
  out.insert(out.end(), id.data(), id.data() + n);
}

void Bpe::merge_long(BpeScratch& scratch, std::vector<TokenId>& out) const {
  auto& s = scratch.symbols;
  auto& heap = scratch.heap;
  constexpr uint32_t kEnd = ~uint32_t{0};
  const size_t n = s.size();
  heap.clear();
  const auto entry = [](int32_t rank, size_t at) {
    return static_cast<uint64_t>(static_cast<uint32_t>(rank)) << 32 | at;
  };
  for (size_t i = 0; i < n; ++i) {
    s[i].prev = i == 0 ? kEnd : static_cast<uint32_t>(i - 1);
    s[i].next = i + 1 == n ? kEnd : static_cast<uint32_t>(i + 1);
    if (i + 1 < n) {
      rank_pair(s[i], s[i + 1].id, scratch);
      if (s[i].rank != kNoRank) heap.push_back(entry(s[i].rank, i));
    }
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  const auto push = [&](size_t at) {
    if (s[at].rank == kNoRank) return;
    heap.push_back(entry(s[at].rank, at));
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const uint64_t top = heap.back();
    heap.pop_back();
    const auto at = static_cast<size_t>(top & 0xffffffffu);
    auto& symbol = s[at];
    // A rank names one pair, so the entry is current exactly when the symbol still waits for that rank.
    if (symbol.rank != static_cast<int32_t>(top >> 32)) continue;
    auto& right = s[symbol.next];
    right.rank = kNoRank;
    symbol.id = symbol.merged;
    symbol.next = right.next;
    symbol.rank = kNoRank;
    if (symbol.next != kEnd) {
      s[symbol.next].prev = static_cast<uint32_t>(at);
      rank_pair(symbol, s[symbol.next].id, scratch);
      push(at);
    }
    if (symbol.prev != kEnd) {
      rank_pair(s[symbol.prev], symbol.id, scratch);
      push(symbol.prev);
    }
  }
  for (uint32_t at = 0; at != kEnd; at = s[at].next) out.push_back(s[at].id);
}

void Bpe::encode_uncached(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& out) const {
  if (ignore_merges_) {
    const TokenId id = raw_bytes_ ? lookup(to_byte_level(piece)) : lookup(piece);
    if (id >= 0) {
      out.push_back(id);
      return;
    }
  }
  to_symbols(piece, scratch);
  if (scratch.symbols.empty()) return;
  if (scratch.symbols.size() > kShortPiece) {
    merge_long(scratch, out);
    return;
  }
  merge_short(scratch, out);
}

void Bpe::encode(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& out) const {
  constexpr size_t kMaxKey = BpeScratch::kMaxKey;
  // Positions are 32 bits wide; a piece beyond that is cut (4 GB without one space).
  constexpr size_t kMaxPiece = 0x7fffffff;
  while (piece.size() > kMaxPiece) {
    size_t cut = kMaxPiece;
    while (!raw_bytes_ && (static_cast<uint8_t>(piece[cut]) & 0xc0) == 0x80) --cut;
    encode_uncached(piece.substr(0, cut), scratch, out);
    piece.remove_prefix(cut);
  }
  if (piece.size() > kMaxKey) {
    encode_uncached(piece, scratch, out);
    return;
  }
  std::array<uint64_t, kMaxKey / 8> key{};
  std::memcpy(key.data(), piece.data(), piece.size());
  uint64_t h = (key[0] ^ (key[1] * 0x9fb21c651e98df25u) ^ (key[2] * 0xd6e8feb86659fd93u) ^
                (key[3] * 0xc2b2ae3d27d4eb4fu) ^ piece.size()) *
               0x9e3779b97f4a7c15u;
  h ^= h >> 32;
  auto& entry = scratch.cache[h * 0xff51afd7ed558ccdu >> (64 - std::countr_zero(BpeScratch::kCacheEntries))];
  if (entry.n_ids > 0 && entry.key_bytes == piece.size() && entry.key == key) {
    const size_t before = out.size();
    out.resize(before + entry.n_ids);
    std::copy_n(entry.ids.data(), entry.n_ids, out.data() + before);
    return;
  }
  const size_t before = out.size();
  encode_uncached(piece, scratch, out);
  const size_t n = out.size() - before;
  if (n == 0 || n > BpeScratch::kMaxIds) return;
  entry.key = key;
  entry.key_bytes = static_cast<uint8_t>(piece.size());
  entry.n_ids = static_cast<uint8_t>(n);
  std::copy_n(out.data() + before, n, entry.ids.data());
}

}  // namespace jaju
