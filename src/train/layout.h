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
  torch::Tensor rows;  // (n_documents * length) int64 rows of the flat list; padding repeats a real row
};

// A layout as tensors on one device.
struct Padded {
  std::vector<Bucket> buckets;
  torch::Tensor back;             // (N) int64: the place of each row among all padded rows, buckets in order
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

}  // namespace jaju::train
