#include "runtime/benchmark.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

constexpr const char* kTiny =
    "hidden=64,layers=2,dense=1,ff=96,experts=16,used=4,width=32,heads=2,q_lora=24,kv_lora=32,nope=16,rope=8,"
    "v=16,"
    "vocab=200,context=256";

std::unique_ptr<Engine> tiny_engine(const RandomTypes& types, const EngineOptions& options) {
  auto shape = parse_shape(kTiny);
  EXPECT_TRUE(shape.ok()) << shape.message();
  auto engine = Engine::open_random(shape->config, types, options);
  EXPECT_TRUE(engine.ok()) << engine.message();
  return std::move(*engine);
}

TEST(SyntheticShape, WordsBecomeAConfig) {
  const auto shape = parse_shape("hidden=128,layers=3,experts=60,q_lora=0,post_norm=0,dtype=f8");
  ASSERT_TRUE(shape.ok()) << shape.message();
  EXPECT_EQ(shape->config.hidden_size, 128);
  EXPECT_EQ(shape->config.n_layers, 3);
  EXPECT_EQ(shape->config.n_routed_experts, 60);
  EXPECT_EQ(shape->config.n_group, 1);  // 60 is no multiple of 8
  EXPECT_EQ(shape->config.q_lora_rank, 0);
  EXPECT_FALSE(shape->config.has_post_mlp_norm);
  EXPECT_EQ(shape->config.kv_lora_rank, 512);  // A.X K1's
  EXPECT_EQ(shape->config.n_heads, 64) << "not the 128 a config of DeepSeek's kind would assume";
  EXPECT_EQ(shape->types.dtype, DType::f8_e4m3);
  const auto k1 = parse_shape("");
  ASSERT_TRUE(k1.ok()) << k1.message();
  EXPECT_EQ(k1->config.n_group, 8);
}

TEST(SyntheticShape, ErrorsNameTheWord) {
  for (const auto& [text, word] :
       {std::pair{"hiden=3", "there is no 'hiden'"}, std::pair{"hidden", "'hidden' is not of the form"},
        std::pair{"layers=two", "layers is 'two'"}, std::pair{"dtype=f4", "dtype is 'f4'"},
        std::pair{"dtype=q4,rest=bf16", "rest is 'bf16'"},
        std::pair{"dtype=bf16,rest=q4", "rest=q4 goes with a quantised dtype"},
        std::pair{"experts=4,used=9", "num_experts_per_tok"}}) {
    const auto shape = parse_shape(text);
    EXPECT_NE(shape.message().find(word), std::string::npos) << text << ": " << shape.message();
  }
}

// Every dtype passes the check that comes before the measuring, and the counts are those of the shape.
TEST(Benchmark, TheMedianOfAnEvenNumberOfRunsIsBetweenTwo) {
  BenchmarkRow row;
  for (const auto& [seconds, median] : std::vector<std::pair<std::vector<double>, double>>{
           {{3}, 3}, {{1, 2}, 1.5}, {{1, 2, 9}, 2}, {{1, 2, 4, 9}, 3}}) {
    row.seconds = seconds;
    EXPECT_EQ(row.median_seconds(), median);
  }
}

TEST(Benchmark, CountsWhatAShapeReadsAndComputes) {
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32, DType::f8_e4m3}) {
    const auto engine = tiny_engine({.dtype = dtype}, {.kv_type = KvType::f32, .threads = 2});
    BenchmarkPlan plan;
    plan.prompts = {20};
    plan.generated = 3;
    plan.depths = {0, 70};
    plan.batches = {1, 4};
    plan.repeats = 2;
    const auto report = run_benchmark(*engine, plan);
    ASSERT_TRUE(report.ok()) << report.message();
    ASSERT_EQ(report->rows.size(), 5u);
    EXPECT_EQ(report->rows[0].name(), "pp20");
    EXPECT_EQ(report->rows[4].name(), "tg3 @70 x4");
    for (const BenchmarkRow& row : report->rows) EXPECT_EQ(row.seconds.size(), 2u);
    EXPECT_EQ(report->rows[2].tokens, 12);
    // One row a step: matrices once, 4 experts, the cache.
    const double element = static_cast<double>(size_of(dtype));
    const double attention = 24 * 64 + 2 * 24 * 24 + 40 * 64 + 2 * 32 * 32 + 64 * 32;
    const double mlps = 3 * 64 * 96 + 3 * 64 * 32 + 4 * 3 * 64 * 32;  // dense, shared, visited
    const double step = element * (2 * attention + mlps + 200 * 64) + 4 * 16 * 64;
    const double cache = 3.0 * 2.0 * 2 * 40 * 4;  // 1 + 2 + 3 positions, two layers
    EXPECT_DOUBLE_EQ(report->rows[1].bytes, 3 * step + cache) << name_of(dtype);
    EXPECT_GT(report->rows[1].flop, 3 * 2 * (2 * attention + mlps));
  }
}

// Experts and the rest as `pack` would make them; of kv_b a token reads the values' rows and the keys turned
// round. The embedding stays bf16.
TEST(Benchmark, PackedShapesCountPackedBytes) {
  for (const char* words : {",dtype=q4,rest=q6", ",dtype=q8", ",dtype=q6,rest=q4", ",dtype=q4i,rest=q4i"}) {
    const auto shape = parse_shape(std::string(kTiny) + words);
    ASSERT_TRUE(shape.ok()) << shape.message();
    const auto engine = tiny_engine(shape->types, {.kv_type = KvType::f32, .threads = 2});
    EXPECT_TRUE(engine->weights().packed);
    BenchmarkPlan plan;
    plan.prompts = {20};
    plan.generated = 2;
    plan.repeats = 1;
    const auto report = run_benchmark(*engine, plan);
    ASSERT_TRUE(report.ok()) << report.message();
    const auto rest = [&](int64_t rows, int64_t cols) { return packed_bytes(shape->types.rest, rows, cols); };
    const int64_t attention = rest(24, 64) + rest(48, 24) + rest(40, 64) + rest(64, 32) +
                              packed_bytes(Scheme::q8, 32, 32) + packed_bytes(Scheme::q8, 64, 16);
    const int64_t expert =
        2 * packed_bytes(shape->types.experts, 32, 64) + packed_bytes(shape->types.experts, 64, 32);
    const int64_t mlps = 2 * rest(96, 64) + rest(64, 96) + 2 * rest(32, 64) + rest(64, 32) + 4 * expert;
    const int64_t step = 2 * attention + mlps + rest(200, 64) + 4 * 16 * 64;
    const int64_t cache = 3 * 2 * 40 * 4;  // 1 + 2 positions, two layers
    EXPECT_DOUBLE_EQ(report->rows[1].bytes, static_cast<double>(2 * step + cache)) << words;
  }
}

TEST(Benchmark, RefusesWhatDoesNotFit) {
  const auto engine = tiny_engine({}, {.context = 128, .threads = 1, .prefill_chunk = 16});
  BenchmarkPlan plan;
  plan.prompts = {200};
  EXPECT_NE(run_benchmark(*engine, plan).message().find("a prompt of 200 tokens"), std::string::npos);
  plan.prompts = {8};
  plan.batches = {17};
  EXPECT_NE(run_benchmark(*engine, plan).message().find("a batch of 17 sequences"), std::string::npos);
  plan.batches = {1};
  plan.depths = {100};
  EXPECT_NE(run_benchmark(*engine, plan).message().find("64 tokens after 100 positions"), std::string::npos);
}

}  // namespace
}  // namespace jaju
