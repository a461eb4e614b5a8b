#include "memory/prefetch_gate.h"

#include <algorithm>
#include <span>

namespace jaju {

void PrefetchGate::report(int64_t kind, bool right) {
  constexpr double kFading = 0.98;  // a report
  Kind& k = kinds_[static_cast<size_t>(kind)];
  k.met_at = step_;
  k.seen = k.seen * kFading + 1;
  k.right = k.right * kFading + (right ? 1 : 0);
  if (k.right < kOff * k.seen) k.on = false;
  if (k.right >= kOn * k.seen) k.on = true;
}

bool PrefetchGate::any_on(int64_t first, int64_t last) const {
  if (!allowed_) return false;
  const std::span<const Kind> kinds(kinds_.data() + first, static_cast<size_t>(last - first));
  const auto lately = [this](const Kind& k) { return k.met_at >= 0 && step_ - k.met_at <= kLately; };
  const bool any = std::any_of(kinds.begin(), kinds.end(), lately);
  return std::any_of(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.on && (!any || lately(k)); });
}

}  // namespace jaju
