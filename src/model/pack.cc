#include "model/pack.h"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "base/file.h"
#include "base/split_mix.h"
#include "model/packed_manifest.h"
#include "model/packed_names.h"
#include "tensor/fp4.h"
#include "tensor/quantize.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPieceBytes = int64_t{32} << 20;  // of the output, made and written at a time

bool fp4_good(const Matrix& m, int64_t r) {
  const int64_t n = m.cols / fp4_group(m.scheme);
  return fp4_scales_good(m.scheme, m.fp4_scales + r * n, n);
}

// Row r of a matrix as f32. False: it holds a value that is not finite.
bool read_row(const Matrix& m, int64_t r, float* out) {
  if (m.stored_fp4() && !fp4_good(m, r)) return false;
  if (m.dtype == DType::f8_e4m3 && !m.scales_good(r)) return false;
  switch (m.dtype) {
    case DType::f32:
      std::memcpy(out, m.row(r), static_cast<size_t>(m.row_bytes()));
      break;
    case DType::bf16:
      for (int64_t c = 0; c < m.cols; ++c) out[c] = load_as_f32(m.row(r), DType::bf16, c);
      break;
    default:
      for (int64_t c = 0; c < m.cols; ++c) out[c] = m.at(r, c);
  }
  float worst = 0;  // NaN and infinity survive being multiplied by zero
  for (int64_t c = 0; c < m.cols; ++c) worst += out[c] * 0.0f;
  return worst == 0.0f;
}

// The first key_rows of every head_rows of a matrix, each head's turned round: (heads * cols, key_rows).
Matrix turn_keys(const Matrix& m, int64_t key_rows, int64_t head_rows, ThreadTeam& team,
                 std::vector<float>& room) {
  const int64_t heads = m.rows / head_rows;
  room.resize(static_cast<size_t>(heads * m.cols * key_rows));
  team.parallel_for(heads, [&](int64_t head, int) {
    float* const to = room.data() + head * m.cols * key_rows;
    for (int64_t d = 0; d < key_rows; ++d) {
      for (int64_t k = 0; k < m.cols; ++k) to[k * key_rows + d] = m.at(head * head_rows + d, k);
    }
  });
  Matrix turned;
  turned.data = room.data();
  turned.rows = heads * m.cols;
  turned.cols = key_rows;
  return turned;
}

class Writer {
 public:
  Writer(const PackOptions& options, ThreadTeam& team, int64_t total)
      : options_(options), team_(team), total_(total) {}

  // Returns the checksum of every part.
  Result<std::vector<uint64_t>> write(const PackShard& shard, const fs::path& path);
  void skip(int64_t bytes) { report(bytes); }

 private:
  Status part(const PackPart& p);
  Status quantised(const PackPart& p, const Matrix& m, const float* importance);
  Status drawn(const PackPart& p, const Matrix& m);
  Status made_once(const PackPart& p, const Matrix& m);
  Status plain(const PackPart& p, const Matrix& m);
  Status emit(const void* data, int64_t bytes) {
    JAJU_RETURN_IF_ERROR(file_->append(data, bytes));
    XXH3_64bits_update(hash_.get(), data, static_cast<size_t>(bytes));
    const auto* const from = static_cast<const std::byte*>(data);
    if (copy_ != nullptr) copy_->insert(copy_->end(), from, from + bytes);
    report(bytes);
    return {};
  }
  void report(int64_t bytes) {
    done_ += bytes;
    if (options_.progress) options_.progress(done_, total_);
  }
  Status not_finite(const PackPart& p) const {
    return error(
        "'{}' would be made of values or scales that are no numbers (NaN, infinite, an F8 scale that is not "
        "above zero): `jaju run MODEL --check` names the tensors; "
        "download the checkpoint again",
        p.spec.name);
  }

  struct Free {
    void operator()(XXH3_state_t* s) const { XXH3_freeState(s); }
  };
  const PackOptions& options_;
  ThreadTeam& team_;
  int64_t total_;
  int64_t done_ = 0;
  std::unique_ptr<XXH3_state_t, Free> hash_{XXH3_createState()};
  std::unique_ptr<SafetensorsWriter> file_;
  std::vector<std::byte> piece_;
  std::map<std::pair<Scheme, int64_t>, std::vector<std::byte>> drawn_;  // panels to draw from, by columns
  std::map<bool, std::vector<std::byte>> made_;                         // kv_b; or its keys turned round
  std::vector<std::byte>* copy_ = nullptr;                              // of what is emitted
  uint64_t random_state_ = 1;
};

