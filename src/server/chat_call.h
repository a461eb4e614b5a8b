// What a client asks for, in no dialect. Each dialect reads its JSON into one of these; the service answers
// them all alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "chat/chat.h"
#include "runtime/grammar/grammar.h"
#include "runtime/sampler.h"
#include "server/json_request.h"

namespace jaju::server {

struct ConstraintSpec {
  GrammarKind kind = GrammarKind::json_object;
  std::string text;
  std::string field;  // the request's field it came from, for errors
};

enum class ToolChoice { automatic, none, required, named };

// Sampling fields a request named; the rest is the model's default.
struct SamplingFields {
  std::optional<double> temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int64_t> top_k;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_tokens;  // -1: until the context is full
  std::vector<std::pair<int32_t, float>> logit_bias;
};

struct ThinkingFields {
  std::optional<bool> on;         // nobody said: the server's default
  std::optional<int64_t> budget;  // tokens until </think> is written for the model
};

struct ChatCall {
  std::string model;
  std::vector<Message> messages;
  Json tools;  // OpenAI's list of {"type": "function", "function": {...}}, or null
  ToolChoice tool_choice = ToolChoice::automatic;
  std::string tool_name;  // named
  bool parallel_tool_calls = true;
  ThinkingFields thinking;
  Json template_variables;  // chat_template_kwargs without enable_thinking, or null
  // The model goes on from here instead of beginning its turn (Anthropic's last assistant message).
  std::string prefill;

  // Without a template: text or ids as they are.
  bool raw = false;
  std::variant<std::string, std::vector<int32_t>> raw_prompt;
  bool parse_special = false;  // text of special tokens in a raw prompt becomes these tokens

  SamplingFields sampling;
  std::vector<std::string> stop;
  std::optional<ConstraintSpec> constraint;
  int n = 1;
  int top_logprobs = -1;
  bool use_cache = true;
};

// What a dialect's reader needs to know of the model.
struct ModelFacts {
  std::vector<std::string> names;  // it answers to; the first is its own
  int64_t vocab_size = 0;
  int64_t context = 0;
  int64_t hidden_size = 0;
};

// True when `name` is one of the model's names ("nano", also "nano:latest").
bool answers_to(const ModelFacts& facts, std::string_view name);
ApiError no_such_model(const ModelFacts& facts, std::string_view name);

}  // namespace jaju::server
