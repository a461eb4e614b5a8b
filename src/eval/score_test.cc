#include "eval/score.h"

#include <gtest/gtest.h>

namespace jaju::eval {
namespace {

Item number(const char* expected) {
  Item item;
  item.problem.expected = expected;
  return item;
}

Item letters(const char* expected) {
  Item item = number(expected);
  item.choices = {"서울", "Busan", "a dog", "Daegu"};
  return item;
}

TEST(Score, TakesThinkingApart) {
  const Scored s = score(number("57"), Mode::think, "\n52+5=57\n</think>\n\nThe answer is 57.", 12, true);
  EXPECT_TRUE(s.correct);
  EXPECT_EQ(s.format, FormatError::none);
  EXPECT_EQ(s.reasoning, "52+5=57");
  EXPECT_EQ(s.answer, "The answer is 57.");
  EXPECT_EQ(s.tokens, 12);
}

TEST(Score, NamesWhatIsWrongWithTheForm) {
  struct Case {
    Mode mode;
    const char* text;
    bool finished;
    FormatError format;
    bool correct;
  };
  const Case cases[] = {
      {Mode::think, "52+5=57</think>57", true, FormatError::none, true},
      {Mode::think, "52+5=57</think>58", true, FormatError::none, false},
      {Mode::think, "52+5=57</think>57", false, FormatError::unfinished, false},
      {Mode::think, "52+5=57", true, FormatError::no_close, false},
      {Mode::think, "57", true, FormatError::no_close, false},
      {Mode::think, "<think>52+5=57</think>57", true, FormatError::repeated_tag, true},
      {Mode::think, "a</think>b</think>57", true, FormatError::repeated_tag, true},
      {Mode::think, "52+5=57</think> \n", true, FormatError::empty_answer, false},
      {Mode::think, "52+5=57</think>", true, FormatError::empty_answer, false},
      {Mode::direct, "57", true, FormatError::none, true},
      {Mode::direct, "57 57 57", false, FormatError::unfinished, false},
      {Mode::direct, "<think>52+5</think>57", true, FormatError::think_tag, true},
      {Mode::direct, "</think>57", true, FormatError::think_tag, true},
      {Mode::direct, "", true, FormatError::empty_answer, false},
      {Mode::direct, " \n", true, FormatError::empty_answer, false},
  };
  for (const Case& c : cases) {
    const Scored s = score(number("57"), c.mode, c.text, 1, c.finished);
    EXPECT_EQ(s.format, c.format) << c.text << ": " << name_of(s.format);
    EXPECT_EQ(s.correct, c.correct) << c.text;
    EXPECT_EQ(s.text, c.text);
  }
}

TEST(Score, ChoicesAreScoredByTheirLetter) {
  EXPECT_TRUE(score(letters("B"), Mode::direct, "B", 1, true).correct);
  EXPECT_TRUE(score(letters("B"), Mode::think, "A? no. C? no.</think>정답은 B입니다.", 1, true).correct);
  EXPECT_FALSE(score(letters("B"), Mode::direct, "C", 1, true).correct);
  EXPECT_FALSE(score(letters("B"), Mode::direct, "seven", 1, true).correct);
}

TEST(ChosenLetter, ReadsTheUsualWays) {
  const std::vector<std::string> choices = {"서울", "Busan", "a dog", "Daegu"};
  const std::pair<const char*, char> cases[] = {
      {"B", 'B'},
      {" (C) ", 'C'},
      {"D. Daegu", 'D'},
      {"**A**", 'A'},
      {"[B]", 'B'},
      {"정답은 C입니다.", 'C'},
      {"The answer is B.", 'B'},
      {"A dog is a pet, so it is C.", 'C'},
      {"Not A or B but (D)", 'D'},
      {"서울", 'A'},
      {"Busan", 'B'},
      {"E", 0},
      {"", 0},
      {"Because", 0},
      {"A dog", 0},
      {"BC", 0},
  };
  for (const auto& [answer, letter] : cases) EXPECT_EQ(chosen_letter(answer, choices), letter) << answer;
}

TEST(ChosenLetter, CapitalsInTheTextsOfChoicesAreNoLetters) {
  const std::vector<std::string> choices = {"Vitamin C", "Vitamin A", "Vitamin D", "Vitamin B"};
  for (const char* answer :
       {"Vitamin A", "The correct answer is B. Vitamin A", "Answer: B) Vitamin A",
        "The answer is **B**: Vitamin A", "B - Vitamin A", "It must be Vitamin A, surely", "'B'", "b", "(b)",
        "Ｂ", "정답은 B입니다.", "\\boxed{B}"}) {
    EXPECT_EQ(chosen_letter(answer, choices), 'B') << answer;
  }
  const std::vector<std::string> ten(10, "x");
  EXPECT_EQ(chosen_letter("The answer is B, I believe.", ten), 'B');
  EXPECT_EQ(chosen_letter("I think so", ten), 0);
}

// Values of Newcombe (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29.
TEST(Wilson, AgreesWithThePublishedTable) {
  const struct {
    int64_t hits, n;
    double low, high;
  } rows[] = {
      {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0, 0.1611}, {1, 29, 0.0061, 0.1718}};
  for (const auto& row : rows) {
    const auto [low, high] = wilson95(row.hits, row.n);
    EXPECT_NEAR(low, row.low, 5e-5);
    EXPECT_NEAR(high, row.high, 5e-5);
  }
  EXPECT_EQ(wilson95(0, 0), std::make_pair(0.0, 1.0));
  EXPECT_NEAR(wilson95(20, 20).second, 1.0, 1e-12);
}

}  // namespace
}  // namespace jaju::eval
