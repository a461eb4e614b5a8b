// Patterns mean what Oniguruma's Ruby syntax means. The live comparison (tests/tokenizer) checks whole
// tokenizers; here are the spellings one by one, expectations from Oniguruma's RE document.
#include "tokenizer/regex.h"

#include <gtest/gtest.h>

#include <vector>

namespace jaju {
namespace {

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
  auto regex = Regex::compile(pattern, "test");
  EXPECT_TRUE(regex.ok()) << regex.message();
  if (!regex.ok()) return {"(no regex)"};
  RegexWorkspace workspace;
  std::vector<std::string> out;
  regex->for_each_match(text, workspace,
                        [&](size_t b, size_t e) { out.emplace_back(text.substr(b, e - b)); });
  return out;
}

using Strings = std::vector<std::string>;

TEST(Regex, RubySpellings) {
  EXPECT_EQ(matches("\\d{1,3}+", "1234567"), (Strings{"1234567"}));  // repeats, not possessive
  EXPECT_EQ(matches("\\d{2}?x", "12x3x"), (Strings{"12x", "x"}));    // {n}? is optional, not lazy
  EXPECT_EQ(matches("a{,2}b", "aaab b"), (Strings{"aab", "b"}));
  EXPECT_EQ(matches("a{x", "a{x"), (Strings{"a{x"}));  // a plain brace
  EXPECT_EQ(matches("\\h+", "xyzBEEFg"), (Strings{"BEEF"}));
  EXPECT_EQ(matches("\\v", "\v\n"), (Strings{"\v"}));
  EXPECT_EQ(matches("(?m:a.b)|a.c", "a\nb a\nc"), (Strings{"a\nb"}));  // m is dot-all
  EXPECT_EQ(matches("^x|y$", "x\nx y\ny"), (Strings{"x", "x", "y", "y"}));
  EXPECT_EQ(matches("\\u00e9|\\x{ac00}|\\x41", "é가A"), (Strings{"é", "가", "A"}));
  EXPECT_EQ(matches("a++b|a?+c", "aab c"), (Strings{"aab", "c"}));
  EXPECT_EQ(matches("(?<first>a)\\1", "aa a"), (Strings{"aa"}));
}

TEST(Regex, Classes) {
  EXPECT_EQ(matches("[\\s]+", "a\xe1\xa0\x8e\xe2\x80\x83 b"),
            (Strings{"\xe2\x80\x83 "}));                                  // U+180E is no space
  EXPECT_EQ(matches("\\w+", "e\xcc\x81_3 !"), (Strings{"e\xcc\x81_3"}));  // marks belong to words
  EXPECT_EQ(matches("\\bw", "w sw w"), (Strings{"w", "w"}));
  EXPECT_EQ(matches("[a-z&&[^aeiou]]+", "hello"), (Strings{"h", "ll"}));
  EXPECT_EQ(matches("[^a-z&&[^aeiou]]+", "hello!"), (Strings{"e", "o!"}));
  EXPECT_EQ(matches("[ab[cd]]+", "xabcdx"), (Strings{"abcd"}));
  EXPECT_EQ(matches("[^\\W\\d]+", "ab12c!"), (Strings{"ab", "c"}));
  EXPECT_EQ(matches("[[:upper:]-]+", "A-b"), (Strings{"A-"}));
  EXPECT_EQ(matches("[[:^alpha:]]+", "a1 b"), (Strings{"1 "}));
  EXPECT_EQ(matches("[]a]+", "]a"), (Strings{"]a"}));
  EXPECT_EQ(matches("\\p{Han}+", "\xe3\x80\x81\xe6\x9d\xb1"),
            (Strings{"東"}));  // the script, not its extensions
  EXPECT_EQ(matches("\\p{^L}+|\\P{N}", "1a"), (Strings{"1", "a"}));
  EXPECT_EQ(matches("(?i:'s)", "'S '\xc5\xbf"), (Strings{"'S", "'\xc5\xbf"}));
}

TEST(Regex, EmptyMatchBehindAMatchDoesNotCount) {
  EXPECT_EQ(matches("a*", "baac"), (Strings{"", "aa", ""}));
  EXPECT_EQ(matches("", "가b"), (Strings{"", "", ""}));
}

TEST(Regex, RefusesWhatItCannotCarryOver) {
  for (const char* pattern : {"(a",    "a)",       "[a",       "*a",         "[z-a]", "\\p{NoSuchScript}",
                              "\\y",   "(?x:a b)", "a(?i)b|c", "[[:nope:]]", "\\",    "\\x{110000}",
                              "\\xe9", "(?~a)",    "[]",       "\\K",        "\\C",   "\xff",
                              "(?<a",  "[\\p{L"}) {
    auto regex = Regex::compile(pattern, "file: part");
    EXPECT_FALSE(regex.ok()) << pattern;
    if (!regex.ok()) {
      EXPECT_EQ(regex.message().rfind("file: part: ", 0), 0u);
    }
  }
}

TEST(Regex, ExplodingPatternStops) {
  auto regex = Regex::compile("(?:a|aa)+(?:a|aa)+(?:a|aa)+b", "test");
  ASSERT_TRUE(regex.ok());
  RegexWorkspace workspace;
  const std::string text(5000, 'a');
  size_t begin = 0;
  size_t end = 0;
  EXPECT_FALSE(regex->find(text, 0, workspace, &begin, &end));
}

}  // namespace
}  // namespace jaju
