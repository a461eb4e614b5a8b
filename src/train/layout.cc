#include "train/layout.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace jaju::train {
namespace {

// A document joins a bucket when at most a third of its padded rows would be padding; below this length
// padding costs less than one more bucket.
constexpr int64_t kShort = 48;
// Rows times length of a bucket: attention holds that many scores per head at once.
constexpr int64_t kMaxScores = int64_t{1} << 25;

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class LayOut : public torch::autograd::Function<LayOut> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& rows,
                               const torch::Tensor& places) {
    ctx->save_for_backward({places});
    return x.index_select(0, rows);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    return {grads[0].index_select(0, ctx->get_saved_variables()[0]), torch::Tensor(), torch::Tensor()};
  }
};

class Fetch : public torch::autograd::Function<Fetch> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& places) {
    ctx->save_for_backward({places});
    ctx->saved_data["rows"] = x.size(0);
    return x.index_select(0, places);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    std::vector<int64_t> shape = grads[0].sizes().vec();
    shape[0] = ctx->saved_data["rows"].toInt();
    return {torch::zeros(shape, grads[0].options()).index_copy_(0, ctx->get_saved_variables()[0], grads[0]),
            torch::Tensor()};
  }
};

torch::Tensor index_tensor(const std::vector<int64_t>& values, const torch::Device& device) {
  return torch::tensor(values, at::kLong).to(device);
}

}  // namespace

Layout::Layout(const std::vector<int64_t>& document_ends) {
  JAJU_CHECK(!document_ends.empty());
  ends = document_ends;
  starts.reserve(ends.size());
  for (const int64_t end : ends) {
    JAJU_CHECK(end > n_tokens);
    starts.push_back(n_tokens);
    longest = std::max(longest, end - n_tokens);
    n_tokens = end;
  }
}

const Padded& Layout::padded(const torch::Device& device) const {
  if (padded_ != nullptr) {
    JAJU_CHECK(padded_->places.device() == device);
    return *padded_;
  }
  auto made = std::make_shared<Padded>();
  std::vector<int64_t> order(ends.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return length(a) > length(b); });
  std::vector<int64_t> rows;
  std::vector<int64_t> places(static_cast<size_t>(n_tokens));
  std::vector<int64_t> document(static_cast<size_t>(n_tokens));
  for (size_t first = 0; first < order.size();) {
    Bucket bucket;
    bucket.length = length(order[first]);
    bucket.first = static_cast<int64_t>(rows.size());
    const int64_t room = std::max<int64_t>(1, kMaxScores / (bucket.length * bucket.length));
    for (size_t i = first; i < order.size() && bucket.n_documents < room; ++i, ++bucket.n_documents) {
      const auto d = static_cast<size_t>(order[i]);
      if (bucket.length > kShort && 3 * length(order[i]) < 2 * bucket.length) break;
      for (int64_t pos = 0; pos < bucket.length; ++pos) {
        const int64_t row = starts[d] + pos;
        rows.push_back(row < ends[d] ? row : starts[d]);
        if (row >= ends[d]) continue;
        places[static_cast<size_t>(row)] = static_cast<int64_t>(rows.size()) - 1;
        document[static_cast<size_t>(row)] = order[i];
      }
    }
    first += static_cast<size_t>(bucket.n_documents);
    made->buckets.push_back(bucket);
  }
  std::vector<double> inverse;
  for (int64_t d = 0; d < n_documents(); ++d) inverse.push_back(1.0 / static_cast<double>(length(d)));
  made->rows = index_tensor(rows, device);
  made->places = index_tensor(places, device);
  made->document = index_tensor(document, device);
  made->inverse_lengths = torch::tensor(inverse, at::kDouble).unsqueeze(1).to(device);
  padded_ = std::move(made);
  return *padded_;
}

torch::Tensor lay_out(const torch::Tensor& x, const torch::Tensor& rows, const torch::Tensor& places) {
  return LayOut::apply(x, rows, places);
}

torch::Tensor fetch(const torch::Tensor& x, const torch::Tensor& places) {
  return Fetch::apply(x, places);
}

}  // namespace jaju::train
