// What the kernels get from this machine on experts of A.X K1's shape, quantised to q4: with one row, which
// is bound by memory, and with many, which is bound by arithmetic.
#pragma once

#include "base/status.h"
#include "memory/machine_profile.h"

namespace jaju {

// Loops first (measure_peaks), then the kernels, with so many threads. About a second, less if `quick`; takes
// 0.5 GB for a moment. Where only the plain kernels run, decode_bytes and prompt_ops stay 0.
// Errors: no memory, no threads, JAJU_ISA names something this CPU cannot run.
Result<ThreadSpeeds> measure_threads(int threads, bool quick);

}  // namespace jaju
