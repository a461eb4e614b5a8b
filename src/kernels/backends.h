// The tables the backends fill; ops.cc picks one.
#pragma once

#include "kernels/ops.h"

namespace jaju {

// Sizes of attention's work on CPUs, which ops.cc makes room for (cpu/mla_block.h).
constexpr int64_t kMlaRows = 48;           // query rows of a prompt that pass a block of the cache together
constexpr int64_t kMlaKeyRows = 24;        // rows of W_UK that are in f32 at a time
constexpr int64_t kMlaHeads = 16;          // heads that pass a block together when decoding
constexpr int64_t kMlaLeastHeads = 4;      // that are worth a task of their own
constexpr int64_t kMlaSharedHeads = 1024;  // most heads times parts times rows, per thread, whose sums wait
constexpr int64_t kMlaWave = 32;           // decoding rows whose queries are absorbed together
constexpr int64_t kMlaTileRows = 16;  // rows of an AMX tile: query rows and heads are filled up to as many
constexpr int64_t kMlaParts = 16;     // most parts a long cache is cut into when decoding

namespace ref {
const Ops& ops();
}
#if defined(__x86_64__)
namespace avx2 {
const Ops& ops();
}
namespace avx512 {
const Ops& ops();
}
#endif

}  // namespace jaju
