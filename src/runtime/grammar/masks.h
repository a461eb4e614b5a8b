// From stacks to token masks, remembered.
//
// A token is allowed when a stack can read all its bytes. That is found by one walk of the vocabulary's trie,
// but most of the walk depends on the top frame only: a base mask is what the top frame (and what it calls)
// can read, and the list of trie nodes where it may end and the frame below would go on. Base masks are
// shared by all stacks with this top. From the nodes of the list the walk is continued with the real stack,
// and that is remembered with as many frames as it looked at. Counts are told apart only as far as one token
// can see.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/grammar/stacks.h"
#include "runtime/grammar/vocabulary.h"

namespace jaju::grammar {

// Some tokens: a list, or bits where that is smaller.
struct TokenSet {
  std::vector<int32_t> tokens;
  std::vector<uint64_t> bits;

  TokenSet() = default;
  TokenSet(std::vector<int32_t> list, int64_t vocabulary_size);
  void add_to(std::span<uint64_t> mask) const;
  size_t memory() const { return tokens.capacity() * sizeof(int32_t) + bits.capacity() * sizeof(uint64_t); }
};

// Thread-safe.
class Masks {
 public:
  Masks(const Automaton& automaton, std::shared_ptr<const TokenVocabulary> vocabulary,
        const GrammarBudget& budget);

  // Sets the bits of every token that one of the stacks can read. `mask` is zeroed first. Error: a budget.
  Status allowed(std::span<const Frame> tops, int32_t max_depth, std::span<uint64_t> mask);

  // Makes base masks ahead, nearest to the start first, for at most budget.max_warm_ms.
  void warm();

  size_t memory() const;

 private:
  // Frames from the top down, each as two words; two zeros stand for the end of the stack.
  struct Key {
    std::vector<uint64_t> words;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  struct Entry;
  class Walk;

  // The entry for these frames, made when missing. Null: the walk ran into a budget.
  std::shared_ptr<const Entry> base(const Frame& top, Walk* walk);
  std::shared_ptr<const Entry> below(const Frame& top, const Entry& base, Walk* walk);
  std::shared_ptr<Entry> find(const Key& key);
  void keep(const Key& key, const std::shared_ptr<Entry>& entry);
  uint64_t key_of(const Frame& f) const;

  const Automaton& automaton_;
  std::shared_ptr<const TokenVocabulary> vocabulary_;
  const GrammarBudget budget_;

  mutable std::mutex mutex_;                                // for everything below
  std::list<std::pair<Key, std::shared_ptr<Entry>>> used_;  // latest first
  std::unordered_map<Key, decltype(used_)::iterator, KeyHash> entries_;
  size_t bytes_ = 0;
};

// The sentence for a budget that ran out.
Status stopped_error(Stepper::Stop stop, const GrammarBudget& budget);

}  // namespace jaju::grammar
