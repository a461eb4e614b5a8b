#include "kernels/packed_check.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/split_mix.h"
#include "kernels/cpu/packed_dot.h"

namespace jaju {

Status check_packed_product(Context& context, const Matrix& w, int64_t max_rows) {
  constexpr int64_t kRows = 64;
  constexpr int64_t kInputs = packed_dot::kMaxInputs + 5;  // more than one call's
  const Matrix some = w.slice_rows(0, std::min(w.rows, kRows));
  const bool plain = std::string_view(context.ops.name) == "ref";
  uint64_t state = 1;
  for (const int64_t n : {int64_t{1}, std::min(max_rows, int64_t{7}), std::min(max_rows, kInputs)}) {
    std::vector<float> x(static_cast<size_t>(n * w.cols)), y(static_cast<size_t>(n * some.rows));
    for (int64_t i = 0; i < n * w.cols; ++i) {
      // The largest of every piece is 127, so that its scale is 1 and its numbers are codes.
      const bool first = i % w.cols % packed_dot::kPieceCols == 0;
      x[static_cast<size_t>(i)] =
          first ? 127.0f : static_cast<float>(static_cast<int64_t>(split_mix64(state) % 255) - 127);
    }
    context.ops.matmul(context, some, Rows(x.data(), n, w.cols), MutRows(y.data(), n, some.rows));
    const auto terms = static_cast<double>(w.cols + 4);
    const auto pieces = static_cast<double>((w.cols + packed_dot::kPieceCols - 1) / packed_dot::kPieceCols);
    for (int64_t r = 0; r < some.rows; ++r) {
      for (int64_t i = 0; i < n; ++i) {
        double sum = 0, size = 0;
        for (int64_t c = 0; c < w.cols; ++c) {
          const double term = static_cast<double>(some.at(r, c)) *
                              static_cast<double>(x[static_cast<size_t>(i * w.cols + c)]);
          sum += term;
          size += std::abs(term);
        }
        // Roundings on the way of a term: its weight's, a piece's 16 groups and the pieces. ref/ adds terms.
        const double bound = (plain ? terms : 16 + pieces + 4) * 0x1p-24 * size;
        const double got = static_cast<double>(y[static_cast<size_t>(i * some.rows + r)]);
        if (std::abs(got - sum) <= bound) continue;
        return error("products of {} weights are wrong: row {} times input {} of {} is {}, it should be {}",
                     name_of(w.scheme), r, i, n, got, sum);
      }
    }
  }
  return {};
}

}  // namespace jaju
