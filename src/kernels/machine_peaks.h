// What this machine's memory and arithmetic units give a loop that does nothing else: the limits that speeds
// are stated as shares of. Measured, not looked up, with the same threads and in the same run.
#pragma once

#include <cstdint>

#include "base/thread_team.h"

namespace jaju {

struct MachinePeaks {
  double stream = 0;  // bytes a second read from memory, much more of it than caches hold
  double f32 = 0;     // operations a second, a multiplication and an addition being two
  double bf16 = 0;    // dot products of bf16 pairs; 0: this CPU has none
  // Dot products of int8; 0: no vectors. With AVX2 alone three instructions each, of which products of levels
  // of 4 bits (q4i) need fewer: those may pass 100 % of it.
  double int8 = 0;
};

// Every thread of the team at once, about 0.3 s; takes stream_bytes for a moment (0: `stream` is not measured
// and stays 0). The best of several short loops. Only x86-64 knows its arithmetic peaks; elsewhere they are
// 0.
MachinePeaks measure_peaks(ThreadTeam& team, int64_t stream_bytes = int64_t{512} << 20);

}  // namespace jaju
