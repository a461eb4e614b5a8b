// Engines whose experts come from the disk, through the public doors: sessions and the scheduler answer as
// one in memory does, and a read that fails ends those requests that needed it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/staged_dir.h"
#include "memory/store_test_tools.h"
#include "model/pack.h"
#include "model/synthetic_checkpoint.h"
#include "runtime/engine_memory.h"
#include "runtime/prediction.h"
#include "runtime/scheduler_test_tools.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = R"({"model_type": "AXK1", "vocab_size": 150, "hidden_size": 168,
  "intermediate_size": 200, "moe_intermediate_size": 72, "num_hidden_layers": 3, "first_k_dense_replace": 1,
  "num_attention_heads": 5, "q_lora_rank": 136, "kv_lora_rank": 132, "qk_nope_head_dim": 20,
  "qk_rope_head_dim": 12, "v_head_dim": 18, "n_routed_experts": 16, "num_experts_per_tok": 2,
  "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "max_position_embeddings": 512, "dtype": "float32"})";

// Writes the config's model and packs it into root/to.
fs::path pack_into(const fs::path& root, const std::string& config_text, bool mtp = false) {
  fs::create_directories(root / "from");
  std::ofstream(root / "from" / "config.json") << config_text;
  const auto config = load_config(root / "from");
  EXPECT_TRUE(config.ok()) << config.message();
  SyntheticCheckpoint checkpoint(*config, {.mtp = mtp});
  checkpoint.calm_routers();
  checkpoint.write(root / "from");
  const auto from = Weights::load(root / "from", *config);
  EXPECT_TRUE(from.ok()) << from.message();
  ThreadTeam team(2);
  const auto staged = StagedDir::open(root / "to", "test");
  EXPECT_TRUE(staged.ok()) << staged.message();
  EXPECT_TRUE(write_packed(**from, plan_pack(**from, *config, {}), staged->stage(), {}, team).ok());
  EXPECT_TRUE(staged->publish().ok());
  fs::copy_file(root / "from" / "config.json", root / "to" / "config.json");
  return root / "to";
}

const fs::path& packed_model() {
  static const fs::path dir =
      pack_into(fs::path(testing::TempDir()) / ("jaju_stream_engine_" + std::to_string(::getpid())), kConfig);
  return dir;
}

struct RemoveAtEnd : testing::Environment {
  void TearDown() override { fs::remove_all(packed_model().parent_path()); }
};
const auto* const remove_at_end = testing::AddGlobalTestEnvironment(new RemoveAtEnd);

std::unique_ptr<Engine> open_engine(StreamOptions stream) {
  EngineOptions o;
  o.threads = 2;
  o.prefill_chunk = 32;
  o.stream = std::move(stream);
  auto engine = Engine::open(packed_model(), o);
  EXPECT_TRUE(engine.ok()) << engine.message();
  return engine.ok() ? std::move(*engine) : nullptr;
}

StreamOptions with_slots(int64_t slots) {
  StreamOptions s;
  s.slots = slots;
  return s;
}

std::vector<int32_t> prompt_of(int32_t seed, int32_t n) {
  std::vector<int32_t> p;
  for (int32_t i = 0; i < n; ++i) p.push_back((i * i * 7 + seed * i + seed) % 150);
  return p;
}

TEST(StreamEngine, SessionsAnswerAsInMemoryAndCountWhatTheyTook) {
  SamplingParams params;
  params.temperature = 0;
  params.max_tokens = 30;
  const auto answer = [&](Engine& engine) {
    auto session = engine.new_session();
    const auto generation = (*session)->generate(prompt_of(3, 50), params, {});
    EXPECT_TRUE(generation.ok()) << generation.message();
    return *generation;
  };
  auto resident = open_engine({});
  const Generation truth = answer(*resident);
  EXPECT_FALSE(truth.stats.store.has_value());
  EXPECT_FALSE(resident->store_figures().has_value());
  auto streamed = open_engine(with_slots(7));
  const Generation same = answer(*streamed);
  EXPECT_EQ(same.tokens, truth.tokens);
  ASSERT_TRUE(same.stats.store.has_value());
  EXPECT_GT(same.stats.store->read, 0u);
  EXPECT_GT(same.stats.store->bytes, 0u);
  // Two experts in each of two layers, and the first token comes out of the prompt.
  EXPECT_EQ(same.stats.decode_store->asked(), 4u * (static_cast<uint64_t>(same.stats.generated_tokens) - 1));
  EXPECT_GT(same.stats.store->asked(), same.stats.decode_store->asked());
  const auto evaluated = streamed->evaluate(prompt_of(3, 50), true);
  const auto want = resident->evaluate(prompt_of(3, 50), true);
  ASSERT_TRUE(evaluated.ok()) << evaluated.message();
  EXPECT_EQ(evaluated->logits, want->logits);
  EXPECT_EQ(evaluated->experts, want->experts);
}

