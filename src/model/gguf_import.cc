#include "model/gguf_import.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "base/file.h"
#include "base/staged_dir.h"
#include "base/utf8.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "model/gguf_names.h"
#include "model/gguf_stream.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;
using namespace gguf_names;

// Part of a target: rows of one tensor of the file, or (transposed) the columns of those rows.
struct Piece {
  const GgufTensor* from = nullptr;
  int64_t first_row = 0;
  int64_t rows = 0;
  bool transposed = false;
};

// One tensor of the checkpoint: the pieces behind one another.
struct Target {
  TensorSpec spec;
  std::vector<Piece> pieces;
};

// A transposed piece is held whole: one head of attn_k_b. Far above any model (A.X K1: 65,536 values).
constexpr int64_t kMaxTransposed = 64 << 20;

// Lists what the config asks for and finds it in the file. What is missing or wrong is noted, so that one
// message can tell all of it; nothing is sized by the config before the tensor it speaks of was compared.
class Planner {
 public:
  Planner(const Gguf& file, const GgufConfig& imported, GgufImportDtype dtype)
      : file_(file), config_(imported.config), axk1_(imported.architecture == kGgufArchAxk1), dtype_(dtype) {}

  Result<std::vector<Target>> plan();

 private:
  void problem(std::string text) {
    if (++n_problems_ <= kShown) problems_ += (problems_.empty() ? "" : "; ") + text;
  }
  bool has(int64_t layer, const char* name) const {
    return file_.find_tensor(in_gguf(layer, name)) != nullptr;
  }

  const GgufTensor* take(const std::string& name, int64_t rows, int64_t cols);
  DType dtype_of(const std::vector<Piece>& pieces) const;
  void matrix(const std::string& gguf, const std::string& checkpoint, int64_t rows, int64_t cols);
  void vector(const std::string& gguf, const std::string& checkpoint, std::vector<int64_t> shape);
  void matrix(int64_t layer, const Name& n, int64_t rows, int64_t cols) {
    matrix(in_gguf(layer, n.gguf), in_checkpoint(layer, n.checkpoint), rows, cols);
  }
  void norm(int64_t layer, const Name& n, int64_t size) {
    vector(in_gguf(layer, n.gguf), in_checkpoint(layer, n.checkpoint), {size});
  }
  void add(const std::string& name, std::vector<int64_t> shape, std::vector<Piece> pieces) {
    const DType dtype = dtype_of(pieces);
    targets_.push_back({{name, dtype, std::move(shape)}, std::move(pieces)});
  }
  void layer(int64_t index, bool moe);
  void attention(int64_t index);
  void kv_b(int64_t index);
  void experts(int64_t index);
  void mtp(int64_t index);
  Status unknown() const;

  static constexpr int kShown = 10;
  const Gguf& file_;
  const ModelConfig& config_;
  bool axk1_;
  GgufImportDtype dtype_;
  std::vector<Target> targets_;
  std::set<const GgufTensor*> taken_;
  std::string problems_;
  int n_problems_ = 0;
};

// Compared as rows and columns: some writers keep a dimension of one, or fold two into one.
const GgufTensor* Planner::take(const std::string& name, int64_t rows, int64_t cols) {
  const GgufTensor* t = file_.find_tensor(name);
  if (t == nullptr) {
    problem(fmt::format("missing '{}'", name));
    return nullptr;
  }
  taken_.insert(t);
  if (t->rows() != rows || t->cols() != cols) {
    problem(fmt::format("'{}' is {}, expected {} rows of {}", name, shape_text(t->shape), rows, cols));
    return nullptr;
  }
  const GgufTypeInfo& info = gguf_type_info(t->type);
  if (!info.readable) {
    problem(fmt::format("'{}' is {}, which jaju cannot read", name, info.name));
    return nullptr;
  }
  return t;
}

