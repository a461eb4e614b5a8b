// The tokens of one choice as the client sees them: whole characters, stop strings cut off, reasoning, answer
// and tool calls apart.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "chat/output_parser.h"
#include "chat/stop_text.h"
#include "server/chat_service.h"
#include "server/turn_memory.h"
#include "tokenizer/tokenizer.h"

namespace jaju::server {

struct ChoiceTextOptions {
  int choice = 0;
  bool thinking = false;  // the prompt ended inside <think>
  bool tools = false;     // <tool_call> means something
  bool raw = false;       // no turns to take apart: everything is answer
  bool logprobs = false;
  int32_t think_close = -1;
  std::vector<std::string> stop;  // looked for in what follows </think>
  std::string tool_id_prefix;     // "call_"
};

class ChoiceText {
 public:
  // `tokenizer` must outlive this.
  ChoiceText(const Tokenizer& tokenizer, ChoiceTextOptions options);

  std::vector<ChatDelta> push(const TokenEvent& token);
  // What was held back.
  // cut: by a limit.
  std::vector<ChatDelta> finish(bool cut);
  // A stop string came: nothing after it counts.
  bool stopped() const { return stop_.stopped(); }
  const std::string& stop_string() const { return stop_.which(); }
  int tool_calls() const { return static_cast<int>(turn_.calls.size()); }
  std::vector<TokenLogprob> take_logprobs() { return std::move(logprobs_); }
  // What was said, for TurnMemory and TokenReplay. `tokens`: every one pushed.
  const RememberedTurn& turn() const { return turn_; }
  const std::vector<int32_t>& tokens() const { return tokens_; }

 private:
  void feed(std::string_view text, std::vector<ChatDelta>& out);
  void take(std::vector<OutputEvent>&& events, std::vector<ChatDelta>& out);

  const Tokenizer& tokenizer_;
  const ChoiceTextOptions options_;
  StreamDecoder decoder_;
  StopText stop_;
  OutputParser parser_;
  bool in_reasoning_;
  std::vector<int32_t> tokens_;
  RememberedTurn turn_;
  std::vector<TokenLogprob> logprobs_;
};

}  // namespace jaju::server