TEST(StreamEngine, APredictionForItsOwnBudget) {
  Machine machine;
  machine.drive_bytes = 1e9;
  machine.decode_bytes = 1e10;
  machine.int8_ops = machine.bf16_ops = 1e12;
  EXPECT_FALSE(predict(*open_engine({}), machine, 1).has_value()) << "it is in memory";
  const auto engine = open_engine(with_slots(8));
  const auto one = predict(*engine, machine, 1);
  ASSERT_TRUE(one.has_value());
  EXPECT_NEAR(one->uniform.hit_rate, 8.0 / 32, 1e-3);
  const auto expert = static_cast<double>(engine->streamed()->model.sizes.expert_read_bytes);
  EXPECT_NEAR(one->uniform.read_per_token, 4 * expert * 0.75, 0.01 * expert);
  EXPECT_GE(one->skewed.decode, one->uniform.decode);
  EXPECT_GT(predict(*engine, machine, 8)->uniform.decode, one->uniform.decode);
  machine.drive_bytes = 2e9;
  EXPECT_GT(predict(*engine, machine, 1)->uniform.decode, one->uniform.decode);

  Decoded was{12.5, 10, {}};
  was.store.cached = 30;
  was.store.read = 10;
  was.store.bytes = 5'000'000;
  const std::string text = describe_prediction(*one, was, 8);
  EXPECT_TRUE(text.starts_with("plan    ")) << text;
  EXPECT_NE(text.find("25 to "), std::string::npos) << text;
  EXPECT_NE(text.find("\nit was  12.50 tokens/s, 75% in memory, 500 kB a token\n"), std::string::npos)
      << text;

  // With the routing seen: more hits than even routing gives, fewer than the best eight experts would.
  EXPECT_FALSE(one->own.has_value());
  ASSERT_TRUE(engine->evaluate(prompt_of(1, 60), false).ok());
  const auto seen = predict(*engine, machine, 1);
  ASSERT_TRUE(seen->own.has_value());
  EXPECT_GT(seen->own->hit_rate, one->uniform.hit_rate);
  EXPECT_LT(seen->own->hit_rate, Routing::measured(engine->routing()).hit_best_fixed(8));
  EXPECT_NE(describe_prediction(*seen, was, 8).find("\nits routing"), std::string::npos);
}

TEST(StreamEngine, RoutingIsSavedAndPinned) {
  const fs::path file = fs::path(testing::TempDir()) / ("jaju_routing_" + std::to_string(::getpid()));
  auto engine = open_engine(with_slots(12));
  ASSERT_TRUE(engine->evaluate(prompt_of(1, 60), false).ok());
  ASSERT_TRUE(engine->save_routing(file).ok());
  StreamOptions pinned = with_slots(12);
  pinned.pin = file;
  auto second = open_engine(pinned);
  EXPECT_EQ(second->store_figures()->slots_pinned, 3);
  ASSERT_TRUE(second->evaluate(prompt_of(1, 60), false).ok());
  EXPECT_GT(second->store_figures()->pinned, 0u);
  fs::remove(file);
}

