#include "runtime/speculation.h"

#include <algorithm>
#include <cmath>

namespace jaju {
namespace {

constexpr double kFade = 0.98;         // a step's weight in the line fitted by StepCost, per later step
constexpr double kLeastSpread = 0.05;  // variance of rows below which a line through steps means nothing
constexpr double kRateFade = 0.9;      // a guess's weight in DraftGate's rate, per later guess
constexpr int64_t kMostPatience = 256;
constexpr double kMargin = 1.2;  // what is gained must be more than what clocks and rates are wrong by

}  // namespace

size_t PromptLookup::slot(std::span<const int32_t> gram) const {
  uint64_t hash = gram.size();
  for (const int32_t token : gram) {
    hash = (hash ^ static_cast<uint64_t>(static_cast<uint32_t>(token))) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return static_cast<size_t>(hash) & (behind_.size() - 1);
}

void PromptLookup::extend(std::span<const int32_t> text) {
  const auto n = static_cast<int64_t>(text.size());
  constexpr int64_t kGrams = kLongest - kShortest + 1;
  if (static_cast<int64_t>(behind_.size()) < 2 * kGrams * n) {
    size_t size = 1024;
    while (static_cast<int64_t>(size) < 4 * kGrams * n) size *= 2;
    behind_.assign(size, 0);
    indexed_ = 0;
  }
  // The n-gram at the very end is left out until something follows it.
  for (int64_t end = std::max<int64_t>(indexed_, 1); end < n; ++end) {
    for (int64_t length = kShortest; length <= std::min(kLongest, end); ++length) {
      behind_[slot(text.subspan(static_cast<size_t>(end - length), static_cast<size_t>(length)))] =
          static_cast<int32_t>(end);
    }
  }
  indexed_ = n;
}

int64_t PromptLookup::draft(std::span<const int32_t> text, int64_t most, std::vector<int32_t>& out) const {
  const auto n = static_cast<int64_t>(text.size());
  if (behind_.empty() || most <= 0) return 0;
  for (int64_t length = std::min(kLongest, n - 1); length >= kShortest; --length) {
    const auto gram = text.last(static_cast<size_t>(length));
    const int64_t behind = behind_[slot(gram)];
    if (behind < length || behind >= n) continue;
    const auto found = text.subspan(static_cast<size_t>(behind - length), static_cast<size_t>(length));
    if (!std::equal(found.begin(), found.end(), gram.begin())) continue;
    // Past the end of the text the guess goes on from itself: repetition.
    for (int64_t i = 0; i < most; ++i) {
      const int64_t at = behind + i;
      out.push_back(at < n ? text[static_cast<size_t>(at)]
                           : out[out.size() - static_cast<size_t>(n - behind)]);
    }
    return most;
  }
  return 0;
}

void StepCost::add(int64_t rows, double seconds) {
  const auto r = static_cast<double>(rows);
  for (double* sum : {&n_, &r_, &rr_, &t_, &rt_}) *sum *= kFade;
  n_ += 1;
  r_ += r;
  rr_ += r * r;
  t_ += seconds;
  rt_ += r * seconds;
  learn_share();
}

// Of the line, as a share of the mean time of a row. Steps of one size say nothing about it: then what was
// known before holds, and at first a half, likely where a step reads every weight once.
void StepCost::learn_share() {
  const double spread = rr_ / n_ - r_ / n_ * (r_ / n_);
  if (spread < kLeastSpread || t_ <= 0) return;
  const double slope = (rt_ / n_ - r_ / n_ * (t_ / n_)) / spread;
  share_ = std::clamp(slope * r_ / t_, 0.0, 1.0);
}

double StepCost::per_row() const {
  return r_ == 0 ? 0 : share_ * t_ / r_;
}

double StepCost::seconds(int64_t rows) const {
  if (n_ == 0) return 0;
  return std::max(0.0, t_ / n_ + per_row() * (static_cast<double>(rows) - r_ / n_));
}

int64_t DraftGate::width(double row_seconds, double token_seconds, int64_t most) {
  // Guess i is right only if those before it are: with probability rate^i.
  int64_t width = 0;
  double right = rate_;
  while (width < most && (token_seconds <= 0 || right * token_seconds > kMargin * row_seconds)) {
    ++width;
    right *= rate_;
  }
  if (width > 0) return width;
  if (waited_ < patience_) return 0;
  return std::min<int64_t>(1, most);  // a look
}

void DraftGate::report(int64_t drafted, int64_t accepted) {
  if (drafted == 0) return;
  // Guesses behind a wrong one were not tried.
  for (int64_t i = 0; i < std::min(drafted, accepted + 1); ++i) {
    rate_ = kRateFade * rate_ + (1 - kRateFade) * (i < accepted ? 1.0 : 0.0);
  }
  patience_ = accepted > 0 ? 16 : std::min(kMostPatience, 2 * patience_);
  waited_ = 0;
}

}  // namespace jaju
