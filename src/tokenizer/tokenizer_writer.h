// Writes a trained vocabulary as the files other programs read: tokenizer.json and tokenizer_config.json.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/spec.h"

namespace jaju {

// A.X K1's pre-tokenizer (facts sheet, 5.1): runs of Han and kana; then English contractions, words with at
// most one character in front, single digits, signs, white space; then bytes.
std::vector<PreTokenizerSpec> axk1_pre_tokenizer();

// The special tokens of A.X K1's chat, in the order their ids get: <|endoftext|>, <|pad|>, <|im_start|>,
// <|im_end|>, <think>, </think>, <tool_call>, </tool_call>. Those in <|...|> have the `special` flag; the
// tags are text that a reader of the answer needs.
std::vector<AddedTokenSpec> axk1_special_tokens();
// <|reserved_0|>, <|reserved_1|>, ...
std::vector<AddedTokenSpec> reserved_tokens(int64_t n);

// tokenizer.json: byte-level BPE with `pre_tokenizers` (the last must be ByteLevel), no normalizer, and the
// added tokens, which get the ids behind the vocabulary in their order (their own ids are ignored). Errors:
// an added token that is empty, listed twice, or spelt like a token of the vocabulary.
Result<std::string> write_tokenizer_json(const TrainedBpe& model,
                                         const std::vector<PreTokenizerSpec>& pre_tokenizers,
                                         const std::vector<AddedTokenSpec>& added_tokens);

// tokenizer_config.json: the class and the tokens that have a role, of those in `added_tokens`. No chat
// template: the built-in one is meant.
std::string write_tokenizer_config(const std::vector<AddedTokenSpec>& added_tokens);

}  // namespace jaju
