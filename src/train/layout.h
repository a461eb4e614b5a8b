// Where documents begin and end in the flat list of tokens, and how they are laid side by side where whole
// tensors are worked on at once (the ATen path of ops.h).
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace jaju::train {

// Documents of like length, each padded at its end to the longest of them.
struct Bucket {
  int64_t n_documents = 0;
  int64_t length = 0;
  int64_t first = 0;  // its first row among all padded rows
  int64_t rows() const { return n_documents * length; }
};

// A layout as tensors on one device.
struct Padded {
  std::vector<Bucket> buckets;
  torch::Tensor
      rows;  // (padded rows) int64: rows of the flat list, buckets in order; padding repeats a real row
  torch::Tensor places;           // (N) int64: where each row of the flat list stands among them
  torch::Tensor document;         // (N) int64: the document of each row
  torch::Tensor inverse_lengths;  // (documents, 1) f64
};

struct Layout {
  std::vector<int64_t> starts;
  std::vector<int64_t> ends;
  int64_t n_tokens = 0;
  int64_t longest = 0;

  explicit Layout(const std::vector<int64_t>& document_ends);
  int64_t n_documents() const { return static_cast<int64_t>(ends.size()); }
  int64_t length(int64_t document) const {
    return ends[static_cast<size_t>(document)] - starts[static_cast<size_t>(document)];
  }
  // Made at the first call and shared by all layers of a pass, which runs on one device. Not thread-safe.
  const Padded& padded(const torch::Device& device) const;

 private:
  mutable std::shared_ptr<const Padded> padded_;
};

// x.index_select(0, rows) for rows that name every row of x once, and some again as padding whose gradient is
// zero: place[i] is where row i of x stands first. On a GPU the gradient of index_select adds with atomics;
// this one copies.
torch::Tensor lay_out(const torch::Tensor& x, const torch::Tensor& rows, const torch::Tensor& places);

// x.index_select(0, places) for places that differ from each other. Its gradient copies, too.
torch::Tensor fetch(const torch::Tensor& x, const torch::Tensor& places);

}  // namespace jaju::train
