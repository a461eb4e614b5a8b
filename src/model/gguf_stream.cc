#include "model/gguf_stream.h"

#include <algorithm>
#include <atomic>

namespace jaju {
namespace {

constexpr int64_t kPieceValues = 4 << 20;  // 16 MB of f32: large enough to be written at the disk's speed
constexpr int64_t kTaskValues = 64 << 10;

}  // namespace

Status RowStream::run(int64_t rows, int64_t cols, const Read& read, GgufType type, const Append& append,
                      const std::string& what) {
  const int64_t row_bytes = gguf_bytes(type, cols);
  const int64_t piece = std::clamp<int64_t>(kPieceValues / cols, 1, rows);
  const int64_t task = std::clamp<int64_t>(kTaskValues / cols, 1, piece);
  if (static_cast<int64_t>(values_.size()) < piece * cols) values_.resize(static_cast<size_t>(piece * cols));
  if (static_cast<int64_t>(encoded_.size()) < piece * row_bytes)
    encoded_.resize(static_cast<size_t>(piece * row_bytes));
  for (int64_t begin = 0; begin < rows; begin += piece) {
    const int64_t count = std::min(piece, rows - begin);
    std::atomic<bool> fits = true;
    team_.parallel_for((count + task - 1) / task, [&](int64_t i, int) {
      const int64_t first = i * task;
      const int64_t n = std::min(task, count - first);
      float* values = values_.data() + first * cols;
      read(begin + first, n, values);
      if (!gguf_fits(type, values, n * cols)) {
        fits.store(false, std::memory_order_relaxed);
        return;
      }
      gguf_quantise(type, values, n * cols, encoded_.data() + first * row_bytes);
    });
    if (!fits.load()) {
      return error(
          "{} holds NaN, infinity or a number too large for {}: the file is damaged, or needs a wider type",
          what, gguf_type_info(type).name);
    }
    JAJU_RETURN_IF_ERROR(append(encoded_.data(), count * row_bytes));
  }
  return {};
}

}  // namespace jaju
