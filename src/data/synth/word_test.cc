// Word problems, clocks, dates and logic: every claim in every trace is worked out again by an evaluator of
// this file's own, answers are judged by answer_matches, and the sentences are checked for what templates get
// wrong.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "data/synth/families.h"

namespace jaju::data {
namespace {

std::vector<Family> our_families() {
  std::vector<Family> list;
  for (const auto part : {word_families(), clock_families(), logic_families()}) {
    list.insert(list.end(), part.begin(), part.end());
  }
  return list;
}

Problem make(const Family& family, Language language, uint64_t seed) {
  Dice dice(mix64(seed));
  const int difficulty = 1 + static_cast<int>(seed % static_cast<uint64_t>(family.levels));
  return family.make(dice, language, difficulty);
}

// Sums, products and brackets of whole numbers, by recursive descent; nothing for other text or a quotient
// that does not come out.
class Evaluator {
 public:
  explicit Evaluator(std::string_view text) : text_(text) {}
  std::optional<int64_t> value() {
    const auto v = sum();
    return at_ == text_.size() ? v : std::nullopt;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  std::optional<int64_t> sum() {
    auto v = product();
    while (v && (peek() == '+' || peek() == '-')) {
      const char op = text_[at_++];
      const auto w = product();
      if (!w) return std::nullopt;
      v = op == '+' ? *v + *w : *v - *w;
    }
    return v;
  }
  std::optional<int64_t> product() {
    auto v = factor();
    while (v && (peek() == '*' || peek() == '/')) {
      const char op = text_[at_++];
      const auto w = factor();
      if (!w || (op == '/' && (*w == 0 || *v % *w != 0))) return std::nullopt;
      v = op == '*' ? *v * *w : *v / *w;
    }
    return v;
  }
  std::optional<int64_t> factor() {
    if (peek() == '(') {
      ++at_;
      const auto v = sum();
      if (peek() != ')') return std::nullopt;
      ++at_;
      return v;
    }
    if (!std::isdigit(static_cast<unsigned char>(peek()))) return std::nullopt;
    int64_t v = 0;
    while (std::isdigit(static_cast<unsigned char>(peek()))) v = 10 * v + (text_[at_++] - '0');
    return v;
  }
  std::string_view text_;
  size_t at_ = 0;
};

constexpr std::string_view kSigns = "0123456789+-*/()";
std::string_view before(std::string_view text) {  // the expression that `text` ends in
  const size_t last = text.find_last_not_of(kSigns);
  return last == text.npos ? text : text.substr(last + 1);
}
std::string_view after(std::string_view text) {
  return text.substr(0, text.find_first_not_of(kSigns));
}

// Checks "a=b" everywhere in `line`, and "head: steps → result", also "→ quotient r rest". Returns how many
// claims it judged.
int check_line(std::string_view line) {
  int judged = 0;
  for (size_t at = line.find('='); at != line.npos; at = line.find('=', at + 1)) {
    const auto left = before(line.substr(0, at));
    const auto right = after(line.substr(at + 1));
    const std::string_view rest = line.substr(at + 1 + right.size());
    if (left.empty() || right.empty()) {
      ADD_FAILURE() << "'=' without two sides in: " << line;
      continue;
    }
    if (rest.starts_with(" r ")) continue;  // judged as "r" claims are, below
    const auto a = Evaluator(left).value();
    const auto b = Evaluator(right).value();
    EXPECT_TRUE(a.has_value() && b.has_value() && *a == *b) << left << " = " << right << " in: " << line;
    ++judged;
  }
  constexpr std::string_view kArrow = "→ ";
  if (const size_t arrow = line.rfind(kArrow); arrow != line.npos) {
    const auto head = before(line.substr(0, std::min(line.find(':'), line.size())));
    const std::string_view tail = line.substr(arrow + kArrow.size());
    const auto result = Evaluator(after(tail)).value();
    const size_t slash = head.find('/');
    if (!head.empty() && result && slash != head.npos) {
      const auto a = Evaluator(head.substr(0, slash)).value();
      const auto b = Evaluator(head.substr(slash + 1)).value();
      EXPECT_TRUE(a && b) << line;
      const size_t r = tail.find(" r ");
      const int64_t rest = r == tail.npos ? 0 : Evaluator(tail.substr(r + 3)).value().value_or(-1);
      EXPECT_EQ(*result, *a / *b) << line;
      EXPECT_EQ(rest, *a % *b) << line;
      ++judged;
    } else if (const auto value = Evaluator(head).value();
               value && result && head.size() > 1 && head.find_first_of("+-*") != head.npos) {
      EXPECT_EQ(*value, *result) << line;
      ++judged;
    }
  }
  return judged;
}

std::string last_number(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && !std::isdigit(static_cast<unsigned char>(text[end - 1]))) --end;
  size_t begin = end;
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(text[begin - 1]))) --begin;
  return std::string(text.substr(begin, end - begin));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t at = text.find('\n'); at != text.npos; at = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, at - begin));
    begin = at + 1;
  }
  lines.push_back(text.substr(begin));
  return lines;
}