DType Planner::dtype_of(const std::vector<Piece>& pieces) const {
  if (dtype_ == GgufImportDtype::f32) return DType::f32;
  if (dtype_ == GgufImportDtype::bf16) return DType::bf16;
  // Where some of it is F32 all of it is; of other types that differ bf16 holds the most.
  const GgufType first = pieces.front().from->type;
  const auto is = [](GgufType type) { return [type](const Piece& p) { return p.from->type == type; }; };
  if (std::any_of(pieces.begin(), pieces.end(), is(GgufType::f32))) return DType::f32;
  return first == GgufType::f16 && std::all_of(pieces.begin(), pieces.end(), is(first)) ? DType::f16
                                                                                        : DType::bf16;
}

void Planner::matrix(const std::string& gguf, const std::string& checkpoint, int64_t rows, int64_t cols) {
  const GgufTensor* t = take(gguf, rows, cols);
  if (t != nullptr) add(checkpoint, {rows, cols}, {{t, 0, rows, false}});
}

void Planner::vector(const std::string& gguf, const std::string& checkpoint, std::vector<int64_t> shape) {
  const int64_t cols = shape.back();
  const int64_t rows = shape.size() == 2 ? shape.front() : 1;
  const GgufTensor* t = take(gguf, rows, cols);
  if (t != nullptr) targets_.push_back({{checkpoint, DType::f32, std::move(shape)}, {{t, 0, rows, false}}});
}

void Planner::kv_b(int64_t index) {
  const ModelConfig& c = config_;
  const int64_t rows = c.n_heads * (c.qk_nope_dim + c.v_dim);
  if (has(index, kKvb.gguf)) return matrix(index, kKvb, rows, c.kv_lora_rank);
  const GgufTensor* k = take(in_gguf(index, kKb), c.n_heads * c.kv_lora_rank, c.qk_nope_dim);
  const GgufTensor* v = take(in_gguf(index, kVb), c.n_heads * c.v_dim, c.kv_lora_rank);
  if (k == nullptr || v == nullptr) return;
  if (c.kv_lora_rank * c.qk_nope_dim > kMaxTransposed) {
    return problem(fmt::format("one head of '{}' is too large", in_gguf(index, kKb)));
  }
  std::vector<Piece> pieces;
  for (int64_t h = 0; h < c.n_heads; ++h) {
    pieces.push_back({k, h * c.kv_lora_rank, c.kv_lora_rank, true});
    pieces.push_back({v, h * c.v_dim, c.v_dim, false});
  }
  add(in_checkpoint(index, kKvb.checkpoint), {rows, c.kv_lora_rank}, std::move(pieces));
}

void Planner::attention(int64_t index) {
  const ModelConfig& c = config_;
  norm(index, kInputNorm, c.hidden_size);
  if (c.q_lora_rank == 0) {
    matrix(index, kQ, c.n_heads * c.qk_dim(), c.hidden_size);
  } else {
    matrix(index, kQa, c.q_lora_rank, c.hidden_size);
    norm(index, kQaNorm, c.q_lora_rank);
    matrix(index, kQb, c.n_heads * c.qk_dim(), c.q_lora_rank);
  }
  matrix(index, kKva, c.kv_width(), c.hidden_size);
  norm(index, kKvaNorm, c.kv_lora_rank);
  kv_b(index);
  matrix(index, kO, c.hidden_size, c.n_heads * c.v_dim);
}

