#include "runtime/benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <set>

#include "base/split_mix.h"
#include "kernels/packed_check.h"
#include "memory/budget.h"
#include "runtime/engine_impl.h"

namespace jaju {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double flop_of(const Matrix& m) {
  return 2.0 * static_cast<double>(m.rows) * static_cast<double>(m.cols);
}
double flop_of(const MlpWeights& w) {
  return flop_of(w.gate) + flop_of(w.up) + flop_of(w.down);
}
double bytes_of(const MlpWeights& w) {
  return static_cast<double>(w.gate.bytes() + w.up.bytes() + w.down.bytes());
}

// What one row costs in each part of the model.
struct Costs {
  double row_flop = 0;       // every product with weights but kv_b's and the head's
  double last_mlp_flop = 0;  // of them, those of the last layer's MLP
  double head_flop = 0;
  double kv_b_flop = 0;      // of one position expanded, or of one row absorbed, all layers
  double expanded_pair = 0;  // one query and one position
  double absorbed_pair = 0;
  double fixed_bytes = 0;   // weights every step reads, experts not among them
  double expert_bytes = 0;  // one expert of one layer

  Costs(const ModelConfig& c, const Weights& w) {
    double before_mlp = 0;
    for (const LayerWeights& layer : w.layers) {
      const AttentionWeights& a = layer.attention;
      for (const Matrix* m : {&a.q, &a.q_a, &a.q_b, &a.kv_a, &a.o}) {
        if (m->empty()) continue;
        row_flop += flop_of(*m);
        fixed_bytes += static_cast<double>(m->bytes());
      }
      kv_b_flop += flop_of(a.kv_b);
      // Of a packed one decoding reads the values' rows, and the keys turned round.
      const auto value_rows = static_cast<double>(c.v_dim) / static_cast<double>(c.qk_nope_dim + c.v_dim);
      const auto kv_b_bytes = static_cast<double>(a.kv_b.bytes());
      fixed_bytes +=
          a.k_b.empty() ? kv_b_bytes : kv_b_bytes * value_rows + static_cast<double>(a.k_b.bytes());
      before_mlp = row_flop;
      if (!layer.is_moe) {
        row_flop += flop_of(layer.dense);
        fixed_bytes += bytes_of(layer.dense);
        continue;
      }
      const MoeWeights& moe = layer.moe;
      row_flop += 2.0 * static_cast<double>(moe.router.size());
      fixed_bytes += 4.0 * static_cast<double>(moe.router.size());
      row_flop += static_cast<double>(c.n_experts_per_token) * flop_of(moe.experts[0]);
      expert_bytes = bytes_of(moe.experts[0]);
      if (moe.shared.gate.empty()) continue;
      row_flop += flop_of(moe.shared);
      fixed_bytes += bytes_of(moe.shared);
    }
    last_mlp_flop = row_flop - before_mlp;
    head_flop = flop_of(w.head);
    fixed_bytes += static_cast<double>(w.head.bytes());
    const auto heads = static_cast<double>(c.n_heads * c.n_layers);
    expanded_pair = 2 * heads * static_cast<double>(c.qk_dim() + c.v_dim);
    absorbed_pair = 2 * heads * static_cast<double>(c.kv_width() + c.kv_lora_rank);
  }
};

// Counts the experts somebody visits, each once a layer and step.
struct ExpertCount {
  std::vector<uint8_t> seen;
  int64_t distinct = 0;

  static void count(void* data, int64_t, std::span<const int32_t> ids) {
    auto& self = *static_cast<ExpertCount*>(data);
    std::fill(self.seen.begin(), self.seen.end(), uint8_t{0});
    for (const int32_t id : ids) {
      self.distinct += self.seen[static_cast<size_t>(id)] == 0 ? 1 : 0;
      self.seen[static_cast<size_t>(id)] = 1;
    }
  }
};

// |a - b| / |b|.
double distance(const float* a, const float* b, int64_t n) {
  double difference = 0;
  double length = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto want = static_cast<double>(b[i]);
    difference += (static_cast<double>(a[i]) - want) * (static_cast<double>(a[i]) - want);
    length += want * want;
  }
  return std::sqrt(difference / length);
}