TEST(WordEvaluator, CatchesWrongClaims) {
  EXPECT_EQ(Evaluator("2+3*4").value(), 14);
  EXPECT_EQ(Evaluator("(2+3)*4").value(), 20);
  EXPECT_EQ(Evaluator("7/2").value(), std::nullopt);
  EXPECT_EQ(Evaluator("7+").value(), std::nullopt);
  EXPECT_EQ(check_line("47*6: 6*7=42, 6*4+4=28 → 282"), 3);
  EXPECT_EQ(check_line("157/12: 15=12*1+3 → 13 r 1"), 2);
  EXPECT_NONFATAL_FAILURE(check_line("47*6: 6*7=43, 6*4+4=28 → 282"), "6*7");
  EXPECT_NONFATAL_FAILURE(check_line("47*6: 6*7=42, 6*4+4=28 → 283"), "282");
  EXPECT_NONFATAL_FAILURE(check_line("157/12: 15=12*1+3 → 13 r 2"), "r 2");
}

TEST(Word, TracesHoldAndAnswersMatch) {
  constexpr uint64_t kDraws = 4000;
  int64_t claims = 0;
  for (const Family& family : our_families()) {
    for (const Language language : kLanguages) {
      for (uint64_t seed = 0; seed < kDraws; ++seed) {
        const Problem p = make(family, language, seed);
        SCOPED_TRACE(std::string(family.task) + " " + std::string(code_of(language)) + " seed " +
                     std::to_string(seed) + "\n" + p.question + "\n" + p.thinking + "\n" + p.answer);
        for (const std::string* text : {&p.question, &p.thinking, &p.answer, &p.expected}) {
          ASSERT_FALSE(text->empty());
          ASSERT_TRUE(utf8_valid(*text));
          ASSERT_EQ(text->find_first_of("{}[]~|\t"), std::string::npos);
          for (const char* wrong : {"  ", " .", " ,", "。.", "。。", " 。"})
            ASSERT_EQ(text->find(wrong), std::string::npos);
          ASSERT_FALSE(std::isspace(static_cast<unsigned char>(text->front())));
          ASSERT_FALSE(std::isspace(static_cast<unsigned char>(text->back())));
        }
        ASSERT_EQ(p.question.find(".."), std::string::npos);
        ASSERT_TRUE(answer_matches(p.answer, p.expected));
        ASSERT_FALSE(answer_matches(p.answer, p.expected + "7"));
        for (const std::string& line : lines_of(p.thinking)) claims += check_line(line);
        if (::testing::Test::HasFailure()) return;  // one report is enough
        // A number asked for is the last number of the trace and of the answer.
        if (p.expected.find_first_not_of("0123456789") == std::string::npos) {
          ASSERT_EQ(last_number(p.answer), p.expected);
          const std::string last = lines_of(p.thinking).back();
          ASSERT_EQ(family.task == "calendar" || family.task == "date" ? last_number(p.thinking)
                                                                       : last_number(last),
                    p.expected);
        }
        if (family.task == "clock") {
          ASSERT_EQ(lines_of(p.thinking).back(), p.expected);
        }
        // Nothing too long for a context of 256 to 512 tokens where digits are single tokens.
        ASSERT_LT(p.thinking.size(), 700u);
        ASSERT_LT(p.question.size(), 500u);
      }
    }
  }
  EXPECT_GT(claims, 1000000);  // the check above judged something
}

