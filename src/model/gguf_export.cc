#include "model/gguf_export.h"

#include <algorithm>

#include "base/file.h"
#include "formats/safetensors_header.h"
#include "model/gguf_config.h"
#include "model/gguf_names.h"
#include "model/gguf_stream.h"

namespace jaju {
namespace {

using namespace gguf_names;

// Part of a tensor: a matrix, its transpose, or its rows in another order.
struct Piece {
  Matrix matrix;
  bool transposed = false;
  std::vector<int64_t> order;  // row i comes from order[i]; empty: as they are

  int64_t rows() const { return transposed ? matrix.cols : matrix.rows; }
  int64_t cols() const { return transposed ? matrix.rows : matrix.cols; }
};

struct Target {
  GgufTensorSpec spec;
  std::vector<Piece> pieces;
};

// Row by row to f32. Types both formats share are read in one go; f8 goes through its block scales.
void read_rows(const Piece& p, int64_t first, int64_t count, float* out) {
  const Matrix& m = p.matrix;
  if (p.transposed) {
    for (int64_t c = first; c < first + count; ++c) {
      for (int64_t r = 0; r < m.rows; ++r) *out++ = m.at(r, c);
    }
    return;
  }
  for (int64_t i = first; i < first + count; ++i, out += m.cols) {
    const int64_t r = p.order.empty() ? i : p.order[static_cast<size_t>(i)];
    if (m.dtype == DType::f8_e4m3) {
      for (int64_t c = 0; c < m.cols; ++c) out[c] = m.at(r, c);
    } else {
      const GgufType type = m.dtype == DType::f32   ? GgufType::f32
                            : m.dtype == DType::f16 ? GgufType::f16
                                                    : GgufType::bf16;
      gguf_dequantise(type, m.row(r), m.cols, out);
    }
  }
}

class Planner {
 public:
  Planner(const Weights& weights, const ModelConfig& config, GgufType type)
      : weights_(weights), config_(config), type_(type) {}

  std::vector<Target> plan();
  int64_t fallbacks() const { return fallbacks_; }

 private:
  GgufType type_for(int64_t cols) {
    if (cols % gguf_type_info(type_).block == 0) return type_;
    ++fallbacks_;
    return GgufType::f16;
  }
  void add(std::string name, std::vector<int64_t> shape, std::vector<Piece> pieces) {
    const GgufType type = type_for(shape.back());
    targets_.push_back({{std::move(name), type, std::move(shape)}, std::move(pieces)});
  }
  void matrix(const std::string& name, const Matrix& m, std::vector<int64_t> order = {}) {
    add(name, {m.rows, m.cols}, {{m, false, std::move(order)}});
  }
  void vector(const std::string& name, const Vector& v, std::vector<int64_t> shape) {
    Matrix m;
    m.data = v.data();
    m.rows = shape.size() == 2 ? shape.front() : 1;
    m.cols = shape.back();
    targets_.push_back({{name, GgufType::f32, std::move(shape)}, {{m, false, {}}}});
  }
  void norm(int64_t layer, const Name& n, const Vector& v) {
    vector(in_gguf(layer, n.gguf), v, {static_cast<int64_t>(v.size())});
  }
  void matrix(int64_t layer, const Name& n, const Matrix& m, std::vector<int64_t> order = {}) {
    matrix(in_gguf(layer, n.gguf), m, std::move(order));
  }
  std::vector<int64_t> pairs_of_neighbours(int64_t n_heads, int64_t before, int64_t rows) const;
  void attention(int64_t index, const AttentionWeights& a);
  void experts(int64_t index, const std::vector<MlpWeights>& experts);
  void layer(int64_t index, const LayerWeights& w);

