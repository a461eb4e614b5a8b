// Twins: two ways to the same result, each the other's oracle. On golden checkpoints, for every backend.
// (The oracle's own answers are compared in runtime/engine_test.cc.)
#include "model/forward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

namespace jaju {
namespace {

struct Loaded {
  ModelConfig config;
  std::unique_ptr<Weights> weights;
};

const Loaded& golden(const std::string& name) {
  static std::map<std::string, Loaded> cache;
  Loaded& m = cache[name];
  if (m.weights == nullptr) {
    const std::filesystem::path dir = std::filesystem::path(JAJU_TESTS_DIR) / "golden" / name;
    auto config = load_config(dir);
    EXPECT_TRUE(config.ok()) << config.message();
    m.config = *config;
    auto weights = Weights::load(dir, m.config);
    EXPECT_TRUE(weights.ok()) << weights.message();
    m.weights = std::move(*weights);
  }
  return m;
}

// A forward pass with pages for a few sequences.
class Runner {
 public:
  Runner(const Loaded& model, const Ops& ops, int threads, CacheType cache = CacheType::f32,
         Precision precision = Precision::f32)
      : model_(model),
        layout_{cache, model.config.kv_lora_rank, model.config.qk_rope_dim},
        team_(threads),
        context_(team_, ops, precision),
        forward_(model.config, *model.weights, context_, 256) {}

  int new_sequence() {
    auto& pages = sequences_.emplace_back();
    for (int p = 0; p < 4; ++p) {
      const int64_t bytes = kv_page_bytes(forward_.cache_layers(), layout_);
      storage_.emplace_back(static_cast<size_t>(bytes));
      pages.push_back(storage_.back().data());
    }
    return static_cast<int>(sequences_.size()) - 1;
  }

  struct Part {
    int sequence;
    int64_t first_pos;
    std::vector<int32_t> tokens;
    AttentionMode mode;
  };
  // Logits of every row, or of those.
  std::vector<float> run(const std::vector<Part>& parts, std::vector<int32_t> rows = {}) {
    std::vector<int32_t> tokens;
    std::vector<BatchSequence> batch;
    for (const Part& p : parts) {
      batch.push_back({static_cast<int64_t>(p.tokens.size()),
                       p.first_pos,
                       {sequences_[static_cast<size_t>(p.sequence)].data(), layout_},
                       p.mode});
      tokens.insert(tokens.end(), p.tokens.begin(), p.tokens.end());
    }
    if (rows.empty()) {
      for (size_t i = 0; i < tokens.size(); ++i) rows.push_back(static_cast<int32_t>(i));
    }
    std::vector<float> logits(rows.size() * static_cast<size_t>(model_.config.vocab_size));
    const Status ran =
        forward_.run({tokens, batch, rows},
                     MutRows(logits.data(), static_cast<int64_t>(rows.size()), model_.config.vocab_size));
    EXPECT_TRUE(ran.ok()) << ran.message();
    return logits;
  }

 private:
  const Loaded& model_;
  CacheRow layout_;
  ThreadTeam team_;
  Context context_;
  Forward forward_;
  std::vector<std::vector<std::byte>> storage_;
  std::vector<std::vector<std::byte*>> sequences_;
};

constexpr auto kExpanded = AttentionMode::expanded;
constexpr auto kAbsorbed = AttentionMode::absorbed;

std::vector<int32_t> some_tokens(int64_t n, int32_t seed) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(static_cast<int32_t>((i * i * 7 + seed * i + 11) % 300));
  return out;
}

std::vector<int32_t> part_of(const std::vector<int32_t>& v, size_t from, size_t to) {
  return {v.begin() + static_cast<int64_t>(from), v.begin() + static_cast<int64_t>(to)};
}

void append(std::vector<float>& to, const std::vector<float>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (std::isnan(difference) || difference > worst)
      worst = difference;  // a NaN stays, and fails every comparison
    largest = std::max(largest, std::abs(static_cast<double>(a[i])));
  }
  return worst / largest;
}

class Twins : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    ops = find_ops(std::get<0>(GetParam()));
    if (ops == nullptr) GTEST_SKIP() << "this CPU cannot run " << std::get<0>(GetParam());
  }
  const Loaded& model() { return golden(std::get<1>(GetParam())); }
  const Ops* ops = nullptr;
};

TEST_P(Twins, AbsorbedAndTokenByTokenEqualExpanded) {
  const std::vector<int32_t> tokens = some_tokens(80, 3);
  Runner r(model(), *ops, 2);
  const auto expanded = r.run({{r.new_sequence(), 0, tokens, kExpanded}});
  const auto absorbed = r.run({{r.new_sequence(), 0, tokens, kAbsorbed}});
  std::vector<float> one_by_one;
  const int s = r.new_sequence();
  for (size_t i = 0; i < tokens.size(); ++i)
    append(one_by_one, r.run({{s, static_cast<int64_t>(i), {tokens[i]}, kAbsorbed}}));
  EXPECT_LT(relative_difference(expanded, absorbed), 1e-5);
  EXPECT_TRUE(same_bits(absorbed, one_by_one));
}

