// What jaju-train writes on stderr: a line that is redrawn while a run goes on, notes and errors.
#pragma once

#include <chrono>
#include <string>

#include "base/status.h"
#include "train/rl.h"
#include "train/trainer.h"

namespace jaju::train {

// "jaju: SENTENCE" on stderr, behind all that stdout holds; returns `code`.
int fail(const Status& status, int code = 1);

// Steps of a run. On a terminal one line is redrawn, at most five times a second; elsewhere a plain line
// comes every half minute. Lines with figures that are measured rarely (held-out losses, rewards) stay.
class Console : public Observer, public RlObserver {
 public:
  // `label` stands before every line of a step; `quiet` leaves all of them out, notes aside.
  explicit Console(std::string label = "", bool quiet = false);

  void step(const StepReport& report) override;
  void step(const RlReport& report) override;
  void sampling(int64_t step, int64_t round, int64_t done, int64_t total) override;
  void note(const std::string& sentence) override;
  void clear();  // takes the redrawn line away

 private:
  using Clock = std::chrono::steady_clock;
  void keep(const std::string& line);
  void redraw(const std::string& line);

  std::string label_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point next_{};  // when a line may come that does not stay
};

}  // namespace jaju::train
