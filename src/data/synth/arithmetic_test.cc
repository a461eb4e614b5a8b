// Every problem of the arithmetic and algebra families, worked out again from the text of its question, and
// every step of its trace re-evaluated (claims_for_test.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "base/utf8.h"
#include "data/synth/claims_for_test.h"
#include "data/synth/families.h"
#include "data/synth/math_phrases.h"

namespace jaju::data {
namespace {

constexpr int kProblems = 20000;  // per family and language

std::vector<Family> all_families() {
  std::vector<Family> out;
  for (const auto part : {arithmetic_families(), algebra_families()})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Whole numbers, decimals and fractions in a text, as written. A sign counts behind a blank, a bracket, at
// the start or behind a letter of another script, not behind a number.
std::vector<std::string> numbers_in(const std::string& text) {
  std::vector<std::string> out;
  for (size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    if (i + 1 < text.size() && (text[i] == '.' || text[i] == '/') && is_digit(text[i + 1])) {
      ++i;
      while (i < text.size() && is_digit(text[i])) ++i;
    }
    if (from > 0 && text[from - 1] == '-' && (from == 1 || !is_digit(text[from - 2]))) --from;
    out.push_back(text.substr(from, i - from));
  }
  return out;
}

std::optional<Rational> value_of(const std::string& text, std::optional<Rational> x = std::nullopt) {
  return ExpressionReader(text, x).read();
}

// How many bytes of arithmetic (or of an equation) start here; 0: none.
size_t sign_at(std::string_view rest, bool equation) {
  for (const std::string_view sign : {"×", "÷"}) {
    if (rest.starts_with(sign)) return sign.size();
  }
  if (!equation) {
    return rest.starts_with("x ")
               ? 2
               : std::string_view("0123456789+-*/(). ").find(rest[0]) != std::string_view::npos;
  }
  if (rest.starts_with("□")) return std::string_view("□").size();
  return std::string_view("0123456789+-*/(). =xyna").find(rest[0]) != std::string_view::npos;
}

// The longest stretch of `text` that reads as an expression, or as an equation.
std::string expression_in(const std::string& text, bool equation) {
  const auto reads = [&](const std::string& piece) {
    const auto sides = split(piece, "=");
    if (sides.size() != (equation ? 2u : 1u)) return false;
    const std::optional<Rational> x = equation ? std::optional(Rational{1, 1}) : std::nullopt;
    return std::all_of(sides.begin(), sides.end(), [&](const std::string& s) {
      return s.find_first_not_of(' ') != std::string::npos && value_of(s.substr(s.find_first_not_of(' ')), x);
    });
  };
  std::string best;
  for (size_t at = 0; at < text.size();) {
    const size_t from = at;
    while (at < text.size()) {
      const size_t bytes = sign_at(std::string_view(text).substr(at), equation);
      if (bytes == 0) break;
      at += bytes;
    }
    std::string piece = text.substr(from, at - from);
    while (!piece.empty() && (piece.back() == ' ' || piece.back() == '.')) piece.pop_back();
    const bool after_letter = from > 0 && (std::isalpha(static_cast<unsigned char>(text[from - 1])) ||
                                           (from > 1 && text[from - 2] == '\xC3'));  // "é"
    if (equation && after_letter) {                                                  // "when -4y = 8"
      piece.erase(0, std::min(piece.find(' '), piece.size()));
    }
    // Letters of a word, or the full stop of the sentence before it, may hang on in front.
    for (bool dropped = true; dropped && !piece.empty();) {
      piece.erase(0, std::min(piece.find_first_not_of(". "), piece.size()));
      const bool whole_piece = reads(piece);
      if (whole_piece && piece.size() > best.size()) best = piece;
      const size_t blank = piece.find(' ');
      dropped = !whole_piece && blank != std::string::npos;
      if (dropped) piece.erase(0, blank);
    }
    if (at == from) ++at;
  }
  return best;
}

int64_t whole(const std::string& text) {
  return std::stoll(text);
}

// The number that a person who sees the rule puts at `gap`: one difference, one ratio, two differences in
// turn, or differences that grow evenly.
bool fits_a_rule(std::vector<int64_t> t) {
  std::vector<int64_t> d;
  for (size_t i = 1; i < t.size(); ++i) d.push_back(t[i] - t[i - 1]);
  const auto every = [&](auto same) {
    for (size_t i = 1; i < t.size(); ++i) {
      if (!same(i)) return false;
    }
    return true;
  };
  return every([&](size_t i) { return d[i - 1] == d[0]; }) ||
         every([&](size_t i) { return t[i] * t[0] == t[i - 1] * t[1]; }) ||
         every([&](size_t i) { return d[i - 1] == d[(i - 1) % 2]; }) ||
         (d.size() > 2 && every([&](size_t i) { return i < 2 || d[i - 1] - d[i - 2] == d[1] - d[0]; }));
}

// "" or what is wrong with the expected value, judged from the question alone.
std::string wrong_value(const std::string& task, const Problem& p) {
  const auto numbers = numbers_in(p.question);
  const auto wrong = [&](const std::string& why) { return why + ": " + p.question + " / " + p.expected; };
  const auto expected = value_of(p.expected);
  if (task == "add" || task == "sub" || task == "mul") {
    std::string question = p.question;
    std::replace(question.begin(), question.end(), '-', ' ');  // operations, not signs
    const auto pair = numbers_in(question);
    if (pair.size() != 2 || !expected) return wrong("numbers");
    const __int128 a = whole(pair[0]);
    const __int128 b = whole(pair[1]);
    const __int128 v = expected->top;
    const bool right = task == "add" ? v == a + b : task == "mul" ? v == a * b : v == a - b || v == b - a;
    return right ? "" : wrong("value");
  }
  if (task == "div") {
    std::string question = p.question;
    std::replace(question.begin(), question.end(), '/', ' ');
    const auto pair = numbers_in(question);
    if (pair.size() != 2) return wrong("numbers");
    const int64_t a = std::max(whole(pair[0]), whole(pair[1]));
    const int64_t b = std::min(whole(pair[0]), whole(pair[1]));
    const auto told = numbers_in(p.expected);
    if (told.size() == 2) return whole(told[0]) == a / b && whole(told[1]) == a % b ? "" : wrong("value");
    const bool right = whole(told[0]) == a / b || whole(told[0]) == a % b;
    return right ? "" : wrong("value");
  }
  if (task == "mixed" || task == "decimal" || (task == "fraction" && numbers.size() != 1)) {
    const auto value = value_of(expression_in(p.question, false));
    return value && expected && *value == *expected ? "" : wrong("value");
  }
  if (task == "fraction") {
    const auto value = value_of(numbers[0]);
    if (!value || !expected || !(*value == *expected)) return wrong("value");
    const auto parts = split(p.expected, "/");
    return parts.size() == 1 || std::gcd(whole(parts[0]), whole(parts[1])) == 1 ? "" : wrong("lowest terms");
  }
  if (task == "equation") {
    const std::string equation = expression_in(p.question, true);
    const size_t sign = equation.find('=');
    if (sign == std::string::npos) return wrong("no equation");
    const auto left = value_of(equation.substr(0, sign), expected);
    const auto right = value_of(equation.substr(sign + 1), expected);
    return left && right && *left == *right ? "" : wrong("solution " + equation);
  }
  if (task == "compare") {
    if (!expected) return "";  // yes or no: AnswersFollowTheWords
    std::vector<Rational> values;
    for (const auto& n : numbers) values.push_back(*value_of(n));
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    return *expected == *low || *expected == *high ? "" : wrong("neither end");
  }
  // sequence: the gap is the expected value
  std::string list = p.question;
  const bool gap = list.find(", □,") != std::string::npos || list.find(", ?,") != std::string::npos ||
                   list.find(", __,") != std::string::npos;
  for (const std::string_view blank : {", □,", ", ?,", ", __,"}) {
    const size_t at = list.find(blank);
    if (at != std::string::npos) list.replace(at, blank.size(), ", " + p.expected + ",");
  }
  std::vector<int64_t> terms;
  for (const auto& n : numbers_in(list)) terms.push_back(whole(n));
  if (!gap) terms.push_back(whole(p.expected));
  return terms.size() >= 5 && fits_a_rule(terms) ? "" : wrong("rule");
}

// The value a trace ends in: the last arithmetic of it.
bool ends_in(const Verdict& verdict, const std::string& task, const Problem& p) {
  const auto expected = value_of(p.expected);
  if (task == "div") {
    const auto told = numbers_in(p.expected);
    const auto last = numbers_in(verdict.last);
    if (told.size() == 2) return told == last;
    return std::find(last.begin(), last.end(), told[0]) != last.end();
  }
  if (!expected) return true;  // a verdict on a comparison
  const auto last = value_of(verdict.last, expected);
  return last && *last == *expected;
}

class MathFamily : public testing::TestWithParam<Family> {};

TEST_P(MathFamily, EveryStepAndEveryAnswerIsTrue) {
  const Family family = GetParam();
  const std::string task(family.task);
  for (const Language language : kLanguages) {
    Dice dice(static_cast<uint64_t>(language) * 1000 + family.task.size());
    for (int i = 0; i < kProblems; ++i) {
      const Problem p = family.make(dice, language, 1 + i % family.levels);
      const auto x = task == "equation" ? value_of(p.expected) : std::nullopt;
      const Verdict verdict = ClaimReader(p.thinking, x).verdict();
      SCOPED_TRACE(task + "\nQ: " + p.question + "\n" + p.thinking + "\nA: " + p.answer +
                   "\nexpected: " + p.expected);
      ASSERT_EQ(verdict.mistake, "");
      ASSERT_GT(verdict.claims, 0);
      ASSERT_LE(verdict.words, 2);
      ASSERT_EQ(wrong_value(task, p), "");
      ASSERT_TRUE(ends_in(verdict, task, p)) << "last: " << verdict.last;
      ASSERT_TRUE(answer_matches(p.answer, p.expected));
      for (const auto& text : {p.question, p.thinking, p.answer, p.expected}) {
        ASSERT_TRUE(utf8_valid(text));
        ASSERT_FALSE(text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == '\n');
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, MathFamily, testing::ValuesIn(all_families()),
                         [](const auto& test) { return std::string(test.param.task); });

// Yes and no, largest and smallest: judged by the words of the two languages that a reader here can check by
// eye.
TEST(MathFamilies, AnswersFollowTheWords) {
  const auto compare = algebra_families()[1];
  ASSERT_EQ(compare.task, "compare");
  int verdicts = 0;
  for (const Language language : {Language::ko, Language::en}) {
    Dice dice(5);
    for (int i = 0; i < 5000; ++i) {
      const Problem p = compare.make(dice, language, 1 + i % compare.levels);
      const auto has = [&](std::string_view word) { return p.question.find(word) != std::string::npos; };
      const auto numbers = numbers_in(p.question);
      std::vector<Rational> values;
      for (const auto& n : numbers) values.push_back(*value_of(n));
      const bool small = has("작") || has("최솟값") || has("small") || has("less") || has("least") ||
                         has("low") || has("minimum") || has(" < ");
      const bool large = has("커") || has("큰") || has("최댓값") || has("larg") || has("big") ||
                         has("great") || has("more") || has("maximum") || has(" > ");
      ASSERT_NE(small, large) << p.question;
      if (p.expected == "yes" || p.expected == "no" || p.expected == "네" || p.expected == "아니요") {
        ++verdicts;
        ASSERT_EQ(values.size(), 2u) << p.question;
        const bool yes = p.expected == "yes" || p.expected == "네";
        ASSERT_EQ(yes, small ? values[0] < values[1] : values[1] < values[0]) << p.question;
        continue;
      }
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      ASSERT_TRUE(*value_of(p.expected) == (small ? *low : *high)) << p.question;
    }
  }
  EXPECT_GT(verdicts, 1000);
}

TEST(MathFamilies, HaveManyWaysToAsk) {
  // A family may be asked in any of these lists.
  const std::map<std::string, std::vector<const Patterns*>> lists = {
      {"add", {&kExpressionQuestions, &kAddQuestions}},
      {"sub", {&kExpressionQuestions, &kSubQuestions, &kDifferenceQuestions}},
      {"mul", {&kExpressionQuestions, &kMulQuestions}},
      {"div", {&kExpressionQuestions, &kDivQuestions, &kDivBothQuestions, &kRemainderQuestions}},
      {"mixed", {&kExpressionQuestions}},
      {"fraction", {&kExpressionQuestions, &kFractionQuestions}},
      {"simplify", {&kSimplifyQuestions}},
      {"compare",
       {&kLargestQuestions, &kSmallestQuestions, &kLargerOfTwo, &kSmallerOfTwo, &kIsLargerQuestions}},
      {"sequence", {&kNextTermQuestions}},
      {"equation", {&kEquationQuestions}},
  };
  for (const auto& [name, parts] : lists) {
    for (const Language language : kLanguages) {
      std::set<std::string_view> ways;
      size_t count = 0;
      for (const Patterns* part : parts) {
        ways.insert(part->in(language).begin(), part->in(language).end());
        count += part->in(language).size();
      }
      EXPECT_EQ(ways.size(), count) << name << " " << code_of(language) << ": a way twice";
      EXPECT_GE(ways.size(), language == Language::ko || language == Language::en ? 25u : 8u) << name;
    }
  }
}

// A trace must leave room in a context of 256 tokens; digits and signs are one token each, words fewer than
// bytes.
TEST(MathFamilies, TracesAreShort) {
  for (const auto& family : all_families()) {
    for (int level = 1; level <= family.levels; ++level) {
      Dice dice(3);
      std::vector<size_t> sizes;
      for (int i = 0; i < 400; ++i) {
        const Problem p = family.make(dice, Language::en, level);
        sizes.push_back(static_cast<size_t>(std::count_if(p.thinking.begin(), p.thinking.end(), [](char c) {
          return c != ' ' && (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        })));
      }
      std::sort(sizes.begin(), sizes.end());
      EXPECT_LE(sizes[sizes.size() / 2], 180u) << family.task << " " << level;
      EXPECT_LE(sizes.back(), 300u) << family.task << " " << level;
    }
  }
}

// The same seed makes the same problems on every machine and after every change that does not mean to change
// them.
TEST(MathFamilies, AreDeterministic) {
  const std::map<std::string, uint64_t> pinned = {
      {"add", 13558269147980183536ull},      {"sub", 16206483531665920972ull},
      {"mul", 400263900343126716ull},        {"div", 6325814088031816874ull},
      {"mixed", 2584787094641311311ull},     {"decimal", 180479692906499224ull},
      {"fraction", 10350839529013226182ull}, {"compare", 7502687725558341225ull},
      {"sequence", 10478601024012669374ull}, {"equation", 17374335757145261807ull},
  };
  for (const auto& family : all_families()) {
    Dice dice(42);
    uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
    for (int i = 0; i < 100; ++i) {
      const Problem p = family.make(dice, kLanguages[i % 5], 1 + i / 5 % family.levels);
      for (const auto& text : {p.question, p.thinking, p.answer, p.expected}) {
        for (const char c : text + '\n') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
      }
    }
    const auto found = pinned.find(std::string(family.task));
    EXPECT_TRUE(found != pinned.end() && found->second == hash)
        << "{\"" << family.task << "\", " << hash << "ull},";
  }
}

}  // namespace
}  // namespace jaju::data
