#include "train/batcher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "train/schedule.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using data::kLossBit;

class BatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / fmt::format("jaju_batcher_{}", ::getpid());
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  // A shard set of these documents.
  data::ShardSet* make(const std::string& name, const std::vector<std::vector<uint32_t>>& documents) {
    auto writer = data::ShardWriter::create(root_ / name, 50);
    EXPECT_TRUE(writer.ok()) << writer.message();
    for (const auto& document : documents) EXPECT_TRUE((*writer)->append(document).ok());
    EXPECT_TRUE((*writer)->finish().ok());
    auto set = data::ShardSet::open(root_ / name);
    EXPECT_TRUE(set.ok()) << set.message();
    sets_.push_back(std::move(*set));
    return sets_.back().get();
  }

  // `n` documents of `length` tokens; the first token is the document's number plus `base`, so it can be
  // recognised.
  std::vector<std::vector<uint32_t>> numbered(uint32_t base, int n, size_t length) {
    std::vector<std::vector<uint32_t>> documents;
    for (int d = 0; d < n; ++d) {
      std::vector<uint32_t> document(length, kLossBit | 1u);
      document[0] = base + static_cast<uint32_t>(d);
      documents.push_back(std::move(document));
    }
    return documents;
  }

  static StageConfig stage(int64_t batch_tokens, int64_t context, std::vector<MixPart> mix) {
    StageConfig s;
    s.name = "s";
    s.tokens = 1'000'000;
    s.batch_tokens = batch_tokens;
    s.context = context;
    s.mix = std::move(mix);
    return s;
  }

  fs::path root_;
  std::vector<std::unique_ptr<data::ShardSet>> sets_;
};

TEST(ShuffledIndexTest, IsAPermutationForEverySize) {
  for (const int64_t n : {1, 2, 3, 7, 64, 100, 1000}) {
    std::set<int64_t> seen;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t x = shuffled_index(i, n, 42);
      EXPECT_GE(x, 0);
      EXPECT_LT(x, n);
      seen.insert(x);
    }
    EXPECT_EQ(static_cast<int64_t>(seen.size()), n);
  }
  int same = 0;
  for (int64_t i = 0; i < 1000; ++i) same += shuffled_index(i, 1000, 1) == shuffled_index(i, 1000, 2) ? 1 : 0;
  EXPECT_LT(same, 10);  // about 1 expected of two random orders
}

TEST(FlatBatchTest, TargetsFollowTheLossBits) {
  FlatBatch batch;
  const std::vector<uint32_t> chat = {10, 11, 12 | kLossBit, 13 | kLossBit};
  batch.append(chat, 0, 4);
  const std::vector<uint32_t> next = {20, 21 | kLossBit};
  batch.append(next, 0, 2);
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{10, 11, 12, 13, 20, 21}));
  EXPECT_EQ(batch.targets, (std::vector<int64_t>{-1, 12, 13, -1, 21, -1}));
  EXPECT_EQ(batch.mtp_targets, (std::vector<int64_t>{12, 13, -1, -1, -1, -1}));
  EXPECT_EQ(batch.document_ends, (std::vector<int64_t>{4, 6}));
}

TEST(FlatBatchTest, PiecesTogetherPredictEveryToken) {
  std::vector<uint32_t> document;
  for (uint32_t i = 0; i < 10; ++i) document.push_back((100 + i) | kLossBit);
  FlatBatch batch;
  batch.append(document, 0, 4);
  batch.append(document, 4, 8);
  batch.append(document, 8, 10);
  EXPECT_EQ(batch.targets, (std::vector<int64_t>{101, 102, 103, 104, 105, 106, 107, 108, 109, -1}));
  // The token between must be an input: the last one of each piece has no MTP target.
  EXPECT_EQ(batch.mtp_targets, (std::vector<int64_t>{102, 103, 104, -1, 106, 107, 108, -1, -1, -1}));
}

TEST_F(BatcherTest, EveryDocumentOncePerEpochInAnotherOrder) {
  const data::ShardSet* set = make("a", numbered(100, 37, 5));
  Batcher batcher({{"a", set}}, 1, 1000);
  batcher.start_stage(stage(25, 25, {{"a", 1.0}}));
  std::vector<std::vector<int64_t>> orders;
  FlatBatch batch;
  std::vector<int64_t> order;
  while (orders.size() < 2) {
    ASSERT_TRUE(batcher.next(batch).ok());
    EXPECT_LE(batch.size(), 25);
    for (size_t d = 0; d < batch.document_ends.size(); ++d) {
      order.push_back(batch.tokens[static_cast<size_t>(d == 0 ? 0 : batch.document_ends[d - 1])]);
      if (order.size() == 37) orders.push_back(std::exchange(order, {}));
    }
  }
  EXPECT_NE(orders[0], orders[1]);
  for (std::vector<int64_t>& o : orders) {
    EXPECT_FALSE(std::is_sorted(o.begin(), o.end()));
    std::sort(o.begin(), o.end());
    for (int64_t d = 0; d < 37; ++d) EXPECT_EQ(o[static_cast<size_t>(d)], 100 + d);
  }
}

