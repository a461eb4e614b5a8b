// The trainer against the definition: recount every pair of every word before each merge.
#include "tokenizer/bpe_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tokenizer/byte_level.h"

namespace jaju {
namespace {

using Words = std::vector<std::pair<std::string, int64_t>>;

std::vector<WordCount> views(const Words& words) {
  std::vector<WordCount> out;
  for (const auto& [word, count] : words) out.push_back({word, count});
  return out;
}

// Quadratic and plain: nothing is remembered from one step to the next but the words themselves.
TrainedBpe naive(const Words& words, const BpeTrainOptions& options) {
  TrainedBpe model;
  std::map<std::string, TokenId> ids;
  // The alphabet by its characters: printable Latin-1 first, then U+0100 on.
  std::vector<std::pair<int, std::string>> alphabet;
  for (int b = 0; b < 256; ++b)
    alphabet.emplace_back(byte_level_chars()[b], std::string(1, static_cast<char>(b)));
  std::sort(alphabet.begin(), alphabet.end());
  for (const auto& [c, byte] : alphabet) {
    ids[byte] = static_cast<TokenId>(model.tokens.size());
    model.tokens.push_back(byte);
  }
  std::vector<std::vector<TokenId>> split;
  for (const auto& [word, count] : words) {
    split.emplace_back();
    for (const char c : word) split.back().push_back(ids[std::string(1, c)]);
  }
  while (static_cast<int64_t>(model.tokens.size()) < options.vocab_size) {
    std::map<std::pair<TokenId, TokenId>, int64_t> counts;
    for (size_t w = 0; w < words.size(); ++w) {
      for (size_t i = 0; i + 1 < split[w].size(); ++i)
        counts[{split[w][i], split[w][i + 1]}] += words[w].second;
    }
    std::pair<TokenId, TokenId> best{-1, -1};
    int64_t most = 0;
    for (const auto& [pair, count] : counts) {  // by left, then right: the first of equals wins
      const size_t bytes = model.tokens[static_cast<size_t>(pair.first)].size() +
                           model.tokens[static_cast<size_t>(pair.second)].size();
      if (count > most && static_cast<int64_t>(bytes) <= options.max_token_bytes) {
        best = pair;
        most = count;
      }
    }
    if (most < std::max<int64_t>(options.min_frequency, 1)) break;
    const std::string joined =
        model.tokens[static_cast<size_t>(best.first)] + model.tokens[static_cast<size_t>(best.second)];
    if (!ids.contains(joined)) {
      ids[joined] = static_cast<TokenId>(model.tokens.size());
      model.tokens.push_back(joined);
    }
    model.merges.push_back(best);
    model.counts.push_back(most);
    for (auto& symbols : split) {
      std::vector<TokenId> next;
      for (size_t i = 0; i < symbols.size(); ++i) {
        if (i + 1 < symbols.size() && symbols[i] == best.first && symbols[i + 1] == best.second) {
          next.push_back(ids[joined]);
          ++i;
        } else {
          next.push_back(symbols[i]);
        }
      }
      symbols = next;
    }
  }
  return model;
}

void expect_same(const Words& words, const BpeTrainOptions& options, const std::string& what) {
  const auto trained = train_bpe(views(words), options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  const TrainedBpe expected = naive(words, options);
  EXPECT_EQ(trained->tokens, expected.tokens) << what;
  EXPECT_EQ(trained->merges, expected.merges) << what;
  EXPECT_EQ(trained->counts, expected.counts) << what;
}

TEST(BpeTrainer, KnownExample) {
  // Counted by hand: es 9 and st 9 (e before s), est 9, lo 7 and ow 7 (l before o), low 7, ew 6, and so on.
  const Words words = {{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}};
  BpeTrainOptions options;
  options.vocab_size = 256 + 6;
  const auto trained = train_bpe(views(words), options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  const std::vector<std::string> learned(trained->tokens.begin() + 256, trained->tokens.end());
  EXPECT_EQ(learned, (std::vector<std::string>{"es", "est", "lo", "low", "ew", "new"}));
  EXPECT_EQ(trained->counts, (std::vector<int64_t>{9, 9, 7, 7, 6, 6}));
}

TEST(BpeTrainer, BytesComeFirst) {
  const auto tokens = byte_tokens();
  ASSERT_EQ(tokens.size(), 256u);
  // GPT-2's order: '!' to '~', then the printable half of Latin-1, then the others from 0 on.
  EXPECT_EQ(tokens[0], "!");
  EXPECT_EQ(tokens[15], "0");
  EXPECT_EQ(tokens[64], "a");
  EXPECT_EQ(tokens[94], "\xa1");
  EXPECT_EQ(tokens[188], std::string(1, '\0'));
  EXPECT_EQ(tokens[220], " ");
  EXPECT_EQ(tokens[255], "\xad");
}

TEST(BpeTrainer, RunsOfOneCharacter) {
  for (int n = 1; n <= 40; ++n) {
    BpeTrainOptions options;
    options.vocab_size = 256 + 20;
    options.min_frequency = 1;
    expect_same(
        {{std::string(static_cast<size_t>(n), 'a'), 3}, {"b" + std::string(static_cast<size_t>(n), 'a'), 1}},
        options, "run of " + std::to_string(n));
  }
}

// Few letters and short words: many ties and overlaps, limits that bite.
TEST(BpeTrainer, SameAsTheDefinition) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const int letters = 1 + static_cast<int>(random() % 4);
    Words words;
    for (int w = 1 + static_cast<int>(random() % 30); w > 0; --w) {
      std::string word;
      for (int n = static_cast<int>(random() % 16); n > 0; --n) {
        word += static_cast<char>(random() % 5 == 0 ? 0xe0 + random() % 2 : 'a' + random() % letters);
      }
      words.emplace_back(word, random() % 4);
    }
    BpeTrainOptions options;
    options.vocab_size = 256 + static_cast<int64_t>(random() % 60);
    options.min_frequency = static_cast<int64_t>(random() % 4);
    options.max_token_bytes = random() % 3 == 0 ? 1 + static_cast<int64_t>(random() % 6) : 64;
    expect_same(words, options, "round " + std::to_string(round));
    if (HasFailure()) return;
  }
}

TEST(BpeTrainer, OrderOfWordsDoesNotMatter) {
  std::mt19937 random(8);
  Words words;
  for (int w = 0; w < 400; ++w) {
    std::string word;
    for (int n = 1 + static_cast<int>(random() % 10); n > 0; --n)
      word += static_cast<char>('a' + random() % 6);
    words.emplace_back(word, 1 + random() % 9);
  }
  BpeTrainOptions options;
  options.vocab_size = 256 + 300;
  const auto first = train_bpe(views(words), options);
  ASSERT_TRUE(first.ok());
  EXPECT_GT(first->merges.size(), 100u);
  for (int i = 0; i < 5; ++i) {
    std::shuffle(words.begin(), words.end(), random);
    const auto again = train_bpe(views(words), options);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->tokens, first->tokens);
    EXPECT_EQ(again->merges, first->merges);
  }
}

TEST(BpeTrainer, Refuses) {
  BpeTrainOptions options;
  options.vocab_size = 255;
  EXPECT_NE(train_bpe({}, options).message().find("256"), std::string::npos);
  options.vocab_size = int64_t{1} << 40;
  EXPECT_FALSE(train_bpe({}, options).ok());
  options = {};
  EXPECT_FALSE(train_bpe({{"ab", -1}}, options).ok());
  EXPECT_FALSE(train_bpe({{"ab", INT64_MAX / 2}, {"cd", 2}}, options).ok());
  options.max_token_bytes = 0;
  EXPECT_FALSE(train_bpe({}, options).ok());
  options = {};
  const auto none = train_bpe({}, options);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->tokens.size(), 256u);
}

}  // namespace
}  // namespace jaju
