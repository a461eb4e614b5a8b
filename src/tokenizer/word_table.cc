#include "tokenizer/word_table.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace jaju {

void WordTable::add(std::string_view word, int64_t count) {
  add(word, static_cast<uint32_t>(XXH3_64bits(word.data(), word.size())), count);
}

void WordTable::add_all(const WordTable& other) {
  for (const Slot& slot : other.slots_) {
    if (slot.data != nullptr) add({slot.data, slot.size}, slot.hash, slot.count);
  }
}

void WordTable::add(std::string_view word, uint32_t hash, int64_t count) {
  if ((used_ + 1) * 3 > slots_.size() * 2) grow();
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.data == nullptr) {
      slot = {keep(word), static_cast<uint32_t>(word.size()), hash, count};
      ++used_;
      return;
    }
    if (slot.hash == hash && slot.size == word.size() &&
        std::memcmp(slot.data, word.data(), word.size()) == 0) {
      slot.count += count;
      return;
    }
  }
}

void WordTable::grow() {
  std::vector<Slot> old(std::max<size_t>(1024, slots_.size() * 2));
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.data == nullptr) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].data != nullptr) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

const char* WordTable::keep(std::string_view word) {
  if (block_used_ + word.size() + 1 > block_size_) {
    block_size_ = std::max(kBlock, word.size() + 1);
    blocks_.push_back(std::make_unique<char[]>(block_size_));
    block_used_ = 0;
  }
  char* place = blocks_.back().get() + block_used_;
  if (!word.empty()) std::memcpy(place, word.data(), word.size());
  word_bytes_ += word.size();
  block_used_ += std::max<size_t>(word.size(), 1);  // an empty word has a place of its own: never null
  return place;
}

void WordTable::clear() {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  used_ = 0;
  blocks_.clear();
  word_bytes_ = block_used_ = block_size_ = 0;
}

int64_t WordTable::drop_rare(int64_t count) {
  WordTable kept;
  for (const Slot& slot : slots_) {
    if (slot.data != nullptr && slot.count > count) kept.add({slot.data, slot.size}, slot.hash, slot.count);
  }
  const int64_t dropped = size() - kept.size();
  *this = std::move(kept);
  return dropped;
}

int64_t WordTable::bytes() const {
  return static_cast<int64_t>(slots_.size() * sizeof(Slot) + word_bytes_);
}

std::vector<WordCount> WordTable::sorted() const {
  std::vector<WordCount> words;
  words.reserve(used_);
  for (const Slot& slot : slots_) {
    if (slot.data != nullptr) words.push_back({{slot.data, slot.size}, slot.count});
  }
  std::sort(words.begin(), words.end(),
            [](const WordCount& a, const WordCount& b) { return a.word < b.word; });
  return words;
}

}  // namespace jaju
