// A model whose experts come from the disk gives the bits of one in memory: at any number of slots, with
// prefetching and without, for prompts, generation and batches. And what an expert that cannot be had does.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/staged_dir.h"
#include "memory/store_test_tools.h"
#include "model/forward.h"
#include "model/pack.h"
#include "model/synthetic_checkpoint.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRows = 64;

// One packed model for all tests of a program.
const fs::path& packed_model(const ModelConfig& config) {
  static const fs::path dir = [&] {
    const fs::path root = fs::path(testing::TempDir()) / ("jaju_stream_" + std::to_string(::getpid()));
    fs::remove_all(root);
    fs::create_directories(root / "from");
    SyntheticCheckpoint checkpoint(config, {.mtp = true});
    checkpoint.calm_routers();
    checkpoint.write(root / "from");
    const auto from = Weights::load(root / "from", config);
    EXPECT_TRUE(from.ok()) << from.message();
    ThreadTeam team(2);
    const PackOptions options{.shard_bytes = 100'000};
    const auto staged = StagedDir::open(root / "to", "test");
    EXPECT_TRUE(staged.ok()) << staged.message();
    const auto report =
        write_packed(**from, plan_pack(**from, config, options), staged->stage(), options, team);
    EXPECT_TRUE(report.ok()) << report.message();
    EXPECT_TRUE(staged->publish().ok());
    return root / "to";
  }();
  return dir;
}

struct RemoveAtEnd : testing::Environment {
  void TearDown() override { fs::remove_all(packed_model(odd_config()).parent_path()); }
};
const auto* const remove_at_end = testing::AddGlobalTestEnvironment(new RemoveAtEnd);

class Model {
 public:
  // slots 0: in memory.
  explicit Model(int64_t slots, const Ops& ops, StoreOptions options = {})
      : config_(odd_config()), team_(2), context_(team_, ops, Precision::f32) {
    const fs::path& dir = packed_model(config_);
    auto loaded = Weights::load(dir, config_);
    EXPECT_TRUE(loaded.ok()) << loaded.message();
    weights_ = std::move(*loaded);
    if (slots > 0) {
      auto catalog = weights_->expert_catalog(dir);
      EXPECT_TRUE(catalog.ok()) << catalog.message();
      options.slots = slots;
      options.loader.piece_bytes = 2 * kIoAlignment;
      const Status streamed = weights_->stream(dir, options.loader, true, team_);
      EXPECT_TRUE(streamed.ok()) << streamed.message();
      auto store = ExpertStore::open(std::move(*catalog), options);
      EXPECT_TRUE(store.ok()) << store.message();
      store_ = std::move(*store);
    }
    forward_ = std::make_unique<Forward>(config_, *weights_, context_, kRows, store_.get());
    const int64_t bytes = kv_page_bytes(forward_->cache_layers(),
                                        CacheRow{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim});
    for (int i = 0; i < 3; ++i) {
      storage_.emplace_back(static_cast<size_t>(bytes));
      pages_[i] = storage_.back().data();
    }
  }

  BatchSequence sequence(int which, int64_t rows, int64_t first, AttentionMode mode) {
    return {rows,
            first,
            {&pages_[which], CacheRow{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim}},
            mode};
  }
  // Logits of `wanted` rows; appended to `out`.
  Status run(const std::vector<int32_t>& tokens, const std::vector<BatchSequence>& batch,
             const std::vector<int32_t>& wanted, std::vector<float>* out) {
    std::vector<float> logits(wanted.size() * static_cast<size_t>(config_.vocab_size));
    JAJU_RETURN_IF_ERROR(
        forward_->run({tokens, batch, wanted},
                      MutRows(logits.data(), static_cast<int64_t>(wanted.size()), config_.vocab_size)));
    out->insert(out->end(), logits.begin(), logits.end());
    return {};
  }
  // A prompt in two chunks, ten tokens, then a batch of an answer and a second prompt; the guess of the MTP
  // block at the end.
  std::vector<float> everything() {
    std::vector<float> out;
    std::vector<int32_t> prompt;
    for (int32_t i = 0; i < 40; ++i) prompt.push_back((i * i * 7 + 3) % 150);
    const std::vector<int32_t> first(prompt.begin(), prompt.begin() + 25),
        rest(prompt.begin() + 25, prompt.end());
    EXPECT_TRUE(run(first, {sequence(0, 25, 0, AttentionMode::expanded)}, {}, &out).ok());
    EXPECT_TRUE(run(rest, {sequence(0, 15, 25, AttentionMode::expanded)}, {3, 14}, &out).ok());
    for (int32_t i = 0; i < 10; ++i) {
      EXPECT_TRUE(run({i * 13 % 150}, {sequence(0, 1, 40 + i, AttentionMode::absorbed)}, {0}, &out).ok());
    }
    std::vector<int32_t> both = {9};
    both.insert(both.end(), prompt.begin(), prompt.end());
    EXPECT_TRUE(
        run(both, {sequence(0, 1, 50, AttentionMode::absorbed), sequence(1, 40, 0, AttentionMode::absorbed)},
            {0, 40}, &out)
            .ok());
    std::vector<float> hidden(static_cast<size_t>(config_.hidden_size), 0.25f),
        draft(static_cast<size_t>(config_.vocab_size));
    const BatchSequence mtp = sequence(2, 1, 0, AttentionMode::absorbed);
    const int32_t token = 5, row = 0;
    forward_->run_mtp({{&token, 1}, {&mtp, 1}, {&row, 1}}, Rows(hidden.data(), 1, config_.hidden_size),
                      MutRows(draft.data(), 1, config_.vocab_size));
    out.insert(out.end(), draft.begin(), draft.end());
    return out;
  }

  Weights& weights() { return *weights_; }
  Forward& forward() { return *forward_; }
  ExpertStore& store() { return *store_; }

 private:
  ModelConfig config_;
  ThreadTeam team_;
  Context context_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<ExpertStore> store_;
  std::unique_ptr<Forward> forward_;
  std::vector<std::vector<std::byte>> storage_;
  std::byte* pages_[3];
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Stream, BitsAreThoseOfAModelInMemory) {
  for (const char* name : {"ref", "avx2", "avx512"}) {
    const Ops* const ops = find_ops(name);
    if (ops == nullptr) continue;
    SCOPED_TRACE(name);
    const std::vector<float> truth = Model(0, *ops).everything();
    for (const int64_t slots : {2, 3, 5, 9, 16}) {
      for (const bool prefetch : {false, true}) {
        SCOPED_TRACE(testing::Message() << slots << " slots, prefetch " << prefetch);
        StoreOptions options;
        options.prefetch = prefetch;
        Model model(slots, *ops, options);
        EXPECT_TRUE(same_bits(model.everything(), truth));
        const StoreFigures f = model.store().figures();
        EXPECT_GT(f.read + f.prefetched, slots == 16 ? 15u : 40u);
        EXPECT_EQ(f.predicted > 0, prefetch);
        for (const uint64_t looks : f.looks) EXPECT_EQ(looks > 0, prefetch);
        EXPECT_EQ(f.evictions > 0, slots < 16);
      }
    }
    StoreOptions threads;
    threads.loader.reader = ReaderKind::threads;
    threads.verify = Verify::always;
    EXPECT_TRUE(same_bits(Model(6, *ops, threads).everything(), truth));
  }
}

TEST(Stream, PinsAndAMirrorChangeNoBit) {
  const Ops& ops = **select_ops();
  const std::vector<float> truth = Model(0, ops).everything();
  const fs::path dir = packed_model(odd_config());
  const fs::path copy = dir.parent_path() / "copy";
  fs::copy(dir, copy, fs::copy_options::recursive);
  StoreOptions options;
  for (const std::string& file : Weights::load(dir, odd_config()).ok()
                                     ? (*Weights::load(copy, odd_config()))->expert_catalog(copy)->files
                                     : std::vector<std::string>()) {
    options.mirror.push_back(file);
  }
  Model model(8, ops, options);
  const ExpertName pins[] = {{0, 1}, {1, 2}, {1, 7}};
  EXPECT_EQ(model.store().pin(pins), 3);
  EXPECT_TRUE(same_bits(model.everything(), truth));
  EXPECT_GT(model.store().figures().pinned, 0u);
  fs::remove_all(copy);
}

TEST(Stream, ExpertsHaveNoDataAndTheRestHas) {
  Model model(4, **select_ops());
  const Weights& w = model.weights();
  EXPECT_TRUE(w.streamed);
  EXPECT_TRUE(w.layers[1].moe.experts[0].gate.empty());
  EXPECT_EQ(w.layers[1].moe.experts[0].gate.rows, odd_config().moe_intermediate_size);
  EXPECT_FALSE(w.layers[1].moe.shared.down.empty());
  EXPECT_FALSE(w.mtp->layer.moe.experts[3].down.empty()) << "guesses must be cheap";
  EXPECT_FALSE(w.check_finite().ok()) << "must not crash";
}

TEST(Stream, OnlyRowsThatWantedTheExpertFail) {
  const Ops& ops = **select_ops();
  // Every read of expert 3 of layer 1 fails.
  const fs::path dir = packed_model(odd_config());
  const auto catalog = (*Weights::load(dir, odd_config()))->expert_catalog(dir);
  ASSERT_TRUE(catalog.ok()) << catalog.message();
  const Extent bad = catalog->extents[3];
  bool broken = true;
  StoreOptions options;
  options.make_reader = faulty([&](const PieceRead& p, int64_t& result) {
    char link[64], path[4096];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", p.fd);
    const ssize_t n = ::readlink(link, path, sizeof path);
    if (broken &&
        std::string_view(path, static_cast<size_t>(n)) == catalog->files[static_cast<size_t>(bad.file)] &&
        p.offset >= bad.offset && p.offset < bad.offset + bad.bytes)
      result = -EIO;
  });
  // Which rows choose it, from a model in memory.
  struct Seen {
    std::vector<int32_t> rows;
  } seen, again;
  ForwardExtras extras;
  extras.data = &seen;
  extras.on_experts = [](void* data, int64_t layer, std::span<const int32_t> ids) {
    if (layer != 0) return;
    const auto k = static_cast<size_t>(odd_config().n_experts_per_token);
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == 3) static_cast<Seen*>(data)->rows.push_back(static_cast<int32_t>(i / k));
    }
  };
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 30; ++i) tokens.push_back(i * 11 % 150);
  const auto run = [&](Model& model, Seen* rows) {
    const BatchSequence sequence = model.sequence(0, 30, 0, AttentionMode::expanded);
    extras.data = rows;
    return model.forward().run({tokens, {&sequence, 1}, {}}, MutRows(nullptr, 0, odd_config().vocab_size),
                               extras);
  };
  Model resident(0, ops);
  ASSERT_TRUE(run(resident, &seen).ok());
  ASSERT_FALSE(seen.rows.empty());
  ASSERT_LT(seen.rows.size(), tokens.size());
  Model model(6, ops, options);
  const Status failed = run(model, &again);
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.message().find("expert 3 of layer 1"), std::string::npos) << failed.message();
  const auto rows = model.forward().failed_rows();
  EXPECT_EQ(std::vector<int32_t>(rows.begin(), rows.end()), seen.rows);
  broken = false;
  EXPECT_TRUE(run(model, &again).ok());
  EXPECT_TRUE(model.forward().failed_rows().empty());
}

