#include "tokenizer/normalizer.h"

#include <gtest/gtest.h>

#include <chrono>

namespace jaju {
namespace {

using Kind = NormalizerSpec::Kind;

std::string run(std::vector<NormalizerSpec> specs, std::string text) {
  auto n = Normalizer::create(std::move(specs), "test");
  EXPECT_TRUE(n.ok()) << n.message();
  RegexWorkspace workspace;
  n->apply(text, workspace);
  return text;
}

NormalizerSpec of(Kind kind) {
  NormalizerSpec spec{};
  spec.kind = kind;
  return spec;
}

// Expectations from Unicode's UAX #15 (figures 3 to 6) and NormalizationTest.txt.
TEST(Normalizer, UnicodeForms) {
  EXPECT_EQ(run({of(Kind::nfd)}, "\u00e9\uac01"), "e\u0301\u1100\u1161\u11a8");
  EXPECT_EQ(run({of(Kind::nfc)}, "e\u0301\u1100\u1161\u11a8\u212b"), "\u00e9\uac01\u00c5");
  EXPECT_EQ(run({of(Kind::nfc)}, "\u1e0b\u0323"), "\u1e0d\u0307");
  EXPECT_EQ(run({of(Kind::nfd)}, "d\u0307\u0323"), "d\u0323\u0307");  // marks in canonical order
  EXPECT_EQ(run({of(Kind::nfkc)}, "\ufb01\uff21\u2460"), "fiA1");
  EXPECT_EQ(run({of(Kind::nfkd)}, "\u1e9b\u0323"), "s\u0323\u0307");
  EXPECT_EQ(run({of(Kind::nfc)}, "\u0958"), "\u0915\u093c");  // composition exclusion
  EXPECT_EQ(run({of(Kind::nfc)}, std::string("a\0b", 3)), std::string("a\0b", 3));
}

// 40 doublings of 1 MB would be 10^18 bytes.
TEST(Normalizer, ChainsThatGrowWithoutBoundAreRefused) {
  NormalizerSpec twice = of(Kind::replace);
  twice.pattern.text = "a";
  twice.content = "aa";
  EXPECT_EQ(run(std::vector<NormalizerSpec>(9, twice), "a").size(), 512u);
  EXPECT_NE(Normalizer::create(std::vector<NormalizerSpec>(40, twice), "t.json")
                .message()
                .find("t.json: the normalizer could"),
            std::string::npos);
  twice.pattern.is_regex = true;
  EXPECT_FALSE(Normalizer::create(std::vector<NormalizerSpec>(40, twice), "t.json").ok());
}

TEST(Normalizer, Others) {
  EXPECT_EQ(run({of(Kind::lowercase)}, "\u0130\u03a3\u1e9eA"), "i\u0307\u03c3\u00dfa");
  EXPECT_EQ(run({of(Kind::strip)}, "\u3000 a b \n"), "a b");
  EXPECT_EQ(run({of(Kind::strip)}, " \u3000"), "");
  EXPECT_EQ(run({of(Kind::strip_accents)}, "e\u0301a"), "ea");
  NormalizerSpec replace = of(Kind::replace);
  replace.pattern = {false, " "};
  replace.content = "\u2581";
  NormalizerSpec prepend = of(Kind::prepend);
  prepend.content = "\u2581";
  EXPECT_EQ(run({prepend, replace}, "a b"), "\u2581a\u2581b");
  EXPECT_EQ(run({prepend, replace}, ""), "");
  replace.pattern = {true, "\\s+"};
  replace.content = "$1";  // literally
  EXPECT_EQ(run({replace}, "a \n b"), "a$1b");
}

TEST(Normalizer, LongRunOfMarksIsSortedFast) {
  std::string text = "a";
  for (int i = 0; i < 300'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";  // out of order everywhere
  const auto start = std::chrono::steady_clock::now();
  const std::string sorted = run({of(Kind::nfd)}, text);
  // Bubble sort would swap 22 billion times.
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 10.0);
  EXPECT_EQ(sorted.substr(0, 5), "a\u0323\u0323");
  EXPECT_EQ(sorted.substr(sorted.size() - 2), "\u0301");
}

}  // namespace
}  // namespace jaju