// Two requests at once; the disk fails for one expert. Who wanted it ends, the other's answer is what it
// always is, and afterwards everything works again.
TEST(StreamEngine, AFailedReadEndsThoseThatNeededIt) {
  int64_t broken_from = -1, broken_to = -1;  // of the one file
  StreamOptions stream = with_slots(4);
  stream.make_reader = faulty([&](const PieceRead& p, int64_t& result) {
    if (p.offset >= broken_from && p.offset < broken_to) result = -EIO;
  });
  auto resident = open_engine({});
  // Which experts the two answers visit: one must visit an expert that the other does not.
  const std::vector<int32_t> a = {17, 4}, b = {99, 140};
  const auto answer_a = quiet_answer(*resident, greedy(a, 4)),
             answer_b = quiet_answer(*resident, greedy(b, 4));
  const auto visits = [&](const std::vector<int32_t>& text) {
    std::set<std::pair<size_t, int32_t>> set;
    const auto evaluation = resident->evaluate(text, false);
    for (size_t layer = 0; layer < evaluation->experts.size(); ++layer) {
      for (const auto& ids : evaluation->experts[layer]) {
        for (const int32_t id : ids) set.emplace(layer, id);
      }
    }
    return set;
  };
  const auto of_a = visits(join(a, answer_a)), of_b = visits(join(b, answer_b));
  std::vector<std::pair<size_t, int32_t>> only_a;
  std::set_difference(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), std::back_inserter(only_a));
  ASSERT_FALSE(only_a.empty());
  const auto [layer, expert] = only_a.front();
  const auto catalog = resident->weights().expert_catalog(packed_model());
  ASSERT_TRUE(catalog.ok()) << catalog.message();
  const Extent& bad = catalog->extents[layer * 16 + static_cast<size_t>(expert)];

  broken_from = bad.offset;
  broken_to = bad.offset + bad.bytes;
  auto engine = open_engine(stream);
  SchedulerOptions options;
  options.speculation = false;
  options.prefix_cache = false;
  const auto scheduler = start_by_hand(*engine, options);
  const auto ask = [&](const std::vector<std::vector<int32_t>>& prompts) {
    std::vector<std::shared_ptr<Collected>> sinks;
    for (const auto& prompt : prompts) sinks.push_back(submit(*scheduler, greedy(prompt, 4)));
    run_until_idle(*scheduler);
    return sinks;
  };
  const auto both = ask({a, b});
  const std::string said = both[0]->finish.status.message();
  EXPECT_FALSE(both[0]->finish.status.ok());
  EXPECT_NE(said.find(fmt::format("expert {} of layer {}", expert, layer + 1)), std::string::npos) << said;
  EXPECT_NE(said.find("model.safetensors"), std::string::npos) << said;
  EXPECT_TRUE(both[1]->finish.status.ok()) << both[1]->finish.status.message();
  EXPECT_EQ(both[1]->tokens, answer_b);
  broken_from = broken_to = -1;
  const auto again = ask({a, b});
  EXPECT_EQ(again[0]->tokens, answer_a);
  EXPECT_EQ(again[1]->tokens, answer_b);
  const SchedulerSnapshot snapshot = scheduler->snapshot();
  EXPECT_TRUE(snapshot.healthy);
  EXPECT_EQ(snapshot.failed, 1u);
  ASSERT_TRUE(snapshot.store.has_value());
  EXPECT_GT(snapshot.store->failures, 0u);
}

// An expert that a guess alone wants and cannot have costs the guess.
TEST(StreamEngine, AFailedReadOfAGuessEndsNobody) {
  std::string text = kConfig;
  text.replace(text.find("\"n_group\""), 0, "\"num_nextn_predict_layers\": 1, ");
  const fs::path root = packed_model().parent_path() / "mtp";
  const fs::path dir = pack_into(root, text, true);
  const Extent* broken = nullptr;
  EngineOptions o;
  o.threads = 1;
  o.prefill_chunk = 32;
  const auto catalog = (*Engine::open(dir, o))->weights().expert_catalog(dir);
  ASSERT_TRUE(catalog.ok()) << catalog.message();
  o.stream = with_slots(4);
  o.stream.prefetch = false;
  o.stream.make_reader = faulty([&](const PieceRead& p, int64_t& result) {
    if (p.offset >= broken->offset && p.offset < broken->offset + broken->bytes) result = -EIO;
  });
  int answered = 0, guesses_lost = 0;
  uint64_t seed = 0;
  for (const Extent& extent : catalog->extents) {
    broken = &extent;
    ++seed;
    std::vector<std::shared_ptr<Collected>> sinks;
    uint64_t failures = 0;
    for (const bool speculation : {false, true}) {
      auto engine = Engine::open(dir, o);
      ASSERT_TRUE(engine.ok()) << engine.message();
      SchedulerOptions options;
      options.prefix_cache = false;
      options.speculation = speculation;
      options.clock = [] { return 0.0; };  // no step costs anything, so guesses go on
      const auto scheduler = start_by_hand(**engine, options);
      sinks.push_back(submit(*scheduler, sampled(prompt_of(static_cast<int32_t>(seed), 4), 6, seed)));
      run_until_idle(*scheduler);
      failures = scheduler->snapshot().store->failures;
    }
    if (!sinks[0]->finish.status.ok()) continue;
    ++answered;
    guesses_lost += failures > 0 ? 1 : 0;
    EXPECT_TRUE(sinks[1]->finish.status.ok()) << sinks[1]->finish.status.message();
    EXPECT_EQ(sinks[1]->tokens, sinks[0]->tokens);
  }
  EXPECT_GT(answered, 0);
  EXPECT_GT(guesses_lost, 0) << "nothing was tested";
}

// Sequences share pages; a promise about memory is one about them also where all experts fit.
TEST(StreamEngine, TheCacheOfAServerKeepsThePromiseWhenTheModelFits) {
  const auto pages = [&](int64_t memory, int64_t kv_bytes) {
    EngineOptions o;
    o.threads = 2;
    o.prefill_chunk = 32;
    o.memory_bytes = memory;
    o.stream.sequences = 4;
    o.stream.kv_bytes = kv_bytes;
    const auto engine = Engine::open(packed_model(), o);
    EXPECT_TRUE(engine.ok()) << engine.message();
    EXPECT_FALSE((*engine)->store_figures().has_value()) << "it fits";
    return start_by_hand(**engine, {.max_sequences = 4})->snapshot().pages_total;
  };
  constexpr int64_t kMemory = 1'000'000'000;
  EXPECT_EQ(pages(kMemory, 0), 4 * 512 / 64) << "a context for each, and no more";
  EXPECT_EQ(pages(kMemory, 1'000'000), 1'000'000 / (64 * 3 * 144 * 4));
  EXPECT_GT(pages(0, 0), 4 * 512 / 64) << "nobody promised anything";
}

