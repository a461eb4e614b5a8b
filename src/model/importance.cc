#include "model/importance.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "formats/safetensors_header.h"
#include "formats/safetensors_writer.h"

namespace jaju {
namespace {

constexpr const char* kFormat = "jaju-importance";

class InputList {
 public:
  void add(const std::string& name, std::initializer_list<const Matrix*> readers) {
    MatrixInput input{name, (*readers.begin())->cols, {{}}};
    for (const Matrix* m : readers) {
      if (!m->empty()) input.readers[0].push_back(m->data);
    }
    if (!input.readers[0].empty()) inputs_.push_back(std::move(input));
  }

  void mlp(const std::string& prefix, const MlpWeights& w) {
    add(prefix + "gate_proj", {&w.gate, &w.up});
    add(prefix + "down_proj", {&w.down});
  }

  void layer(int64_t index, const LayerWeights& w) {
    const std::string prefix = fmt::format("model.layers.{}.", index);
    const AttentionWeights& a = w.attention;
    if (a.q.empty()) {
      add(prefix + "self_attn.q_a_proj", {&a.q_a, &a.kv_a});
      add(prefix + "self_attn.q_b_proj", {&a.q_b});
    } else {
      add(prefix + "self_attn.q_proj", {&a.q, &a.kv_a});
    }
    add(prefix + "self_attn.o_proj", {&a.o});
    if (!w.is_moe) return mlp(prefix + "mlp.", w.dense);
    mlp(prefix + "mlp.shared_experts.", w.moe.shared);
    if (w.moe.experts.empty()) return;
    MatrixInput in{prefix + "mlp.experts.gate_proj", w.moe.experts[0].gate.cols, {}};
    MatrixInput inner{prefix + "mlp.experts.down_proj", w.moe.experts[0].down.cols, {}};
    for (const MlpWeights& expert : w.moe.experts) {
      in.readers.push_back({expert.gate.data, expert.up.data});
      inner.readers.push_back({expert.down.data});
    }
    inputs_.push_back(std::move(in));
    inputs_.push_back(std::move(inner));
  }

  std::vector<MatrixInput> take() { return std::move(inputs_); }

 private:
  std::vector<MatrixInput> inputs_;
};

std::vector<int64_t> shape_of(const MatrixInput& input) {
  const auto n = static_cast<int64_t>(input.readers.size());
  return n == 1 ? std::vector<int64_t>{input.cols} : std::vector<int64_t>{n, input.cols};
}

}  // namespace

std::vector<MatrixInput> matrix_inputs(const Weights& weights, const ModelConfig& config) {
  InputList list;
  list.add("lm_head", {&weights.head});
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    list.layer(static_cast<int64_t>(i), weights.layers[i]);
  }
  if (weights.mtp) {
    const MtpWeights& mtp = *weights.mtp;
    const std::string prefix = fmt::format("model.layers.{}.", config.n_layers);
    list.add(prefix + "eh_proj", {&mtp.projection});
    list.layer(config.n_layers, mtp.layer);
    // A head that is the main model's is one matrix with two kinds of inputs: both count for it.
    if (mtp.head.data != weights.head.data) list.add(prefix + "shared_head.head", {&mtp.head});
  }
  return list.take();
}

ImportanceTally::ImportanceTally(const Weights& weights, const ModelConfig& config) {
  for (MatrixInput& input : matrix_inputs(weights, config)) {
    Entry entry{std::move(input), {}, {}};
    const size_t readers = entry.input.readers.size();
    entry.sums.resize(readers * static_cast<size_t>(entry.input.cols));
    entry.rows.resize(readers);
    for (size_t r = 0; r < readers; ++r) {
      places_[entry.input.readers[r].front()] = {entries_.size(), r};
    }
    entries_.push_back(std::move(entry));
  }
}

void ImportanceTally::saw(ThreadTeam& team, const Matrix& w, Rows x, const int32_t* rows, int64_t n) {
  const auto found = places_.find(w.data);
  JAJU_CHECK(found != places_.end() && !w.packed());
  Entry& entry = entries_[found->second.entry];
  JAJU_CHECK(x.cols == entry.input.cols);
  entry.rows[found->second.reader] += n;
  double* const sums = entry.sums.data() + static_cast<int64_t>(found->second.reader) * x.cols;
  // A column's sum is one thread's, from the first row to the last: the same bits on any number of them.
  constexpr int64_t kColumns = 256;
  constexpr int64_t kWorthSharing = 1 << 14;
  const auto add = [&](int64_t block, int) {
    const int64_t first = block * kColumns;
    const int64_t last = std::min(first + kColumns, x.cols);
    for (int64_t i = 0; i < n; ++i) {
      const float* const row = x.row(rows != nullptr ? rows[i] : i);
      for (int64_t c = first; c < last; ++c) {
        const auto value = static_cast<double>(row[c]);
        sums[c] += value * value;
      }
    }
  };
  const int64_t blocks = (x.cols + kColumns - 1) / kColumns;
  if (n * x.cols >= kWorthSharing) return team.parallel_for(blocks, add);
  for (int64_t block = 0; block < blocks; ++block) add(block, 0);
}

int64_t ImportanceTally::experts() const {
  int64_t n = 0;
  for (const Entry& e : entries_) {
    if (e.rows.size() > 1 && e.input.name.ends_with("gate_proj")) n += static_cast<int64_t>(e.rows.size());
  }
  return n;
}

int64_t ImportanceTally::experts_unseen() const {
  int64_t n = 0;
  for (const Entry& e : entries_) {
    if (e.rows.size() > 1 && e.input.name.ends_with("gate_proj")) {
      n += std::count(e.rows.begin(), e.rows.end(), 0);
    }
  }
  return n;
}