// A.X K1 gets its release's two fused tensors, DeepSeek-V3 one tensor per matrix, as each is published.
void Planner::experts(int64_t index) {
  const int64_t n = config_.n_routed_experts;
  const int64_t inner = config_.moe_intermediate_size;
  const int64_t hidden = config_.hidden_size;
  const bool fused = has(index, kGateUpExperts);
  const GgufTensor* gate = nullptr;
  const GgufTensor* up = nullptr;
  if (fused) {
    gate = up = take(in_gguf(index, kGateUpExperts), n * 2 * inner, hidden);
  } else {
    gate = take(in_gguf(index, kGateExperts), n * inner, hidden);
    up = take(in_gguf(index, kUpExperts), n * inner, hidden);
  }
  const GgufTensor* down = take(in_gguf(index, kDownExperts), n * hidden, inner);
  if (gate == nullptr || up == nullptr || down == nullptr) return;
  const auto gate_piece = [&](int64_t e) { return Piece{gate, (fused ? 2 * e : e) * inner, inner, false}; };
  const auto up_piece = [&](int64_t e) { return Piece{up, (fused ? 2 * e + 1 : e) * inner, inner, false}; };
  if (axk1_) {
    std::vector<Piece> both;
    for (int64_t e = 0; e < n; ++e) {
      both.push_back(gate_piece(e));
      both.push_back(up_piece(e));
    }
    add(in_checkpoint(index, kFusedGateUp), {n, 2 * inner, hidden}, std::move(both));
    add(in_checkpoint(index, kFusedDown), {n, hidden, inner}, {{down, 0, n * hidden, false}});
    return;
  }
  for (int64_t e = 0; e < n; ++e) {
    const std::string prefix = in_checkpoint(index, fmt::format("mlp.experts.{}.", e));
    add(prefix + "gate_proj.weight", {inner, hidden}, {gate_piece(e)});
    add(prefix + "up_proj.weight", {inner, hidden}, {up_piece(e)});
    add(prefix + "down_proj.weight", {hidden, inner}, {{down, e * hidden, hidden, false}});
  }
}

void Planner::layer(int64_t index, bool moe) {
  const ModelConfig& c = config_;
  attention(index);
  norm(index, kPostAttentionNorm, c.hidden_size);
  if (!moe) {
    matrix(index, kGate, c.intermediate_size, c.hidden_size);
    matrix(index, kUp, c.intermediate_size, c.hidden_size);
    matrix(index, kDown, c.hidden_size, c.intermediate_size);
    return;
  }
  vector(in_gguf(index, kRouter.gguf), in_checkpoint(index, kRouter.checkpoint),
         {c.n_routed_experts, c.hidden_size});
  const char* bias = has(index, kRouterBias.gguf) ? kRouterBias.gguf : kRouterBiasOlder;
  if (has(index, bias))
    vector(in_gguf(index, bias), in_checkpoint(index, kRouterBias.checkpoint), {c.n_routed_experts});
  experts(index);
  if (c.n_shared_experts > 0) {
    const int64_t inner = c.moe_intermediate_size * c.n_shared_experts;
    matrix(index, kSharedGate, inner, c.hidden_size);
    matrix(index, kSharedUp, inner, c.hidden_size);
    matrix(index, kSharedDown, c.hidden_size, inner);
  }
  if (c.has_post_mlp_norm) norm(index, kPostMlpNorm, c.hidden_size);
}

void Planner::mtp(int64_t index) {
  const int64_t hidden = config_.hidden_size;
  matrix(index, kMtpProjection, hidden, 2 * hidden);
  norm(index, kMtpEmbeddingNorm, hidden);
  norm(index, kMtpHiddenNorm, hidden);
  norm(index, kMtpFinalNorm, hidden);
  if (has(index, kMtpEmbed.gguf)) matrix(index, kMtpEmbed, config_.vocab_size, hidden);
  if (has(index, kMtpHead.gguf)) matrix(index, kMtpHead, config_.vocab_size, hidden);
  layer(index, true);
}

Status Planner::unknown() const {
  int64_t count = 0;
  std::string first;
  for (const GgufTensor& t : file_.tensors()) {
    if (taken_.contains(&t)) continue;
    if (++count <= 5) first += (first.empty() ? "'" : ", '") + printable(t.name) + "'";
  }
  if (count == 0) return {};
  return error("{} holds {} tensors that belong to no part of the model its metadata describes ({}{})",
               file_.file_name(0), count, first, count > 5 ? ", ..." : "");
}

