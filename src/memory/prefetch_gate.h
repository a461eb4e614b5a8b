// Whether prefetching pays: of the experts it announced that were not there, how many were then asked for.
//
// A wrong prefetch takes a slot and a little of a demand's bandwidth, a right one is a read that ran while
// the model computed. Off below kOff, on above kOn; while off, predictions are still made now and then and
// compared, without reading anything.
#pragma once

#include <cstdint>

namespace jaju {

class PrefetchGate {
 public:
  static constexpr double kOff = 0.65;
  static constexpr double kOn = 0.75;
  static constexpr int64_t kProbeEvery = 16;  // steps

  explicit PrefetchGate(bool allowed) : allowed_(allowed), on_(allowed) {}

  void begin_step() { probe_ = step_++ % kProbeEvery == 0; }
  bool on() const { return on_; }
  bool wants_prediction() const { return on_ || (allowed_ && probe_); }

  void report(int64_t predicted, int64_t right) {
    seen_ = seen_ * kFading + static_cast<double>(predicted);
    right_ = right_ * kFading + static_cast<double>(right);
    if (!allowed_ || seen_ < kEnough) return;
    const double share = right_ / seen_;
    if (share < kOff) on_ = false;
    if (share > kOn) on_ = true;
  }

 private:
  static constexpr double kFading = 0.98;  // a report
  static constexpr double kEnough = 32;    // predictions, before anything is decided

  bool allowed_;
  bool on_;
  bool probe_ = false;
  int64_t step_ = 0;
  double seen_ = 0, right_ = 0;
};

}  // namespace jaju