std::vector<float> ImportanceTally::means(const Entry& entry) const {
  const auto cols = static_cast<size_t>(entry.input.cols);
  const size_t readers = entry.rows.size();
  // Of the layer, where there are experts.
  std::vector<double> all(cols);
  int64_t all_rows = 0;
  const double prior = readers > 1 ? kPriorRows : 0;
  for (size_t r = 0; prior > 0 && r < readers; ++r) {
    all_rows += entry.rows[r];
    for (size_t c = 0; c < cols; ++c) all[c] += entry.sums[r * cols + c];
  }
  for (double& sum : all) sum /= static_cast<double>(std::max<int64_t>(all_rows, 1));

  std::vector<float> out(readers * cols);
  for (size_t r = 0; r < readers; ++r) {
    const double rows = static_cast<double>(entry.rows[r]) + prior;
    for (size_t c = 0; rows > 0 && c < cols; ++c) {
      out[r * cols + c] = static_cast<float>((entry.sums[r * cols + c] + prior * all[c]) / rows);
    }
  }
  return out;
}

Status ImportanceTally::save(const std::filesystem::path& file, int64_t tokens) const {
  std::vector<TensorSpec> specs;
  for (const Entry& e : entries_) {
    specs.push_back({e.input.name, DType::f32, shape_of(e.input)});
    specs.push_back({e.input.name + ".rows", DType::f32, {static_cast<int64_t>(e.rows.size())}});
  }
  JAJU_ASSIGN(const auto writer, SafetensorsWriter::create(
                                     file, specs, {{"format", kFormat}, {"tokens", std::to_string(tokens)}}));
  for (const Entry& e : entries_) {
    const std::vector<float> values = means(e);
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
      return error(
          "the inputs of '{}' became infinite: the weights may be damaged (`jaju run MODEL --check`)",
          e.input.name);
    }
    const std::vector<float> rows(e.rows.begin(), e.rows.end());
    for (const auto* list : {&values, &rows}) {
      JAJU_RETURN_IF_ERROR(writer->append(list->data(), static_cast<int64_t>(list->size() * sizeof(float))));
    }
  }
  return writer->finish();
}

bool is_importance(const std::filesystem::path& file) {
  const auto mapped = MappedFile::open(file);
  if (!mapped.ok()) return false;
  const std::span bytes((*mapped)->data(), static_cast<size_t>((*mapped)->size()));
  const Result<SafetensorsHeader> header = parse_safetensors_header(bytes, (*mapped)->path());
  if (!header.ok()) return false;
  const auto format = header->metadata.find("format");
  return format != header->metadata.end() && format->second == kFormat;
}

Result<std::unique_ptr<Importance>> Importance::open(const std::filesystem::path& file,
                                                     const Weights& weights, const ModelConfig& config) {
  std::unique_ptr<Importance> importance(new Importance);
  JAJU_ASSIGN(importance->file_, MappedFile::open(file));
  const std::string& what = importance->file_->path();
  const std::byte* const data = importance->file_->data();
  const std::span bytes(data, static_cast<size_t>(importance->file_->size()));
  JAJU_ASSIGN(const SafetensorsHeader header, parse_safetensors_header(bytes, what));
  const auto entry = [&](const char* key) {
    const auto found = header.metadata.find(key);
    return found == header.metadata.end() ? std::string() : found->second;
  };
  if (entry("format") != kFormat) {
    return error(
        "{} holds no importance: `jaju pack MODEL --calibration TEXT --save-importance FILE` makes such a "
        "file",
        what);
  }
  const std::string tokens = entry("tokens");
  const auto parsed = std::from_chars(tokens.data(), tokens.data() + tokens.size(), importance->tokens_);
  if (parsed.ec != std::errc() || parsed.ptr != tokens.data() + tokens.size() || importance->tokens_ < 1) {
    return error("{}: 'tokens' must be a count above 0; calibrate again", what);
  }
  std::unordered_map<std::string_view, const TensorInfo*> by_name;
  for (const TensorInfo& t : header.tensors) by_name[t.name] = &t;
  for (const MatrixInput& input : matrix_inputs(weights, config)) {
    const auto found = by_name.find(input.name);
    if (found == by_name.end()) {
      return error("{} has no '{}': it was made for another model, calibrate this one", what, input.name);
    }
    const TensorInfo& t = *found->second;
    const std::vector<int64_t> shape = shape_of(input);
    if (t.dtype != DType::f32 || t.shape != shape) {
      return error("{}: '{}' is {} {}, this model wants F32 {}: calibrate it", what, input.name,
                   name_of(t.dtype), shape_text(t.shape), shape_text(shape));
    }
    if (t.begin % static_cast<int64_t>(alignof(float)) != 0) {
      return error("{}: '{}' does not begin at a multiple of 4 bytes; calibrate again", what, input.name);
    }
    const auto* const values = reinterpret_cast<const float*>(data + t.begin);
    if (!std::all_of(values, values + t.elements, [](float x) { return std::isfinite(x) && x >= 0; })) {
      return error("{}: '{}' holds a value that is no mean of squares; calibrate again", what, input.name);
    }
    for (size_t r = 0; r < input.readers.size(); ++r) {
      for (const void* matrix : input.readers[r]) {
        importance->by_matrix_[matrix] = values + static_cast<int64_t>(r) * input.cols;
      }
    }
  }
  JAJU_RETURN_IF_ERROR(importance->file_->intact());
  return importance;
}

const float* Importance::of(const Matrix& m) const {
  const auto found = by_matrix_.find(m.data);
  return found == by_matrix_.end() ? nullptr : found->second;
}

}  // namespace jaju
