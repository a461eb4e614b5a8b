// Which guesses of the next layer's experts are worth a read: of those that were announced and not there, how
// many were then asked for.
//
// A wrong prefetch takes a slot and a little of a demand's bandwidth, a right one is a read that ran while
// the model computed. The likeliest guess is right far more often than the last one of the list, and a late
// one more often than an early one, so each kind of guess is judged for itself: for every distance eight
// kinds by its place in the list; and one for steps that ask for most of a layer anyway. A kind is off below
// kOff, on above kOn; while all of a distance are off, predictions are still made now and then and compared,
// without reading anything.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace jaju {

// What the model still has to compute between the hidden state that a guess was made from and the router
// whose choice it guesses.
enum class Ahead : uint8_t {
  attention,       // of the router's own layer
  two_attentions,  // an attention, a dense MLP, and that attention
  layer,           // an MLP, and that attention; large steps look only here
};
inline constexpr int64_t kAheads = 3;

class PrefetchGate {
 public:
  static constexpr double kOff = 0.68;
  static constexpr double kOn = 0.75;
  static constexpr int64_t kPlaces = 8;
  static constexpr int64_t kMost = kAheads * kPlaces;  // the kind of steps that ask for most of a layer
  static constexpr int64_t kKinds = kMost + 1;
  static constexpr int64_t kProbeEvery = 16;  // steps

  explicit PrefetchGate(bool allowed) : allowed_(allowed) {}

  void begin_step() { probe_ = step_++ % kProbeEvery == 0; }

  // The kind of the guess at `place` of `n`, likeliest first, among so many experts of the layer.
  static int64_t kind_of(Ahead ahead, int64_t place, int64_t n, int64_t n_experts) {
    return 2 * n > n_experts ? kMost : static_cast<int64_t>(ahead) * kPlaces + place * kPlaces / n;
  }
  bool on(int64_t kind) const { return allowed_ && kinds_[static_cast<size_t>(kind)].on; }
  // Whether any kind is on, of all or of a distance; those that were not met lately do not count, unless none
  // was.
  bool on() const { return any_on(0, kKinds); }
  bool on(Ahead ahead) const {
    const auto first = static_cast<int64_t>(ahead) * kPlaces;
    return any_on(first, ahead == Ahead::layer ? kKinds : first + kPlaces);
  }
  bool wants_prediction(Ahead ahead) const { return allowed_ && (probe_ || on(ahead)); }

  // What became of a guess of this kind.
  void report(int64_t kind, bool right);

 private:
  static constexpr int64_t kLately = 4 * kProbeEvery;

  // As if eight had been seen, six of them right: what published routers do (71.6 % one layer ahead), and
  // soon forgotten where it is otherwise.
  struct Kind {
    double seen = 8, right = 6;
    bool on = true;
    int64_t met_at = -1;  // the step of its last report
  };

  bool any_on(int64_t first, int64_t last) const;

  bool allowed_;
  bool probe_ = false;
  int64_t step_ = 0;
  std::array<Kind, kKinds> kinds_;
};

}  // namespace jaju
