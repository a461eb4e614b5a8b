// Which columns of a matrix matter: the mean square of what entered each column over a calibration text. It
// weighs the column's error in quantize_panel (tensor/quantize.h), whose sum then is, for columns that vary
// alone, the squared error of the matrix's outputs.
//
// Matrices that read the same rows share one list: gate and up of an MLP; the down projections of queries and
// latents. The embedding is not quantised and has none; kv_b is, and has none either: all columns of latents
// and queries count alike.
//
// The file is safetensors, F32, a tensor for each list, named after the first matrix that reads it:
//   lm_head                                                           (hidden)
//   model.layers.N.self_attn.q_a_proj (or q_proj), q_b_proj, o_proj   (cols)
//   model.layers.N.mlp.gate_proj, down_proj; the same of mlp.shared_experts
//   model.layers.N.mlp.experts.gate_proj, down_proj                   (experts, cols)
//   model.layers.<n_layers>.eh_proj, shared_head.head                 of an MTP block
// and beside each NAME one NAME.rows (1, or experts): how many rows it is the mean of. Metadata: "format",
// "tokens".
//
// An expert's list is mixed with its layer's, as if kPriorRows rows more had been the mean of all visits: the
// few rows a rare expert saw say little about a column. One that saw none has its layer's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mapped_file.h"
#include "base/status.h"
#include "model/forward.h"
#include "model/weights.h"

namespace jaju {

constexpr double kPriorRows = 16;

// Rows that one or more matrices read.
struct MatrixInput {
  std::string name;
  int64_t cols = 0;
  // Where their values lie: of one place, or of every routed expert.
  std::vector<std::vector<const void*>> readers;
};
// Every input of a matrix that can be packed, once each.
std::vector<MatrixInput> matrix_inputs(const Weights& weights, const ModelConfig& config);

// Collects the squares of what passes. Give it to Forward::run and run_mtp of the same weights, in f32.
class ImportanceTally : public InputObserver {
 public:
  ImportanceTally(const Weights& weights, const ModelConfig& config);
  void saw(ThreadTeam& team, const Matrix& w, Rows x, const int32_t* rows, int64_t n) override;

  // Routed experts in all, and how many of them no row has reached.
  int64_t experts() const;
  int64_t experts_unseen() const;
  // Writes the file. tokens: of the text, for people. Errors: values that are not finite; the disk.
  Status save(const std::filesystem::path& file, int64_t tokens) const;

 private:
  struct Entry {
    MatrixInput input;
    std::vector<double> sums;   // (readers, cols)
    std::vector<int64_t> rows;  // (readers)
  };
  struct Place {
    size_t entry;
    size_t reader;
  };
  std::vector<float> means(const Entry& entry) const;

  std::vector<Entry> entries_;
  std::unordered_map<const void*, Place> places_;
};

// Whether a file is one that ImportanceTally::save made.
bool is_importance(const std::filesystem::path& file);

// A file of these, mapped, for the weights it is opened with.
class Importance {
 public:
  // Errors: another kind of file, one of another model: a tensor that is missing, of another shape, or with a
  // value that is no mean of squares, by name.
  static Result<std::unique_ptr<Importance>> open(const std::filesystem::path& file, const Weights& weights,
                                                  const ModelConfig& config);
  // Of the columns of `m`, which must be a whole matrix of those weights; null when it has none.
  const float* of(const Matrix& m) const;
  int64_t tokens() const { return tokens_; }
  Status intact() const { return file_->intact(); }

 private:
  Importance() = default;
  std::unique_ptr<MappedFile> file_;
  std::unordered_map<const void*, const float*> by_matrix_;
  int64_t tokens_ = 0;
};

}  // namespace jaju
