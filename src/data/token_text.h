// The tokens of a text file, in sequences a model reads one by one: what a model is calibrated on and
// compared with another on.
//
// A file whose name ends in .jsonl, .ndjson or .json holds a JSON object per line:
//   {"text": "..."}                               as it is
//   {"messages": [{"role", "content"}, ...]}      as the chat template writes the conversation
//   {"question", "thinking", "answer", ...}       a problem (problem.h): asked with thinking and without, two
//   sequences
//   {"question", "answer"}                        nothing else of a problem: as a conversation
// Any other file is one text. Text from outside never becomes a special token. Long ones are cut every
// `window` tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/status.h"
#include "tokenizer/tokenizer.h"

namespace jaju::data {

struct TokenTextOptions {
  int64_t window = 512;          // most tokens of a sequence, at least 2
  int64_t max_tokens = 131'072;  // from the file's beginning; what does not fit is left
};

// model_dir: of tokenizer.json and the chat template. Sequences of one token, of which nothing can be said,
// are left out. Errors: no such file, a malformed line by its number, nothing to read, the tokenizer's.
Result<std::vector<std::vector<TokenId>>> read_token_text(const std::filesystem::path& file,
                                                          const std::filesystem::path& model_dir,
                                                          const TokenTextOptions& options);

}  // namespace jaju::data
