// What an expert store did. Counters count since it was opened; the difference of two is what happened
// between.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "memory/prefetch_gate.h"

namespace jaju {

struct StoreFigures {
  // How things stand
  int64_t slots = 0;
  int64_t slots_pinned = 0;
  int64_t slot_bytes = 0;
  bool prefetch_on = false;
  // Experts asked for, each once a layer and step: the sum of the next four
  uint64_t pinned = 0;      // there, pinned
  uint64_t cached = 0;      // there
  uint64_t prefetched = 0;  // there or on their way because they were announced
  uint64_t read = 0;        // had to be waited for
  uint64_t in_time = 0;     // of the prefetched: those that were there, their reads hidden whole
  std::array<uint64_t, kAheads> looks{};  // predictions made, by distance
  // Predictions of experts that were not there
  uint64_t predicted = 0;
  uint64_t predicted_right = 0;
  uint64_t prefetches = 0;  // of the predictions: reads that were begun
  uint64_t evictions = 0;
  uint64_t failures = 0;
  // Reads
  uint64_t bytes = 0;
  double busy_seconds = 0;  // while drives were reading
  double wait_seconds = 0;  // the step waited for them

  uint64_t asked() const { return pinned + cached + prefetched + read; }
  double hit_rate() const {
    return asked() == 0 ? 0 : static_cast<double>(pinned + cached) / static_cast<double>(asked());
  }
  double precision() const {
    return predicted == 0 ? 0 : static_cast<double>(predicted_right) / static_cast<double>(predicted);
  }
  // Of what was not there, the share that had been announced.
  double recall() const {
    const uint64_t missing = prefetched + read;
    return missing == 0 ? 0 : static_cast<double>(prefetched) / static_cast<double>(missing);
  }
  // What reading ahead saved at most: reads that had ended when they were asked for.
  double hidden_seconds() const {
    return bytes_per_second() > 0
               ? static_cast<double>(in_time) * static_cast<double>(slot_bytes) / bytes_per_second()
               : 0;
  }
  double bytes_per_second() const { return busy_seconds > 0 ? static_cast<double>(bytes) / busy_seconds : 0; }

  // What happened since `before`.
  StoreFigures since(const StoreFigures& before) const {
    StoreFigures d = *this;
    d.pinned -= before.pinned;
    d.cached -= before.cached;
    d.prefetched -= before.prefetched;
    d.read -= before.read;
    d.in_time -= before.in_time;
    for (size_t i = 0; i < looks.size(); ++i) d.looks[i] -= before.looks[i];
    d.predicted -= before.predicted;
    d.predicted_right -= before.predicted_right;
    d.prefetches -= before.prefetches;
    d.evictions -= before.evictions;
    d.failures -= before.failures;
    d.bytes -= before.bytes;
    d.busy_seconds -= before.busy_seconds;
    d.wait_seconds -= before.wait_seconds;
    return d;
  }
};

}  // namespace jaju
