// Bpe against the plain algorithm: merge the best-ranked, leftmost pair until there is none.
#include "tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tokenizer/byte_level.h"

namespace jaju {
namespace {

// A vocabulary of all bytes and random merges over the first few letters.
ModelSpec random_model(int n_merges, unsigned seed) {
  ModelSpec model;
  std::map<std::string, TokenId> ids;
  const auto add = [&](const std::string& content) {
    const auto [it, fresh] = ids.emplace(content, static_cast<TokenId>(ids.size()));
    if (fresh) model.vocab.push_back({content, it->second});
    return it->second;
  };
  for (int b = 0; b < 256; ++b) add(to_byte_level(std::string(1, static_cast<char>(b))));
  std::mt19937 random(seed);
  std::vector<std::string> parts = {"a", "b", "c"};
  std::map<std::pair<TokenId, TokenId>, bool> seen;
  while (static_cast<int>(model.merges.size()) < n_merges) {
    const std::string left = parts[random() % parts.size()];
    const std::string right = parts[random() % parts.size()];
    if (left.size() + right.size() > 12 || !seen.emplace(std::pair(ids[left], ids[right]), true).second)
      continue;
    const TokenId result = add(left + right);
    model.merges.push_back({ids[left], ids[right], result});
    parts.push_back(left + right);
  }
  return model;
}

std::vector<TokenId> plain_bpe(const ModelSpec& model, const std::string& piece) {
  std::map<std::string, TokenId> ids;
  for (const auto& e : model.vocab) ids[e.content] = e.id;
  std::map<std::pair<TokenId, TokenId>, std::pair<size_t, TokenId>> ranks;
  for (size_t r = 0; r < model.merges.size(); ++r) {
    ranks[{model.merges[r].left, model.merges[r].right}] = {r, model.merges[r].result};
  }
  std::vector<TokenId> s;
  for (const char b : piece) s.push_back(ids[to_byte_level(std::string(1, b))]);
  for (;;) {
    size_t best = s.size();
    std::pair<size_t, TokenId> best_rank{~size_t{0}, 0};
    for (size_t i = 0; i + 1 < s.size(); ++i) {
      const auto found = ranks.find({s[i], s[i + 1]});
      if (found != ranks.end() && found->second.first < best_rank.first) {
        best = i;
        best_rank = found->second;
      }
    }
    if (best == s.size()) return s;
    s[best] = best_rank.second;
    s.erase(s.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Bpe, EqualsThePlainAlgorithm) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    const ModelSpec model = random_model(40, seed);
    const Bpe bpe(model, /*raw_bytes=*/true);
    BpeScratch scratch;
    std::mt19937 random(seed + 100);
    for (int round = 0; round < 3000; ++round) {
      // Short ones, ones around the switch to the heap, long ones; pieces return, so the cache answers too.
      const size_t n = random() % 10 < 7 ? random() % 12 : random() % 200;
      std::string piece(n, 'a');
      for (auto& c : piece) c = static_cast<char>(random() % 20 == 0 ? random() % 256 : 'a' + random() % 3);
      std::vector<TokenId> out = {-7};
      bpe.encode(piece, scratch, out);
      ASSERT_EQ(out.front(), -7);
      out.erase(out.begin());
      ASSERT_EQ(out, plain_bpe(model, piece)) << piece;
    }
  }
}

TEST(Bpe, LongPieceNeedsAFewLookUpsPerByte) {
  const ModelSpec model = random_model(40, 5);
  const Bpe bpe(model, true);
  for (const size_t n : {1000u, 100'000u, 1'000'000u}) {
    for (const bool mixed : {false, true}) {
      BpeScratch scratch;
      std::string piece(n, 'a');
      for (size_t i = 0; mixed && i < n; ++i) piece[i] = "abcab"[i * 7 % 5];
      std::vector<TokenId> out;
      bpe.encode(piece, scratch, out);
      // n - 1 at the start and at most two per merge, of which there are fewer than n.
      EXPECT_LE(scratch.pair_lookups, 3 * n);
    }
  }
}

TEST(Bpe, ForbiddenIdsNeverComeOut) {
  const ModelSpec model = random_model(40, 6);
  const std::vector<TokenId> forbidden = {'b', 256, 260, 270};
  const Bpe bpe(model, true, forbidden);
  BpeScratch scratch;
  std::mt19937 random(9);
  for (int round = 0; round < 2000; ++round) {
    std::string piece(random() % 80, 'a');
    for (auto& c : piece) c = static_cast<char>('a' + random() % 3);
    std::vector<TokenId> out;
    bpe.encode(piece, scratch, out);
    for (const TokenId id : out) EXPECT_FALSE(std::binary_search(forbidden.begin(), forbidden.end(), id));
  }
}

}  // namespace
}  // namespace jaju
