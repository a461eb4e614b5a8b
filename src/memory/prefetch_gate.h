// Which guesses of the next layer's experts are worth a read: of those that were announced and not there, how
// many were then asked for.
//
// A wrong prefetch takes a slot and a little of a demand's bandwidth, a right one is a read that ran while
// the model computed. The likeliest guess is right far more often than the last one of the list, so each
// kind of guess is judged for itself: eight kinds by its place in the list, and one for steps that ask for
// most of a layer anyway. A kind is off below kOff, on above kOn; while all are off, predictions are still
// made now and then and compared, without reading anything.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace jaju {

class PrefetchGate {
 public:
  static constexpr double kOff = 0.68;
  static constexpr double kOn = 0.75;
  static constexpr int64_t kPlaces = 8;
  static constexpr int64_t kKinds = kPlaces + 1;
  static constexpr int64_t kProbeEvery = 16;  // steps

  explicit PrefetchGate(bool allowed) : allowed_(allowed) {}

  void begin_step() { probe_ = step_++ % kProbeEvery == 0; }

  // The kind of the guess at `place` of `n`, likeliest first, among so many experts of the layer.
  static int64_t kind_of(int64_t place, int64_t n, int64_t n_experts) {
    return 2 * n > n_experts ? kPlaces : place * kPlaces / n;
  }
  bool on(int64_t kind) const { return allowed_ && kinds_[static_cast<size_t>(kind)].on; }
  // Whether any kind is on; kinds that were not met lately do not count, unless none was.
  bool on() const {
    if (!allowed_) return false;
    const auto lately = [this](const Kind& k) { return k.met_at >= 0 && step_ - k.met_at <= kLately; };
    const bool any = std::any_of(kinds_.begin(), kinds_.end(), lately);
    return std::any_of(kinds_.begin(), kinds_.end(),
                       [&](const Kind& k) { return k.on && (!any || lately(k)); });
  }
  bool wants_prediction() const { return allowed_ && (probe_ || on()); }

  // What became of a guess of this kind.
  void report(int64_t kind, bool right) {
    Kind& k = kinds_[static_cast<size_t>(kind)];
    k.met_at = step_;
    k.seen = k.seen * kFading + 1;
    k.right = k.right * kFading + (right ? 1 : 0);
    if (k.right < kOff * k.seen) k.on = false;
    if (k.right >= kOn * k.seen) k.on = true;
  }

 private:
  static constexpr double kFading = 0.98;  // a report
  static constexpr int64_t kLately = 4 * kProbeEvery;

  // As if eight had been seen, six of them right: what published routers do (71.6 % one layer ahead), and
  // soon forgotten where it is otherwise.
  struct Kind {
    double seen = 8, right = 6;
    bool on = true;
    int64_t met_at = -1;  // the step of its last report
  };

  bool allowed_;
  bool probe_ = false;
  int64_t step_ = 0;
  std::array<Kind, kKinds> kinds_;
};

}  // namespace jaju