TEST_F(BatcherTest, MixesByWeightInTokens) {
  const data::ShardSet* a = make("a", numbered(100, 20, 4));
  const data::ShardSet* b = make("b", numbered(200, 20, 10));
  Batcher batcher({{"a", a}, {"b", b}}, 1, 1000);
  batcher.start_stage(stage(40, 20, {{"a", 3.0}, {"b", 1.0}}));
  FlatBatch batch;
  std::map<int64_t, int64_t> tokens;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(batcher.next(batch).ok());
    int64_t begin = 0;
    for (const int64_t end : batch.document_ends) {
      tokens[batch.tokens[static_cast<size_t>(begin)] / 100] += end - begin;
      begin = end;
    }
  }
  const double share = static_cast<double>(tokens[1]) / static_cast<double>(tokens[1] + tokens[2]);
  EXPECT_NEAR(share, 0.75, 10.0 / 1500);  // never further off than one document
}

TEST_F(BatcherTest, CutsTextAndDropsLongChats) {
  std::vector<uint32_t> text(23, kLossBit | 5u);
  std::vector<uint32_t> chat(23, 6u);
  chat[22] |= kLossBit;
  const data::ShardSet* set = make("a", {text, chat, {7, 7 | kLossBit}});
  Batcher batcher({{"a", set}}, 1, 1000);
  batcher.start_stage(stage(10, 10, {{"a", 1.0}}));
  FlatBatch batch;
  std::map<int64_t, std::vector<int64_t>> pieces;
  int64_t taken = 0;
  while (taken < 2 * (23 + 2)) {  // two epochs
    ASSERT_TRUE(batcher.next(batch).ok());
    int64_t begin = 0;
    for (const int64_t end : batch.document_ends) {
      pieces[batch.tokens[static_cast<size_t>(begin)]].push_back(end - begin);
      taken += end - begin;
      begin = end;
    }
  }
  EXPECT_EQ(pieces[5], (std::vector<int64_t>{10, 10, 3, 10, 10, 3}));
  EXPECT_TRUE(pieces[6].empty());
  EXPECT_GE(batcher.cursors()[0].dropped, 1);
}

TEST_F(BatcherTest, ASavedCursorGoesOnAlike) {
  const data::ShardSet* a = make("a", numbered(100, 30, 7));
  const data::ShardSet* b = make("b", numbered(200, 11, 33));
  const StageConfig s = stage(50, 16, {{"a", 1.0}, {"b", 2.0}});
  Batcher one({{"a", a}, {"b", b}}, 5, 1000);
  one.start_stage(s);
  FlatBatch batch;
  for (int i = 0; i < 13; ++i) ASSERT_TRUE(one.next(batch).ok());
  Batcher two({{"a", a}, {"b", b}}, 5, 1000);
  two.start_stage(s);
  ASSERT_TRUE(two.restore(nlohmann::json::parse(one.save().dump())).ok());
  FlatBatch other;
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(one.next(batch).ok());
    ASSERT_TRUE(two.next(other).ok());
    EXPECT_EQ(batch.tokens, other.tokens);
    EXPECT_EQ(batch.document_ends, other.document_ends);
  }
  Batcher three({{"a", b}, {"b", a}}, 5, 1000);
  three.start_stage(s);
  EXPECT_FALSE(three.restore(one.save()).ok());  // other data
  EXPECT_FALSE(two.restore(nlohmann::json::array()).ok());
}

TEST_F(BatcherTest, RefusesForeignTokensAndUselessSources) {
  const data::ShardSet* set = make("a", numbered(100, 3, 5));
  Batcher batcher({{"a", set}}, 1, 100);
  batcher.start_stage(stage(25, 25, {{"a", 1.0}}));
  FlatBatch batch;
  const Status refused = batcher.next(batch);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("vocab_size is 100"), std::string::npos) << refused.message();

  const data::ShardSet* single = make("b", {{1}, {2}});
  Batcher nothing({{"b", single}}, 1, 100);
  nothing.start_stage(stage(25, 25, {{"b", 1.0}}));
  EXPECT_FALSE(nothing.next(batch).ok());
}

TEST(ScheduleTest, WarmsUpHoldsAndDecays) {
  StageConfig s;
  s.tokens = 1000;
  s.batch_tokens = 10;
  s.warmup = 90;
  s.lr = s.lr_end = 1.0;
  EXPECT_DOUBLE_EQ(stage_lr(s, 0), 0.1);
  EXPECT_DOUBLE_EQ(stage_lr(s, 80), 0.9);
  EXPECT_DOUBLE_EQ(stage_lr(s, 90), 1.0);
  EXPECT_DOUBLE_EQ(stage_lr(s, 999), 1.0);
  s.warmup = 0;
  s.lr_end = 0.1;
  s.shape = LrShape::linear;
  EXPECT_DOUBLE_EQ(stage_lr(s, 0), 1.0);
  EXPECT_DOUBLE_EQ(stage_lr(s, 500), 0.55);
  EXPECT_DOUBLE_EQ(stage_lr(s, 2000), 0.1);
  s.shape = LrShape::cosine;
  EXPECT_DOUBLE_EQ(stage_lr(s, 0), 1.0);
  EXPECT_NEAR(stage_lr(s, 500), 0.55, 1e-12);
  EXPECT_NEAR(stage_lr(s, 250), 0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(stage_lr(s, 1000), 0.1, 1e-12);
}

TEST(ScheduleTest, BiasStepEndsEarlyAndFollowsTheStage) {
  TrainConfig config;
  StageConfig s;
  s.tokens = 1000;
  config.stages = {s};
  EXPECT_EQ(bias_step_at(config, s, 0), 1e-3);
  EXPECT_EQ(bias_step_at(config, s, 949), 1e-3);
  EXPECT_EQ(bias_step_at(config, s, 950), 0.0);
  s.balance = false;
  EXPECT_EQ(bias_step_at(config, s, 0), 0.0);
}

}  // namespace
}  // namespace jaju::train
