// Importance: what the observer collects is what the kernels were given, by sums of our own at their door; it
// lowers the error it weighs, on random and on trained matrices.
#include "model/importance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>

#include "base/staged_dir.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "model/pack.h"
#include "model/synthetic_checkpoint.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

// What passes the kernels' door, by matrix.
struct Seen {
  std::vector<double> sums;
  int64_t rows = 0;

  void add(const double* row, int64_t cols) {
    sums.resize(static_cast<size_t>(cols));
    for (int64_t c = 0; c < cols; ++c) sums[static_cast<size_t>(c)] += row[c] * row[c];
    ++rows;
  }
  void add(const float* row, int64_t cols) {
    const std::vector<double> values(row, row + cols);
    add(values.data(), cols);
  }
};
struct Spy {
  const Ops* real = nullptr;
  std::map<const void*, Seen> seen;
};
Spy* spy = nullptr;

double plain_dot(const Matrix& w, int64_t r, const float* x) {
  double sum = 0;
  for (int64_t c = 0; c < w.cols; ++c) sum += static_cast<double>(w.at(r, c)) * static_cast<double>(x[c]);
  return sum;
}

// The table of `real` whose products and mlps tell the spy first.
Ops spying(const Ops& real) {
  Ops ops = real;
  ops.products = [](Context& context, std::span<const Product> products, Rows x) {
    for (const Product& p : products) {
      for (int64_t i = 0; i < x.n; ++i) spy->seen[p.w.data].add(x.row(i), x.cols);
    }
    spy->real->products(context, products, x);
  };
  ops.mlps = [](Context& context, std::span<const ExpertGroup> groups, Rows x) {
    for (const ExpertGroup& g : groups) {
      for (int64_t i = 0; i < g.n; ++i) {
        const float* const row = x.row(g.rows != nullptr ? g.rows[i] : i);
        spy->seen[g.gate.data].add(row, x.cols);
        spy->seen[g.up.data].add(row, x.cols);
        std::vector<double> inner(static_cast<size_t>(g.gate.rows));
        for (int64_t r = 0; r < g.gate.rows; ++r) {
          const double gate = plain_dot(g.gate, r, row);
          inner[static_cast<size_t>(r)] = gate / (1 + std::exp(-gate)) * plain_dot(g.up, r, row);
        }
        spy->seen[g.down.data].add(inner.data(), g.gate.rows);
      }
    }
    spy->real->mlps(context, groups, x);
  };
  return ops;
}

class ImportanceOf : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("jaju_importance_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
    fs::create_directories(dir_ / "from");
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::unique_ptr<Weights> load(const fs::path& dir) {
    auto weights = Weights::load(dir, config_);
    EXPECT_TRUE(weights.ok()) << weights.message();
    return weights.ok() ? std::move(*weights) : nullptr;
  }

  // Two steps over two sequences each, all logits wanted; the MTP block where there is one.
  void run(const Weights& weights, const Ops& ops, InputObserver* inputs, int64_t rows_of_sequence = 11) {
    const int64_t n = 2 * rows_of_sequence;
    Context context(team_, ops, Precision::f32);
    Forward forward(config_, weights, context, n);
    const int64_t page_bytes = kv_page_bytes(
        forward.cache_layers(), CacheRow{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim});
    std::vector<std::byte> pages(static_cast<size_t>(2 * page_bytes));
    std::byte* const first[] = {pages.data()};
    std::byte* const second[] = {pages.data() + page_bytes};
    std::vector<int32_t> wanted(static_cast<size_t>(n)), tokens;
    std::iota(wanted.begin(), wanted.end(), 0);
    std::vector<float> logits(static_cast<size_t>(n * config_.vocab_size));
    std::vector<float> hidden(static_cast<size_t>(n * config_.hidden_size));
    for (int32_t step = 0; step < 2; ++step) {
      std::vector<BatchSequence> sequences(2);
      for (auto& s : sequences) s.n_rows = rows_of_sequence;
      sequences[0].kv = {first, CacheRow{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim}};
      sequences[1].kv = {second, CacheRow{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim}};
      tokens.clear();
      for (int32_t i = 0; i < n; ++i)
        tokens.push_back((step * 50 + i * 7) % static_cast<int32_t>(config_.vocab_size));
      ForwardExtras extras;
      extras.inputs = inputs;
      extras.hidden = MutRows(hidden.data(), n, config_.hidden_size);
      const Status done =
          forward.run({tokens, sequences, wanted}, MutRows(logits.data(), n, config_.vocab_size), extras);
      ASSERT_TRUE(done.ok()) << done.message();
      if (!weights.mtp) continue;
      forward.run_mtp({tokens, sequences, wanted}, Rows(hidden.data(), n, config_.hidden_size),
                      MutRows(logits.data(), n, config_.vocab_size), inputs);
    }
  }

  // The file of a run.
  fs::path calibrated(const Weights& weights) {
    ImportanceTally tally(weights, config_);
    run(weights, *find_ops("ref"), &tally);
    const Status saved = tally.save(dir_ / "importance", 44);
    EXPECT_TRUE(saved.ok()) << saved.message();
    return dir_ / "importance";
  }

  ModelConfig config_ = odd_config();
  ThreadTeam team_{2};
  fs::path dir_;
};

