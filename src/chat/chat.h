// Conversations: messages, and how they become the model's prompt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tokenizer/tokenizer.h"

namespace jaju {

struct ToolCall {
  std::string id;
  std::string name;
  nlohmann::ordered_json arguments;  // an object
};

struct Message {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  std::string reasoning;  // assistant only: what stood before </think>
  std::vector<ToolCall> tool_calls;
  std::string tool_call_id;  // tool only
};

struct PromptOptions {
  bool thinking = false;  // which one tag follows the assistant line
  bool add_generation_prompt = true;
  nlohmann::ordered_json tools;  // OpenAI-style list, or null
  // More template variables, an object or null (an API's chat_template_kwargs). Text in it counts as outside;
  // the variables named here above can not be replaced.
  nlohmann::ordered_json variables;
};

// A prompt as pieces: text the template wrote (special tokens are parsed) and text that came from outside
// (never parsed as special tokens). Concatenated they are exactly what the template renders.
struct PromptPiece {
  std::string text;
  bool trusted = false;
};

// The model's chat template: the directory's chat_template.jinja, else `chat_template` in
// tokenizer_config.json, else the built-in A.X K1 template (facts sheet, 5.2).
class ChatTemplate {
 public:
  static Result<std::unique_ptr<ChatTemplate>> load(const std::filesystem::path& model_dir);
  static std::unique_ptr<ChatTemplate> built_in();
  static Result<std::unique_ptr<ChatTemplate>> parse(std::string_view jinja, const std::string& what,
                                                     const std::string& bos_token = "",
                                                     const std::string& eos_token = "");
  ~ChatTemplate();

  // "built-in", or the file it came from.
  const std::string& source() const;
  const std::string& text() const;  // the Jinja source, for `/show template`

  Result<std::vector<PromptPiece>> render(const std::vector<Message>& messages,
                                          const PromptOptions& options) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Ids of a rendered prompt; outside pieces can not produce added tokens.
std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const std::vector<PromptPiece>& pieces);

}  // namespace jaju
