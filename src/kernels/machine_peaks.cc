#include "kernels/machine_peaks.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "kernels/ops.h"

namespace jaju {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Runs body(thread) on every thread of the team at once, several times; the shortest time.
template <typename Body>
double shortest(ThreadTeam& team, int repeats, const Body& body) {
  double best = 1e30;
  for (int r = 0; r < repeats; ++r) {
    std::atomic<int> ready{0};
    std::atomic<double> start{0};
    team.parallel_for(team.size(), [&](int64_t, int thread) {
      // Nobody leaves before everybody is here, so each thread has one task.
      if (ready.fetch_add(1) + 1 == team.size()) start.store(seconds_now());
      while (start.load() == 0.0) {
      }
      body(thread);
    });
    best = std::min(best, seconds_now() - start.load());
  }
  return best;
}

// Reads of a buffer of its own per thread, four streams at a time.
double measure_stream(ThreadTeam& team, int64_t bytes) {
  const size_t words =
      static_cast<size_t>(bytes) / sizeof(uint64_t) / static_cast<size_t>(team.size()) / 4 * 4;
  std::vector<std::vector<uint64_t>> buffers(static_cast<size_t>(team.size()));
  shortest(team, 1, [&](int thread) { buffers[static_cast<size_t>(thread)].assign(words, 1); });
  std::atomic<uint64_t> sink{0};
  const double seconds = shortest(team, 4, [&](int thread) {
    const uint64_t* const p = buffers[static_cast<size_t>(thread)].data();
    const size_t quarter = words / 4;
    uint64_t sums[4][8] = {};
    for (size_t i = 0; i + 8 <= quarter; i += 8) {
      for (size_t s = 0; s < 4; ++s) {
        for (size_t k = 0; k < 8; ++k) sums[s][k] += p[s * quarter + i + k];
      }
    }
    uint64_t total = 0;
    for (const auto& sum : sums) {
      for (const uint64_t value : sum) total += value;
    }
    sink.fetch_add(total);
  });
  return static_cast<double>(words * sizeof(uint64_t)) * team.size() / seconds;
}

#if defined(__x86_64__)

// Twelve chains: more than latency times width asks for. Written as text so that no compiler can merge or
// drop them; registers 0 to 11 and 15, which older instruction sets have too.
#define JAJU_CHAIN(op, reg, n) op " %%" reg "15, %%" reg "15, %%" reg #n "\n\t"
#define JAJU_CHAINS(op, reg) \
  JAJU_CHAIN(op, reg, 0)     \
  JAJU_CHAIN(op, reg, 1)     \
  JAJU_CHAIN(op, reg, 2)     \
  JAJU_CHAIN(op, reg, 3)     \
  JAJU_CHAIN(op, reg, 4)     \
  JAJU_CHAIN(op, reg, 5)     \
  JAJU_CHAIN(op, reg, 6)     \
  JAJU_CHAIN(op, reg, 7)     \
  JAJU_CHAIN(op, reg, 8) JAJU_CHAIN(op, reg, 9) JAJU_CHAIN(op, reg, 10) JAJU_CHAIN(op, reg, 11)
#define JAJU_CLOBBERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm15"

constexpr int kChains = 12;
constexpr int kRounds = 300000;

void loop_bf16() {
  for (int i = 0; i < kRounds; ++i) asm volatile(JAJU_CHAINS("vdpbf16ps", "zmm")::: JAJU_CLOBBERS);
}
void loop_int8_512() {
  for (int i = 0; i < kRounds; ++i) asm volatile(JAJU_CHAINS("vpdpbusd", "zmm")::: JAJU_CLOBBERS);
}
// What a dot product of bytes takes where one instruction does not: pairs of products in int16, pairs of
// those in int32, added.
#define JAJU_PAIRS(to, t)                   \
  "vpmaddubsw %%ymm15, %%ymm15, %%ymm" #t   \
  "\n\t"                                    \
  "vpmaddwd %%ymm15, %%ymm" #t ", %%ymm" #t \
  "\n\t"                                    \
  "vpaddd %%ymm" #t ", %%ymm" #to ", %%ymm" #to "\n\t"
#define JAJU_SIX_PAIRS \
  JAJU_PAIRS(0, 6)     \
  JAJU_PAIRS(1, 7) JAJU_PAIRS(2, 8) JAJU_PAIRS(3, 9) JAJU_PAIRS(4, 10) JAJU_PAIRS(5, 11)
void loop_int8_vex() {
  for (int i = 0; i < kRounds; ++i) asm volatile(JAJU_CHAINS("%{vex%} vpdpbusd", "ymm")::: JAJU_CLOBBERS);
}
void loop_int8_256() {
  for (int i = 0; i < kRounds; ++i) asm volatile(JAJU_SIX_PAIRS JAJU_SIX_PAIRS::: JAJU_CLOBBERS);
}
void loop_f32_512() {
  for (int i = 0; i < kRounds; ++i) asm volatile(JAJU_CHAINS("vfmadd231ps", "zmm")::: JAJU_CLOBBERS);
}
void loop_f32_256() {
  for (int i = 0; i < kRounds; ++i) asm volatile(JAJU_CHAINS("vfmadd231ps", "ymm")::: JAJU_CLOBBERS);
}

// Operations a second of a loop whose instructions do `each`.
double measure(ThreadTeam& team, void (*loop)(), double each) {
  const double seconds = shortest(team, 5, [&](int) {
    asm volatile("vpxor %%xmm15, %%xmm15, %%xmm15" ::: "xmm15");  // zeros: no slow numbers in the chains
    loop();
    asm volatile("vzeroupper" ::: JAJU_CLOBBERS);
  });
  return each * kChains * kRounds * team.size() / seconds;
}

#endif

}  // namespace

MachinePeaks measure_peaks(ThreadTeam& team, int64_t stream_bytes) {
  MachinePeaks peaks;
#if defined(__x86_64__)
  if (find_ops("avx512") != nullptr) {
    peaks.f32 = measure(team, loop_f32_512, 32);
    if (cpu_has_bf16_dot()) peaks.bf16 = measure(team, loop_bf16, 64);
    if (__builtin_cpu_supports("avx512vnni")) peaks.int8 = measure(team, loop_int8_512, 128);
  } else if (find_ops("avx2") != nullptr) {
    peaks.f32 = measure(team, loop_f32_256, 16);
    peaks.int8 = cpu_has_avx_vnni() ? measure(team, loop_int8_vex, 64) : measure(team, loop_int8_256, 64);
  }
#endif
  peaks.stream = stream_bytes > 0 ? measure_stream(team, stream_bytes) : 0;
  return peaks;
}

}  // namespace jaju
