// From files of text to a tokenizer: counts words on all threads, learns merges, writes the files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/corpus.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer_writer.h"
#include "tokenizer/word_table.h"

namespace jaju {

// Counts the pre-tokens of texts. Special tokens that a text spells are cut out of it, as encode() does.
class WordCounter {
 public:
  static Result<WordCounter> create(std::vector<PreTokenizerSpec> pre_tokenizers,
                                    const std::vector<AddedTokenSpec>& special_tokens, int threads);
  // `thread` below threads; one call at a time per thread. `text` is valid UTF-8.
  void add(int thread, std::string_view text);
  // Moves what the threads counted to words(). When the table is larger than max_bytes afterwards, the rarest
  // words are forgotten, until it is at most half of that. No add() may be running.
  void collect(int64_t max_bytes);

  const WordTable& words() const { return words_; }
  int64_t dropped() const { return dropped_; }

 private:
  struct Local {
    RegexWorkspace regex;
    Pieces pieces;
    WordTable words;
    std::vector<AddedMatch> matches;
  };
  WordCounter(PreTokenizer pre_tokenizer, AddedTokenMatcher special)
      : pre_tokenizer_(std::move(pre_tokenizer)), special_(std::move(special)) {}
  void count(Local& local, std::string_view text);

  PreTokenizer pre_tokenizer_;
  AddedTokenMatcher special_;
  std::vector<std::unique_ptr<Local>> locals_;  // per thread
  WordTable words_;
  int64_t dropped_ = 0;
};

struct TokenizerTrainOptions {
  // Behaviour.
  int64_t vocab_size = 4096;  // of the whole tokenizer: bytes, joined tokens, special tokens
  int64_t multiple_of = 1;    // reserved tokens are added until the size is a multiple of this
  int64_t min_frequency = 2;
  int64_t max_token_bytes = 64;
  int64_t sample_bytes = 0;  // about this many bytes of the files, evenly drawn; 0: all
  std::vector<PreTokenizerSpec> pre_tokenizers = axk1_pre_tokenizer();
  std::vector<AddedTokenSpec> special_tokens = axk1_special_tokens();
  // Performance.
  int64_t max_table_bytes = 1'000'000'000;  // of counted words; beyond it the rarest are forgotten
};

struct TrainedTokenizer {
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  int64_t vocab_size = 0;
  int64_t special_tokens = 0;  // reserved ones included
  int64_t reserved_tokens = 0;
  int64_t merges = 0;
  int64_t documents = 0;
  int64_t bytes = 0;          // of text that was counted
  int64_t words = 0;          // distinct ones
  int64_t dropped_words = 0;  // forgotten for lack of memory
  int64_t last_count = 0;     // how often the last pair occurred
};

struct TokenizerTrainProgress {
  std::function<void(int64_t bytes)> read;      // of the files
  std::function<void(int64_t tokens)> learned;  // of the vocabulary
  std::function<bool()> stop;                   // asked between rounds; true ends it with an error
};

// The same files and options give the same bytes, whatever the number of threads.
Result<TrainedTokenizer> train_tokenizer(const std::vector<CorpusFile>& files,
                                         const TokenizerTrainOptions& options, ThreadTeam& team,
                                         const TokenizerTrainProgress& progress = {});

}  // namespace jaju
