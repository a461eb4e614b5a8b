// Learns the merges of a byte-level BPE from counted words.
//
// Start: the 256 bytes, numbered in the order of their byte-level characters (byte_level.h), as in GPT-2's
// files. Each step joins the pair of neighbouring tokens that occurs most often, counted over all words.
// Ties: of pairs that occur equally often, the one with the smallest left id, then the smallest right id. So
// the result depends on the words and their counts alone, never on their order, on threads or on hashing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tokenizer/tokenizer.h"

namespace jaju {

// A pre-token (raw bytes) and how often it occurs. Tokens never cross the border of a word.
struct WordCount {
  std::string_view word;
  int64_t count = 0;
};

struct BpeTrainOptions {
  int64_t vocab_size = 4096;  // bytes and joined tokens; special tokens are not in it
  int64_t min_frequency = 2;  // a pair that occurs less often is not joined
  int64_t max_token_bytes = 64;
};

struct TrainedBpe {
  std::vector<std::string> tokens;                  // raw bytes, by id
  std::vector<std::pair<TokenId, TokenId>> merges;  // best first
  // Should a pair's bytes be a token already, it is joined into that one: a merge without a new token.
  std::vector<int64_t> counts;  // how often each merge's pair occurred when it was chosen
};

// Stops at vocab_size, or when no pair is left that may be joined (the vocabulary is smaller then).
// `progress`, if given, is told the number of tokens so far. Errors: vocab_size below 256 or out of range, a
// count below 0, words of more than 4 G bytes in all.
Result<TrainedBpe> train_bpe(const std::vector<WordCount>& words, const BpeTrainOptions& options,
                             const std::function<void(int64_t)>& progress = nullptr);

// The bytes by id: what every vocabulary starts with.
std::vector<std::string> byte_tokens();

}  // namespace jaju
