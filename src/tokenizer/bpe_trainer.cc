#include "tokenizer/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <unordered_map>

#include "tokenizer/byte_level.h"

namespace jaju {
namespace {

constexpr int64_t kMaxVocab = 16'000'000;  // what tokenizer_json.cc reads

using PairKey = uint64_t;

PairKey key_of(TokenId left, TokenId right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}
TokenId left_of(PairKey key) {
  return static_cast<TokenId>(key >> 32);
}
TokenId right_of(PairKey key) {
  return static_cast<TokenId>(key & 0xffffffffu);
}

struct KeyHash {
  size_t operator()(PairKey x) const {
    x ^= x >> 32;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
  }
};

struct PairInfo {
  int64_t count = 0;
  int64_t touched = 0;          // step that last raised the count
  std::vector<uint32_t> words;  // every word that holds the pair; some may hold it no longer
};

struct Candidate {
  int64_t count;
  PairKey key;
  // The best candidate is the largest: most frequent first, then smallest ids (the key orders by left, then
  // right).
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : key > other.key;
  }
};

class Trainer {
 public:
  Trainer(const std::vector<WordCount>& words, const BpeTrainOptions& options)
      : options_(options), model_{byte_tokens(), {}, {}} {
    TokenId id_of_byte[256];
    for (size_t id = 0; id < 256; ++id) {
      id_of_byte[static_cast<uint8_t>(model_.tokens[id][0])] = static_cast<TokenId>(id);
    }
    for (const WordCount& w : words) {
      if (w.word.size() < 2 || w.count == 0) continue;
      words_.push_back({symbols_.size(), static_cast<uint32_t>(w.word.size()), w.count});
      for (const char c : w.word) symbols_.push_back(id_of_byte[static_cast<uint8_t>(c)]);
    }
    for (size_t i = 0; i < model_.tokens.size(); ++i) {
      ids_.emplace(model_.tokens[i], static_cast<TokenId>(i));
    }
  }

  TrainedBpe train(const std::function<void(int64_t)>& progress) {
    for (uint32_t w = 0; w < words_.size(); ++w) {
      const TokenId* s = symbols_.data() + words_[w].begin;
      for (uint32_t i = 0; i + 1 < words_[w].size; ++i) raise(key_of(s[i], s[i + 1]), w);
    }
    push_raised();
    while (static_cast<int64_t>(model_.tokens.size()) < options_.vocab_size && !heap_.empty()) {
      const Candidate best = heap_.top();
      heap_.pop();
      const auto found = pairs_.find(best.key);
      if (found == pairs_.end()) continue;
      // Counts fall without a word to the heap; a pair is put back with what it is worth now. (One that rose
      // was put there when it did.)
      if (found->second.count != best.count) {
        if (found->second.count < best.count) push(best.key, found->second.count);
        continue;
      }
      merge(best);
      if (progress) progress(static_cast<int64_t>(model_.tokens.size()));
    }
    return std::move(model_);
  }

 private:
  struct Word {
    size_t begin;  // in symbols_
    uint32_t size;
    int64_t count;
  };

  void raise(PairKey key, uint32_t word) {
    PairInfo& pair = pairs_[key];
    pair.count += words_[word].count;
    if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
    if (pair.touched != step_) {
      pair.touched = step_;
      raised_.push_back(key);
    }
  }

  void lower(PairKey key, uint32_t word) {
    const auto found = pairs_.find(key);
    if (found != pairs_.end()) found->second.count -= words_[word].count;
  }

  void push(PairKey key, int64_t count) {
    if (count < options_.min_frequency || count < 1) return;
    const size_t bytes = token(left_of(key)).size() + token(right_of(key)).size();
    if (static_cast<int64_t>(bytes) <= options_.max_token_bytes) heap_.push({count, key});
  }

  void push_raised() {
    for (const PairKey key : raised_) push(key, pairs_[key].count);
    raised_.clear();
    ++step_;
  }

  const std::string& token(TokenId id) const { return model_.tokens[static_cast<size_t>(id)]; }

  void merge(const Candidate& best) {
    const TokenId left = left_of(best.key);
    const TokenId right = right_of(best.key);
    const std::string joined = token(left) + token(right);
    const auto [known, fresh] = ids_.emplace(joined, static_cast<TokenId>(model_.tokens.size()));
    const TokenId result = known->second;
    if (fresh) model_.tokens.push_back(joined);
    model_.merges.emplace_back(left, right);
    model_.counts.push_back(best.count);

    // No pair below is the one being joined: the result is longer than either part.
    const auto found = pairs_.find(best.key);
    std::vector<uint32_t> words = std::move(found->second.words);
    pairs_.erase(found);
    for (const uint32_t w : words) {
      TokenId* s = symbols_.data() + words_[w].begin;
      const uint32_t n = words_[w].size;
      uint32_t out = 0;
      for (uint32_t i = 0; i < n; ++i) {
        if (i + 1 == n || s[i] != left || s[i + 1] != right) {
          s[out++] = s[i];
          continue;
        }
        if (out > 0) {
          lower(key_of(s[out - 1], left), w);
          raise(key_of(s[out - 1], result), w);
        }
        if (i + 2 < n) {
          lower(key_of(right, s[i + 2]), w);
          raise(key_of(result, s[i + 2]), w);
        }
        s[out++] = result;
        ++i;
      }
      words_[w].size = out;
    }
    push_raised();
  }

  BpeTrainOptions options_;
  TrainedBpe model_;
  std::unordered_map<std::string, TokenId> ids_;
  std::vector<TokenId> symbols_;
  std::vector<Word> words_;
  std::unordered_map<PairKey, PairInfo, KeyHash> pairs_;
  std::vector<PairKey> raised_;  // in this step
  int64_t step_ = 1;
  std::priority_queue<Candidate> heap_;
};

}  // namespace

std::vector<std::string> byte_tokens() {
  std::vector<uint8_t> bytes(256);
  for (size_t b = 0; b < 256; ++b) bytes[b] = static_cast<uint8_t>(b);
  const auto& chars = byte_level_chars();
  std::sort(bytes.begin(), bytes.end(), [&](uint8_t a, uint8_t b) { return chars[a] < chars[b]; });
  std::vector<std::string> tokens;
  tokens.reserve(256);
  for (const uint8_t b : bytes) tokens.emplace_back(1, static_cast<char>(b));
  return tokens;
}

Result<TrainedBpe> train_bpe(const std::vector<WordCount>& words, const BpeTrainOptions& options,
                             const std::function<void(int64_t)>& progress) {
  if (options.vocab_size < 256 || options.vocab_size > kMaxVocab) {
    return error("a byte-level vocabulary has 256 to {} tokens, not {}", kMaxVocab, options.vocab_size);
  }
  if (options.max_token_bytes < 1) return error("the longest token must have 1 byte or more");
  size_t bytes = 0;
  int64_t total = 0;
  for (const WordCount& w : words) {
    bytes += w.word.size();
    // The count of a pair is at most the bytes of all words, repeated.
    const auto size = static_cast<int64_t>(w.word.size());
    if (w.count < 0 || bytes > std::numeric_limits<uint32_t>::max() ||
        (size > 0 && w.count > (std::numeric_limits<int64_t>::max() - total) / size)) {
      return error("the word counts are out of range: take a smaller sample of the text");
    }
    total += w.count * size;
  }
  return Trainer(words, options).train(progress);
}

}  // namespace jaju
