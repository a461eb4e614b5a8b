#include "base/json.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

TEST(Json, SaysWhatIsWrong) {
  EXPECT_TRUE(parse_json(R"({"a": [1, {"b": null}]})", "x").ok());
  EXPECT_NE(
      parse_json("{\"a\": }", "config.json").message().find("config.json is not valid JSON near byte 7"),
      std::string::npos);
  EXPECT_NE(parse_json(R"({"a": 1, "a": 2})", "x").message().find("key \"a\" appears twice"),
            std::string::npos);
  // Found by fuzzing: a key's line break must not break the message.
  EXPECT_NE(parse_json(R"({"a\nb": 1, "a\nb": 2})", "x").message().find("key \"a?b\" appears twice"),
            std::string::npos);
  EXPECT_LT(parse_json("{\"" + std::string(500, 'k') + "\": 1, \"" + std::string(500, 'k') + "\": 2}", "x")
                .message()
                .size(),
            200u);
  EXPECT_FALSE(parse_json("\"\xff\"", "x").ok());
  EXPECT_FALSE(parse_json("", "x").ok());
  EXPECT_FALSE(parse_json("{} {}", "x").ok());
}

TEST(Json, DepthIsBounded) {
  EXPECT_TRUE(parse_json(std::string(60, '[') + std::string(60, ']'), "x").ok());
  const std::string bomb(1 << 20, '[');
  EXPECT_NE(parse_json(bomb, "x").message().find("deeper than 64"), std::string::npos);
}

TEST(Json, OrderedObjectsHaveALimitOfKeys) {
  std::string text = "{";
  for (int i = 0; i < 100000; ++i) text += fmt::format("{}\"k{}\": 1", i == 0 ? "" : ", ", i);
  text += "}";
  EXPECT_NE(parse_ordered_json(text, "x").message().find("more than 4096 keys"), std::string::npos);
  EXPECT_TRUE(parse_json(text, "x").ok());
}

TEST(Json, ManyLargeOrderedObjectsAreRefused) {
  std::string object = "{";
  for (int i = 0; i < 4000; ++i) object += fmt::format("{}\"k{}\": 1", i == 0 ? "" : ", ", i);
  object += "}";
  EXPECT_TRUE(parse_ordered_json("[" + object + "," + object + "]", "x").ok());
  const std::string three = "[" + object + "," + object + "," + object + "]";
  EXPECT_NE(parse_ordered_json(three, "x").message().find("thousands of keys"), std::string::npos);
  EXPECT_TRUE(parse_json(three, "x").ok());
}

TEST(Json, NumbersPastDoubleAreASentence) {
  EXPECT_EQ(parse_json("[1e999]", "x").message(), "x has a number that is no finite double");
}

}  // namespace
}  // namespace jaju
