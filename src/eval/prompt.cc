#include "eval/prompt.h"

#include <algorithm>

namespace jaju::eval {
namespace {

constexpr const char* kEndOfTurn = "<|im_end|>";

}  // namespace

Result<std::vector<int32_t>> stop_tokens_of(const Tokenizer& tokenizer, const std::vector<int32_t>& more) {
  std::vector<int32_t> tokens = more;
  for (const char* name : {kEndOfTurn, "<|endoftext|>"}) {
    const auto id = tokenizer.id_of(name);
    if (id && std::find(tokens.begin(), tokens.end(), *id) == tokens.end()) tokens.push_back(*id);
  }
  if (tokens.empty()) {
    return error("the tokenizer has no {}, so answers cannot end: use a model trained for chat", kEndOfTurn);
  }
  return tokens;
}

Result<std::vector<int32_t>> prompt_tokens(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                           const Item& item, Mode mode, const std::string& system) {
  std::vector<Message> messages;
  if (!system.empty()) {
    messages.emplace_back();
    messages.back().role = "system";
    messages.back().content = system;
  }
  messages.emplace_back();
  messages.back().role = "user";
  messages.back().content = user_message(item);
  PromptOptions options;
  options.thinking = mode == Mode::think;
  JAJU_ASSIGN(const std::vector<PromptPiece> pieces, chat.render(messages, options));
  return encode_prompt(tokenizer, pieces);
}

bool ended_turn(const Tokenizer& tokenizer, const BatchAnswer& answer) {
  if (answer.reason != StopReason::stop_token) return false;
  const auto end = tokenizer.id_of(kEndOfTurn);
  return !end || answer.stop_token == *end;
}

Scored judge(const Tokenizer& tokenizer, const Item& item, Mode mode, const BatchAnswer& answer) {
  return score(item, mode, tokenizer.decode(answer.tokens), static_cast<int64_t>(answer.tokens.size()),
               ended_turn(tokenizer, answer));
}

uint64_t seed_of(uint64_t seed, uint64_t index) {
  // The sampler's own seeding mixes well; neighbours only have to differ.
  return seed * 0x9e3779b97f4a7c15u + index;
}

}  // namespace jaju::eval