TEST_F(ImportanceOf, AgreesWithPlainSumsOfWhatEntersTheKernels) {
  config_.n_routed_experts = 12;  // of which a short text leaves some out
  config_.n_experts_per_token = 1;
  for (const int64_t q_rank : {odd_config().q_lora_rank, int64_t{0}}) {
    config_.q_lora_rank = q_rank;
    SyntheticCheckpoint(config_, {.router_bias = true, .mtp = true}).write(dir_ / "from");
    const auto weights = load(dir_ / "from");
    ASSERT_NE(weights, nullptr);
    for (const char* backend : {"ref", "avx2", "avx512"}) {
      SCOPED_TRACE(testing::Message() << backend << " q_lora_rank " << q_rank);
      const Ops* const real = find_ops(backend);
      if (real == nullptr) continue;
      Spy watch{real, {}};
      spy = &watch;
      const Ops ops = spying(*real);
      ImportanceTally tally(*weights, config_);
      run(*weights, ops, &tally, 4);
      ASSERT_TRUE(tally.save(dir_ / "importance", 16).ok());
      const auto importance = Importance::open(dir_ / "importance", *weights, config_);
      ASSERT_TRUE(importance.ok()) << importance.message();
      EXPECT_EQ((*importance)->tokens(), 16);
      int unseen = 0;
      for (const MatrixInput& input : matrix_inputs(*weights, config_)) {
        SCOPED_TRACE(input.name);
        const bool experts = input.readers.size() > 1;
        Seen all;
        all.sums.resize(static_cast<size_t>(input.cols));
        for (const auto& readers : input.readers) {
          const Seen& s = watch.seen[readers[0]];
          for (size_t c = 0; c < s.sums.size(); ++c) all.sums[c] += s.sums[c];
          all.rows += s.rows;
        }
        ASSERT_GT(all.rows, 0);
        for (const auto& readers : input.readers) {
          for (const void* matrix : readers) {
            Seen s = watch.seen[matrix];
            s.sums.resize(static_cast<size_t>(input.cols));
            if (experts && s.rows == 0) ++unseen;
            Matrix m;
            m.data = matrix;
            const float* const got = (*importance)->of(m);
            ASSERT_NE(got, nullptr);
            const double prior = experts ? kPriorRows : 0;
            for (size_t c = 0; c < s.sums.size(); ++c) {
              const double mean = all.sums[c] / static_cast<double>(all.rows);
              const double want = (s.sums[c] + prior * mean) / (static_cast<double>(s.rows) + prior);
              // Inner layers are f32 sums of up to 168 products in the kernels.
              ASSERT_NEAR(got[c], want, 1e-4 * want + 1e-12) << "column " << c;
            }
          }
        }
      }
      EXPECT_GT(unseen, 0) << "nothing to fall back for";
      EXPECT_EQ(tally.experts(), 3 * 12);
      EXPECT_EQ(3 * tally.experts_unseen(), unseen);  // gate, up and down of each
      // Nothing of a packed model is without: every matrix of the plan (kv_b of odd heads is not packed).
      PackOptions options;
      options.importance = importance->get();
      for (const PackShard& shard : plan_pack(*weights, config_, options)) {
        for (const PackPart& part : shard.parts) {
          for (size_t i = 0; part.scheme != Scheme::none && i < part.matrices.size(); ++i) {
            EXPECT_NE(part.importance[i], nullptr) << part.spec.name;
          }
        }
      }
    }
    fs::remove_all(dir_ / "from");
    fs::create_directories(dir_ / "from");
  }
}

