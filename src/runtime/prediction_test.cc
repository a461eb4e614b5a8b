// Predictions against figures worked out by hand, for A.X K1 on machines of several sizes.
#include "runtime/prediction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace jaju {
namespace {

constexpr int64_t kGB = 1'000'000'000;

PlanInput axk1(const std::string& machine, const std::string& scheme = "q4") {
  PlanInput in;
  const auto config = load_config(std::filesystem::path(JAJU_TESTS_DIR) / "golden/axk1-config.json");
  EXPECT_TRUE(config.ok()) << config.message();
  in.config = *config;
  in.model = measure_config(in.config, *storage_from_name(scheme), *storage_from_name("q8"));
  const auto parsed = parse_machine(machine);
  EXPECT_TRUE(parsed.ok()) << parsed.message();
  in.machine = *parsed;
  in.machine.layer_seconds = 0;  // by hand it is left out
  in.shape.context = 8192;
  in.shape.chunk = 0;
  in.memory = default_memory(in.machine.free_bytes);
  return in;
}

Routing uniform() {
  return Routing::uniform(60, 192, 8);
}

Speed speed_of(const PlanInput& in, const Routing& routing) {
  const auto plan = make_plan(in);
  EXPECT_TRUE(plan.ok()) << plan.message();
  return predict(in, *plan, routing);
}

// Facts sheet, 3.3 and 3.4: 30.43 billion weights and the head are met by a token.
TEST(Prediction, WhatATokenCosts) {
  const PlanInput in = axk1("ram=64G");
  const TokenCosts t = token_costs(in.config, in.model, KvType::bf16);
  EXPECT_EQ(t.kv_bytes, 70272);
  EXPECT_NEAR(t.dense_ops + 480 * t.expert_ops, 2 * 30.43e9, 2 * 0.01e9);
  EXPECT_EQ(t.head_ops, 2 * 1'174'405'120.0);
  EXPECT_EQ(t.expert_ops, 2 * 44'040'192.0);
  // "About 11.1 GB of the rest" at 8.5 bits.
  EXPECT_NEAR(t.dense_bytes, 11.1e9, 0.3e9);
  // Without a head of its own the table is read for every token.
  PlanInput tied = in;
  tied.config.tie_word_embeddings = true;
  tied.model = measure_config(tied.config, *storage_from_name("bf16"), *storage_from_name("bf16"));
  const TokenCosts both = token_costs(tied.config, tied.model, KvType::bf16);
  const PlanInput untied = axk1("ram=64G", "bf16");
  EXPECT_GT(both.dense_bytes, 2 * 1'174'405'120.0 + 10e9);
}

// Peers, 3.1: tokens/s <= W / (B (1 - h)). With a memory and products that cost nothing the prediction is the
// ceiling.
TEST(Prediction, IsTheCeilingWhereOnlyTheDriveCounts) {
  for (const double drive : {1e9, 3.5e9, 7e9, 14e9}) {
    for (const int64_t memory : {24 * kGB, 64 * kGB, 128 * kGB}) {
      PlanInput in = axk1("ram=200G");
      in.machine.drive_bytes = drive;
      in.machine.decode_bytes = in.machine.int8_ops = in.machine.bf16_ops = 1e18;
      in.memory = memory;
      const auto plan = make_plan(in);
      ASSERT_TRUE(plan.ok()) << plan.message();
      const double bytes = 480.0 * static_cast<double>(in.model.sizes.slot_bytes);
      const double share = static_cast<double>(plan->budget.slots()) / 11520;
      const Speed s = predict(in, *plan, uniform());
      EXPECT_NEAR(s.hit_rate, share, 1e-6);
      EXPECT_NEAR(s.decode, drive / (bytes * (1 - share)), 1e-3 * s.decode);
      EXPECT_NEAR(s.read_per_token, bytes * (1 - share), 1e-3 * bytes);
      EXPECT_EQ(s.decode_limit, Limit::drive);
      EXPECT_NEAR(s.decode_drive_share, 1, 1e-3);
      // One pass over what is missing, whatever the prompt's length up to a chunk.
      const double passes = std::ceil(1000.0 / static_cast<double>(plan->shape.chunk));
      EXPECT_NEAR(s.first_token_seconds, passes * 11520 * (1 - share) * bytes / 480 / drive,
                  0.05 * s.first_token_seconds);
    }
  }
}

// However slow the drive, residents and attention come on top of its time: nothing is read meanwhile.
TEST(Prediction, APromptReadsWhileExpertsAreComputed) {
  const auto seconds = [](double drive, bool free_compute) {
    PlanInput in = axk1("ram=64G,cores=16,membw=80GB/s,int8=2TOPS");
    in.machine.drive_bytes = drive;
    if (free_compute) in.machine.decode_bytes = in.machine.int8_ops = in.machine.bf16_ops = 1e18;
    return static_cast<double>(in.prompt_tokens) / speed_of(in, uniform()).prompt;
  };
  const double beside_1 = seconds(1e9, false) - seconds(1e9, true);
  const double beside_2 = seconds(2e9, false) - seconds(2e9, true);
  const TokenCosts t = token_costs(axk1("ram=64G").config, axk1("ram=64G").model, KvType::bf16);
  EXPECT_GE(beside_1, 0.99 * 1000 * t.dense_ops / 2e12);
  EXPECT_NEAR(beside_1, beside_2, 1e-6 * beside_1);
}

// 64 GB: residents, cache and margin leave room for a sixth of the experts.
TEST(Prediction, AMachineWith64GB) {
  const PlanInput in = axk1("ram=64G,disk=7GB/s,cores=16,membw=80GB/s,int8=2TOPS");
  const auto plan = make_plan(in);
  ASSERT_TRUE(plan.ok()) << plan.message();
  const MemoryBudget& b = plan->budget;
  EXPECT_EQ(b.memory, 60 * kGB);
  EXPECT_EQ(b.kv, 70272 * 8192);
  EXPECT_EQ(b.margin, 512 << 20);
  EXPECT_FALSE(b.all_resident);
  EXPECT_EQ(b.slots(), (60 * kGB - b.resident - b.kv - b.buffers - b.margin) / 24'817'664);
  EXPECT_GE(b.unused(), 0);
  EXPECT_LT(b.unused(), b.slot_bytes);
  const Speed even = predict(in, *plan, uniform());
  const Speed skewed = predict(in, *plan, Routing::zipf(60, 192, 8, kUsualSkew));
  // 11.9 GB less the hits at 7 GB/s, and 12 GB of residents at 64 GB/s before.
  const double hit = static_cast<double>(b.slots()) / 11520;
  const double dense = token_costs(in.config, in.model, KvType::bf16).dense_bytes + 4096 * 70272.0;
  EXPECT_NEAR(even.decode, 1 / (480 * 24'817'664.0 * (1 - hit) / 7e9 + dense / 64e9), 0.001);
  EXPECT_GT(skewed.decode, 1.2 * even.decode);
  EXPECT_GT(skewed.hit_rate, hit);
  EXPECT_EQ(even.decode_limit, Limit::drive);
  EXPECT_GT(even.cold_first_token_seconds, even.first_token_seconds + plan->load_seconds - 1e-9);
}

TEST(Prediction, MoreMemoryIsNeverSlower) {
  double last = 0, last_prompt = 0;
  bool resident = false;
  for (const int64_t ram : {24, 32, 64, 96, 128, 192, 256, 384, 512}) {
    const PlanInput in = axk1(fmt::format("ram={}G,disk=3.5GB/s,cores=16,membw=200GB/s", ram));
    const auto plan = make_plan(in);
    ASSERT_TRUE(plan.ok()) << ram << ": " << plan.message();
    EXPECT_LE(plan->budget.used(), in.memory);
    const Speed s = predict(in, *plan, uniform());
    EXPECT_GE(s.decode, last) << ram;
    EXPECT_GE(s.prompt, 0.999 * last_prompt) << ram;
    last = s.decode;
    last_prompt = s.prompt;
    resident = plan->budget.all_resident;
    EXPECT_EQ(resident, ram >= 384) << ram;
  }
  // All resident: bytes of weights and half a context through the memory.
  const PlanInput in = axk1("ram=512G,disk=3.5GB/s,cores=16,membw=200GB/s,int8=100TOPS");
  const Speed s = speed_of(in, uniform());
  const TokenCosts t = token_costs(in.config, in.model, KvType::bf16);
  EXPECT_NEAR(s.decode, 160e9 / (t.dense_bytes + 4096 * t.kv_bytes + 480 * 24'817'664.0), 1e-6);
  EXPECT_EQ(s.decode_limit, Limit::memory);
  EXPECT_EQ(s.hit_rate, 1);
  EXPECT_EQ(s.read_per_token, 0);
}

TEST(Prediction, SixteenGigabytesAreTooFew) {
  PlanInput in = axk1("ram=16G,disk=7GB/s");
  in.memory = 12 * kGB;
  const auto plan = make_plan(in);
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.message().find("give at least"), std::string::npos);
  // The advice is what makes it run.
  const auto advice = advise(in, uniform(), "q4");
  ASSERT_FALSE(advice.empty());
  bool memory = false;
  for (const Advice& a : advice) memory = memory || a.change.find("memory") != std::string::npos;
  EXPECT_TRUE(memory);
}

TEST(Prediction, AdviceIsTrueAndSorted) {
  const PlanInput in = axk1("ram=64G,disk=3.5GB/s,cores=16,membw=80GB/s,int8=2TOPS", "q8");
  const Routing routing = Routing::zipf(60, 192, 8, kUsualSkew);
  const Speed now = speed_of(in, routing);
  const auto all = advise(in, routing, "q8", 100);
  ASSERT_GE(all.size(), 3u);
  double last = 1e30;
  bool drive = false, scheme = false;
  for (const Advice& a : all) {
    EXPECT_LE(a.gain, last);
    last = a.gain;
    EXPECT_GE(a.gain, 1.03);
    drive = drive || a.command == "--mirror DIR";
    if (a.change == "experts in q6 instead of q8") {
      scheme = true;
      const PlanInput six = axk1("ram=64G,disk=3.5GB/s,cores=16,membw=80GB/s,int8=2TOPS", "q6");
      EXPECT_NEAR(a.decode, speed_of(six, routing).decode, 1e-9);
      EXPECT_GT(a.decode, now.decode);
    }
  }
  EXPECT_TRUE(drive);
  EXPECT_TRUE(scheme);
  EXPECT_EQ(advise(in, routing, "q8", 3).size(), 3u);
  // Nothing on a drive where everything is resident.
  for (const Advice& a : advise(axk1("ram=512G"), routing, "q4", 100)) EXPECT_NE(a.command, "--mirror DIR");
}

// What a budget takes when nobody names one, not every free byte.
TEST(Prediction, AdviceLeavesTheSystemItsShare) {
  PlanInput in = axk1("ram=64G,disk=3.5GB/s");
  in.memory = 24 * kGB;
  const auto all = advise(in, uniform(), "q4", 100);
  EXPECT_TRUE(
      std::any_of(all.begin(), all.end(), [](const Advice& a) { return a.command == "--memory 60G"; }));
  in.memory = default_memory(in.machine.free_bytes);
  for (const Advice& a : advise(in, uniform(), "q4", 100)) EXPECT_FALSE(a.command.starts_with("--memory"));
}

TEST(Prediction, BatchesReadTheUnionOnce) {
  PlanInput in = axk1("ram=64G,disk=7GB/s,cores=16,membw=80GB/s,int8=2TOPS");
  const Speed one = speed_of(in, uniform());
  in.shape.sequences = 8;
  in.shape.context = 1024;
  const Speed eight = speed_of(in, uniform());
  // 8 tokens touch 55 of 192 experts (facts: peer-performance, 5), not 64.
  EXPECT_LT(eight.read_per_token, 0.9 * one.read_per_token);
  EXPECT_GT(eight.decode, one.decode);
}

}  // namespace
}  // namespace jaju
