#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

using Strings = std::vector<std::string>;
using Kind = PreTokenizerSpec::Kind;

Strings pieces(std::vector<PreTokenizerSpec> specs, std::string_view text) {
  auto pre = PreTokenizer::create(std::move(specs), "test");
  EXPECT_TRUE(pre.ok()) << pre.message();
  Pieces p;
  RegexWorkspace workspace;
  pre->split(text, p, workspace);
  Strings out;
  for (const Span& s : p.spans) out.emplace_back(p.view.substr(s.begin, s.end - s.begin));
  return out;
}

PreTokenizerSpec split(std::string pattern, SplitBehavior behavior, bool invert = false, bool regex = false) {
  PreTokenizerSpec spec{};
  spec.kind = Kind::split;
  spec.pattern = {regex, std::move(pattern)};
  spec.behavior = behavior;
  spec.invert = invert;
  return spec;
}

PreTokenizerSpec of(Kind kind) {
  PreTokenizerSpec spec{};
  spec.kind = kind;
  return spec;
}

// "the-final--countdown": the example by which the library documents its behaviors.
TEST(PreTokenizer, Behaviors) {
  const std::string_view text = "the-final--countdown";
  EXPECT_EQ(pieces({split("-", SplitBehavior::removed)}, text), (Strings{"the", "final", "countdown"}));
  EXPECT_EQ(pieces({split("-", SplitBehavior::isolated)}, text),
            (Strings{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(pieces({split("-", SplitBehavior::merged_with_previous)}, text),
            (Strings{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(pieces({split("-", SplitBehavior::merged_with_next)}, text),
            (Strings{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(pieces({split("-", SplitBehavior::contiguous)}, text),
            (Strings{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(pieces({split("\\w+", SplitBehavior::removed, true, true)}, "Hey friend"),
            (Strings{"Hey", "friend"}));
}

TEST(PreTokenizer, ByteLevelSplitsLikeGpt2) {
  PreTokenizerSpec byte_level = of(Kind::byte_level);
  byte_level.add_prefix_space = false;
  EXPECT_EQ(pieces({byte_level}, "Hello there       dear, I'll"),
            (Strings{"Hello", " there", "      ", " dear", ",", " I", "'ll"}));
  byte_level.add_prefix_space = true;
  EXPECT_EQ(pieces({byte_level}, "Hi you"), (Strings{" Hi", " you"}));
  EXPECT_EQ(pieces({byte_level}, " Hi"), (Strings{" Hi"}));
  EXPECT_EQ(pieces({byte_level}, ""), (Strings{}));
  // Not last: its characters are what the next step sees.
  EXPECT_EQ(pieces({byte_level, split("Ġ", SplitBehavior::isolated)}, "a b"), (Strings{"Ġ", "a", "Ġ", "b"}));
}

TEST(PreTokenizer, Others) {
  PreTokenizerSpec digits = of(Kind::digits);
  EXPECT_EQ(pieces({digits}, "Call 911!"), (Strings{"Call ", "911", "!"}));
  digits.individual_digits = true;
  EXPECT_EQ(pieces({digits}, "Call 911!"), (Strings{"Call ", "9", "1", "1", "!"}));
  EXPECT_EQ(pieces({of(Kind::whitespace)}, "Hey man!  How?!"), (Strings{"Hey", "man", "!", "How", "?!"}));
  EXPECT_EQ(pieces({of(Kind::whitespace_split)}, " Hey man!\u3000How"), (Strings{"Hey", "man!", "How"}));
  EXPECT_EQ(pieces({of(Kind::punctuation)}, "Hey, 가!"), (Strings{"Hey", ",", " 가", "!"}));
}

}  // namespace
}  // namespace jaju