TEST(Stream, WhatIsNoPackedModelSaysSo) {
  const ModelConfig config = odd_config();
  const fs::path from = packed_model(config).parent_path() / "from";
  const auto weights = Weights::load(from, config);
  ASSERT_TRUE(weights.ok()) << weights.message();
  const auto refused = (*weights)->expert_catalog(from);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("jaju pack"), std::string::npos) << refused.message();
}

TEST(Stream, ADamagedResidentIsNamed) {
  const ModelConfig config = odd_config();
  const fs::path dir = packed_model(config).parent_path() / "damaged";
  fs::copy(packed_model(config), dir, fs::copy_options::recursive);
  auto weights = Weights::load(dir, config);
  ASSERT_TRUE(weights.ok());
  const auto* const mapped = static_cast<const std::byte*>((*weights)->layers[1].attention.o.data);
  const std::byte old = mapped[77];
  // Found by its bytes, and changed in place.
  bool done = false;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() != ".safetensors" || done) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(in)), {});
    const size_t at = content.find(std::string(reinterpret_cast<const char*>(mapped), 64));
    if (at == std::string::npos) continue;
    std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at) + 77);
    file.put(static_cast<char>(~static_cast<uint8_t>(old)));
    done = true;
  }
  ASSERT_TRUE(done);
  ThreadTeam team(2);
  const Status damaged = (*weights)->stream(dir, {}, true, team);
  ASSERT_FALSE(damaged.ok());
  EXPECT_NE(damaged.message().find("layers.1.self_attn.o_proj"), std::string::npos) << damaged.message();
  fs::remove_all(dir);
}

}  // namespace
}  // namespace jaju
