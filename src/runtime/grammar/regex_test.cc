// Membership against PCRE2, an engine we did not write, on random expressions and random strings.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "runtime/grammar/grammar_test.h"

namespace jaju {
namespace {

using namespace grammar_test;  // NOLINT

class Pcre {
 public:
  explicit Pcre(const std::string& pattern) {
    int code = 0;
    size_t offset = 0;
    const std::string whole = "\\A(?:" + pattern + ")\\z";
    code_ =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(whole.data()), whole.size(),
                      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS, &code, &offset, nullptr);
    data_ = pcre2_match_data_create(1, nullptr);
  }
  ~Pcre() {
    pcre2_code_free(code_);
    pcre2_match_data_free(data_);
  }
  bool ok() const { return code_ != nullptr; }
  bool matches(const std::string& text) {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data_, nullptr) >=
           0;
  }

 private:
  pcre2_code* code_;
  pcre2_match_data* data_;
};

std::string random_regex(Dice& dice, int depth) {
  static const std::vector<std::string> atoms = {
      "a",       "b",     "c",   "[ab]",    "[^a]", "[a-c]",  ".", "\\d", "\\w",       "한",
      "[가-하]", "\\x61", "\\.", "[^b\\d]", "(?:)", "[\\w-]", "^", "$",   "\\u{1F600}"};
  std::string out;
  for (size_t n = 1 + dice(3); n > 0; --n) {
    std::string atom = depth > 0 && dice(2) == 0
                           ? (dice(2) == 0 ? "(" : "(?:") + random_regex(dice, depth - 1) + ")"
                           : atoms[dice(atoms.size())];
    if (atom != "^" && atom != "$") {
      static const std::vector<std::string> times = {"",    "",      "",     "*",  "+",    "?",
                                                     "{2}", "{1,3}", "{2,}", "*?", "{0,2}"};
      atom += times[dice(times.size())];
    }
    out += atom;
    if (dice(5) == 0) out += "|";
  }
  return out;
}

TEST(Regex, MembershipAsPcre2) {
  Dice dice{11};
  static const std::vector<std::string> letters = {"a", "b", "c", "1", ".", "한", "가", "-", "\n", "😀", "_"};
  int64_t checked = 0, matched = 0;
  for (int i = 0; i < 1500; ++i) {
    const std::string pattern = random_regex(dice, 2);
    std::string theirs = pattern;
    for (size_t at = theirs.find("\\u{"); at != std::string::npos; at = theirs.find("\\u{", at))
      theirs[at + 1] = 'x';
    Pcre pcre(theirs);
    ASSERT_TRUE(pcre.ok()) << theirs;
    const auto ours = compiled(GrammarKind::regex, pattern);
    ASSERT_NE(ours, nullptr);
    for (int k = 0; k < 40; ++k) {
      std::string text;
      for (size_t n = dice(8); n > 0; --n) text += letters[k % 2 == 0 ? dice(3) : dice(letters.size())];
      const bool expected = pcre.matches(text);
      const auto got = ours->matches(text);
      ASSERT_TRUE(got.ok()) << pattern << " " << got.message();
      ASSERT_EQ(*got, expected) << pattern << " on '" << text << "'";
      ++checked;
      matched += expected;
    }
  }
  EXPECT_GT(matched, checked / 20);
}

