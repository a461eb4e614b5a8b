#include "runtime/grammar/vocabulary.h"

#include <algorithm>
#include <bitset>
#include <numeric>

namespace jaju {

Result<std::shared_ptr<const TokenVocabulary>> TokenVocabulary::build(VocabularyBytes input) {
  constexpr size_t kMaxTokens = size_t{1} << 24;
  const size_t n = input.bytes.size();
  if (n > kMaxTokens) return error("vocabulary of {} tokens, more than {}", n, kMaxTokens);
  auto made = std::make_shared<TokenVocabulary>();
  TokenVocabulary& v = *made;
  v.end_tokens_ = std::move(input.end_tokens);
  std::sort(v.end_tokens_.begin(), v.end_tokens_.end());
  v.end_tokens_.erase(std::unique(v.end_tokens_.begin(), v.end_tokens_.end()), v.end_tokens_.end());
  if (v.end_tokens_.empty()) return error("vocabulary without an end token: no constrained answer could end");
  for (int32_t t : v.end_tokens_) {
    if (t < 0 || static_cast<size_t>(t) >= n)
      return error("end token {} is outside the vocabulary of {}", t, n);
  }
  v.bytes_ = std::move(input.bytes);
  for (int32_t t : v.end_tokens_) v.bytes_[static_cast<size_t>(t)].clear();

  std::vector<int32_t> order;
  std::bitset<256> single;
  for (size_t t = 0; t < n; ++t) {
    const std::string& b = v.bytes_[t];
    if (b.empty() || b.size() > kMaxTokenBytes) continue;
    order.push_back(static_cast<int32_t>(t));
    v.longest_ = std::max(v.longest_, static_cast<int>(b.size()));
    if (b.size() == 1) single.set(static_cast<uint8_t>(b[0]));
  }
  if (order.empty()) return error("vocabulary without a single token that writes text");
  v.has_all_bytes_ = single.all();
  // By bytes, then by id: preorder of the trie, its depth-first walk.
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const int c = v.bytes_[static_cast<size_t>(a)].compare(v.bytes_[static_cast<size_t>(b)]);
    return c != 0 ? c < 0 : a < b;
  });

  v.next_same_.assign(n, -1);
  v.nodes_.push_back({0, -1, 0, 0});
  std::vector<uint32_t> path{0};  // nodes of the current word, the root first
  const std::string* previous = nullptr;
  int32_t previous_token = -1;
  for (int32_t t : order) {
    const std::string& b = v.bytes_[static_cast<size_t>(t)];
    if (previous != nullptr && *previous == b) {
      v.next_same_[static_cast<size_t>(previous_token)] = t;
      previous_token = t;
      continue;
    }
    size_t common = 0;
    if (previous != nullptr) {
      while (common < previous->size() && common < b.size() && (*previous)[common] == b[common]) ++common;
    }
    while (path.size() > common + 1) {
      v.nodes_[path.back()].end = static_cast<uint32_t>(v.nodes_.size());
      path.pop_back();
    }
    for (size_t i = common; i < b.size(); ++i) {
      path.push_back(static_cast<uint32_t>(v.nodes_.size()));
      v.nodes_.push_back({0, -1, static_cast<uint16_t>(i + 1), static_cast<uint8_t>(b[i])});
    }
    v.nodes_.back().token = t;
    previous = &b;
    previous_token = t;
  }
  for (uint32_t i : path) v.nodes_[i].end = static_cast<uint32_t>(v.nodes_.size());
  v.nodes_.shrink_to_fit();

  v.parents_.resize(v.nodes_.size());
  path.assign(1, 0);
  for (uint32_t i = 1; i < v.nodes_.size(); ++i) {
    path.resize(v.nodes_[i].depth);
    v.parents_[i] = path.back();
    path.push_back(i);
    ++v.by_byte_from_[v.nodes_[i].byte + size_t{1}];
  }
  std::partial_sum(v.by_byte_from_.begin(), v.by_byte_from_.end(), v.by_byte_from_.begin());
  v.by_byte_.resize(v.nodes_.size() - 1);
  std::array<size_t, 257> fill = v.by_byte_from_;
  for (uint32_t i = 1; i < v.nodes_.size(); ++i) v.by_byte_[fill[v.nodes_[i].byte]++] = i;
  return std::shared_ptr<const TokenVocabulary>(std::move(made));
}

bool TokenVocabulary::is_end(int32_t token) const {
  return std::binary_search(end_tokens_.begin(), end_tokens_.end(), token);
}

size_t TokenVocabulary::memory() const {
  size_t bytes = nodes_.capacity() * sizeof(Node) +
                 (parents_.capacity() + by_byte_.capacity()) * sizeof(uint32_t) +
                 next_same_.capacity() * sizeof(int32_t) + bytes_.capacity() * sizeof(std::string);
  for (const std::string& b : bytes_) bytes += b.capacity() > 15 ? b.capacity() + 1 : 0;
  return bytes;
}

}  // namespace jaju
