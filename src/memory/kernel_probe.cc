#include "memory/kernel_probe.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "base/split_mix.h"
#include "kernels/machine_peaks.h"
#include "kernels/ops.h"
#include "tensor/packed.h"

namespace jaju {
namespace {

// One expert of A.X K1; as many as are far more than any cache holds.
constexpr int64_t kHidden = 7168;
constexpr int64_t kInner = 2048;
constexpr int64_t kExperts = 16;
constexpr int64_t kPerToken = 8;
constexpr double kExpertOps = 2.0 * 3 * kHidden * kInner;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Experts of random codes and scales, in anonymous memory.
class Experts {
 public:
  Experts() : bytes_(kExperts * each()) {
    void* const p = ::mmap(nullptr, static_cast<size_t>(bytes_), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(p);
    ::madvise(p, static_cast<size_t>(bytes_), MADV_HUGEPAGE);
  }
  ~Experts() { ::munmap(data_, static_cast<size_t>(bytes_)); }
  Experts(const Experts&) = delete;
  Experts& operator=(const Experts&) = delete;

  static constexpr int64_t each() {
    return 2 * packed_bytes(Scheme::q4, kInner, kHidden) + packed_bytes(Scheme::q4, kHidden, kInner);
  }
  void fill(ThreadTeam& team) {
    team.parallel_for(kExperts, [this](int64_t i, int) {
      uint64_t state = static_cast<uint64_t>(i) + 1;
      std::byte* const expert = data_ + i * each();
      for (int64_t at = 0; at + 8 <= each(); at += 8) {
        const uint64_t word = split_mix64(state);
        std::memcpy(expert + at, &word, sizeof word);
      }
      // Any byte is a code or a scale; row factors must be small numbers.
      for (const Matrix& m : {gate(i), up(i), down(i)}) {
        for (int64_t p = 0; p < m.rows / kPanelRows; ++p) {
          const std::vector<float> factors(kPanelRows, 1e-8f);
          std::memcpy(const_cast<std::byte*>(m.panel(p)), factors.data(), kPanelHeaderBytes);
        }
      }
    });
  }
  Matrix gate(int64_t i) const { return matrix(i * each(), kInner, kHidden); }
  Matrix up(int64_t i) const {
    return matrix(i * each() + packed_bytes(Scheme::q4, kInner, kHidden), kInner, kHidden);
  }
  Matrix down(int64_t i) const {
    return matrix(i * each() + 2 * packed_bytes(Scheme::q4, kInner, kHidden), kHidden, kInner);
  }

 private:
  Matrix matrix(int64_t offset, int64_t rows, int64_t cols) const {
    Matrix m;
    m.data = data_ + offset;
    m.dtype = DType::u8;
    m.scheme = Scheme::q4;
    m.rows = rows;
    m.cols = cols;
    return m;
  }
  int64_t bytes_;
  std::byte* data_ = nullptr;
};

// One layer's experts for `rows` rows, every one of which visits kPerToken experts from `first` on.
class Step {
 public:
  Step(const Experts& experts, int64_t rows) : experts_(experts), rows_(rows) {
    x_.resize(static_cast<size_t>(rows * kHidden));
    uint64_t state = 3;
    for (float& v : x_) v = static_cast<float>(split_mix64(state) >> 40) * 0x1p-24f - 0.5f;
    inner_.resize(static_cast<size_t>(kPerToken * rows * staggered_stride(kInner, sizeof(float))));
    out_.resize(static_cast<size_t>(kPerToken * rows * kHidden));
    groups_.resize(kPerToken);
  }
  double seconds(Context& context, int64_t first) {
    for (int64_t k = 0; k < kPerToken; ++k) {
      const int64_t e = (first + k) % kExperts;
      groups_[static_cast<size_t>(k)] = {experts_.gate(e),
                                         experts_.up(e),
                                         experts_.down(e),
                                         nullptr,
                                         rows_,
                                         inner_.data() + k * rows_ * staggered_stride(kInner, sizeof(float)),
                                         out_.data() + k * rows_ * kHidden};
    }
    const double start = now();
    context.ops.mlps(context, groups_, Rows(x_.data(), rows_, kHidden));
    return now() - start;
  }

 private:
  const Experts& experts_;
  int64_t rows_;
  LineVector<float> x_, inner_, out_;
  std::vector<ExpertGroup> groups_;
};

void measure_kernels(ThreadTeam& team, const Ops& ops, bool quick, ThreadSpeeds* speeds) {
  const int64_t rows = quick ? 64 : 128;
  Context context(team, ops, Precision::f32);
  reserve_scratch(context, {.max_rows = rows,
                            .max_input = rows * staggered_stride(kHidden, sizeof(float)),
                            .max_groups = kPerToken});
  Experts experts;
  experts.fill(team);
  // Half of the experts at a time: by the time they come round again they have left the caches.
  double best = 1e30;
  Step one(experts, 1);
  for (int64_t i = 0; i < (quick ? 6 : 12); ++i) best = std::min(best, one.seconds(context, i * kPerToken));
  speeds->decode_bytes = static_cast<double>(kPerToken * Experts::each()) / best;
  best = 1e30;
  Step many(experts, rows);
  for (int64_t i = 0; i < (quick ? 2 : 4); ++i) best = std::min(best, many.seconds(context, i * kPerToken));
  speeds->prompt_ops = static_cast<double>(kPerToken * rows) * kExpertOps / best;
}

}  // namespace

Result<ThreadSpeeds> measure_threads(int threads, bool quick) {
  if (threads < 1 || threads > 4096) return error("threads {} is outside 1 to 4096", threads);
  JAJU_ASSIGN(const Ops* const ops, select_ops());
  try {
    ThreadTeam team(threads);
    if (team.size() < threads)
      return error("cannot start {} threads, the system allows {}", threads, team.size());
    const MachinePeaks peaks = measure_peaks(team);
    ThreadSpeeds speeds;
    speeds.threads = threads;
    speeds.stream = peaks.stream;
    speeds.f32 = peaks.f32;
    speeds.bf16 = peaks.bf16;
    speeds.int8 = peaks.int8;
    if (std::string_view(ops->name) != "ref") measure_kernels(team, *ops, quick, &speeds);
    return speeds;
  } catch (const std::bad_alloc&) {
    return error("not enough memory to measure it, 0.6 GB are needed for a moment: close other programs");
  }
}

}  // namespace jaju
