#include "server/turn_memory.h"

#include <gtest/gtest.h>

namespace jaju::server {
namespace {

ToolCall call(const std::string& id, const std::string& arguments) {
  return {id, "f", nlohmann::ordered_json::parse(arguments)};
}

RememberedTurn turn(const std::string& id) {
  RememberedTurn t;
  t.rest = {1, 2, 3};
  t.reasoning_text = "thought";
  t.content = "text\n";
  t.calls = {call(id, R"({"a": 1, "b": [2]})")};
  return t;
}

Message message(const std::string& id, const std::string& arguments, const std::string& content = "text",
                const std::string& reasoning = "") {
  Message m;
  m.role = "assistant";
  m.content = content;
  m.reasoning = reasoning;
  m.tool_calls = {call(id, arguments)};
  return m;
}

TEST(TurnMemory, FindsATurnWhateverItsSpelling) {
  TurnMemory memory(1 << 20);
  memory.remember("t", turn("c1"));
  EXPECT_NE(memory.find("t", message("c1", R"({"b":[2],"a":1})")), nullptr);
  EXPECT_NE(memory.find("t", message("c1", R"({"b":[2],"a":1})", " text", "thought\n")), nullptr);
}

TEST(TurnMemory, AnotherMeaningIsAnotherTurn) {
  TurnMemory memory(1 << 20);
  memory.remember("t", turn("c1"));
  EXPECT_EQ(memory.find("t", message("c1", R"({"a":1,"b":[3]})")), nullptr);
  EXPECT_EQ(memory.find("t", message("c1", R"({"a":1,"b":[2]})", "other")), nullptr);
  EXPECT_EQ(memory.find("t", message("c1", R"({"a":1,"b":[2]})", "text", "other")), nullptr);
  EXPECT_EQ(memory.find("t", message("c2", R"({"a":1,"b":[2]})")), nullptr);
  EXPECT_EQ(memory.find("u", message("c1", R"({"a":1,"b":[2]})")), nullptr);
  Message two = message("c1", R"({"a":1,"b":[2]})");
  two.tool_calls.push_back(call("c9", "{}"));
  EXPECT_EQ(memory.find("t", two), nullptr);
}

TEST(TurnMemory, StaysWithinItsBytes) {
  TurnMemory memory(4096);
  for (int i = 0; i < 100; ++i) {
    memory.remember("t", turn("c" + std::to_string(i)));
    EXPECT_LE(memory.bytes(), 4096);
  }
  EXPECT_EQ(memory.find("t", message("c0", R"({"a":1,"b":[2]})")), nullptr);
  EXPECT_NE(memory.find("t", message("c99", R"({"a":1,"b":[2]})")), nullptr);
}

}  // namespace
}  // namespace jaju::server
