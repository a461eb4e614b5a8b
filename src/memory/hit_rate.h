// How many of the experts a step asks for will be in the cache: the model behind `jaju plan`.
//
// Assumption: a token draws its experts independently of earlier tokens, layer by layer, expert e of layer l
// with probability p(l, e) (the independent reference model of the caching literature). Real text repeats
// itself, so what is measured is usually better than what this says.
//
// What the cache then holds, C slots over all layers:
//  - least-recently-used: Che's approximation (Che, Tung, Wang, "Hierarchical Web Caching Systems", IEEE JSAC
//    2002; why it is so good: Fricker, Robert, Roberts, ITC 2012). There is a time T, the same for all
//    experts, such that an expert is present if it was asked for within the last T tokens:
//        sum over experts of 1 - (1 - p)^T = C      hit rate = sum p (1 - (1 - p)^T) / sum p
//  - by decayed frequency (memory/expert_use.h: a visit counts half after H tokens): an expert is present if
//    its count S exceeds a level t, the same for all. S has mean p m and variance p (1 - p) m2, where m and
//    m2 are the sums of 2^(-j/H) and of its square over j >= 0; taken for a gamma variable of the same
//    moments:
//        sum over experts of P(S > t) = C           hit rate = sum p P(S > t) / sum p
//  - the best fixed set, the C likeliest experts: no policy does better under the assumption.
// hit_rate_test.cc holds the first two against caches simulated draw by draw.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/routing_histogram.h"

namespace jaju {

// Probabilities that a token visits each expert. Which layer an expert belongs to does not matter here.
class Routing {
 public:
  // Every expert alike.
  static Routing uniform(int64_t layers, int64_t experts, int64_t per_token);
  // Weights 1 / (1 + e)^skew, `per_token` drawn without replacement (independent exponential clocks that ring
  // by the time per_token have). 0 is uniform.
  static Routing zipf(int64_t layers, int64_t experts, int64_t per_token, double skew);
  // Of a saved histogram. A few tokens visit experts more unevenly than their router prefers them, as a few
  // throws of a die show some faces twice: the spread of a layer's shares is reduced by what chance alone
  // would make of it, p (1 - p) / tokens.
  static Routing measured(const RoutingHistogram& histogram);

  // Experts of all layers that a token visits, and that there are.
  double per_token() const;
  double experts() const;
  // Expected experts of all layers that a step of `tokens` tokens visits at least once.
  double touched(double tokens) const;

  // Of `slots` slots over all layers, for a token by itself. 1 when all fit, 0 without slots.
  double hit_lru(double slots) const;
  double hit_frequency(double slots, double half_life) const;
  double hit_best_fixed(double slots) const;
  // Experts that a step of `tokens` tokens visits and that a cache by decayed frequency does not hold: what a
  // step reads, each once.
  double missed(double tokens, double slots, double half_life) const;

 private:
  // Experts of nearly the same probability count as one kind: few, however many experts there are.
  struct Kind {
    double p = 0;
    double experts = 0;
  };
  explicit Routing(std::vector<double> probabilities);
  template <typename F>
  double sum(F f) const {
    double total = 0;
    for (const Kind& k : kinds_) total += k.experts * f(k.p);
    return total;
  }
  std::vector<Kind> kinds_;  // likeliest first
};

// What plans call "skewed". With it a quarter of the experts in a least-recently-used cache serve about half
// of the visits: what others measured for models of this kind (colibri, GLM-5.2 744B: 53 to 57 % at about a
// quarter; llama.cpp PR 27861, 512 experts: 81 %). Nobody has published A.X K1's routing; a histogram of
// one's own text is better than either end.
inline constexpr double kUsualSkew = 0.8;

}  // namespace jaju