// The numbers a story works with come from its question, and the question has at most one that does not
// matter.
TEST(Word, StoriesUseTheNumbersOfTheQuestion) {
  const auto numbers = [](std::string_view text) {
    std::multiset<std::string> out;
    std::string digits;
    for (size_t i = 0; i <= text.size(); ++i) {
      if (i < text.size() && std::isdigit(static_cast<unsigned char>(text[i]))) {
        digits += text[i];
      } else if (!digits.empty()) {
        out.insert(digits);
        digits.clear();
      }
    }
    return out;
  };
  const std::set<std::string_view> stories{"give_take", "groups", "share", "several",
                                           "money",     "ages",   "speed"};
  int with_extra = 0;
  for (const Family& family : word_families()) {
    for (const Language language : kLanguages) {  // nothing of nothing, in any of them
      for (uint64_t seed = 0; seed < 2000; ++seed) {
        const Problem p = make(family, language, seed);
        ASSERT_FALSE(numbers(p.question).contains("0")) << p.question;
        ASSERT_NE(p.expected, "0") << p.question;
      }
    }
    if (!stories.contains(family.task)) continue;
    for (const Language language : kLanguages) {
      for (uint64_t seed = 0; seed < 2000; ++seed) {
        const Problem p = make(family, language, seed);
        const std::string plan = lines_of(p.thinking).front();
        std::string question = p.question;
        for (const std::string_view two : {"2台", "2人の"}) {  // the two of the scene
          if (const size_t at = question.find(two); at != question.npos) question.erase(at, two.size());
        }
        auto asked = numbers(question);
        for (const std::string& number : numbers(plan)) {
          const auto found = asked.find(number);
          if (found == asked.end() && (number == "60" || number == "1")) continue;  // minutes of one hour
          ASSERT_NE(found, asked.end()) << number << " in: " << p.question << "\n" << plan;
          asked.erase(found);
        }
        asked.erase("1");  // "1箱に", "1時間に": one
        ASSERT_LE(asked.size(), 1u) << p.question << "\n" << plan;
        with_extra += static_cast<int>(asked.size());
      }
    }
  }
  EXPECT_GT(with_extra, 1000);
}

void count_questions(std::span<const Family> list) {
  // Of 20,000 draws per family and language, at least so many different questions. Calendars have few months
  // and years.
  const std::map<std::string_view, size_t> at_least{
      {"speed", 9000},   {"rectangle", 10000}, {"units", 12500}, {"percent", 6300},
      {"weekday", 9500}, {"calendar", 5300},   {"parity", 13500}};
  for (const Family& family : list) {
    const auto found = at_least.find(family.task);
    const size_t floor = found == at_least.end() ? 15000 : found->second;
    for (const Language language : kLanguages) {
      std::set<uint64_t> seen;
      for (uint64_t seed = 0; seed < 20000; ++seed) {
        const Problem p = make(family, language, seed);
        seen.insert(XXH3_64bits(p.question.data(), p.question.size()));
      }
      EXPECT_GE(seen.size(), floor) << family.task << " " << code_of(language);
      ::testing::Test::RecordProperty(std::string(family.task) + "_" + std::string(code_of(language)),
                                      static_cast<int>(seen.size()));
    }
  }
}

TEST(Word, StoriesAreMany) {
  count_questions(word_families());
}
TEST(Word, ClockQuestionsAreMany) {
  count_questions(clock_families());
}
TEST(Word, LogicQuestionsAreMany) {
  count_questions(logic_families());
}

// The first question of the README must not be rare among easy ones.
TEST(Word, ApplesAreInside) {
  std::set<std::string> seen;
  const Family& give_take = word_families()[0];
  for (uint64_t seed = 0; seed < 100000; ++seed) {
    Dice dice(seed);
    const Problem p = give_take.make(dice, Language::ko, 1);
    if (p.question.starts_with("사과 ") && p.question.find("개를 먹으면") != std::string::npos)
      seen.insert(p.question);
  }
  EXPECT_GE(seen.size(), 500u);
}

TEST(Word, SameDiceSameProblems) {
  // Pinned on purpose: the files a recipe makes must not change unseen. A change of any sentence changes it;
  // then read samples again and pin the new value.
  XXH3_state_t* state = XXH3_createState();
  XXH3_64bits_reset(state);
  for (const Family& family : our_families()) {
    for (const Language language : kLanguages) {
      for (uint64_t seed = 0; seed < 100; ++seed) {
        const Problem p = make(family, language, seed);
        const std::string all = p.question + '\0' + p.thinking + '\0' + p.answer + '\0' + p.expected;
        XXH3_64bits_update(state, all.data(), all.size());
      }
    }
  }
  EXPECT_EQ(XXH3_64bits_digest(state), 14148508416788291951u);
  XXH3_freeState(state);
}

}  // namespace
}  // namespace jaju::data
