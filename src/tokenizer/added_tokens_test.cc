// The automaton against looking at every position for every content.
#include "tokenizer/added_tokens.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace jaju {
namespace {

using Entry = AddedTokenMatcher::Entry;

std::vector<std::tuple<size_t, size_t, TokenId>> flat(const std::vector<AddedMatch>& matches) {
  std::vector<std::tuple<size_t, size_t, TokenId>> out;
  for (const auto& m : matches) out.emplace_back(m.begin, m.end, m.id);
  return out;
}

TEST(AddedTokenMatcher, LeftmostLongestLikeTheObviousLoop) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::vector<Entry> entries;
    for (size_t k = 1 + random() % 6; k > 0; --k) {
      std::string content(1 + random() % 5, 'a');
      for (auto& c : content) c = static_cast<char>('a' + random() % 2);
      bool twice = false;
      for (const auto& e : entries) twice = twice || e.content == content;
      if (!twice) entries.push_back({content, static_cast<TokenId>(entries.size()), false, false, false});
    }
    std::string text(random() % 40, 'a');
    for (auto& c : text) c = static_cast<char>('a' + random() % 3);
    std::vector<std::tuple<size_t, size_t, TokenId>> expected;
    for (size_t pos = 0; pos < text.size();) {
      const Entry* best = nullptr;
      for (const auto& e : entries) {
        if (text.compare(pos, e.content.size(), e.content) == 0 &&
            (best == nullptr || e.content.size() > best->content.size())) {
          best = &e;
        }
      }
      if (best == nullptr) {
        ++pos;
        continue;
      }
      expected.emplace_back(pos, pos + best->content.size(), best->id);
      pos += best->content.size();
    }
    std::vector<AddedMatch> found;
    AddedTokenMatcher(entries).find(text, found);
    ASSERT_EQ(flat(found), expected) << text;
  }
}

TEST(AddedTokenMatcher, StripsAndWholeWords) {
  const AddedTokenMatcher matcher(
      {{"<m>", 1, false, true, false}, {"[S]", 2, false, false, true}, {"word", 3, true, false, false}});
  std::vector<AddedMatch> found;
  matcher.find("a \xe3\x80\x80<m> b[S] \n c", found);
  EXPECT_EQ(flat(found), (std::vector<std::tuple<size_t, size_t, TokenId>>{{1, 8, 1}, {10, 16, 2}}));
  matcher.find("word sword word_ word", found);
  EXPECT_EQ(flat(found), (std::vector<std::tuple<size_t, size_t, TokenId>>{{0, 4, 3}, {17, 21, 3}}));
  matcher.find("[S]  <m>", found);  // the spaces belong to the first
  EXPECT_EQ(flat(found), (std::vector<std::tuple<size_t, size_t, TokenId>>{{0, 5, 2}, {5, 8, 1}}));
}

TEST(AddedTokenMatcher, SpacesAreMeasuredOnce) {
  // A token of white space that strips on its right, over a long run: each match would walk the whole rest.
  const AddedTokenMatcher matcher({{" ", 1, false, false, true}});
  const std::string text(1 << 21, ' ');
  std::vector<AddedMatch> found;
  const auto start = std::chrono::steady_clock::now();
  matcher.find(text, found);
  EXPECT_EQ(found.size(), text.size());
  EXPECT_EQ(found.back().end, text.size());
  // 2 million steps; the square of it would take half an hour.
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20.0);
}

}  // namespace
}  // namespace jaju
