#include "data/synth/phrases.h"

#include <gtest/gtest.h>

namespace jaju::data {
namespace {

TEST(Josa, FollowsHangul) {
  EXPECT_EQ(josa("사과", Josa::object), "를");
  EXPECT_EQ(josa("연필", Josa::object), "을");
  EXPECT_EQ(josa("민준", Josa::topic), "은");
  EXPECT_EQ(josa("서아", Josa::subject), "가");
  EXPECT_EQ(josa("구슬", Josa::by), "로");  // ㄹ takes 로
  EXPECT_EQ(josa("집", Josa::by), "으로");
  EXPECT_EQ(josa("버스", Josa::by), "로");
  EXPECT_EQ(josa("책", Josa::with), "과");
  EXPECT_EQ(josa("\"책\"", Josa::object), "을");
}

// The number read aloud: 영 일 이 삼 사 오 육 칠 팔 구 십 백 천 만.
TEST(Josa, FollowsTheNumberReadAloud) {
  const std::string_view topics[] = {"은", "은", "는", "은", "는", "는", "은", "은", "은", "는"};
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_EQ(josa(std::to_string(digit), Josa::topic), topics[digit]) << digit;
    EXPECT_EQ(josa("4" + std::to_string(digit), Josa::topic), topics[digit]) << digit;
  }
  for (const char* round : {"10", "20", "100", "3000", "10000", "1,000,000", "100000000"}) {
    EXPECT_EQ(josa(round, Josa::topic), "은") << round;
  }
  EXPECT_EQ(josa("1000000000000", Josa::topic), "는");  // 일조
  EXPECT_EQ(josa("1", Josa::by), "로");
  EXPECT_EQ(josa("7", Josa::by), "로");
  EXPECT_EQ(josa("3", Josa::by), "으로");
  EXPECT_EQ(josa("10", Josa::by), "으로");
  EXPECT_EQ(josa("2", Josa::by), "로");
  EXPECT_EQ(josa("2.5", Josa::object), "를");
  EXPECT_EQ(josa("3.50", Josa::object), "을");
  EXPECT_EQ(josa("-6", Josa::is_casual), "이야");
  EXPECT_EQ(josa("3/4", Josa::topic), "은");  // 사분의 삼은
  EXPECT_EQ(josa("2/3", Josa::topic), "는");  // 삼분의 이는
  EXPECT_EQ(josa("14:05", Josa::is_polite), "이에요");
  EXPECT_EQ(josa("14:00", Josa::is_polite), "예요");
  EXPECT_EQ(josa("20%", Josa::topic), "는");
  EXPECT_EQ(josa("5kg", Josa::topic), "은");
  EXPECT_EQ(josa("5km", Josa::topic), "는");
  EXPECT_EQ(josa("x", Josa::topic), "는");
  EXPECT_EQ(josa("n", Josa::topic), "은");
  EXPECT_EQ(josa("(3+4)", Josa::object), "를");
  EXPECT_EQ(josa("", Josa::topic), "는");
}

TEST(Phrases, FillsSlots) {
  EXPECT_EQ(fill("{a|와} {b|을} 더하면?", {{"a", "47"}, {"b", "82"}}), "47과 82를 더하면?");
  EXPECT_EQ(fill("{a} + {b} = ?", {{"a", "1"}, {"b", "2"}}), "1 + 2 = ?");
  EXPECT_EQ(fill("f{{{a}}", {{"a", "1"}}), "f{1}");
  EXPECT_DEATH(fill("{c}", {{"a", "1"}}), "internal error");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(-1234), "-1,234");
  EXPECT_EQ(with_commas(-123), "-123");
  EXPECT_EQ(with_commas(999), "999");
}

}  // namespace
}  // namespace jaju::data