TEST(Regex, CountedRepetitions) {
  // Long enough to be counted instead of written out, with bodies of one byte, several, ambiguous ones and
  // nested ones.
  for (const std::string pattern :
       {"x{300,400}", "(ab){270,}", "(?:한|é|z){0,500}", "(a|aa){260,270}", "(?:[^q]{3}q){90,100}",
        "(a{1,300}b){2,300}", "y(ab?){256}z", "(?:a?){300}b"}) {
    Pcre pcre(pattern);
    ASSERT_TRUE(pcre.ok());
    const auto ours = compiled(GrammarKind::regex, pattern);
    ASSERT_NE(ours, nullptr);
    for (const std::string unit : {"x", "ab", "한", "z", "a", "é", "abcq", "한국어q", "aab"}) {
      for (int n : {0,   1,   2,   89,  90,  100, 101, 255, 256, 260, 269, 270,
                    271, 299, 300, 301, 399, 400, 401, 500, 501, 540, 541}) {
        std::string text;
        for (int i = 0; i < n; ++i) text += unit;
        for (const std::string& t : {text, text + "b", "y" + text + "z"}) {
          const auto got = ours->matches(t);
          ASSERT_TRUE(got.ok()) << pattern << " " << got.message();
          EXPECT_EQ(*got, pcre.matches(t)) << pattern << " on " << n << " x " << unit;
        }
      }
    }
  }
}

TEST(Regex, Examples) {
  expect_texts(GrammarKind::regex, R"(\p{Lu}\p{L}*( \p{Lu}\p{L}*)*)", {"Ärger", "Kim Min", "É"},
               {"kim", "Kim ", "1"});
  expect_texts(GrammarKind::regex, R"([^\p{L}\s]+)", {"1!", "-"}, {"a", " ", "한"});
  expect_texts(GrammarKind::regex, R"(\uD83D\uDE00|\cJ|\0)", {"😀", "\n", std::string(1, '\0')}, {"\\"});
  expect_texts(GrammarKind::regex, R"(a{,2}|{x}|])", {"a{,2}", "{x}", "]"}, {"a", "aa"});
  expect_texts(GrammarKind::regex, "[]|a", {"a"}, {""});
  expect_texts(GrammarKind::regex, "[^]", {"a", "\n"}, {""});
  expect_texts(GrammarKind::regex, "(?<year>[0-9]{4})", {"2026"}, {"26"});
}

TEST(Regex, RefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {{R"((a)\1)", "back-references"},
                                                                  {R"(\k<n>)", "back-references"},
                                                                  {"a(?=b)", "look-ahead"},
                                                                  {"(?<!a)b", "look-behind"},
                                                                  {R"(\bword)", "\\b"},
                                                                  {"(?i)a", "flags"},
                                                                  {"a++", "possessive"},
                                                                  {"a**", "nothing to repeat"},
                                                                  {"*a", "nothing to repeat"},
                                                                  {"(a", "missing ')'"},
                                                                  {"a)", "unmatched ')'"},
                                                                  {"[a", "missing ']'"},
                                                                  {"[z-a]", "out of order"},
                                                                  {"a{3,2}", "out of order"},
                                                                  {"a{9999999}", "max_repeat"},
                                                                  {R"(\q)", "\\q"},
                                                                  {"\\", "backslash"},
                                                                  {R"(\u{110000})", "not a character"},
                                                                  {R"(\uD800)", "surrogate"},
                                                                  {R"(\p{Greek})", "categories"},
                                                                  {R"([\d-z])", "begins with a class"}};
  for (const auto& [pattern, what] : cases) {
    const std::string message = error_of(GrammarKind::regex, pattern);
    EXPECT_NE(message.find(what), std::string::npos) << pattern << ": " << message;
    EXPECT_NE(message.find("at byte"), std::string::npos) << message;
  }
  EXPECT_NE(
      error_of(GrammarKind::regex, std::string(100, '(') + std::string(100, ')')).find("max_input_depth"),
      std::string::npos);
  EXPECT_NE(error_of(GrammarKind::regex, "[]").find("no text"), std::string::npos);
  EXPECT_NE(error_of(GrammarKind::regex, "a$b").find("no text"), std::string::npos);
  EXPECT_NE(error_of(GrammarKind::regex, "\xff").find("UTF-8"), std::string::npos);
  // Each level multiplies; budgets end it, not memory.
  EXPECT_NE(error_of(GrammarKind::regex, "((((a{1000}){1000}b?){1000}c?){1000}d?){1000}"), "");
}

}  // namespace
}  // namespace jaju