Result<std::vector<Target>> Planner::plan() {
  const ModelConfig& c = config_;
  matrix(kEmbed.gguf, kEmbed.checkpoint, c.vocab_size, c.hidden_size);
  for (int64_t i = 0; i < c.n_layers + c.n_mtp_layers; ++i) {
    // A config of thousands of layers must not make a message of thousands of names.
    if (n_problems_ > kShown) break;
    if (i < c.n_layers) {
      layer(i, c.is_moe(i));
    } else {
      mtp(i);
    }
  }
  vector(kFinalNorm.gguf, kFinalNorm.checkpoint, {c.hidden_size});
  if (!c.tie_word_embeddings) matrix(kHead.gguf, kHead.checkpoint, c.vocab_size, c.hidden_size);
  if (n_problems_ > 0) {
    return error("{}: the tensors do not fit the metadata: {}{}", file_.file_name(0), problems_,
                 n_problems_ > kShown ? "; and more" : "");
  }
  JAJU_RETURN_IF_ERROR(unknown());
  return std::move(targets_);
}

// --- writing

GgufType stored_as(DType dtype) {
  return dtype == DType::f32 ? GgufType::f32 : dtype == DType::f16 ? GgufType::f16 : GgufType::bf16;
}

int64_t bytes_of(const Target& t) {
  return *element_count(t.spec.shape) * size_of(t.spec.dtype);
}

struct Shard {
  std::string name;
  std::vector<Target> targets;
  int64_t bytes = 0;
};

std::vector<Shard> cut(std::vector<Target> targets, int64_t shard_bytes) {
  std::vector<Shard> shards(1);
  for (Target& t : targets) {
    const int64_t bytes = bytes_of(t);
    if (!shards.back().targets.empty() && shards.back().bytes + bytes > shard_bytes) shards.emplace_back();
    shards.back().bytes += bytes;
    shards.back().targets.push_back(std::move(t));
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].name = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
  return shards;
}

Status write_target(const Target& t, RowStream& stream, const RowStream::Append& append) {
  for (const Piece& p : t.pieces) {
    const GgufTensor& from = *p.from;
    const int64_t cols = from.cols();
    const std::byte* data = from.data + p.first_row * from.row_bytes();
    const std::string what = fmt::format("tensor '{}'", from.name);
    const GgufType to = stored_as(t.spec.dtype);
    if (!p.transposed) {
      const auto read = [&](int64_t first, int64_t count, float* out) {
        gguf_dequantise(from.type, data + first * from.row_bytes(), count * cols, out);
      };
      JAJU_RETURN_IF_ERROR(stream.run(p.rows, cols, read, to, append, what));
      continue;
    }
    std::vector<float> whole(static_cast<size_t>(p.rows * cols));
    gguf_dequantise(from.type, data, p.rows * cols, whole.data());
    const auto read = [&](int64_t first, int64_t count, float* out) {
      for (int64_t c = first; c < first + count; ++c) {
        for (int64_t r = 0; r < p.rows; ++r) *out++ = whole[static_cast<size_t>(r * cols + c)];
      }
    };
    JAJU_RETURN_IF_ERROR(stream.run(cols, p.rows, read, to, append, what));
  }
  return {};
}

// True when `path` is a shard that an interrupted import finished: its header is what we would write. (A
// shard gets its name only after its last byte is on the disk.)
bool finished(const fs::path& path, const Shard& shard) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return false;
  const auto checkpoint = Checkpoint::open_file(path);
  if (!checkpoint.ok() || (*checkpoint)->tensors().size() != shard.targets.size()) return false;
  return std::all_of(shard.targets.begin(), shard.targets.end(), [&](const Target& t) {
    const StoredTensor* stored = (*checkpoint)->find(t.spec.name);
    return stored != nullptr && stored->info.dtype == t.spec.dtype && stored->info.shape == t.spec.shape;
  });
}

