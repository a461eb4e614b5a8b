// From a question to the engine's request and back: what evaluation and rollouts share.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "chat/chat.h"
#include "eval/score.h"
#include "runtime/batch_generator.h"
#include "tokenizer/tokenizer.h"

namespace jaju::eval {

// The tokens that end an answer: <|im_end|> and <|endoftext|> where the tokenizer has them, and `more`.
// Error: the tokenizer has neither and `more` is empty, so an answer could not end.
Result<std::vector<int32_t>> stop_tokens_of(const Tokenizer& tokenizer, const std::vector<int32_t>& more);

Result<std::vector<int32_t>> prompt_tokens(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                           const Item& item, Mode mode, const std::string& system);

// <|im_end|> where the tokenizer has it, else any stop token.
bool ended_turn(const Tokenizer& tokenizer, const BatchAnswer& answer);

// An answer of the engine, decoded and judged.
Scored judge(const Tokenizer& tokenizer, const Item& item, Mode mode, const BatchAnswer& answer);

// Seeds that differ for every index: the same evaluation gives the same answers.
uint64_t seed_of(uint64_t seed, uint64_t index);

}  // namespace jaju::eval
