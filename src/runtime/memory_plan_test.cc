// What a plan says is what the engine allocates.
#include "runtime/memory_plan.h"

#include <gtest/gtest.h>

#include "model/forward.h"
#include "runtime/kv_pool.h"

namespace jaju {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(JAJU_TESTS_DIR) / "golden";

TEST(MemoryPlan, KvOfAxK1) {
  const auto config = load_config(kGolden / "axk1-config.json");
  ASSERT_TRUE(config.ok()) << config.message();
  // 576 values of two bytes in 61 layers; 131,072 tokens are 8.58 GiB (facts, 3.4).
  EXPECT_EQ(kv_bytes_per_token(*config, KvType::automatic), 1152 * 61);
  RunShape shape;
  shape.context = 131072;
  EXPECT_EQ(run_sizes(*config, kinds_of(*config, false), shape).kv_bytes, 70272ll * 131072);
  shape.kv_type = KvType::f32;
  shape.context = 65;  // two pages
  shape.sequences = 3;
  EXPECT_EQ(run_sizes(*config, kinds_of(*config, false), shape).kv_bytes, 3 * 2 * 64 * 61 * 2304);
}

// The pages of a session and the working memory of its engine, byte for byte.
TEST(MemoryPlan, IsWhatTheEngineTakes) {
  for (const char* name : {"tiny-chat", "mtp-f32"}) {
    EngineOptions options;
    options.context = 200;
    options.threads = 2;
    options.prefill_chunk = 64;
    const auto engine = Engine::open(kGolden / name, options);
    ASSERT_TRUE(engine.ok()) << engine.message();
    const auto config = load_config(kGolden / name);
    const auto measured = measure_model(kGolden / name, *config);
    ASSERT_TRUE(measured.ok()) << measured.message();
    RunShape shape;
    shape.context = 200;
    shape.threads = 2;
    shape.chunk = (*engine)->options().prefill_chunk;
    const RunSizes run = run_sizes(*config, measured->kinds, shape);
    const int64_t working =
        Forward::working_bytes((*engine)->config(), kinds_of((*engine)->weights()), shape.chunk, 2);
    EXPECT_EQ(run.buffer_bytes, working + config->vocab_size * 4) << name;
    const int64_t layers = config->n_layers + (measured->kinds.mtp ? 1 : 0);
    const KvPool pool(layers, cache_row(*config, KvType::automatic));
    EXPECT_EQ(run.kv_bytes, 4 * pool.page_bytes()) << name;
  }
}

TEST(MemoryPlan, ChunksGrowWithMemory) {
  const auto config = load_config(kGolden / "axk1-config.json");
  const MeasuredModel model = measure_config(*config, *storage_from_name("q4"), *storage_from_name("q8"));
  RunShape shape;
  shape.context = 8192;
  shape.threads = 8;
  int64_t last = 0;
  for (const int64_t gb : {16, 24, 64, 128, 512}) {
    const int64_t memory = gb * 1'000'000'000;
    shape.chunk = 1;
    shape.chunk = streaming_chunk(*config, model, shape, memory);
    EXPECT_GE(shape.chunk, last) << gb;
    EXPECT_GE(shape.chunk, 64);
    last = shape.chunk;
    if (gb == 16) continue;
    const int64_t left = memory - model.sizes.resident_bytes();
    EXPECT_LE(run_sizes(*config, model.kinds, shape).buffer_bytes, left / 3) << gb;
    if (shape.chunk == 4096) continue;
    EXPECT_EQ(shape.chunk % 64, 0) << shape.chunk;
    RunShape larger = shape;  // its caches are the same
    larger.chunk += 64;
    EXPECT_GT(run_sizes(*config, model.kinds, larger).buffer_bytes,
              (left - run_sizes(*config, model.kinds, shape).kv_bytes) / 3)
        << gb;
  }
  EXPECT_EQ(last, 4096);
  shape.chunk = 1024;
  EXPECT_EQ(streaming_chunk(*config, model, shape, 16'000'000'000), 1024) << "no smaller than it was";
  shape.chunk = 1;
  shape.context = 100;
  EXPECT_LE(streaming_chunk(*config, model, shape, int64_t{1} << 40), 100);
  shape.sequences = 80;
  EXPECT_GE(streaming_chunk(*config, model, shape, 16'000'000'000), 80);
}

TEST(MemoryPlan, WhatTheCallerSaysOfPagesAndProgramCounts) {
  const auto config = load_config(kGolden / "axk1-config.json");
  const MeasuredModel model = measure_config(*config, *storage_from_name("q4"), *storage_from_name("q8"));
  RunShape shape;
  shape.context = 4096;
  shape.sequences = 8;
  shape.logit_rows = 40;
  shape.chunk = 16;
  const int64_t few = run_sizes(*config, model.kinds, shape).buffer_bytes;
  shape.logit_rows = 16;
  EXPECT_EQ(few, run_sizes(*config, model.kinds, shape).buffer_bytes) << "a step has 16 rows in all";
  shape.kv_bytes = 12345;
  shape.program_bytes = 678;
  EXPECT_EQ(run_sizes(*config, model.kinds, shape).kv_bytes, 12345);
  EXPECT_EQ(run_sizes(*config, model.kinds, shape).program_bytes, 678);
  // Only a model that must be streamed gets larger steps.
  EXPECT_EQ(fit_shape(*config, model, shape, int64_t{1} << 40).chunk, 16);
  EXPECT_GT(fit_shape(*config, model, shape, 64'000'000'000).chunk, 16);
}

}  // namespace
}  // namespace jaju
