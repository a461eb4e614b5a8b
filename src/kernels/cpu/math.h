// exp and silu on vectors. Included once per ISA, inside that ISA's namespace (JAJU_ISA).
#pragma once

namespace jaju::JAJU_ISA {
namespace {

// exp(x) for x in [-87, 88], clamped outside; NaN stays NaN. exp(x) = 2^n exp(r), n = round(x / ln 2),
// |r| <= ln 2 / 2: the series to r^7 leaves less than r^8/8! = 5e-9, and the steps round a few times
// (kernels_test.cc, SiluOverTheWholeRange).
inline V exp(V x) {
  x = max(set1(-87.0f), min(set1(88.0f), x));
  const V n = round(mul(x, set1(1.44269504088896341f)));
  // ln 2 in two parts: the first has few bits, so n times it is exact.
  V r = fma(n, set1(-0.693359375f), x);
  r = fma(n, set1(2.12194440054690583e-4f), r);
  V y = set1(1.0f / 5040);
  y = fma(y, r, set1(1.0f / 720));
  y = fma(y, r, set1(1.0f / 120));
  y = fma(y, r, set1(1.0f / 24));
  y = fma(y, r, set1(1.0f / 6));
  y = fma(y, r, set1(0.5f));
  y = fma(y, r, set1(1.0f));
  y = fma(y, r, set1(1.0f));
  return scale_by_power(y, n);
}

inline float exp1(float x) {
  float out[kLanes];
  store(out, exp(set1(x)));
  return out[0];
}

inline V silu(V x) {
  return div(x, add(set1(1.0f), exp(sub(zero(), x))));
}

}  // namespace
}  // namespace jaju::JAJU_ISA