TEST_F(ImportanceOf, NobodyWatchingChangesNoBits) {
  SyntheticCheckpoint(config_, {.mtp = true}).write(dir_ / "from");
  const auto weights = load(dir_ / "from");
  const auto logits = [&](InputObserver* inputs) {
    Context context(team_, **select_ops(), Precision::f32);
    Forward forward(config_, *weights, context, 5);
    std::vector<std::byte> page(static_cast<size_t>(kv_page_bytes(
        forward.cache_layers(), CacheRow{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim})));
    std::byte* const pages[] = {page.data()};
    BatchSequence sequence;
    sequence.n_rows = 5;
    sequence.kv = {pages, CacheRow{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim}};
    const std::vector<int32_t> tokens = {1, 20, 3, 40, 5}, wanted = {1, 4};
    std::vector<float> out(static_cast<size_t>(2 * config_.vocab_size));
    ForwardExtras extras;
    extras.inputs = inputs;
    const Status done =
        forward.run({tokens, {&sequence, 1}, wanted}, MutRows(out.data(), 2, config_.vocab_size), extras);
    EXPECT_TRUE(done.ok()) << done.message();
    return out;
  };
  ImportanceTally tally(*weights, config_);
  EXPECT_EQ(logits(nullptr), logits(&tally));
}

// Sum over a packed matrix of importance times squared error, and the same without importance.
double weighted_error(const Matrix& packed, const Matrix& from, const float* importance) {
  double error = 0;
  for (int64_t r = 0; r < from.rows; ++r) {
    for (int64_t c = 0; c < from.cols; ++c) {
      const double gap = static_cast<double>(packed.at(r, c)) - static_cast<double>(from.at(r, c));
      error += static_cast<double>(importance[c]) * gap * gap;
    }
  }
  return error;
}

