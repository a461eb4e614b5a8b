// From messages to prompt ids, replaying what was sampled wherever it truly comes back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "server/chat_call.h"
#include "server/served_model.h"

namespace jaju::server {

struct BuiltPrompt {
  std::vector<int32_t> ids;
  bool thinking = false;       // the prompt ends inside <think>
  size_t replayed_tokens = 0;  // of ids, taken from what was sampled before
  size_t replayed_turns = 0;   // turns with tool calls put back as they were sampled
};

// Renders the call's messages with `thinking` and tokenizes them. Errors: the template's, in one sentence.
Result<BuiltPrompt> build_prompt(const ServedModel& model, const ChatCall& call, bool thinking,
                                 const std::string& tenant);

}  // namespace jaju::server
