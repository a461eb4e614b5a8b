#include "runtime/grammar/grammar_test.h"

namespace jaju {
namespace {

using namespace grammar_test;  // NOLINT
constexpr GrammarKind kCalls = GrammarKind::tool_calls;

const std::string kTools =
    R"("tools":[{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"unit":{"$ref":"#/$defs/u"}},"required":["city"],"$defs":{"u":{"enum":["C","F"]}}}},{"name":"now"}])";

TEST(ToolCalls, Required) {
  const std::string spec =
      "{" + kTools + R"(,"begin":"<tool_call>\n","end":"\n</tool_call>","separator":"\n","max_calls":2})";
  const std::string a =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"서울\", \"unit\": "
      "\"C\"}}\n</tool_call>";
  const std::string b = "<tool_call>\n{\"name\":\"now\",\"arguments\":{\"any\":[1]}}\n</tool_call>";
  expect_texts(kCalls, spec, {a, b, a + "\n" + b},
               {"", "hello", a + b, a + "\n" + b + "\n" + a,
                "<tool_call>\n{\"name\": \"other\", \"arguments\": {}}\n</tool_call>",
                "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}\n</tool_call>", a + "\n"});
}

TEST(ToolCalls, AutoIsFreeTextUntilACall) {
  const std::string spec = "{" + kTools + R"(,"mode":"auto","begin":"<<tool>","end":"</tool>"})";
  const std::string call = R"(<<tool>{"name":"now","arguments":{}}</tool>)";
  expect_texts(kCalls, spec,
               {"", "Hello 한국", "a < b <<tool", "<<<tool", call, "Wait. " + call, "<" + call,
                "<<too" + call, call + call},
               {"<<tool>", "<<tool>x", call + "x", "text <<tool>{}</tool>", "\xff", "<<<tool>"});
}

TEST(ToolCalls, Errors) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "object"},
      {"{}", "'tools'"},
      {R"({"tools":[]})", "'tools'"},
      {R"({"tools":[{}]})", "#/tools/0"},
      {R"({"tools":[{"name":"a"},{"name":"a"}]})", "two tools"},
      {R"({"tools":[{"name":"a"}],"mode":"auto"})", "'begin'"},
      {R"({"tools":[{"name":"a"}],"mode":"x"})", "'mode'"},
      {R"({"tools":[{"name":"a"}],"begin":1})", "'begin'"},
      {R"({"tools":[{"name":"a"}],"max_calls":-1})", "'max_calls'"},
      {R"({"tools":[{"name":"a"}],"extra":1})", "'extra'"},
      {R"({"tools":[{"name":"a","parameters":{"properties":{"x":{"not":{}}}}}]})",
       "#/tools/0/parameters/properties/x"},
  };
  for (const auto& [spec, what] : cases) {
    const std::string message = error_of(kCalls, spec);
    EXPECT_NE(message.find(what), std::string::npos) << spec << "\n" << message;
  }
}

}  // namespace
}  // namespace jaju
