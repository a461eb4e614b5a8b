// The vocabulary as a grammar sees it: the bytes each token id writes, as a trie.
//
// Made once per model from the tokenizer by a room that may see it; every grammar of that model shares it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace jaju {

// Input of TokenVocabulary::build.
struct VocabularyBytes {
  // (vocab_size) what the token writes, byte for byte (a byte-level "Ġthe" is " the"; a byte token <0xE2> is
  // that one byte). Empty: the token is never text, so no grammar ever allows it: control tokens, padding,
  // unused ids. An added token such as <tool_call> may be given its text: then a grammar that spells the text
  // allows the token. Two ids may write the same bytes.
  std::vector<std::string> bytes;
  // Tokens that end the answer; at least one. Their bytes are ignored.
  std::vector<int32_t> end_tokens;
};

// Immutable; share it between threads.
class TokenVocabulary {
 public:
  // Tokens longer than this are never allowed (no real vocabulary has any; longest seen: 256 spaces).
  static constexpr size_t kMaxTokenBytes = 1024;

  // Errors: an end token outside the vocabulary, no end token, no token with bytes, more than 2^24 tokens.
  static Result<std::shared_ptr<const TokenVocabulary>> build(VocabularyBytes input);

  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }
  const std::string& bytes(int32_t token) const { return bytes_[static_cast<size_t>(token)]; }
  std::span<const int32_t> end_tokens() const { return end_tokens_; }
  bool is_end(int32_t token) const;
  // Length of the longest token that may be allowed.
  int longest_token() const { return longest_; }
  // Every single byte is a token. Then no grammar can reach a place where nothing is allowed.
  bool has_all_bytes() const { return has_all_bytes_; }
  // Bytes of memory held.
  size_t memory() const;

  // The trie in preorder; node 0 is the root. A walk that stops at node i goes on at nodes[i].end.
  struct Node {
    uint32_t end;    // one past the last node of this subtree
    int32_t token;   // first token whose bytes end here; -1: none. More: next_same_[token]
    uint16_t depth;  // bytes from the root; the root has 0
    uint8_t byte;    // the last of them
  };
  std::span<const Node> nodes() const { return nodes_; }
  // The next token with the same bytes; -1: none.
  int32_t next_same(int32_t token) const { return next_same_[static_cast<size_t>(token)]; }
  // The node above `node`; of the root: itself.
  uint32_t parent(uint32_t node) const { return parents_[node]; }
  // The nodes whose last byte is this, ascending.
  std::span<const uint32_t> nodes_of(uint8_t byte) const {
    return std::span(by_byte_).subspan(by_byte_from_[byte],
                                       by_byte_from_[byte + size_t{1}] - by_byte_from_[byte]);
  }

 private:
  std::vector<std::string> bytes_;
  std::vector<int32_t> end_tokens_;  // sorted
  std::vector<Node> nodes_;
  std::vector<int32_t> next_same_;
  std::vector<uint32_t> parents_, by_byte_;
  std::array<size_t, 257> by_byte_from_{};
  int longest_ = 0;
  bool has_all_bytes_ = false;
};

}  // namespace jaju