// Rows nobody wants logits of skip the last MLP; the others must not notice. In order and out of it.
TEST_P(Twins, LogitsOfSomeRowsAreThoseOfAll) {
  const std::vector<int32_t> tokens = some_tokens(40, 9);
  Runner r(model(), *ops, 2);
  const auto all = r.run({{r.new_sequence(), 0, tokens, kExpanded}});
  const auto vocab = static_cast<int64_t>(all.size() / tokens.size());
  for (const std::vector<int32_t>& rows : {std::vector<int32_t>{39}, {0, 7, 8, 38}, {12, 3, 3}}) {
    std::vector<float> want;
    for (const int32_t row : rows)
      want.insert(want.end(), all.begin() + row * vocab, all.begin() + (row + 1) * vocab);
    EXPECT_TRUE(same_bits(r.run({{r.new_sequence(), 0, tokens, kExpanded}}, rows), want)) << rows[0];
  }
}

TEST_P(Twins, ChunkedPromptIsTheWholePromptToTheBit) {
  const std::vector<int32_t> tokens = some_tokens(90, 5);
  for (const CacheType cache : {CacheType::f32, CacheType::bf16, CacheType::q8}) {
    Runner r(model(), *ops, 2, cache);
    const auto whole = r.run({{r.new_sequence(), 0, tokens, kExpanded}});
    for (const std::vector<size_t>& cuts : {std::vector<size_t>{1}, {64}, {89}, {10, 74, 75}}) {
      const int s = r.new_sequence();
      std::vector<float> parts;
      size_t from = 0;
      for (size_t c = 0; c <= cuts.size(); ++c) {
        const size_t to = c < cuts.size() ? cuts[c] : tokens.size();
        append(parts, r.run({{s, static_cast<int64_t>(from), part_of(tokens, from, to), kExpanded}}));
        from = to;
      }
      EXPECT_TRUE(same_bits(whole, parts)) << cuts[0];
    }
  }
}

TEST_P(Twins, BatchOfManyIsManyAloneToTheBit) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    Runner r(model(), *ops, 2, CacheType::bf16, precision);
    // Two histories, then one step that mixes a decode, a prompt and a two-token continuation.
    const auto a = some_tokens(33, 1), b = some_tokens(70, 2), c = some_tokens(5, 9);
    std::vector<float> alone;
    int s[2][3];
    for (auto& set : s) {
      for (int& id : set) id = r.new_sequence();
      r.run({{set[0], 0, part_of(a, 0, 32), kExpanded}});
      r.run({{set[1], 0, part_of(b, 0, 68), kExpanded}});
    }
    append(alone, r.run({{s[0][0], 32, part_of(a, 32, 33), kAbsorbed}}));
    append(alone, r.run({{s[0][1], 68, part_of(b, 68, 70), kAbsorbed}}));
    append(alone, r.run({{s[0][2], 0, c, kExpanded}}));
    const auto together = r.run({{s[1][0], 32, part_of(a, 32, 33), kAbsorbed},
                                 {s[1][1], 68, part_of(b, 68, 70), kAbsorbed},
                                 {s[1][2], 0, c, kExpanded}});
    EXPECT_TRUE(same_bits(alone, together));
  }
}

TEST_P(Twins, ThreadsChangeNoBit) {
  const std::vector<int32_t> tokens = some_tokens(40, 8);
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    Runner r(model(), *ops, threads, CacheType::bf16);
    const int s = r.new_sequence();
    results.push_back(r.run({{s, 0, part_of(tokens, 0, 39), kExpanded}}));
    append(results.back(), r.run({{s, 39, part_of(tokens, 39, 40), kAbsorbed}}));
  }
  EXPECT_TRUE(same_bits(results[0], results[1]));
  EXPECT_TRUE(same_bits(results[0], results[2]));
}

// A rounded cache moves most rows a little (a near-tie in a random router may flip and move a row further,
// hence the median), and some at all, or the test tests nothing. bf16 keeps 8 bits of each latent, on the
// average within 2^-7 / sqrt(12) / 1.4 = 0.16 % of it, for which these models' logits are allowed 2 %. q8 has
// steps of 1/127 of the largest of 32, which for normal values is 2.2 times their size: 2.2 / 127 / sqrt(12)
// = 0.5 %, three times as much, so three times the room.
TEST_P(Twins, ARoundedCacheIsClose) {
  const std::vector<int32_t> tokens = some_tokens(60, 4);
  Runner exact(model(), *ops, 2, CacheType::f32);
  const auto a = exact.run({{exact.new_sequence(), 0, tokens, kExpanded}});
  const size_t vocab = a.size() / tokens.size();
  for (const auto& [cache, room] : {std::pair{CacheType::bf16, 0.02}, {CacheType::q8, 0.06}}) {
    Runner rounded(model(), *ops, 2, cache);
    for (const AttentionMode mode : {kExpanded, kAbsorbed}) {
      const auto b = rounded.run({{rounded.new_sequence(), 0, tokens, mode}});
      std::vector<double> differences;
      for (size_t i = 0; i < a.size(); i += vocab) {
        const auto row = [&](const std::vector<float>& v) {
          return std::vector<float>(v.begin() + static_cast<int64_t>(i),
                                    v.begin() + static_cast<int64_t>(i + vocab));
        };
        differences.push_back(relative_difference(row(a), row(b)));
      }
      std::sort(differences.begin(), differences.end());
      EXPECT_LT(differences[differences.size() / 2], room) << name_of(cache);
      EXPECT_GT(differences.back(), 1e-5) << name_of(cache);
      RecordProperty(std::string(name_of(cache)), std::to_string(differences[differences.size() / 2]));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Twins,
                         testing::Combine(testing::Values("ref", "avx2", "avx512"),
                                          testing::Values("fused-bf16", "split-bias-f32", "deepseek-v3-f32",
                                                          "odd-layers-f32")),
                         [](const auto& p) {
                           std::string name = std::string(std::get<0>(p.param)) + "_" + std::get<1>(p.param);
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace jaju