// NaN counts as far away.
double median(std::vector<double> values) {
  for (double& value : values) {
    if (!(value <= 1e30)) value = 1e30;
  }
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

class Benchmark {
 public:
  Benchmark(Engine& engine, const BenchmarkPlan& plan)
      : engine_(engine), e_(*engine.impl_), plan_(plan), costs_(e_.config, *e_.weights) {}

  Result<BenchmarkReport> run();

 private:
  Status fits() const;
  Status check_packed();
  Status check(BenchmarkReport& report);
  Result<BenchmarkRow> prompt(int64_t tokens);
  Result<BenchmarkRow> decode(int64_t depth, int64_t batch);
  Status read(KvPages& pages, std::span<const int32_t> tokens, std::span<float> all_logits);
  std::vector<int32_t> tokens(int64_t n, uint64_t seed) const;
  int64_t stream_bytes() const;
  bool cancelled() const { return plan_.cancel != nullptr && plan_.cancel->load(); }
  void progress(const std::string& test, int done) const {
    if (plan_.on_progress) plan_.on_progress(test, done, plan_.repeats);
  }

  Engine& engine_;
  Engine::Impl& e_;
  const BenchmarkPlan& plan_;
  Costs costs_;
};

std::vector<int32_t> Benchmark::tokens(int64_t n, uint64_t seed) const {
  uint64_t state = mix64(seed);
  std::vector<int32_t> out(static_cast<size_t>(n));
  for (int32_t& token : out) {
    token = static_cast<int32_t>(split_mix64(state) % static_cast<uint64_t>(e_.config.vocab_size));
  }
  return out;
}

// A prompt from position 0 on, in chunks. Logits of the last position are thrown away; those of every one go
// to `all_logits`, or over one another chunk by chunk when that has room for only one.
Status Benchmark::read(KvPages& pages, std::span<const int32_t> tokens, std::span<float> all_logits) {
  const auto n = static_cast<int64_t>(tokens.size());
  const int64_t vocab = e_.config.vocab_size;
  JAJU_RETURN_IF_ERROR(pages.reserve(n));
  const bool all = !all_logits.empty();
  const bool keep = static_cast<int64_t>(all_logits.size()) >= n * vocab;
  std::vector<float> last(static_cast<size_t>(vocab));
  std::vector<int32_t> wanted;
  for (int64_t first = 0; first < n; first += e_.options.prefill_chunk) {
    const int64_t rows = std::min(e_.options.prefill_chunk, n - first);
    wanted.clear();
    for (int64_t i = 0; i < rows; ++i) {
      if (all || first + i == n - 1) wanted.push_back(static_cast<int32_t>(i));
    }
    const BatchSequence sequence{rows, first, pages.view(), AttentionMode::expanded};
    JAJU_RETURN_IF_ERROR(e_.forward->run(
        {tokens.subspan(static_cast<size_t>(first), static_cast<size_t>(rows)), {&sequence, 1}, wanted},
        MutRows(!all ? last.data() : all_logits.data() + (keep ? first * vocab : 0),
                static_cast<int64_t>(wanted.size()), vocab)));
    if (cancelled()) return error("interrupted");
  }
  return e_.weights->intact();
}

Status Benchmark::fits() const {
  const int64_t context = e_.options.context;
  for (const int64_t n : plan_.prompts) {
    if (n < 1 || n > context)
      return error("a prompt of {} tokens is outside 1 to the context of {}", n, context);
  }
  if (plan_.generated == 0) return {};
  for (const int64_t depth : plan_.depths) {
    if (depth < 0 || depth + plan_.generated > context) {
      return error("{} tokens after {} positions are more than the context of {}", plan_.generated, depth,
                   context);
    }
  }
  for (const int64_t batch : plan_.batches) {
    if (batch < 1 || batch > e_.options.prefill_chunk) {
      return error("a batch of {} sequences is outside 1 to {}, the rows of a step", batch,
                   e_.options.prefill_chunk);
    }
  }
  return {};
}

// Of each scheme the model has, one matrix against its decoded weights.
Status Benchmark::check_packed() {
  std::set<Scheme> seen;
  const auto one = [&](const Matrix& m) -> Status {
    if (!m.packed() || m.empty() || !seen.insert(m.scheme).second) return {};
    return check_packed_product(*e_.context, m, e_.options.prefill_chunk);
  };
  for (const LayerWeights& layer : e_.weights->layers) {
    for (const Matrix* m : {&layer.attention.q, &layer.attention.q_a, &layer.attention.o, &layer.dense.gate,
                            &layer.moe.shared.gate}) {
      JAJU_RETURN_IF_ERROR(one(*m));
    }
    for (const MlpWeights& expert : layer.moe.experts) JAJU_RETURN_IF_ERROR(one(expert.gate));
  }
  return one(e_.weights->head);
}

// The fast path twice against evaluate(), which rounds nothing but the inputs of packed matrices: as one
// prompt, and token by token; and token by token against all at once, which must be the same bits. Rounding
// to bf16 now and then sends a token to another expert, so single positions may differ much where the median
// does not (docs/log.md).
Status Benchmark::check(BenchmarkReport& report) {
  JAJU_RETURN_IF_ERROR(check_packed());
  const int64_t vocab = e_.config.vocab_size;
  const int64_t n = std::min<int64_t>({32, e_.options.context, e_.config.max_context});
  const std::vector<int32_t> sample = tokens(n, 1);
  JAJU_ASSIGN(const Evaluation exact, engine_.evaluate(sample, true));
  std::vector<float> logits(static_cast<size_t>(n * vocab));
  const auto difference = [&] {
    std::vector<double> distances;
    for (int64_t i = 0; i < n; ++i) {
      distances.push_back(distance(logits.data() + i * vocab, exact.logits.data() + i * vocab, vocab));
    }
    return median(distances);
  };
  {
    KvPages pages(*e_.pool);
    JAJU_RETURN_IF_ERROR(read(pages, sample, logits));
    report.prompt_difference = difference();
  }
  KvPages pages(*e_.pool);
  JAJU_RETURN_IF_ERROR(pages.reserve(n));
  const int32_t row = 0;
  for (int64_t i = 0; i < n; ++i) {
    const BatchSequence sequence{1, i, pages.view(), AttentionMode::absorbed};
    JAJU_RETURN_IF_ERROR(
        e_.forward->run({std::span(sample).subspan(static_cast<size_t>(i), 1), {&sequence, 1}, {&row, 1}},
                        MutRows(logits.data() + i * vocab, 1, vocab)));
  }
  report.decode_difference = difference();
  report.checked_positions = n;
  {
    const int64_t rows = std::min(n, e_.options.prefill_chunk);
    KvPages together(*e_.pool);
    JAJU_RETURN_IF_ERROR(together.reserve(rows));
    std::vector<int32_t> wanted(static_cast<size_t>(rows));
    std::iota(wanted.begin(), wanted.end(), 0);
    std::vector<float> at_once(static_cast<size_t>(rows * vocab));
    const BatchSequence sequence{rows, 0, together.view(), AttentionMode::absorbed};
    JAJU_RETURN_IF_ERROR(e_.forward->run({std::span(sample).first(wanted.size()), {&sequence, 1}, wanted},
                                         MutRows(at_once.data(), rows, vocab)));
    if (std::memcmp(at_once.data(), logits.data(), at_once.size() * sizeof(float)) != 0) {
      return error(
          "{} tokens read at once have other logits than one by one, which must not be; no speed is measured "
          "(try JAJU_ISA=ref, and report it with the output of `jaju doctor`)",
          rows);
    }
  }
  const bool rounds = e_.options.precision != Precision::f32 || e_.options.kv_type != KvType::f32;
  // Of packed models this is a look at the attention only, whose rounding moves their int8 inputs by whole
  // steps and with them the choice of experts; their products were checked above.
  const double allowed = e_.weights->packed ? 0.5 : rounds ? 0.1 : 1e-3;
  for (const auto& [what, value] :
       {std::pair{"prompt", report.prompt_difference}, std::pair{"decode", report.decode_difference}}) {
    if (value <= allowed) continue;
    return error(
        "the {} path is wrong: its logits are {:.1g} away from f32 ones in the median, {:.1g} is allowed; no "
        "speed is "
        "measured (try JAJU_ISA=ref, and report it with the output of `jaju doctor`)",
        what, value, allowed);
  }
  return {};
}

Result<BenchmarkRow> Benchmark::prompt(int64_t n) {
  BenchmarkRow row;
  row.prompt = true;
  row.tokens = n;
  const auto positions = static_cast<double>(n);
  double expanded = 0;  // positions, once for every chunk that reads them
  for (int64_t end = 0; end < n;) {
    end = std::min(end + e_.options.prefill_chunk, n);
    expanded += static_cast<double>(end);
  }
  const double without =
      plan_.all_logits ? 0.0 : positions - 1;  // tokens that skip the last MLP and the head
  row.flop = positions * costs_.row_flop - without * costs_.last_mlp_flop +
             (positions - without) * costs_.head_flop + expanded * costs_.kv_b_flop +
             positions * (positions + 1) / 2 * costs_.expanded_pair;
  const int64_t rows = plan_.all_logits ? std::min(n, e_.options.prefill_chunk) : 0;
  std::vector<float> logits(static_cast<size_t>(rows * e_.config.vocab_size));
  StoreFigures before;
  for (int r = 0; r <= plan_.repeats; ++r) {  // the first warms up
    if (r == 1) before = engine_.store_figures().value_or(StoreFigures());
    const std::vector<int32_t> sample = tokens(n, static_cast<uint64_t>(100 + r));
    KvPages pages(*e_.pool);
    JAJU_RETURN_IF_ERROR(pages.reserve(n));
    const auto start = std::chrono::steady_clock::now();
    JAJU_RETURN_IF_ERROR(read(pages, sample, logits));
    if (r > 0) row.seconds.push_back(seconds_since(start));
    progress(row.name(), r);
  }
  if (e_.store != nullptr) row.store = e_.store->figures().since(before);
  std::sort(row.seconds.begin(), row.seconds.end());
  return row;
}

Result<BenchmarkRow> Benchmark::decode(int64_t depth, int64_t batch) {
  BenchmarkRow row;
  row.tokens = plan_.generated * batch;
  row.depth = depth;
  row.batch = batch;
  const int64_t vocab = e_.config.vocab_size;
  // One prompt is read; the sequences hold copies of it and differ from there on.
  std::vector<std::unique_ptr<KvPages>> pages;
  for (int64_t b = 0; b < batch; ++b) {
    pages.push_back(std::make_unique<KvPages>(*e_.pool));
    if (depth > 0 && b == 0) JAJU_RETURN_IF_ERROR(read(*pages[0], tokens(depth, 7), {}));
    if (depth > 0 && b > 0) JAJU_RETURN_IF_ERROR(pages.back()->copy_from(*pages[0], depth));
    JAJU_RETURN_IF_ERROR(pages.back()->reserve(depth + plan_.generated));
  }
  std::vector<BatchSequence> sequences;
  std::vector<int32_t> rows;
  for (int64_t b = 0; b < batch; ++b) {
    sequences.push_back({1, depth, pages[static_cast<size_t>(b)]->view(), AttentionMode::absorbed});
    rows.push_back(static_cast<int32_t>(b));
  }
  std::vector<float> logits(static_cast<size_t>(batch * vocab));
  ExpertCount experts;
  experts.seen.resize(static_cast<size_t>(e_.config.n_routed_experts));
  ForwardExtras extras;
  extras.on_experts = ExpertCount::count;
  extras.data = &experts;
  StoreFigures before;
  for (int r = 0; r <= plan_.repeats; ++r) {
    if (r == 1) before = engine_.store_figures().value_or(StoreFigures());
    // A few steps suffice to warm up.
    const int64_t steps = r == 0 ? std::min<int64_t>(plan_.generated, 4) : plan_.generated;
    experts.distinct = 0;
    double seconds = 0;
    for (int64_t step = 0; step < steps; ++step) {
      const std::vector<int32_t> sample = tokens(batch, static_cast<uint64_t>(1000 + r * 100000 + step));
      for (BatchSequence& s : sequences) s.first_pos = depth + step;
      const auto start = std::chrono::steady_clock::now();
      JAJU_RETURN_IF_ERROR(
          e_.forward->run({sample, sequences, rows}, MutRows(logits.data(), batch, vocab), extras));
      seconds += seconds_since(start);
      if (cancelled()) return error("interrupted");
    }
    if (r > 0) row.seconds.push_back(seconds);
    progress(row.name(), r);
  }
  JAJU_RETURN_IF_ERROR(e_.weights->intact());
  if (e_.store != nullptr) row.store = e_.store->figures().since(before);
  std::sort(row.seconds.begin(), row.seconds.end());
  // Positions seen by all rows of all steps, themselves included.
  const auto steps = static_cast<double>(plan_.generated);
  const double seen = static_cast<double>(batch) * steps * (static_cast<double>(depth) + (steps + 1) / 2);
  row.flop = static_cast<double>(row.tokens) * (costs_.row_flop + costs_.head_flop + costs_.kv_b_flop) +
             seen * costs_.absorbed_pair;
  row.bytes = steps * costs_.fixed_bytes + static_cast<double>(experts.distinct) * costs_.expert_bytes +
              seen * static_cast<double>(engine_.kv_bytes_per_token());
  return row;
}

// A streamed model has promised how much memory it takes: the loop that reads memory gets half of the margin,
// if that is more than caches hold.
int64_t Benchmark::stream_bytes() const {
  constexpr int64_t kMost = int64_t{512} << 20;
  constexpr int64_t kLeast = int64_t{128} << 20;
  if (e_.store == nullptr) return kMost;
  const int64_t room = program_margin(e_.streamed->budget.memory) / 2;
  return room < kLeast ? 0 : std::min(room, kMost);
}

Result<BenchmarkReport> Benchmark::run() {
  engine_.settle();
  JAJU_RETURN_IF_ERROR(fits());
  BenchmarkReport report;
  JAJU_RETURN_IF_ERROR(check(report));
  report.before = measure_peaks(*e_.team, stream_bytes());
  for (const int64_t n : plan_.prompts) {
    JAJU_ASSIGN(BenchmarkRow row, prompt(n));
    report.rows.push_back(std::move(row));
  }
  for (const int64_t depth : plan_.depths) {
    for (const int64_t batch : plan_.batches) {
      if (plan_.generated == 0) continue;
      JAJU_ASSIGN(BenchmarkRow row, decode(depth, batch));
      report.rows.push_back(std::move(row));
    }
  }
  report.after = measure_peaks(*e_.team, stream_bytes());
  return report;
}

std::string BenchmarkRow::name() const {
  if (prompt) return fmt::format("pp{}", tokens);
  std::string text = fmt::format("tg{}", tokens / batch);
  if (depth > 0) text += fmt::format(" @{}", depth);
  if (batch > 1) text += fmt::format(" x{}", batch);
  return text;
}

double BenchmarkRow::all_seconds() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

MachinePeaks BenchmarkReport::peaks() const {
  return {std::max(before.stream, after.stream), std::max(before.f32, after.f32),
          std::max(before.bf16, after.bf16), std::max(before.int8, after.int8)};
}

Result<BenchmarkReport> run_benchmark(Engine& engine, const BenchmarkPlan& plan) {
  return within_memory("measure that", [&] { return Benchmark(engine, plan).run(); });
}

}  // namespace jaju
