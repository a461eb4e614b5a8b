// The arithmetic of a budget, by hand.
#include "memory/budget.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

ModelSizes small_model() {
  ModelSizes m;
  m.resident = {{"attention", 600 * kMiB}, {"head", 400 * kMiB}};
  m.slot_bytes = 24 * kMiB;
  m.expert_read_bytes = m.slot_bytes;
  m.moe_layers = 4;
  m.experts_per_layer = 16;
  m.experts_per_token = 2;
  return m;
}
constexpr RunSizes kRun = {100 * kMiB, 28 * kMiB};

TEST(MemoryBudget, EverySlotThatFitsAndNoMore) {
  const ModelSizes model = small_model();
  // 2048 less 1000 + 100 + 28 and a margin of 64 leaves 856 MiB: 35 slots and 16 MiB over.
  const auto b = divide_memory(model, kRun, 2048 * kMiB);
  ASSERT_TRUE(b.ok()) << b.message();
  EXPECT_EQ(b->resident, 1000 * kMiB);
  EXPECT_EQ(b->margin, 64 * kMiB);
  EXPECT_EQ(b->slots(), 35);
  EXPECT_EQ(b->unused(), 16 * kMiB);
  EXPECT_FALSE(b->all_resident);
}

TEST(MemoryBudget, WhatFitsWholeNeedsNoPins) {
  const ModelSizes model = small_model();
  const int64_t full = full_memory(model, kRun);
  // 1000 + 100 + 28 + 64 * 24 = 2664 MiB are 31 parts of 32, to the byte.
  EXPECT_NEAR(static_cast<double>(full), 2664.0 * kMiB * 32 / 31, 32);
  const auto b = divide_memory(model, kRun, full, 100);
  ASSERT_TRUE(b.ok());
  EXPECT_TRUE(b->all_resident);
  EXPECT_EQ(b->slots(), 64);
  EXPECT_EQ(b->pinned_slots, 0);
  EXPECT_FALSE(divide_memory(model, kRun, full - 1)->all_resident);
  // More changes nothing.
  EXPECT_EQ(divide_memory(model, kRun, 10 * full)->slots(), 64);
}

TEST(MemoryBudget, PinsLeaveThreeQuartersToMove) {
  EXPECT_EQ(divide_memory(small_model(), kRun, 2048 * kMiB, 5)->pinned_slots, 5);
  const auto greedy = divide_memory(small_model(), kRun, 2048 * kMiB, 1000);
  EXPECT_EQ(greedy->pinned_slots, 8);
  EXPECT_EQ(greedy->cache_slots, 27);
  EXPECT_EQ(divide_memory(small_model(), kRun, 2048 * kMiB, -3)->pinned_slots, 0);
}

TEST(MemoryBudget, TheLeastIsTheLeast) {
  const ModelSizes model = small_model();
  const int64_t least = least_memory(model, kRun);
  const auto b = divide_memory(model, kRun, least);
  ASSERT_TRUE(b.ok()) << b.message();
  EXPECT_EQ(b->slots(), 4);  // two experts at work, two that arrive
  const auto less = divide_memory(model, kRun, least - 1);
  ASSERT_FALSE(less.ok());
  EXPECT_NE(less.message().find("give at least"), std::string::npos);
  EXPECT_FALSE(divide_memory(model, kRun, 0).ok());
  EXPECT_FALSE(divide_memory(model, kRun, -5).ok());
}

TEST(MemoryBudget, AProgramLargerThanItsMarginTakesFromTheExperts) {
  const ModelSizes model = small_model();
  RunSizes run = kRun;
  run.program_bytes = 3 * model.slot_bytes;
  const int64_t memory = least_memory(model, kRun) + 3 * model.slot_bytes;
  const auto small = divide_memory(model, run, least_memory(model, run));
  ASSERT_TRUE(small.ok()) << small.message();
  EXPECT_EQ(small->slots(), 4);
  EXPECT_GE(least_memory(model, run), memory);
  const auto with = divide_memory(model, run, 2 * memory);
  const auto without = divide_memory(model, kRun, 2 * memory);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_EQ(with->slots() + 3, without->slots());
  EXPECT_EQ(with->used(), without->used());
  EXPECT_FALSE(divide_memory(model, run, least_memory(model, kRun)).ok());
}

// The margin is a share of the whole, so the least memory for given bytes is found by search: at every size
// the memory before it must be too little.
TEST(MemoryBudget, MarginsAtEverySize) {
  ModelSizes model;
  for (const int64_t bytes :
       {int64_t{0}, int64_t{1}, int64_t{31}, int64_t{32}, int64_t{1000}, 992 * kMiB, 15871 * kMiB,
        15872 * kMiB, 15872 * kMiB - 1, 15872 * kMiB + 1, 400'000 * kMiB}) {
    const RunSizes run = {bytes, 0};
    const int64_t least = least_memory(model, run);
    EXPECT_GE(least - program_margin(least), bytes) << bytes;
    if (least > 0) {
      EXPECT_LT(least - 1 - program_margin(least - 1), bytes) << bytes;
    }
  }
}

TEST(MemoryBudget, ADenseModelIsAllResident) {
  ModelSizes model;
  model.resident = {{"attention", 100}};
  const auto b = divide_memory(model, {10, 10}, 1000);
  ASSERT_TRUE(b.ok());
  EXPECT_TRUE(b->all_resident);
  EXPECT_EQ(b->slots(), 0);
}

TEST(MemoryBudget, DefaultsLeaveTheSystemSomething) {
  EXPECT_EQ(default_memory(64'000 * kMiB), 60'000 * kMiB);
  EXPECT_EQ(default_memory(1'000 * kMiB), 744 * kMiB);
  EXPECT_EQ(default_memory(100 * kMiB), 50 * kMiB);
  EXPECT_EQ(default_memory(int64_t{1} << 40), (int64_t{1} << 40) - 4096 * kMiB);
  EXPECT_EQ(default_memory(0), 0);
}

}  // namespace
}  // namespace jaju
