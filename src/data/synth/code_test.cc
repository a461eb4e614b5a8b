// The small Python and the code families. What CPython says of the same snippets is
// tests/data/python_oracle.py.
#include <gtest/gtest.h>
#include <xxhash.h>

#include <set>
#include <string>

#include "base/utf8.h"
#include "data/problem.h"
#include "data/synth/families.h"
#include "data/synth/mini_python.h"

namespace jaju::data {
namespace {

std::string trace_of(std::string_view code) {
  const auto run = run_mini_python(code);
  return run.ok() ? run->trace : run.status().message();
}
std::string output_of(std::string_view code) {
  const auto run = run_mini_python(code);
  return run.ok() ? run->output : run.status().message();
}

TEST(MiniPython, TracesOneFactAtATime) {
  EXPECT_EQ(trace_of("x = 3\ny = x * 2 + 4\nprint(y)"), "x=3\ny=3*2+4=6+4=10\nprint 10");
  EXPECT_EQ(trace_of("s = 0\nfor i in range(3):\n    s += i\nprint(s)"),
            "s=0\ni: 0 1 2\ni=0: s=0+0=0\ni=1: s=0+1=1\ni=2: s=1+2=3\nprint 3");
  EXPECT_EQ(trace_of("def f(n):\n    return n * 2\n\nprint(f(3))"), "f(3)\nf: n=3, return 3*2=6\nprint 6");
  EXPECT_EQ(trace_of("x = 5\nif x > 7:\n    print(1)\nelse:\n    print(2)"), "x=5\n5>7 → False, print 2");
  EXPECT_EQ(trace_of("x = 1\nwhile x < 3:\n    x += 1\nprint(x)"),
            "x=1\n1<3 → True, x=1+1=2\n2<3 → True, x=2+1=3\n3<3 → False\nprint 3");
  EXPECT_EQ(trace_of("print('cat'[1])"), "'cat'[1]\n0 c, 1 a → a\nprint a");
}

TEST(MiniPython, WritesOutWhatIsMoreThanOneFact) {
  EXPECT_EQ(trace_of("print(18 + 12)"), "18+12\n18+12: 8+2=10, 1+1+1=3 → 30\nprint 30");
  EXPECT_EQ(trace_of("a = [4, 1]\nprint(sum(a))"), "a=[4, 1]\nsum(a)\n4+1=5\nprint 5");
}

TEST(MiniPython, FollowsPythonWhereItIsSurprising) {
  EXPECT_EQ(output_of("print(-3 * -4, 2 - 5, --2)"), "12 -3 2");
  EXPECT_EQ(output_of("print(2 + 3 * 4 ** 2 - (1 - 5))"), "54");
  EXPECT_EQ(output_of("a = [1]\nb = a\nb.append(2)\nprint(a)"), "[1, 2]");
  EXPECT_EQ(output_of("x = 1\ndef f(y):\n    x = y\n    return x\n\nprint(f(5), x)"), "5 1");
  EXPECT_EQ(output_of("a, b = 1, 2\na, b = b, a + b\nprint(a, b)"), "2 3");
  EXPECT_EQ(output_of("print('a' if 0 else 'b', not 1 == 2, None, [True, 'x'])"), "b True None [True, 'x']");
  EXPECT_EQ(output_of("print('banana'[::2], 'banana'[-3:], [1, 2, 3][:-1])"), "bnn ana [1, 2]");
}

TEST(MiniPython, RefusesWhatItDoesNotKnow) {
  for (const std::string_view code :
       {"import os", "x = ", "print(y)", "x = 1 / 2", "print(1 // 0)", "while True:\n    x = 1",
        "print('a' + 1)", "def f(n):\n    return f(n)\n\nprint(f(1))", "if True:\nprint(1)", "print([1][3])",
        "x = 'abc", "a.append(1)", "x = 9 ** 12\nprint(x * x)", "return 3", "break", "print(len(3))",
        "f = 1\nf(2)", "  x = 1"}) {
    EXPECT_FALSE(run_mini_python(code).ok()) << code;
  }
}

Problem make(const Family& family, Language language, uint64_t seed, int difficulty) {
  // No multiple of the step of Dice: seeds that far apart would share a stream.
  Dice dice(seed * 1000003 + static_cast<uint64_t>(difficulty));
  return family.make(dice, language, difficulty);
}

TEST(CodeFamilies, HoldTogether) {
  constexpr size_t longest[] = {100, 150, 200, 240, 280};
  for (const Family& family : code_families()) {
    for (const Language language : kLanguages) {
      std::set<std::string> questions;
      for (uint64_t seed = 0; seed < 1500; ++seed) {
        const int difficulty = 1 + static_cast<int>(seed % static_cast<uint64_t>(family.levels));
        const Problem p = make(family, language, seed, difficulty);
        EXPECT_TRUE(utf8_valid(p.question) && utf8_valid(p.thinking));
        for (const std::string* text : {&p.question, &p.thinking, &p.answer, &p.expected}) {
          ASSERT_FALSE(text->empty());
          EXPECT_FALSE(std::isspace(static_cast<unsigned char>(text->front()))) << *text;
          EXPECT_FALSE(std::isspace(static_cast<unsigned char>(text->back()))) << *text;
        }
        // "%" stands for the snippet in phrases.
        if (family.task == "python_output") {
          EXPECT_EQ(p.question.find("`%`"), std::string::npos) << p.question;
        }
        EXPECT_LE(p.thinking.size(), family.task == "python_output" ? longest[difficulty - 1] : 220)
            << p.question;
        EXPECT_TRUE(answer_matches(p.answer, p.expected)) << p.answer;
        EXPECT_FALSE(answer_matches(p.answer, p.expected + "1")) << p.answer;
        questions.insert(p.question);
      }
      // Few questions come twice.
      EXPECT_GE(questions.size(), 1100u) << family.task << " " << code_of(language);
    }
  }
}

TEST(CodeFamilies, AreTheSameEverywhere) {
  std::string all;
  for (const Family& family : code_families()) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
      const Problem p = make(family, kLanguages[seed % 5], seed, 1 + static_cast<int>(seed % 3));
      all += p.question + '\0' + p.thinking + '\0' + p.answer + '\0' + p.expected + '\0';
    }
  }
  // Changes with any change of snippets, phrases or traces; then data made before and after must not be
  // mixed.
  EXPECT_EQ(XXH3_64bits(all.data(), all.size()), 12540988745632255077u);
}

}  // namespace
}  // namespace jaju::data