Status Writer::drawn(const PackPart& p, const Matrix& m) {
  constexpr int64_t kPanels = 64;
  const auto each = static_cast<size_t>(panel_bytes(p.scheme, m.cols));
  std::vector<std::byte>& from = drawn_[{p.scheme, m.cols}];
  if (from.empty()) {
    from.resize(kPanels * each);
    team_.parallel_for(kPanels, [&](int64_t i, int) {
      std::vector<float> values(static_cast<size_t>(kPanelRows * m.cols));
      for (int64_t r = 0; r < kPanelRows; ++r)
        read_row(m, (i * kPanelRows + r) % m.rows, values.data() + r * m.cols);
      quantize_panel(p.scheme, values.data(), kPanelRows, m.cols, nullptr,
                     from.data() + static_cast<size_t>(i) * each);
    });
  }
  for (int64_t panel = 0; panel < (m.rows + kPanelRows - 1) / kPanelRows; ++panel) {
    const size_t at = split_mix64(random_state_) % kPanels * each;
    JAJU_RETURN_IF_ERROR(emit(from.data() + at, static_cast<int64_t>(each)));
  }
  return {};
}

// Random weights are the same memory for all layers: kv_b is quantised in one of them, for all.
Status Writer::made_once(const PackPart& p, const Matrix& m) {
  std::vector<std::byte>& made = made_[p.key_rows > 0];
  if (made.empty()) {
    copy_ = &made;
    const Status status = quantised(p, m, nullptr);
    copy_ = nullptr;
    return status;
  }
  return emit(made.data(), static_cast<int64_t>(made.size()));
}

// Panels are independent: one task each.
Status Writer::quantised(const PackPart& p, const Matrix& m, const float* importance) {
  const int64_t each = panel_bytes(p.scheme, m.cols);
  const int64_t panels = (m.rows + kPanelRows - 1) / kPanelRows;
  const int64_t at_once = std::clamp<int64_t>(kPieceBytes / each, 1, panels);
  if (static_cast<int64_t>(piece_.size()) < at_once * each)
    piece_.resize(static_cast<size_t>(at_once * each));
  std::vector<std::vector<float>> rows(static_cast<size_t>(team_.size()));
  for (auto& buffer : rows) buffer.resize(static_cast<size_t>(kPanelRows * m.cols));
  std::atomic<bool> finite{true};
  for (int64_t first = 0; first < panels; first += at_once) {
    const int64_t n = std::min(at_once, panels - first);
    team_.parallel_for(n, [&](int64_t i, int thread) {
      float* const values = rows[static_cast<size_t>(thread)].data();
      const int64_t row = (first + i) * kPanelRows;
      const int64_t n_rows = std::min(kPanelRows, m.rows - row);
      std::byte* const to = piece_.data() + i * each;
      if (m.stored_fp4() && m.scheme == p.scheme) {
        for (int64_t r = 0; r < n_rows; ++r) {
          if (!fp4_good(m, row + r)) return finite.store(false);
        }
        return pack_fp4_panel(p.scheme, m.slice_rows(row, n_rows).fp4_rows(), n_rows, m.cols, to);
      }
      for (int64_t r = 0; r < n_rows; ++r) {
        if (!read_row(m, row + r, values + r * m.cols)) return finite.store(false);
      }
      quantize_panel(p.scheme, values, n_rows, m.cols, importance, to);
    });
    if (!finite) return not_finite(p);
    JAJU_RETURN_IF_ERROR(emit(piece_.data(), n * each));
  }
  return {};
}

Status Writer::plain(const PackPart& p, const Matrix& m) {
  const int64_t width = size_of(p.spec.dtype);
  const int64_t at_once = std::clamp<int64_t>(kPieceBytes / (m.cols * width), 1, m.rows);
  if (static_cast<int64_t>(piece_.size()) < at_once * m.cols * width)
    piece_.resize(static_cast<size_t>(at_once * m.cols * width));
  for (int64_t first = 0; first < m.rows; first += at_once) {
    const int64_t n = std::min(at_once, m.rows - first);
    std::atomic<bool> finite{true};
    team_.parallel_for(n, [&](int64_t i, int) {
      std::vector<float> values(static_cast<size_t>(m.cols));
      if (!read_row(m, first + i, values.data())) return finite.store(false);
      std::byte* const to = piece_.data() + i * m.cols * width;
      if (p.spec.dtype == m.dtype) {
        std::memcpy(to, m.row(first + i), static_cast<size_t>(m.cols * width));
        return;
      }
      for (int64_t c = 0; c < m.cols; ++c) {
        const uint16_t bits = f32_to_bf16(values[static_cast<size_t>(c)]);
        std::memcpy(to + c * width, &bits, sizeof bits);
      }
    });
    if (!finite) return not_finite(p);
    JAJU_RETURN_IF_ERROR(emit(piece_.data(), n * m.cols * width));
  }
  return {};
}

