// The tables the backends fill; ops.cc picks one.
#pragma once

#include "kernels/ops.h"

namespace jaju {

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
