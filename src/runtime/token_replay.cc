#include "runtime/token_replay.h"

#include <algorithm>

namespace jaju {
namespace {

// Keys are text with special tokens in it. 0xff never stands in UTF-8, but a model may say any byte.
constexpr char kEscape = '\xff';
constexpr char kSpecial = '\0';  // kEscape, kSpecial, four bytes of id
constexpr char kLiteral = '\1';  // kEscape, kLiteral: the byte 0xff
constexpr size_t kSpecialSize = 6;
constexpr int64_t kOverhead = 256;  // of an entry: nodes and vectors

void append_text(std::string_view text, std::string& key) {
  for (const char c : text) {
    key += c;
    if (c == kEscape) key += kLiteral;
  }
}

void append_special(int32_t id, std::string& key) {
  key += kEscape;
  key += kSpecial;
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(static_cast<uint32_t>(id) >> shift);
}

size_t common(std::string_view a, std::string_view b) {
  const size_t n = std::min(a.size(), b.size());
  return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + static_cast<int64_t>(n), b.begin()).first -
                             a.begin());
}

// Bytes of text in a beginning of a key; an escape that is cut counts nothing.
size_t text_bytes(std::string_view key) {
  size_t bytes = 0;
  for (size_t i = 0; i < key.size();) {
    if (key[i] != kEscape) {
      ++bytes;
      ++i;
    } else if (i + 1 < key.size() && key[i + 1] == kLiteral) {
      ++bytes;
      i += 2;
    } else {
      i += kSpecialSize;
    }
  }
  return bytes;
}

}  // namespace

TokenReplay::TokenReplay(std::shared_ptr<const std::vector<std::string>> token_bytes, int64_t max_bytes)
    : token_bytes_(std::move(token_bytes)), max_bytes_(max_bytes) {}

void TokenReplay::erase(Store& store, Store::iterator entry) {
  bytes_ -= entry->second.bytes;
  ages_.erase(entry->second.age);
  store.erase(entry);
}

void TokenReplay::remember(std::string_view tenant, std::span<const int32_t> ids) {
  if (ids.empty()) return;
  Key key;
  Entry entry;
  for (const int32_t id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= token_bytes_->size()) return;
    const std::string& text = (*token_bytes_)[static_cast<size_t>(id)];
    if (text.empty()) {
      append_special(id, key);
    } else {
      append_text(text, key);
    }
    entry.ends.push_back(static_cast<uint32_t>(key.size()));
  }
  entry.ids.assign(ids.begin(), ids.end());
  // The key stands in the store and in the list of ages.
  entry.bytes = kOverhead + 2 * static_cast<int64_t>(key.size() + tenant.size()) +
                static_cast<int64_t>(ids.size() * (sizeof(int32_t) + sizeof(uint32_t)));
  const std::lock_guard lock(mutex_);
  if (entry.bytes > max_bytes_) return;
  auto found = tenants_.find(tenant);
  if (found == tenants_.end()) found = tenants_.emplace(std::string(tenant), Store()).first;
  Store& store = found->second;
  auto after = store.lower_bound(key);
  if (after != store.end() && after->first == key) {
    auto same = after++;
    erase(store, same);
  }
  if (after != store.begin()) {
    const auto before = std::prev(after);
    const auto& old = before->second.ids;
    if (old.size() < ids.size() && std::equal(old.begin(), old.end(), ids.begin())) erase(store, before);
  }
  ages_.emplace_front(tenant, key);
  entry.age = ages_.begin();
  bytes_ += entry.bytes;
  store.emplace(std::move(key), std::move(entry));
  while (bytes_ > max_bytes_) {
    const auto oldest = tenants_.find(ages_.back().first);
    erase(oldest->second, oldest->second.find(ages_.back().second));
    if (oldest->second.empty()) tenants_.erase(oldest);
  }
}

TokenReplay::Match TokenReplay::longest(std::string_view tenant, std::span<const ReplayPiece> pieces) {
  Key key;
  std::vector<size_t> ends;  // of each piece in the key
  for (const ReplayPiece& piece : pieces) {
    if (piece.special >= 0) {
      append_special(piece.special, key);
    } else {
      append_text(piece.text, key);
    }
    ends.push_back(key.size());
  }
  Match match;
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return match;
  Store& store = found->second;
  // The entry that shares most with the key is a neighbour of its place in the order.
  const auto after = store.lower_bound(key);
  size_t nearest = 0;
  Entry* best = nullptr;
  size_t best_cut = 0;
  for (const bool next : {true, false}) {
    if (next ? after == store.end() : after == store.begin()) continue;
    const auto candidate = next ? after : std::prev(after);
    Entry& e = candidate->second;
    const size_t shared = common(candidate->first, key);
    if (shared > nearest || (next && shared == nearest)) {
      nearest = shared;
      match.bytes = text_bytes(std::string_view(key).substr(0, shared));
      match.differs = shared < key.size() && shared < candidate->first.size();
    }
    // Its last token that ends within what is shared, behind a special token or with the prompt.
    auto end = std::upper_bound(e.ends.begin(), e.ends.end(), shared);
    for (; end != e.ends.begin(); --end) {
      const auto i = static_cast<size_t>(end - e.ends.begin()) - 1;
      const bool special = (*token_bytes_)[static_cast<size_t>(e.ids[i])].empty();
      if (special || e.ends[i] == key.size()) break;
    }
    if (end == e.ends.begin() || *std::prev(end) <= best_cut) continue;
    best = &e;
    best_cut = *std::prev(end);
  }
  if (best == nullptr) return match;
  const auto n = std::upper_bound(best->ends.begin(), best->ends.end(), best_cut) - best->ends.begin();
  match.ids.assign(best->ids.begin(), best->ids.begin() + n);
  // Empty pieces at the cut belong to the beginning.
  match.piece = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), best_cut) - ends.begin());
  ages_.splice(ages_.begin(), ages_, best->age);
  return match;
}

int64_t TokenReplay::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

int64_t TokenReplay::sequences() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(ages_.size());
}

}  // namespace jaju