Status Writer::part(const PackPart& p) {
  if (p.vector != nullptr) {
    if (!std::all_of(p.vector->begin(), p.vector->end(), [](float x) { return std::isfinite(x); }))
      return not_finite(p);
    return emit(p.vector->data(), p.bytes);
  }
  if (p.scheme == Scheme::none) return plain(p, p.matrices.front());
  int64_t written = 0;
  std::vector<float> room;
  for (size_t i = 0; i < p.matrices.size(); ++i) {
    const Matrix m =
        p.key_rows > 0 ? turn_keys(p.matrices[i], p.key_rows, p.head_rows, team_, room) : p.matrices[i];
    JAJU_RETURN_IF_ERROR(!options_.random ? quantised(p, m, p.importance[i])
                         : p.of_kv_b      ? made_once(p, m)
                                          : drawn(p, m));
    written += packed_bytes(p.scheme, m.rows, m.cols);
  }
  const std::vector<std::byte> padding(static_cast<size_t>(p.bytes - written));
  return emit(padding.data(), p.bytes - written);
}

Result<std::vector<uint64_t>> Writer::write(const PackShard& shard, const fs::path& path) {
  std::vector<TensorSpec> specs;
  for (const PackPart& p : shard.parts) specs.push_back(p.spec);
  JAJU_ASSIGN(file_, SafetensorsWriter::create(path, specs, {{"format", kPackedFormat}}, kExtentBytes));
  std::vector<uint64_t> sums;
  for (const PackPart& p : shard.parts) {
    XXH3_64bits_reset(hash_.get());
    JAJU_RETURN_IF_ERROR(part(p));
    sums.push_back(XXH3_64bits_digest(hash_.get()));
  }
  JAJU_RETURN_IF_ERROR(file_->finish());
  file_.reset();
  return sums;
}

}  // namespace

Result<PackReport> write_packed(const Weights& weights, const std::vector<PackShard>& shards,
                                const fs::path& stage, const PackOptions& options, ThreadTeam& team) {
  PackReport report;
  report.shards = static_cast<int>(shards.size());
  std::vector<std::pair<std::string, std::string>> weight_map;
  for (const PackShard& shard : shards) {
    report.bytes += shard.bytes;
    report.tensors += static_cast<int64_t>(shard.parts.size());
    for (const PackPart& p : shard.parts) weight_map.emplace_back(p.spec.name, shard.file);
  }
  PackedManifest manifest;
  const fs::path manifest_file = stage / kPackedManifestFile;
  if (const auto text = read_file(manifest_file, kMaxPackedManifest); text.ok()) {
    JAJU_ASSIGN(manifest, parse_packed_manifest(*text, manifest_file.string()));
  }
  manifest.experts = options.experts;
  for (const PackShard& shard : shards) {
    for (const PackPart& p : shard.parts) {
      if (p.matrices.size() == 3) manifest.experts = p.scheme;
    }
  }
  manifest.rest = options.rest;
  manifest.source = options.source;
  manifest.calibration_tokens = options.importance != nullptr ? options.importance->tokens() : 0;
  Writer writer(options, team, report.bytes);
  for (const PackShard& shard : shards) {
    std::error_code ignored;
    if (manifest.find(shard.file) != nullptr && fs::exists(stage / shard.file, ignored)) {
      ++report.shards_kept;
      writer.skip(shard.bytes);
      continue;
    }
    JAJU_ASSIGN(const std::vector<uint64_t> sums, writer.write(shard, stage / shard.file));
    JAJU_RETURN_IF_ERROR(weights.intact());  // what a shrinking file gave is not worth a checksum
    if (options.importance != nullptr) JAJU_RETURN_IF_ERROR(options.importance->intact());
    PackedShardSums entry{shard.file, {}};
    for (size_t i = 0; i < sums.size(); ++i) entry.tensors.emplace_back(shard.parts[i].spec.name, sums[i]);
    std::erase_if(manifest.shards, [&](const PackedShardSums& s) { return s.file == shard.file; });
    manifest.shards.push_back(std::move(entry));
    std::sort(manifest.shards.begin(), manifest.shards.end(),
              [](const PackedShardSums& a, const PackedShardSums& b) { return a.file < b.file; });
    JAJU_RETURN_IF_ERROR(write_file_atomic(manifest_file, to_json(manifest)));
  }
  if (shards.size() > 1) {
    std::sort(weight_map.begin(), weight_map.end());
    JAJU_RETURN_IF_ERROR(write_safetensors_index(stage, weight_map, report.bytes));
  }
  return report;
}

}  // namespace jaju
