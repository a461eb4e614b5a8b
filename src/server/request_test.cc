#include <gtest/gtest.h>

#include "server/dialects.h"
#include "server/openai_chat.h"

namespace jaju::server {
namespace {

const ModelFacts kFacts{{"nano"}, 1000, 2048, 64};

Json parse(const std::string& text) {
  Json json;
  const auto error = parse_body(text, RequestLimits(), &json);
  EXPECT_FALSE(error) << error->message;
  return json;
}

std::string wrong_param(const std::string& text) {
  OpenAiChatRequest out;
  const auto error = read_openai_chat(parse(text), RequestLimits(), kFacts, &out);
  return error ? error->param : "none";
}

TEST(Request, ReadsOpenAiChat) {
  OpenAiChatRequest out;
  const auto error = read_openai_chat(
      parse(
          R"({"model":"nano","messages":[{"role":"developer","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},
{"type":"text","text":"b"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f",
"arguments":"{\"x\": 1}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}],"max_tokens":5,"max_completion_tokens":7,
"stop":"x","logit_bias":{"5":-100},"seed":-3,"stream":true,"stream_options":{"include_usage":true},
"chat_template_kwargs":{"enable_thinking":true,"other":1},"thinking_budget":9})"),
      RequestLimits(), kFacts, &out);
  ASSERT_FALSE(error) << error->message;
  ASSERT_EQ(out.call.messages.size(), 4u);
  EXPECT_EQ(out.call.messages[0].role, "system");
  EXPECT_EQ(out.call.messages[1].content, "ab");
  EXPECT_EQ(out.call.messages[2].tool_calls[0].arguments["x"], 1);
  EXPECT_EQ(out.call.messages[3].tool_call_id, "c");
  EXPECT_EQ(out.call.sampling.max_tokens, 7);
  EXPECT_EQ(out.call.sampling.seed, static_cast<uint64_t>(-3));
  EXPECT_EQ(out.call.thinking.on, true);
  EXPECT_EQ(out.call.thinking.budget, 9);
  EXPECT_EQ(out.call.template_variables["other"], 1);
  EXPECT_TRUE(out.stream && out.include_usage);
}

TEST(Request, TheFirstWrongFieldIsNamed) {
  EXPECT_EQ(wrong_param(R"({})"), "messages");
  EXPECT_EQ(wrong_param(R"({"messages":[{"role":"user","content":"a"}],"x":1})"), "x");
  EXPECT_EQ(wrong_param(R"({"messages":[{"role":"user"}]})"), "messages[0].content");
  EXPECT_EQ(wrong_param(R"({"messages":[{"role":"king","content":"a"}]})"), "messages[0].role");
  EXPECT_EQ(wrong_param(R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})"),
            "messages[0].content[0].type");
  EXPECT_EQ(wrong_param(R"({"messages":[{"role":"user","content":"a"}],"tool_choice":"required"})"),
            "tool_choice");
  EXPECT_EQ(
      wrong_param(
          R"({"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"[1]"}}]}]})"),
      "messages[0].tool_calls[0].function.arguments");
}

TEST(Request, NullIsAbsent) {
  EXPECT_EQ(
      wrong_param(
          R"({"messages":[{"role":"user","content":"a"}],"temperature":null,"tools":null,"stop":null,"functions":null})"),
      "none");
}

TEST(Request, AnthropicTurnsBecomeMessages) {
  AnthropicRequest out;
  const auto error = read_anthropic(
      parse(
          R"({"max_tokens":9,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":"q"},{"role":"assistant","content":
[{"type":"thinking","thinking":"t","signature":""},{"type":"text","text":"a"},{"type":"tool_use","id":"i","name":"f","input":{"x":1}}]},
{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"r"}]},{"type":"text","text":"more"}]}]})"),
      RequestLimits(), kFacts, false, &out);
  ASSERT_FALSE(error) << error->message;
  ASSERT_EQ(out.call.messages.size(), 5u);
  EXPECT_EQ(out.call.messages[2].reasoning, "t");
  EXPECT_EQ(out.call.messages[2].tool_calls[0].id, "i");
  EXPECT_EQ(out.call.messages[3].role, "tool");
  EXPECT_EQ(out.call.messages[3].content, "r");
  EXPECT_EQ(out.call.messages[4].content, "more");
}

TEST(Request, AnthropicPrefillIsTheBeginningOfTheAnswer) {
  AnthropicRequest out;
  const auto error = read_anthropic(
      parse(
          R"({"max_tokens":9,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"A: "}]})"),
      RequestLimits(), kFacts, false, &out);
  ASSERT_FALSE(error);
  EXPECT_EQ(out.call.prefill, "A:");
  EXPECT_EQ(out.call.messages.size(), 1u);
  EXPECT_EQ(out.call.thinking.on, false);
}

TEST(Request, ResponsesItemsOfOneTurnAreOneMessage) {
  ResponsesRequest out;
  const auto error = read_responses(
      parse(
          R"({"input":[{"role":"user","content":"q"},{"type":"reasoning","id":"r","summary":[],"content":[{"type":"reasoning_text","text":"t"}]},
{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"o"}]})"),
      RequestLimits(), kFacts, &out);
  ASSERT_FALSE(error) << error->message;
  ASSERT_EQ(out.call.messages.size(), 3u);
  EXPECT_EQ(out.call.messages[1].reasoning, "t");
  EXPECT_EQ(out.call.messages[1].tool_calls.size(), 1u);
  EXPECT_EQ(out.call.messages[2].content, "o");
}

TEST(Request, OllamaOptionsAndThink) {
  OllamaRequest out;
  const auto error = read_ollama(
      parse(R"({"model":"nano","messages":[{"role":"user","content":"a"}],"think":"low","format":"json",
"options":{"num_predict":-1,"num_ctx":4096,"temperature":0,"stop":["x"],"mirostat":0}})"),
      RequestLimits(), kFacts, true, &out);
  ASSERT_FALSE(error) << error->message;
  EXPECT_TRUE(out.stream);
  EXPECT_EQ(out.call.thinking.budget, 1024);
  EXPECT_EQ(out.call.sampling.max_tokens, -1);
  EXPECT_EQ(out.call.constraint->kind, GrammarKind::json_object);
}

TEST(Body, IsBounded) {
  Json json;
  RequestLimits limits;
  EXPECT_TRUE(parse_body("", limits, &json));
  EXPECT_TRUE(parse_body("[1]", limits, &json));
  EXPECT_TRUE(parse_body("{\"a\":1e999}", limits, &json));
  EXPECT_TRUE(parse_body("{\"a\":\"\\ud800\"}", limits, &json));
  limits.max_json_depth = 3;
  EXPECT_FALSE(parse_body("{\"a\":[[1]]}", limits, &json));
  EXPECT_TRUE(parse_body("{\"a\":[[[1]]]}", limits, &json));
  limits.max_json_values = 4;
  EXPECT_FALSE(parse_body("{\"a\":\"[[[[,,,,\"}", limits, &json));
  EXPECT_TRUE(parse_body("{\"a\":[1,2,3,4]}", limits, &json));
}

TEST(Errors, HaveTheirDialect) {
  const ApiError error = bad_request("no", "field");
  EXPECT_EQ(Json::parse(error_json(Dialect::openai, error))["error"]["param"], "field");
  EXPECT_EQ(Json::parse(error_json(Dialect::anthropic, error))["error"]["type"], "invalid_request_error");
  EXPECT_EQ(Json::parse(error_json(Dialect::ollama, error))["error"], "no");
}

}  // namespace
}  // namespace jaju::server