TEST_F(ImportanceOf, LowersTheErrorItWeighsOnATrainedModel) {
  const fs::path nano = fs::path(JAJU_TESTS_DIR).parent_path() / "models" / "nano";
  const auto config = load_config(nano);
  ASSERT_TRUE(config.ok()) << config.message();
  config_ = *config;
  const auto from = load(nano);
  ASSERT_NE(from, nullptr);
  const auto importance = Importance::open(calibrated(*from), *from, config_);
  ASSERT_TRUE(importance.ok()) << importance.message();
  const auto pack = [&](const char* name, const Importance* weigh) {
    const PackOptions options{.experts = Scheme::q4, .rest = Scheme::q4, .importance = weigh};
    const auto staged = StagedDir::open(dir_ / name, name);
    EXPECT_TRUE(staged.ok()) << staged.message();
    const auto done =
        write_packed(*from, plan_pack(*from, config_, options), staged->stage(), options, team_);
    EXPECT_TRUE(done.ok()) << done.message();
    EXPECT_TRUE(staged->publish().ok());
    return load(dir_ / name);
  };
  const auto plain = pack("plain", nullptr);
  const auto weighed = pack("weighed", importance->get());
  double before = 0, after = 0;
  const auto compare = [&](const Matrix& a, const Matrix& b, const Matrix& m, const std::string& what) {
    const float* const columns = (*importance)->of(m);
    ASSERT_NE(columns, nullptr) << what;
    const double alike = weighted_error(a, m, columns);
    const double less = weighted_error(b, m, columns);
    EXPECT_LT(less, alike) << what;
    // Columns differ by more than the floor of one hundredth allows for: the gain is not a rounding.
    before += alike;
    after += less;
  };
  compare(plain->head, weighed->head, from->head, "head");
  for (size_t i = 0; i < from->layers.size(); ++i) {
    const LayerWeights &a = plain->layers[i], &b = weighed->layers[i], &m = from->layers[i];
    const std::string layer = "layer " + std::to_string(i);
    compare(a.attention.q_b, b.attention.q_b, m.attention.q_b, layer + " q_b");
    compare(a.attention.kv_a, b.attention.kv_a, m.attention.kv_a, layer + " kv_a");
    compare(a.attention.o, b.attention.o, m.attention.o, layer + " o");
    if (!m.is_moe) {
      compare(a.dense.up, b.dense.up, m.dense.up, layer + " up");
      compare(a.dense.down, b.dense.down, m.dense.down, layer + " down");
      continue;
    }
    compare(a.moe.shared.down, b.moe.shared.down, m.moe.shared.down, layer + " shared down");
    for (const size_t e : {0, 7, 23}) {
      compare(a.moe.experts[e].gate, b.moe.experts[e].gate, m.moe.experts[e].gate, layer + " gate");
      compare(a.moe.experts[e].down, b.moe.experts[e].down, m.moe.experts[e].down, layer + " down");
    }
  }
  EXPECT_LT(after, 0.9 * before);
  RecordProperty("weighted_error_left", std::to_string(after / before));
}

TEST_F(ImportanceOf, FilesOfOtherModelsAreRefused) {
  SyntheticCheckpoint(config_, {}).write(dir_ / "from");
  const auto weights = load(dir_ / "from");
  const fs::path file = calibrated(*weights);
  const auto says = [&](const fs::path& from, const std::string& word) {
    const auto opened = Importance::open(from, *weights, config_);
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.message().find(word), std::string::npos) << opened.message();
    EXPECT_EQ(opened.message().find('\n'), std::string::npos);
  };
  says(dir_ / "none", "none");
  says(dir_ / "from" / "model.safetensors", "holds no importance");
  // One of the same shape passes; others by what is wrong with them.
  ASSERT_TRUE(Importance::open(file, *weights, config_).ok());
  const auto original = Checkpoint::open_file(file);
  ASSERT_TRUE(original.ok());
  const auto rewritten = [&](const std::string& skip, const std::string& reshape, const std::string& negate) {
    std::vector<TensorSpec> specs;
    for (const StoredTensor& t : (*original)->tensors()) {
      if (t.info.name == skip) continue;
      specs.push_back({t.info.name, t.info.dtype, t.info.shape});
      if (t.info.name == reshape) specs.back().shape = {1, t.info.elements};
    }
    const auto writer =
        SafetensorsWriter::create(dir_ / "changed", specs, {{"format", "jaju-importance"}, {"tokens", "5"}});
    EXPECT_TRUE(writer.ok());
    for (const StoredTensor& t : (*original)->tensors()) {
      if (t.info.name == skip) continue;
      std::vector<float> values(static_cast<size_t>(t.info.elements));
      std::memcpy(values.data(), t.data, static_cast<size_t>(t.info.bytes));
      if (t.info.name == negate) values[3] = -1;
      EXPECT_TRUE((*writer)->append(values.data(), t.info.bytes).ok());
    }
    EXPECT_TRUE((*writer)->finish().ok());
    return dir_ / "changed";
  };
  const std::string name = "model.layers.1.mlp.experts.down_proj";
  says(rewritten(name, "", ""), "'" + name + "'");
  says(rewritten("", "lm_head", ""), "(1, 168)");
  says(rewritten("", "", name), "no mean of squares");
  EXPECT_TRUE(Importance::open(rewritten("", "", ""), *weights, config_).ok());
}

}  // namespace
}  // namespace jaju
