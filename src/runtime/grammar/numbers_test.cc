// Bounds against arithmetic: every number of a few digits, and edges of 64 bits.
#include "runtime/grammar/grammar_test.h"

namespace jaju {
namespace {

using namespace grammar_test;  // NOLINT

TEST(Numbers, IntegersBetweenBoundsExactly) {
  Dice dice{21};
  for (int round = 0; round < 60; ++round) {
    const int64_t lo = static_cast<int64_t>(dice(2400)) - 1200, hi = lo + static_cast<int64_t>(dice(1500));
    const bool open_lo = dice(3) == 0, open_hi = dice(3) == 0;
    const bool has_lo = dice(4) != 0, has_hi = dice(4) != 0;
    const auto multiple = static_cast<int64_t>(dice(3) == 0 ? 1 + dice(30) : 1);
    std::string schema = "{\"type\":\"integer\"";
    if (has_lo) schema += fmt::format(",\"{}\":{}", open_lo ? "exclusiveMinimum" : "minimum", lo);
    if (has_hi) schema += fmt::format(",\"{}\":{}", open_hi ? "exclusiveMaximum" : "maximum", hi);
    if (multiple > 1) schema += fmt::format(",\"multipleOf\":{}", multiple);
    schema += "}";
    bool any = false;
    for (int64_t n = -3000; n <= 3000 && !any; ++n) {
      any = !(has_lo && (open_lo ? n <= lo : n < lo)) && !(has_hi && (open_hi ? n >= hi : n > hi)) &&
            n % multiple == 0;
    }
    if (!any) {
      EXPECT_NE(error_of(GrammarKind::json_schema, schema).find("no text"), std::string::npos) << schema;
      continue;
    }
    const auto g = compiled(GrammarKind::json_schema, schema);
    ASSERT_NE(g, nullptr);
    for (int64_t n = -3000; n <= 3000; ++n) {
      const bool expected = !(has_lo && (open_lo ? n <= lo : n < lo)) &&
                            !(has_hi && (open_hi ? n >= hi : n > hi)) && n % multiple == 0;
      ASSERT_EQ(*g->matches(std::to_string(n)), expected) << schema << " " << n;
    }
  }
}

TEST(Numbers, DecimalsBetweenBoundsExactly) {
  Dice dice{22};
  for (int round = 0; round < 60; ++round) {
    // In thousandths, so that the truth is whole.
    const int64_t lo = static_cast<int64_t>(dice(6000)) - 3000, hi = lo + static_cast<int64_t>(dice(4000));
    const bool open_lo = dice(2) == 0, open_hi = dice(2) == 0;
    auto decimal = [](int64_t n) {
      return fmt::format("{}{}.{:03}", n < 0 ? "-" : "", std::abs(n) / 1000, std::abs(n) % 1000);
    };
    if (lo == hi && (open_lo || open_hi)) continue;
    const std::string schema =
        fmt::format("{{\"type\":\"number\",\"{}\":{},\"{}\":{}}}", open_lo ? "exclusiveMinimum" : "minimum",
                    decimal(lo), open_hi ? "exclusiveMaximum" : "maximum", decimal(hi));
    const auto g = compiled(GrammarKind::json_schema, schema);
    ASSERT_NE(g, nullptr);
    for (int64_t n = -3500; n <= 4500; n += 1 + static_cast<int64_t>(dice(3))) {
      if (n == 0) continue;  // -0 is left out on purpose
      const bool expected = (open_lo ? n > lo : n >= lo) && (open_hi ? n < hi : n <= hi);
      std::string text = decimal(n);
      ASSERT_EQ(*g->matches(text), expected) << schema << " " << text;
      while (text.back() == '0') text.pop_back();
      if (text.back() == '.') text.pop_back();
      ASSERT_EQ(*g->matches(text), expected) << schema << " " << text;
    }
    EXPECT_FALSE(*g->matches("1e0"));
    EXPECT_FALSE(*g->matches("01"));
    EXPECT_FALSE(*g->matches("1."));
  }
}

TEST(Numbers, Edges) {
  expect_texts(GrammarKind::json_schema, R"({"type":"integer","format":"int64"})",
               {"9223372036854775807", "-9223372036854775808", "0"},
               {"9223372036854775808", "-9223372036854775809", "-0"});
  expect_texts(GrammarKind::json_schema, R"({"type":"integer","minimum":18446744073709551615})",
               {"18446744073709551615", "99999999999999999999"}, {"18446744073709551614", "1"});
  expect_texts(GrammarKind::json_schema, R"({"type":"integer","minimum":1.5,"maximum":3.5})", {"2", "3"},
               {"1", "4"});
  expect_texts(GrammarKind::json_schema, R"({"type":"number","minimum":0,"maximum":1})",
               {"0", "0.0", "1", "1.00", "0.5"}, {"-0.1", "1.01", "1.000000001"});
  expect_texts(GrammarKind::json_schema, R"({"type":"number","exclusiveMinimum":0})",
               {"0.001", "1", "100000000000000000"}, {"0", "0.0", "-1"});
  expect_texts(GrammarKind::json_schema, R"({"type":"number","maximum":1e-7})", {"0.0000001", "-3"},
               {"0.00000011"});
  expect_texts(GrammarKind::json_schema, R"({"type":"number","multipleOf":0.25})",
               {"0.25", "1", "-7.50", "3.750", "0"}, {"0.3", "1.1"});
  expect_texts(GrammarKind::json_schema, R"({"type":"number","multipleOf":10})", {"10", "-200", "30.0"},
               {"5", "10.5"});
  expect_texts(GrammarKind::json_schema, R"({"type":"integer","minimum":5,"exclusiveMinimum":true})", {"6"},
               {"5"});
  expect_texts(GrammarKind::json_schema, R"({"type":"number"})",
               {"-0", "1e5", "1.5E-10", "123456789012345678", "-0.0"},
               {"1e999", "1234567890123456789", "01", "+1", ".5", "5.", "NaN", "Infinity", ""});
  expect_texts(GrammarKind::json_schema, R"({"type":"integer"})", {"0", "-12", "123456789012345678"},
               {"-0", "1.0", "00"});
  EXPECT_NE(error_of(GrammarKind::json_schema, R"({"type":"number","multipleOf":0.00001234})"), "no error");
  EXPECT_NE(
      error_of(GrammarKind::json_schema, R"({"type":"number","multipleOf":1234567})").find("multipleOf"),
      std::string::npos);
  EXPECT_NE(error_of(GrammarKind::json_schema, R"({"type":"number","multipleOf":0})").find("multipleOf"),
            std::string::npos);
}

}  // namespace
}  // namespace jaju