// What decides the bytes of an import: an interrupted one goes on only when all of it is the same.
std::string fingerprint(const Gguf& file, const GgufImportOptions& options) {
  nlohmann::ordered_json j;
  for (int i = 0; i < file.file_count(); ++i) {
    const fs::path path = file.file_name(i);
    std::error_code ignored;
    j["files"].push_back({{"name", path.filename().string()},
                          {"bytes", fs::file_size(path, ignored)},
                          {"changed", fs::last_write_time(path, ignored).time_since_epoch().count()}});
  }
  j["dtype"] = static_cast<int>(options.dtype);
  j["shard_bytes"] = options.shard_bytes;
  return j.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<GgufImportReport> import_gguf(const Gguf& file, const fs::path& dir, const GgufImportOptions& options,
                                     ThreadTeam& team) {
  const auto* embed = file.find_tensor(kEmbed.gguf);
  const bool keeps_f32 = embed != nullptr && embed->type == GgufType::f32;
  const bool keeps_f16 = embed != nullptr && embed->type == GgufType::f16;
  std::string dtype = "bfloat16";
  if (options.dtype == GgufImportDtype::f32 || (options.dtype == GgufImportDtype::keep && keeps_f32))
    dtype = "float32";
  if (options.dtype == GgufImportDtype::keep && keeps_f16) dtype = "float16";
  GgufImportReport report;
  JAJU_ASSIGN(report.config, config_from_gguf(file, dtype));
  JAJU_ASSIGN(std::vector<Target> targets, Planner(file, report.config, options.dtype).plan());
  report.tensors = static_cast<int64_t>(targets.size());
  const std::vector<Shard> shards = cut(std::move(targets), options.shard_bytes);
  report.shards = static_cast<int>(shards.size());
  for (const Shard& shard : shards) {
    report.bytes += shard.bytes;
    for (const Target& t : shard.targets) report.parameters += *element_count(t.spec.shape);
  }

  JAJU_ASSIGN(const StagedDir staged, StagedDir::open(dir, fingerprint(file, options)));
  const fs::path& stage = staged.stage();
  int64_t missing = 0;
  for (const Shard& shard : shards) missing += finished(stage / shard.name, shard) ? 0 : shard.bytes;
  if (const Status room = check_room(stage.parent_path(), missing, "the model"); !room.ok()) {
    if (missing == report.bytes) staged.abandon();
    return room;
  }
  RowStream stream(team);
  int64_t done = 0;
  std::vector<std::pair<std::string, std::string>> weight_map;
  for (const Shard& shard : shards) {
    for (const Target& t : shard.targets) weight_map.emplace_back(t.spec.name, shard.name);
    if (finished(stage / shard.name, shard)) {
      ++report.shards_kept;
      done += shard.bytes;
      continue;
    }
    std::vector<TensorSpec> specs;
    for (const Target& t : shard.targets) specs.push_back(t.spec);
    JAJU_ASSIGN(const auto writer, SafetensorsWriter::create(stage / shard.name, specs, {{"format", "pt"}}));
    const auto append = [&](const void* data, int64_t bytes) -> Status {
      JAJU_RETURN_IF_ERROR(writer->append(data, bytes));
      done += bytes;
      if (options.progress) options.progress(done, report.bytes);
      return {};
    };
    for (const Target& t : shard.targets) JAJU_RETURN_IF_ERROR(write_target(t, stream, append));
    JAJU_RETURN_IF_ERROR(file.intact());  // what a shrinking file gave is not worth a name
    JAJU_RETURN_IF_ERROR(writer->finish());
  }
  if (shards.size() > 1) {
    std::sort(weight_map.begin(), weight_map.end());
    JAJU_RETURN_IF_ERROR(write_safetensors_index(stage, weight_map, report.bytes));
  }
  for (const auto& [name, content] : options.files) {
    JAJU_RETURN_IF_ERROR(write_file_atomic(stage / name, content));
  }
  JAJU_RETURN_IF_ERROR(write_file_atomic(stage / "config.json", report.config.json));
  JAJU_RETURN_IF_ERROR(staged.publish());
  return report;
}

}  // namespace jaju
