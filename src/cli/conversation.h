// One model and one conversation with it: text in, text out. Joins tokenizer, chat template, engine and the
// parser of the model's text; knows nothing of terminals.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "chat/chat.h"
#include "cli/generation_defaults.h"
#include "runtime/engine.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {

struct AskOptions {
  SamplingParams sampling;
  bool fixed_seed = false;  // false: a fresh random seed for every answer
  std::vector<std::string> stop;
  bool think = false;
  bool raw = false;  // the prompt goes to the model as it is: no template, special tokens parsed
  std::string system;
};

struct AskHooks {
  std::function<void(std::string_view text)> on_reasoning;
  std::function<void(std::string_view text)> on_answer;
  std::function<void(int64_t done, int64_t total)> on_prefill;
  const std::atomic<bool>* cancel = nullptr;
};

struct Answer {
  std::string text;  // tool calls included, in the model's own spelling
  std::string reasoning;
  bool stop_string = false;
  StopReason reason = StopReason::length;
  GenerationStats stats;
  uint64_t seed = 0;
};

class Conversation {
 public:
  static Result<std::unique_ptr<Conversation>> open(const std::filesystem::path& dir,
                                                    const EngineOptions& options);

  // Adds the user's message, lets the model answer, and keeps both. When it fails the message is taken back.
  Result<Answer> ask(const std::string& user, const AskOptions& options, const AskHooks& hooks);

  void clear();
  void set_messages(std::vector<Message> messages);
  const std::vector<Message>& messages() const { return messages_; }

  const std::filesystem::path& dir() const { return dir_; }
  const Engine& engine() const { return *engine_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const ChatTemplate& chat_template() const { return *template_; }
  const GenerationDefaults& defaults() const { return defaults_; }

 private:
  Conversation() = default;
  Result<std::vector<TokenId>> encode_turns(const AskOptions& options, std::string* rendered) const;
  Result<Answer> generate(const std::vector<TokenId>& prompt, const std::string& rendered,
                          const AskOptions& options, const AskHooks& hooks);

  std::filesystem::path dir_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> template_;
  std::unique_ptr<Session> session_;  // declared after the engine it must not outlive
  GenerationDefaults defaults_;
  std::vector<Message> messages_;  // no system message; AskOptions brings it
  // The last exchange as text and as tokens: a next prompt that begins with this text replays these tokens,
  // the ones that were sampled, so nothing of it is read again even where the tokenizer would cut it
  // otherwise.
  std::string replay_text_;
  std::vector<TokenId> replay_tokens_;
};

// A seed nobody chose.
uint64_t random_seed();

}  // namespace jaju::cli
