// Finds added tokens in text: leftmost, and the longest of those that start there.
//
// One Aho-Corasick automaton of the reversed contents runs over the text from its end: at each position it
// knows the longest content that starts there, so one pass is enough and the time is linear in the text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/spec.h"

namespace jaju {

struct AddedMatch {
  size_t begin, end;  // what the match swallows, stripped white space included
  TokenId id;
};

class AddedTokenMatcher {
 public:
  struct Entry {
    std::string
        content;  // as it is looked for (normalized when the token asks for that); empty never matches
    TokenId id;
    bool single_word, lstrip, rstrip;
  };
  explicit AddedTokenMatcher(std::vector<Entry> entries);

  bool empty() const { return entries_.empty(); }
  // Matches from left to right. `text` is valid UTF-8.
  void find(std::string_view text, std::vector<AddedMatch>& out) const;

 private:
  struct Candidate {
    size_t begin;
    int32_t entry;
  };
  struct Edge {
    uint8_t byte;
    int32_t to;
  };
  struct State {
    int32_t first_edge = 0, n_edges = 0;  // in edges_, sorted by byte
    int32_t fail = 0;
    int32_t entry = -1;  // longest content that ends (reversed: starts) here
  };
  int32_t child(int32_t state, uint8_t byte) const;
  int32_t step(int32_t state, uint8_t byte) const;

  std::vector<Entry> entries_;
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<int32_t> root_;  // 256 children of the root, itself where there is none
};

}  // namespace jaju