  const Weights& weights_;
  const ModelConfig& config_;
  GgufType type_;
  std::vector<Target> targets_;
  int64_t fallbacks_ = 0;
};

// GGUF's architectures rotate neighbours (2j, 2j + 1). A model that rotates (j, j + half) is the same model
// with the rotary rows of queries and key in another order. Empty when the order is right already.
std::vector<int64_t> Planner::pairs_of_neighbours(int64_t n_heads, int64_t before, int64_t rows) const {
  if (config_.rope.interleaved) return {};
  const int64_t half = config_.qk_rope_dim / 2;
  std::vector<int64_t> order(static_cast<size_t>(n_heads * rows));
  for (int64_t i = 0; i < n_heads * rows; ++i) {
    const int64_t in_head = i % rows - before;
    const int64_t from = in_head < 0 ? in_head : in_head / 2 + in_head % 2 * half;
    order[static_cast<size_t>(i)] = i / rows * rows + before + from;
  }
  return order;
}

void Planner::attention(int64_t index, const AttentionWeights& a) {
  const ModelConfig& c = config_;
  std::vector<int64_t> q_order = pairs_of_neighbours(c.n_heads, c.qk_nope_dim, c.qk_dim());
  if (c.q_lora_rank == 0) {
    matrix(index, kQ, a.q, std::move(q_order));
  } else {
    matrix(index, kQa, a.q_a);
    norm(index, kQaNorm, a.q_a_norm);
    matrix(index, kQb, a.q_b, std::move(q_order));
  }
  matrix(index, kKva, a.kv_a, pairs_of_neighbours(1, c.kv_lora_rank, c.kv_width()));
  norm(index, kKvaNorm, a.kv_a_norm);
  const int64_t rows = c.qk_nope_dim + c.v_dim;
  std::vector<Piece> k;
  std::vector<Piece> v;
  for (int64_t h = 0; h < c.n_heads; ++h) {
    k.push_back({a.kv_b.slice_rows(h * rows, c.qk_nope_dim), true, {}});
    v.push_back({a.kv_b.slice_rows(h * rows + c.qk_nope_dim, c.v_dim), false, {}});
  }
  add(in_gguf(index, kKb), {c.n_heads, c.kv_lora_rank, c.qk_nope_dim}, std::move(k));
  add(in_gguf(index, kVb), {c.n_heads, c.v_dim, c.kv_lora_rank}, std::move(v));
  matrix(index, kO, a.o);
}

void Planner::experts(int64_t index, const std::vector<MlpWeights>& experts) {
  const auto n = static_cast<int64_t>(experts.size());
  for (const auto& [name, part] :
       {std::pair{kGateExperts, &MlpWeights::gate}, std::pair{kUpExperts, &MlpWeights::up},
        std::pair{kDownExperts, &MlpWeights::down}}) {
    std::vector<Piece> pieces;
    for (const MlpWeights& e : experts) pieces.push_back({e.*part, false, {}});
    const Matrix& first = experts.front().*part;
    add(in_gguf(index, name), {n, first.rows, first.cols}, std::move(pieces));
  }
}

void Planner::layer(int64_t index, const LayerWeights& w) {
  norm(index, kInputNorm, w.input_norm);
  attention(index, w.attention);
  norm(index, kPostAttentionNorm, w.post_attention_norm);
  if (!w.is_moe) {
    matrix(index, kGate, w.dense.gate);
    matrix(index, kUp, w.dense.up);
    matrix(index, kDown, w.dense.down);
    return;
  }
  vector(in_gguf(index, kRouter.gguf), w.moe.router, {config_.n_routed_experts, config_.hidden_size});
  // Loading fills in zeros where the checkpoint has no bias; adding zeros to a file would say it has one.
  const Vector& bias = w.moe.router_bias;
  if (std::any_of(bias.begin(), bias.end(), [](float b) { return b != 0.0f; }))
    norm(index, kRouterBias, bias);
  experts(index, w.moe.experts);
  if (config_.n_shared_experts > 0) {
    matrix(index, kSharedGate, w.moe.shared.gate);
    matrix(index, kSharedUp, w.moe.shared.up);
    matrix(index, kSharedDown, w.moe.shared.down);
  }
  if (!w.post_mlp_norm.empty()) norm(index, kPostMlpNorm, w.post_mlp_norm);
}

std::vector<Target> Planner::plan() {
  matrix(kEmbed.gguf, weights_.embed);
  for (size_t i = 0; i < weights_.layers.size(); ++i) layer(static_cast<int64_t>(i), weights_.layers[i]);
  if (weights_.mtp) {
    const MtpWeights& w = *weights_.mtp;
    const int64_t index = config_.n_layers;
    matrix(index, kMtpProjection, w.projection);
    norm(index, kMtpEmbeddingNorm, w.embedding_norm);
    norm(index, kMtpHiddenNorm, w.hidden_norm);
    norm(index, kMtpFinalNorm, w.final_norm);
    if (w.embed.data != weights_.embed.data) matrix(index, kMtpEmbed, w.embed);
    if (w.head.data != weights_.head.data) matrix(index, kMtpHead, w.head);
    layer(index, w.layer);
  }
  vector(kFinalNorm.gguf, weights_.final_norm, {config_.hidden_size});
  if (!config_.tie_word_embeddings) matrix(kHead.gguf, weights_.head);
  return std::move(targets_);
}

// llama.cpp's number for "mostly of this type".
int64_t file_type(GgufType type) {
  switch (type) {
    case GgufType::f16:
      return 1;
    case GgufType::q4_0:
      return 2;
    case GgufType::q8_0:
      return 7;
    case GgufType::bf16:
      return 32;
    default:
      return 0;
  }
}

}  // namespace

Result<GgufExportReport> export_gguf(const Weights& weights, const ModelConfig& config,
                                     const std::filesystem::path& path, const GgufExportOptions& options,
                                     ThreadTeam& team) {
  if (weights.packed)
    return error("a packed model cannot be exported: export the checkpoint it was made from");
  const GgufTypeInfo& info = gguf_type_info(options.type);
  if (!info.writable) return error("jaju does not write {}: choose f32, f16, bf16, q8_0 or q4_0", info.name);
  GgufExportReport report;
  report.architecture = options.architecture.empty() ? default_gguf_arch(config) : options.architecture;
  GgufMetadata metadata;
  metadata.text("general.architecture", report.architecture);
  metadata.text("general.type", "model");
  if (!options.name.empty()) metadata.text("general.name", options.name);
  metadata.u32("general.file_type", file_type(options.type));
  if (info.block > 1) metadata.u32("general.quantization_version", 2);
  JAJU_RETURN_IF_ERROR(config_to_gguf(config, report.architecture, weights.mtp ? 1 : 0, metadata));
  metadata.add(options.metadata);
  if (report.architecture == kGgufArchDeepseek2 && config.rope.yarn && config.rope.mscale_all_dim == 0.0) {
    // llama.cpp v0.5.0 then scales the rotary part and the whole attention, ik_llama.cpp 8337e4c neither.
    report.notes.emplace_back(
        "the model scales positions by YaRN without mscale_all_dim: jaju reads that back, but llama.cpp "
        "scales "
        "its attention twice and ik_llama.cpp not at all, so their answers differ");
  }

  Planner planner(weights, config, options.type);
  const std::vector<Target> targets = planner.plan();
  report.fallbacks = planner.fallbacks();
  report.tensors = static_cast<int64_t>(targets.size());
  std::vector<GgufTensorSpec> specs;
  for (const Target& t : targets) {
    specs.push_back(t.spec);
    report.bytes += gguf_bytes(t.spec.type, *element_count(t.spec.shape));
  }
  JAJU_ASSIGN(const auto writer, GgufWriter::create(path, metadata, specs));
  JAJU_RETURN_IF_ERROR(check_room(path.parent_path(), report.bytes, "the GGUF file"));
  RowStream stream(team);
  int64_t done = 0;
  const auto append = [&](const void* data, int64_t bytes) -> Status {
    JAJU_RETURN_IF_ERROR(writer->append(data, bytes));
    done += bytes;
    if (options.progress) options.progress(done, report.bytes);
    return {};
  };
  for (const Target& t : targets) {
    for (const Piece& p : t.pieces) {
      const auto read = [&](int64_t first, int64_t count, float* out) { read_rows(p, first, count, out); };
      const int64_t scaled = p.matrix.dtype == DType::f8_e4m3 ? p.matrix.rows : 0;
      for (int64_t r = 0; r < scaled; ++r) {
        if (!p.matrix.scales_good(r)) {
          return error("tensor '{}' has an F8 scale that is not above zero: download the checkpoint again",
                       t.spec.name);
        }
      }
      JAJU_RETURN_IF_ERROR(
          stream.run(p.rows(), p.cols(), read, t.spec.type, append, fmt::format("tensor '{}'", t.spec.name)));
    }
  }
  JAJU_RETURN_IF_ERROR(weights.intact());
  JAJU_RETURN_IF_ERROR(writer->finish());
  return report;
}

}  // namespace jaju
