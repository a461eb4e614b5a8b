#include "memory/hit_rate.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace jaju {
namespace {

// The x in [low, high] where the monotone `f` crosses `target`: rising if f(high) > f(low).
double crossing(double low, double high, double target, const std::function<double(double)>& f) {
  const bool rising = f(high) > f(low);
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    ((f(middle) < target) == rising ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// P(X > x) of a gamma variable with the given shape and scale 1: the regularised upper incomplete gamma
// function Q(shape, x), by its series below shape + 1 and its continued fraction above (Abramowitz and Stegun
// 6.5.29 and 6.5.31, the latter by Lentz's method).
double gamma_above(double shape, double x) {
  if (x <= 0) return 1;
  const double front = std::exp(-x + shape * std::log(x) - std::lgamma(shape));
  if (x < shape + 1) {
    double term = 1 / shape;
    double sum = term;
    for (double n = shape + 1; term > 1e-12 * sum; ++n) {
      term *= x / n;
      sum += term;
    }
    return std::max(0.0, 1 - front * sum);
  }
  constexpr double kTiny = 1e-300;
  double b = x + 1 - shape;
  double c = 1 / kTiny;
  double d = 1 / b;
  double fraction = d;
  for (int i = 1; i < 10000; ++i) {
    const double a = -i * (i - shape);
    b += 2;
    d = a * d + b;
    d = 1 / (std::abs(d) < kTiny ? kTiny : d);
    c = b + a / c;
    if (std::abs(c) < kTiny) c = kTiny;
    fraction *= d * c;
    if (std::abs(d * c - 1) < 1e-12) break;
  }
  return front * fraction;
}

}  // namespace

Routing::Routing(std::vector<double> probabilities) {
  constexpr double kAlike = 0.995;
  std::sort(probabilities.begin(), probabilities.end(), std::greater<>());
  for (size_t i = 0; i < probabilities.size();) {
    const double first = probabilities[i];
    Kind kind;
    for (; i < probabilities.size() && probabilities[i] >= kAlike * first; ++i) {
      kind.p += probabilities[i];
      ++kind.experts;
    }
    kind.p /= kind.experts;
    kinds_.push_back(kind);
  }
}

Routing Routing::uniform(int64_t layers, int64_t experts, int64_t per_token) {
  return zipf(layers, experts, per_token, 0);
}

Routing Routing::zipf(int64_t layers, int64_t experts, int64_t per_token, double skew) {
  std::vector<double> weights;
  for (int64_t e = 0; e < experts; ++e) weights.push_back(std::pow(1 + static_cast<double>(e), -skew));
  const auto rung_by = [&](double time) {
    double sum = 0;
    for (const double w : weights) sum += 1 - std::exp(-w * time);
    return sum;
  };
  std::vector<double> p(weights.size(), 1.0);
  if (per_token < experts) {
    double high = 1;
    while (rung_by(high) < static_cast<double>(per_token)) high *= 2;
    const double time = crossing(0, high, static_cast<double>(per_token), rung_by);
    for (size_t e = 0; e < p.size(); ++e) p[e] = 1 - std::exp(-weights[e] * time);
  }
  Routing routing(std::move(p));
  for (Kind& kind : routing.kinds_) kind.experts *= static_cast<double>(layers);
  return routing;
}

Routing Routing::measured(const RoutingHistogram& histogram) {
  std::vector<double> p;
  for (size_t i = 0; i < histogram.layers.size(); ++i) {
    const std::vector<double> layer = histogram.shares(i);
    const auto experts = static_cast<double>(layer.size());
    double visits = 0, mean = 0, variance = 0, noise = 0;
    for (const uint64_t n : histogram.layers[i].visits) visits += static_cast<double>(n);
    const double tokens = visits / static_cast<double>(histogram.experts_per_token);
    for (const double share : layer) mean += share / experts;
    for (const double share : layer) {
      variance += (share - mean) * (share - mean) / experts;
      noise += tokens > 0 ? share * (1 - share) / tokens / experts : 0;
    }
    const double kept = variance > noise ? std::sqrt(1 - noise / variance) : 0;
    for (const double share : layer) p.push_back(mean + kept * (share - mean));
  }
  return Routing(std::move(p));
}

double Routing::per_token() const {
  return sum([](double p) { return p; });
}

double Routing::experts() const {
  return sum([](double) { return 1.0; });
}

double Routing::touched(double tokens) const {
  return sum([tokens](double p) { return 1 - std::pow(1 - p, tokens); });
}

double Routing::hit_lru(double slots) const {
  if (slots >= sum([](double p) { return p > 0 ? 1.0 : 0.0; })) return 1;
  if (slots <= 0) return 0;
  double high = 1;
  while (touched(high) < slots && high < 1e15) high *= 2;
  const double time = crossing(0, high, slots, [this](double t) { return touched(t); });
  return sum([time](double p) { return p * (1 - std::pow(1 - p, time)); }) / per_token();
}

double Routing::hit_frequency(double slots, double half_life) const {
  return slots <= 0 ? 0 : 1 - missed(1, slots, half_life) / per_token();
}

double Routing::missed(double tokens, double slots, double half_life) const {
  if (slots >= experts()) return 0;
  if (slots <= 0) return touched(tokens);
  const double fading = std::exp2(-1 / half_life);
  const double m = 1 / (1 - fading);
  const double m2 = 1 / (1 - fading * fading);
  // P(S > level). Never drawn: never there. Always drawn: always m.
  const auto there = [&](double p, double level) {
    if (p <= 0) return 0.0;
    if (p >= 1) return level < m ? 1.0 : 0.0;
    const double scale = (1 - p) * m2 / m;
    return gamma_above(p * m / scale, level / scale);
  };
  const double level =
      crossing(0, m, slots, [&](double t) { return sum([&](double p) { return there(p, t); }); });
  return sum([&](double p) { return (1 - std::pow(1 - p, tokens)) * (1 - there(p, level)); });
}

double Routing::hit_best_fixed(double slots) const {
  double hits = 0;
  for (const Kind& kind : kinds_) {
    const double kept = std::clamp(slots, 0.0, kind.experts);
    hits += kept * kind.p;
    slots -= kept;
  }
  return hits / per_token();
}

}  // namespace jaju
