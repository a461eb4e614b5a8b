// Counts of words (byte strings), in one arena: what training a vocabulary keeps of a corpus.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/bpe_trainer.h"

namespace jaju {

class WordTable {
 public:
  void add(std::string_view word, int64_t count);
  void add_all(const WordTable& other);
  // Forgets every word; keeps the memory of the table, not that of the arena.
  void clear();
  // Forgets the words that occur at most `count` times, and returns their number.
  int64_t drop_rare(int64_t count);

  int64_t size() const { return static_cast<int64_t>(used_); }
  // Memory that the words need; depends on the words alone, not on their order.
  int64_t bytes() const;
  // All words, by their bytes. Valid until the table changes.
  std::vector<WordCount> sorted() const;

 private:
  static constexpr size_t kBlock = 1 << 20;
  struct Slot {
    const char* data = nullptr;  // null: free
    uint32_t size = 0;
    uint32_t hash = 0;
    int64_t count = 0;
  };
  void add(std::string_view word, uint32_t hash, int64_t count);
  void grow();
  const char* keep(std::string_view word);

  std::vector<Slot> slots_;  // a power of two, at most 2/3 full
  size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t word_bytes_ = 0;
  size_t block_used_ = 0;
  size_t block_size_ = 0;
};

}  // namespace jaju
