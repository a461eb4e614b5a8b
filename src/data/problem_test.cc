#include "data/problem.h"

#include <gtest/gtest.h>

#include "data/synth.h"

namespace jaju::data {
namespace {

Problem sample() {
  return {.id = "",
          .task = "add",
          .language = "ko",
          .difficulty = 2,
          .question = "12 더하기 5는?",
          .thinking = "12+5: 2+5=7, 1 \"→\" 17",
          .answer = "17입니다.",
          .expected = "17"};
}

TEST(Problem, SurvivesItsJsonLine) {
  Problem problem = sample();
  problem.id = problem_id(problem.language, problem.question);
  problem.thinking += "\nline two\ttab \\ end";
  const std::string line = to_json_line(problem);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(
      line.find("{\"id\":\"" + problem.id + "\",\"task\":\"add\",\"language\":\"ko\",\"difficulty\":2,"), 0u);
  const Result<Problem> back = problem_from_json(line, "line 1");
  ASSERT_TRUE(back.ok()) << back.message();
  EXPECT_EQ(to_json_line(*back), line);
  EXPECT_EQ(back->thinking, problem.thinking);
}

TEST(Problem, IdIsOfLanguageAndQuestionWithoutSpacing) {
  const std::string id = problem_id("ko", "3 + 4 = ?");
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(problem_id("ko", " 3  +\n4 =\t?"), id);
  EXPECT_EQ(problem_id("ko", "3\xc2\xa0+ 4 =\xe3\x80\x80?"), id);
  EXPECT_NE(problem_id("en", "3 + 4 = ?"), id);
  EXPECT_NE(problem_id("ko", "3 +4 = ?"), id);
  // xxhsum -H3 of the same bytes: language, zero byte, question.
  EXPECT_EQ(problem_id("en", "1+1"), "7e35eea6a0836a74");
}

TEST(Problem, MissingAndWrongFieldsAreNamed) {
  const auto message = [](std::string_view line) {
    const Result<Problem> problem = problem_from_json(line, "a.jsonl line 7");
    return problem.ok() ? std::string() : problem.message();
  };
  EXPECT_NE(message("[]").find("a.jsonl line 7: a problem must be a JSON object"), std::string::npos);
  EXPECT_NE(message("{\"task\":\"add\"").find("a.jsonl line 7"), std::string::npos);
  EXPECT_NE(message("{\"task\":\"add\"}").find("'language' is missing"), std::string::npos);
  std::string line = to_json_line(sample());
  line.replace(line.find("\"difficulty\":2"), 14, "\"difficulty\":\"2\"");
  EXPECT_NE(message(line).find("'difficulty' must be a whole number from 1 to 5"), std::string::npos);
  line.replace(line.find("\"difficulty\":\"2\""), 16, "\"difficulty\":6");
  EXPECT_NE(message(line).find("'difficulty' must be"), std::string::npos);
  line.replace(line.find("\"difficulty\":6"), 14, "\"difficulty\":5,\"more\":[1,{}]");
  EXPECT_EQ(message(line), "");
}

TEST(Problem, AbsentIdIsComputed) {
  const Result<Problem> problem =
      problem_from_json(R"({"task":"add","language":"en","difficulty":1,"question":"1+1","thinking":"",)"
                        R"("answer":"2","expected":"2"})",
                        "x");
  ASSERT_TRUE(problem.ok()) << problem.message();
  EXPECT_EQ(problem->id, problem_id("en", "1+1"));
}

TEST(Problem, OneInFiftyIsForTest) {
  int test = 0;
  for (int i = 0; i < 100000; ++i) test += is_test_problem(problem_id("en", std::to_string(i))) ? 1 : 0;
  EXPECT_GT(test, 1800);  // 2,000 expected, standard deviation 44
  EXPECT_LT(test, 2200);
}

struct Verdict {
  const char* answer;
  const char* expected;
  bool right;
};

TEST(AnswerMatches, Values) {
  const Verdict cases[] = {
      {"57", "57", true},
      {" 57 \n", "57", true},
      {"57입니다.", "57", true},
      {"7개입니다.", "7", true},
      {"7개", "70", false},
      {"답은 7개예요!", "7", true},
      {"The answer is 57.", "57", true},
      {"47 * 86 = 4042", "4042", true},
      {"4042 = 47 * 86", "4042", false},  // the last value counts
      {"1,234원", "1234", true},
      {"1234", "1,234", true},
      {"1,234,567원입니다", "1234567", true},
      {"12,34", "1234", false},
      {"1,2,3", "123", false},
      {"1,2,3", "1,2,3", true},
      {"0,500", "500", false},
      {"-5", "-5", true},
      {"5", "-5", false},
      {"-5", "5", false},
      {"x = -5", "-5", true},
      {"x=-5", "-5", true},
      {"답: −5입니다", "-5", true},
      {"-0", "0", true},
      {"x = - 5", "-5", true},
      {"x = - 5", "5", false},
      {"-$5", "-5", true},
      {"-$5", "5", false},
      {"–5", "-5", true},
      {"–5", "5", false},
      {"답은:\n- 5", "5", true},  // an item of a list
      {"7 - 5", "-5", false},
      {"72 m^2", "72", true},
      {"\\boxed{72} cm^2", "72", true},
      {"답은...18", "18", true},
      {"No.18", "18", true},
      {".5", "5", false},
      {"x-5", "5", false},
      {"10-5", "5", false},
      {"10-5", "-5", false},
      {"3/4", "3/4", true},
      {"답은 3/4이에요.", "3/4", true},
      {"6/8", "3/4", false},
      {"3/4 = 6/8", "3/4", false},
      {"1 1/2", "1 1/2", true},
      {"1 1/2", "1/2", false},
      {"-3/4", "3/4", false},
      {"2.50", "2.5", true},
      {"$2.50", "2.5", true},
      {"2.5 dollars.", "2.50", true},
      {"$2.50", "$2.50", true},
      {"2.0", "2", false},
      {"2", "2.0", false},
      {"2.05", "2.5", false},
      {"2.5.", "2.5", true},
      {"7.", "7", true},
      {"007", "7", true},
      {"14:05", "14:05", true},
      {"오후 14:05입니다.", "14:05", true},
      {"9:05", "09:05", true},
      {"9:5", "9:05", false},
      {"2:05", "14:05", false},
      {"2024-03-05", "2024-3-5", true},
      {"2024-03-05", "2024-03-06", false},
      {"2024-03-05", "5", false},
      {"2 r 1", "2 r 1", true},
      {"2r1입니다", "2 r 1", true},
      {"몫과 나머지는 2 r 1이에요.", "2 r 1", true},
      {"2 r 1", "1", false},
      {"2 r 1", "2", false},
      {"2 r 2", "2 r 1", false},
      {"2", "2 r 1", false},
      {"2 r 0", "2", false},
      {"50%", "50%", true},
      {"50%입니다", "50", true},
      {"5km", "5", true},
      {"12 cm2", "12", true},  // digits of a name are passed over
      {"x2", "2", false},
      {"0x1f", "1", false},
      {"1e5", "5", false},
      {"1e5", "1", false},
      {"**57**", "57", true},
      {"`57`", "57", true},
      {"57 or 58", "57", false},
      {"", "57", false},
      {"fifty-seven", "57", false},
      {"57", "", false},
      {"", "", false},
      {"7개입니다. 확실해요 100%", "7", false},
      {"99999999999999999999999999", "99999999999999999999999999", true},
      {"99999999999999999999999998", "99999999999999999999999999", false},
  };
  for (const Verdict& c : cases) {
    EXPECT_EQ(answer_matches(c.answer, c.expected), c.right)
        << '"' << c.answer << "\" for \"" << c.expected << '"';
  }
}

TEST(AnswerMatches, Text) {
  const Verdict cases[] = {
      {"yes", "yes", true},
      {"Yes.", "yes", true},
      {"\"Yes\"!", "yes", true},
      {"yes", "no", false},
      {"no, not yes", "yes", false},
      {"yes no", "yes", false},
      {"yesno", "yes", false},
      {"네.", "네", true},
      {"아니요", "네", false},
      {"是。", "是", true},
      {"¡Sí!", "Sí", true},
      {"Because of this:\nyes", "yes", true},
      {"yes\nno", "yes", false},
      {"It prints `HELLO`.", "HELLO", true},
      {"It prints `hello`.", "HELLO", false},
      {"hello", "HELLO", false},
      {"HELLO", "hello", false},
      {"`a` then `b`", "b", true},
      {"`a` then `b`", "a", false},
      {"New   York", "new york", true},
      {"newyork", "new york", false},
      {"['a', 'b']", "['a', 'b']", true},
      {"'a', 'b'", "['a', 'b']", false},
      {"[1, 2, 3]", "[1, 2, 3]", true},
      {"It prints `[1, 2, 3]`.", "[1, 2, 3]", true},
      {"[1, 2, 4]", "[1, 2, 3]", false},
      {"a", "'a'", false},
      {"'a'", "'a'", true},
      {"0\n1\n2", "0\n1\n2", true},
      {"0\n\n1 \n2\n", "0\n1\n2", true},
      {"0 1 2", "0\n1\n2", false},
      {"1\n2", "0\n1\n2", false},
      {"출력:\n```\n0\n1\n2\n```", "0\n1\n2", true},
      {"출력:\n```\n0\n1\n```", "0\n1\n2", false},
      {"return a + b", "return a + b", true},
      {"The line is `return a + b`.", "return a + b", true},
      {"return a - b", "return a + b", false},
      {"anything", "...", false},
      {"`", "`", true},
      {"``", "yes", false},
      {"```", "yes", false},
  };
  for (const Verdict& c : cases) {
    EXPECT_EQ(answer_matches(c.answer, c.expected), c.right)
        << '"' << c.answer << "\" for \"" << c.expected << '"';
  }
}

// Exactness is the floor: any text answers itself, and appending a digit to a number never does.
TEST(AnswerMatches, RandomNumbers) {
  Dice dice(7);
  for (int i = 0; i < 20000; ++i) {
    const std::string number = std::to_string(dice.between(-99999, 99999));
    EXPECT_TRUE(answer_matches(number, number));
    EXPECT_TRUE(answer_matches("정답은 " + number + "입니다.", number));
    EXPECT_TRUE(answer_matches("3+4=7, so " + number + ".", number));
    EXPECT_FALSE(answer_matches(number + std::to_string(dice.between(0, 9)), number)) << number;
    EXPECT_FALSE(answer_matches(number + ", " + std::to_string(dice.between(100000, 200000)), number))
        << number;
  }
}

}  // namespace
}  // namespace jaju::data