// `jaju plan` and the engine come to the same division of any budget.
TEST(StreamEngine, ThePlanIsWhatTheEngineDoesToTheByte) {
  const auto config = load_config(packed_model());
  const auto model = measure_model(packed_model(), *config);
  ASSERT_TRUE(model.ok()) << model.message();
  EngineOptions o;
  o.threads = 2;
  o.context = 300;  // no power of two, and not much more than a chunk
  PlanInput in;
  in.config = *config;
  in.model = *model;
  in.shape.context = o.context;
  in.shape.chunk = 0;
  in.machine.threads = o.threads;
  in.machine.drive_bytes = in.machine.decode_bytes = 1e9;
  int streamed = 0, whole = 0, refused = 0;
  for (const int64_t program : {int64_t{0}, int64_t{1'000'000}, int64_t{9'000'000}}) {
    for (int64_t memory = 100'000; memory < 40'000'000; memory += 50'001) {
      o.memory_bytes = in.memory = memory;
      in.shape.program_bytes = std::max<int64_t>(0, program - program_margin(memory));
      const auto choice = choose_memory(packed_model(), *config, o, program);
      const auto plan = make_plan(in);
      ASSERT_EQ(choice.ok(), plan.ok()) << memory;
      if (!plan.ok()) {
        EXPECT_EQ(choice.message(), plan.message());
        ++refused;
        continue;
      }
      ASSERT_EQ(choice->streamed, !plan->budget.all_resident) << memory;
      EXPECT_EQ(choice->chunk, plan->shape.chunk) << memory;
      EXPECT_EQ(choice->kv_bytes, plan->budget.kv);
      if (!choice->streamed) {
        ++whole;
        continue;
      }
      ++streamed;
      EXPECT_EQ(choice->budget.used(), plan->budget.used()) << memory;
      EXPECT_EQ(choice->budget.slots(), plan->budget.slots()) << memory;
      EXPECT_EQ(choice->budget.buffers, plan->budget.buffers) << memory;
      EXPECT_EQ(choice->budget.margin, plan->budget.margin) << memory;
      EXPECT_LE(choice->budget.used(), memory);
    }
  }
  EXPECT_TRUE(streamed > 10 && whole > 10 && refused > 10) << streamed << ' ' << whole << ' ' << refused;
}

// Without experts there is nothing a store could bring: how much it takes is all there is to say.
TEST(StreamEngine, ADenseModelThatIsTooLargeIsToldHowMuchItTakes) {
  const fs::path root = packed_model().parent_path() / "dense";
  std::string text = kConfig;
  const std::string layers = "\"first_k_dense_replace\": 1";
  text.replace(text.find(layers), layers.size(), "\"first_k_dense_replace\": 3");
  const fs::path dense = pack_into(root, text);
  EngineOptions o;
  o.threads = 2;
  o.memory_bytes = 1'000'000;
  const auto refused = Engine::open(dense, o);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("give at least"), std::string::npos) << refused.message();
  EXPECT_EQ(refused.message().find("pack"), std::string::npos) << refused.message();
  o.memory_bytes = 1'000'000'000;
  EXPECT_TRUE(Engine::open(dense, o).ok());
}

// A step of a streamed model takes nothing from the heap.
TEST(StreamEngine, NothingIsAllocatedInAStep) {
  if (heap_allocations() < 0) GTEST_SKIP() << "the heap is not counted in this build";
  auto engine = open_engine(with_slots(6));
  auto session = engine->new_session();
  SamplingParams params;
  params.temperature = 0;
  params.max_tokens = 60;
  ASSERT_TRUE((*session)->generate(prompt_of(2, 60), params, {}).ok());
  // The same again from an empty cache, longer: what grows is the list of tokens alone.
  const auto count = [&](int64_t tokens) {
    params.max_tokens = tokens;
    auto fresh = engine->new_session();
    const int64_t before = heap_allocations();
    EXPECT_TRUE((*fresh)->generate(prompt_of(2, 60), params, {}).ok());
    return heap_allocations() - before;
  };
  count(60);
  const int64_t few = count(60), many = count(260);
  EXPECT_LT(many - few, 40);
}

}  // namespace
}  // namespace jaju
