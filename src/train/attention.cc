#include "train/attention.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace jaju::train {
namespace {

// x (..., rope), cos and sin broadcastable to (..., rope / 2).
Tensor rotate(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved) {
  const int64_t pairs = x.size(-1) / 2;
  if (interleaved) {
    const Tensor a = x.slice(-1, 0, x.size(-1), 2);
    const Tensor b = x.slice(-1, 1, x.size(-1), 2);
    return at::stack({a * cos - b * sin, a * sin + b * cos}, -1).flatten(-2);
  }
  const Tensor a = x.slice(-1, 0, pairs);
  const Tensor b = x.slice(-1, pairs);
  return at::cat({a * cos - b * sin, a * sin + b * cos}, -1);
}

// Documents of like length side by side, padded to the longest; the causal mask hides the padding, which
// comes last.
Tensor reference_attention(const Tensor& q, const Tensor& kv, const Tensor& k_rope, const Tensor& cos_sin,
                           const Layout& layout, const AttentionShape& s) {
  constexpr int64_t kMaxScores = int64_t{1} << 26;
  std::vector<int64_t> order(layout.ends.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return layout.length(a) > layout.length(b); });
  const auto sums = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const int64_t qk = s.nope + s.rope;
  std::vector<Tensor> outputs;
  std::vector<int64_t> all_rows;
  for (size_t first = 0; first < order.size();) {
    const int64_t length = layout.length(order[first]);
    const int64_t room = std::max<int64_t>(1, kMaxScores / (s.n_heads * length * length));
    const size_t last = std::min(order.size(), first + static_cast<size_t>(room));
    const auto n_documents = static_cast<int64_t>(last - first);
    std::vector<int64_t> padded, kept;
    for (size_t i = first; i < last; ++i) {
      const auto d = static_cast<size_t>(order[i]);
      for (int64_t pos = 0; pos < length; ++pos) {
        const bool real = layout.starts[d] + pos < layout.ends[d];
        if (real) {
          kept.push_back(static_cast<int64_t>(padded.size()));
          all_rows.push_back(layout.starts[d] + pos);
        }
        padded.push_back(real ? layout.starts[d] + pos : layout.starts[d]);
      }
    }
    const auto index = [&](const std::vector<int64_t>& v) {
      return torch::tensor(v, at::kLong).to(q.device());
    };
    const Tensor rows = index(padded);
    const auto take = [&](const Tensor& x, int64_t heads) {
      return x.index_select(0, rows).view({n_documents, length, heads, -1}).transpose(1, 2).to(sums);
    };
    const Tensor cos = cos_sin.slice(0, 0, length).slice(1, 0, s.rope / 2).to(sums);
    const Tensor sin = cos_sin.slice(0, 0, length).slice(1, s.rope / 2).to(sums);
    const Tensor queries = take(q, s.n_heads);  // (documents, heads, length, qk)
    const Tensor keys_values = take(kv, s.n_heads);
    const Tensor shared = rotate(take(k_rope, 1), cos, sin, s.interleaved);
    const Tensor query = at::cat(
        {queries.slice(-1, 0, s.nope), rotate(queries.slice(-1, s.nope, qk), cos, sin, s.interleaved)}, -1);
    const Tensor key = at::cat(
        {keys_values.slice(-1, 0, s.nope), shared.expand({n_documents, s.n_heads, length, s.rope})}, -1);
    const Tensor future = at::ones({length, length}, q.options().dtype(at::kBool)).triu(1);
    const Tensor scores = at::matmul(query, key.transpose(-1, -2)) * s.scale;
    const Tensor share = at::softmax(scores.masked_fill(future, -std::numeric_limits<float>::infinity()), -1);
    const Tensor mixed = at::matmul(share, keys_values.slice(-1, s.nope));
    outputs.push_back(
        mixed.transpose(1, 2).reshape({n_documents * length, s.n_heads * s.v}).index_select(0, index(kept)));
    first = last;
  }
  std::vector<int64_t> back(all_rows.size());
  for (size_t i = 0; i < all_rows.size(); ++i)
    back[static_cast<size_t>(all_rows[i])] = static_cast<int64_t>(i);
  return at::cat(outputs).index_select(0, torch::tensor(back, at::kLong).to(q.device())).to(q.scalar_type());
}

}  // namespace

Tensor causal_attention(const Tensor& q, const Tensor& kv, const Tensor& k_rope, const Tensor& cos_sin,
                        const Layout& layout, const AttentionShape& shape) {
  return reference_attention(q, kv, k_rope, cos_sin, layout, shape);
}

}  // namespace jaju::train
