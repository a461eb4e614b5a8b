#include "runtime/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/split_mix.h"

namespace jaju {
namespace {

// Two numbers side by side, in the compiler's own words: any CPU of 64 bits has registers for them, and gcc
// 12 makes no such pairs of a loop with a choice in it.
using Pair = double __attribute__((vector_size(16)));
using PairBits = uint64_t __attribute__((vector_size(16)));

// exp(x) for x <= 0 from additions and multiplications only: libm picks a variant by CPU, and two machines
// could then disagree in the last bit and, once in a while, in a token. Relative error below 1e-15.
inline Pair exp_portable(Pair x) {
  // Below this a token is 1e-19 as likely as the best one: nothing beside the rounding of the sum.
  constexpr Pair kLeast = {-44.0, -44.0};
  const auto counts = (PairBits)(x >= kLeast);
  const auto y = (Pair)(((PairBits)x & counts) | ((PairBits)kLeast & ~counts));
  // Adding 1.5 * 2^52 rounds to an integer, which then stands in the lowest bits.
  const Pair shifted = y * 1.4426950408889634 + 0x1.8p52;
  const Pair k = shifted - 0x1.8p52;
  const Pair r = (y - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;  // ln 2 in two parts; |r| <= 0.35
  // 1/13!, ..., 1/1!, 1/0!
  constexpr double kTerms[] = {
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
      1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,         1.0};
  Pair sum = {0, 0};
  for (const double term : kTerms) sum = sum * r + term;
  const auto power = (Pair)(((PairBits)shifted + 1023) << 52);  // 2^k
  return (Pair)((PairBits)(sum * power) & counts);
}

inline double exp_portable(double x) {
  return exp_portable(Pair{x, x})[0];
}

// exp((logit - best) / temperature), `inverse` being 1 / temperature.
inline double weight_of(float logit, float best, double inverse) {
  return exp_portable((static_cast<double>(logit) - static_cast<double>(best)) * inverse);
}

// Of every token of the vocabulary.
void weigh(std::span<const float> logits, float best, double inverse, double* weights) {
  const auto at = [&](size_t id) {
    return (static_cast<double>(logits[id]) - static_cast<double>(best)) * inverse;
  };
  size_t id = 0;
  for (; id + 4 <= logits.size(); id += 4) {
    const Pair a = exp_portable(Pair{at(id), at(id + 1)});
    const Pair b = exp_portable(Pair{at(id + 2), at(id + 3)});
    std::memcpy(weights + id, &a, sizeof a);
    std::memcpy(weights + id + 2, &b, sizeof b);
  }
  for (; id < logits.size(); ++id) weights[id] = exp_portable(at(id));
}

// Of the values that are at least `least`, in one fixed order, eight sums side by side.
double sum_of(const std::vector<double>& values, double least = 0.0) {
  constexpr size_t kPairs = 4;
  const Pair bound = {least, least};
  Pair sums[kPairs] = {};
  const size_t whole = values.size() / (2 * kPairs) * 2 * kPairs;
  for (size_t i = 0; i < whole; i += 2 * kPairs) {
    for (size_t j = 0; j < kPairs; ++j) {
      Pair value;
      std::memcpy(&value, values.data() + i + 2 * j, sizeof value);
      sums[j] += (Pair)((PairBits)value & (PairBits)(value >= bound));
    }
  }
  double rest = 0;
  for (size_t i = whole; i < values.size(); ++i) rest += values[i] >= least ? values[i] : 0.0;
  const Pair total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return total[0] + total[1] + rest;
}

// The largest logit, and in *usable whether every logit is below infinity (and a number). Sixteen running
// maxima side by side, which compilers turn into vectors.
float largest(std::span<const float> logits, bool* usable) {
  constexpr size_t kLanes = 16;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float top[kLanes];
  int bad[kLanes] = {};
  std::fill_n(top, kLanes, -kInfinity);
  const size_t whole = logits.size() / kLanes * kLanes;
  const float* const x = logits.data();
  for (size_t i = 0; i < whole; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      bad[j] |= x[i + j] < kInfinity ? 0 : 1;
      top[j] = x[i + j] > top[j] ? x[i + j] : top[j];
    }
  }
  for (size_t i = whole; i < logits.size(); ++i) {
    bad[0] |= x[i] < kInfinity ? 0 : 1;
    top[0] = x[i] > top[0] ? x[i] : top[0];
  }
  *usable = std::all_of(bad, bad + kLanes, [](int b) { return b == 0; });
  return *std::max_element(top, top + kLanes);
}

void apply_mask(std::span<const uint64_t> mask, std::span<float> logits) {
  constexpr float kBanned = -std::numeric_limits<float>::infinity();
  for (size_t word = 0; word * 64 < logits.size(); ++word) {
    const auto part = logits.subspan(word * 64, std::min<size_t>(64, logits.size() - word * 64));
    if (mask[word] == 0) {
      std::fill(part.begin(), part.end(), kBanned);
    } else if (mask[word] != ~uint64_t{0}) {
      for (size_t bit = 0; bit < part.size(); ++bit) {
        if ((mask[word] >> bit & 1) == 0) part[bit] = kBanned;
      }
    }
  }
}

Status out_of_range(const char* field, double value, const char* range) {
  return error("sampling: '{}' is {}, but it must be {}", field, value, range);
}

Status check_token(const char* field, int64_t id, int64_t vocab_size) {
  if (id >= 0 && id < vocab_size) return {};
  return error("sampling: '{}' names token {}, but the vocabulary has ids 0 to {}", field, id,
               vocab_size - 1);
}

}  // namespace

Status SamplingParams::validate(int64_t vocab_size) const {
  // Written so that NaN fails every test.
  if (!(temperature >= 0.0f && temperature <= 100.0f)) {
    return out_of_range("temperature", temperature, "between 0 (always the likeliest token) and 100");
  }
  if (top_k < 0) return out_of_range("top_k", top_k, "0 (off) or more");
  if (!(top_p >= 0.0f && top_p <= 1.0f)) return out_of_range("top_p", top_p, "between 0 and 1 (off)");
  if (!(min_p >= 0.0f && min_p <= 1.0f)) return out_of_range("min_p", min_p, "between 0 (off) and 1");
  if (!(repetition_penalty >= 0.01f && repetition_penalty <= 100.0f)) {
    return out_of_range("repetition_penalty", repetition_penalty, "between 0.01 and 100 (1 is off)");
  }
  if (!(std::fabs(presence_penalty) <= 100.0f)) {
    return out_of_range("presence_penalty", presence_penalty, "between -100 and 100");
  }
  if (!(std::fabs(frequency_penalty) <= 100.0f)) {
    return out_of_range("frequency_penalty", frequency_penalty, "between -100 and 100");
  }
  if (max_tokens < -1) {
    return out_of_range("max_tokens", static_cast<double>(max_tokens), "-1 (no limit), 0 or more");
  }
  for (const auto& [id, bias] : logit_bias) {
    JAJU_RETURN_IF_ERROR(check_token("logit_bias", id, vocab_size));
    if (!std::isfinite(bias)) return out_of_range("logit_bias", bias, "a finite number");
  }
  for (const int32_t id : stop_tokens) JAJU_RETURN_IF_ERROR(check_token("stop_tokens", id, vocab_size));
  return {};
}

Dice::Dice(uint64_t seed) {
  for (uint64_t& word : state_) word = split_mix64(seed);
}

uint64_t Dice::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

Sampler::Sampler(const SamplingParams& params, int64_t vocab_size)
    : params_(params),
      count_(static_cast<size_t>(vocab_size), 0),
      seen_(static_cast<size_t>(vocab_size), false),
      dice_(params.seed) {}

void Sampler::observe_prompt(std::span<const int32_t> tokens) {
  for (const int32_t id : tokens) {
    JAJU_CHECK(id >= 0 && static_cast<size_t>(id) < seen_.size());
    if (seen_[id]) continue;
    seen_[id] = true;
    seen_ids_.push_back(id);
  }
}

void Sampler::remember(int32_t token) {
  ++count_[token];
  if (seen_[token]) return;
  seen_[token] = true;
  seen_ids_.push_back(token);
}

bool Sampler::apply_penalties(std::span<float> logits) const {
  for (const auto& [id, bias] : params_.logit_bias) logits[id] += bias;
  const bool repetition = params_.repetition_penalty != 1.0f;
  const bool answer = params_.presence_penalty != 0.0f || params_.frequency_penalty != 0.0f;
  if (!repetition && !answer) return !params_.logit_bias.empty();
  for (const int32_t id : seen_ids_) {
    float& logit = logits[id];
    if (repetition)
      logit = logit > 0 ? logit / params_.repetition_penalty : logit * params_.repetition_penalty;
    if (answer && count_[id] > 0) {
      logit -= params_.presence_penalty + params_.frequency_penalty * static_cast<float>(count_[id]);
    }
  }
  return true;
}

// logits (vocab) in; candidates_ and weights_ out.
void Sampler::narrow(std::span<const float> logits, float best) {
  const double inverse = 1.0 / static_cast<double>(params_.temperature);
  if (params_.top_k > 0 && static_cast<size_t>(params_.top_k) < logits.size()) {
    gather(logits, -std::numeric_limits<float>::infinity());
    std::nth_element(candidates_.begin(), candidates_.begin() + params_.top_k, candidates_.end(), before);
    candidates_.resize(params_.top_k);
    // nth_element's order differs between libraries, and the order of a sum is part of its result.
    std::sort(candidates_.begin(), candidates_.end(), before);
    weights_.resize(candidates_.size());
    for (size_t i = 0; i < candidates_.size(); ++i)
      weights_[i] = weight_of(candidates_[i].logit, best, inverse);
    if (params_.top_p < 1.0f) keep_top_p(best, sum_of(weights_));
  } else {
    weights_.resize(logits.size());
    weigh(logits, best, inverse, weights_.data());
    if (params_.top_p < 1.0f) {
      // What lies above some logit is the beginning of the sorted list. So only the tokens near the best one
      // are looked at, those that together are enough; farther ones where rounding left these a little short.
      const double total = sum_of(weights_);
      for (double distance = 1;; distance *= 2) {
        const bool all = distance > 44;  // farther off, weights are 0
        if (!all && sum_of(weights_, exp_portable(-distance)) < static_cast<double>(params_.top_p) * total)
          continue;
        gather(logits, all ? -std::numeric_limits<float>::infinity()
                           : static_cast<float>(static_cast<double>(best) -
                                                distance * static_cast<double>(params_.temperature)));
        if (keep_top_p(best, total) || all) break;
        weigh(logits, best, inverse, weights_.data());
      }
    } else {
      gather(logits, -std::numeric_limits<float>::infinity());
    }
  }
  // The best token weighs 1, so min-p compares with the weight itself; a weight of 0 can not be drawn.
  const double least = params_.min_p;
  size_t kept = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (weights_[i] < least || weights_[i] == 0.0) continue;
    candidates_[kept] = candidates_[i];
    weights_[kept++] = weights_[i];
  }
  candidates_.resize(kept);
  weights_.resize(kept);
}

bool Sampler::before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// candidates_: every token whose logit is at least that, ids ascending.
void Sampler::gather(std::span<const float> logits, float least) {
  candidates_.resize(logits.size());
  size_t kept = 0;
  for (size_t id = 0; id < logits.size(); ++id) {
    candidates_[kept] = {logits[id], static_cast<int32_t>(id)};
    kept += logits[id] >= least ? 1 : 0;
  }
  candidates_.resize(kept);
}

// Sorts candidates_ and cuts them where their weights reach the share of `total` that top-p asks for. False:
// they do not; all are kept, and weights_ has room for more.
bool Sampler::keep_top_p(float best, double total) {
  const double inverse = 1.0 / static_cast<double>(params_.temperature);
  const double wanted = static_cast<double>(params_.top_p) * total;
  const size_t n = candidates_.size();
  size_t kept = 0;
  size_t sorted = 0;  // only as much as top-p asks for
  double sum = 0;
  for (; kept < n && (kept == 0 || sum < wanted); ++kept) {
    if (kept == sorted) {
      sorted = std::min(n, sorted == 0 ? size_t{128} : sorted * 4);
      if (sorted < n) {
        std::nth_element(candidates_.begin() + kept, candidates_.begin() + sorted, candidates_.end(), before);
      }
      std::sort(candidates_.begin() + kept, candidates_.begin() + sorted, before);
    }
    weights_[kept] = weight_of(candidates_[kept].logit, best, inverse);
    sum += weights_[kept];
  }
  if (sum < wanted) return false;
  candidates_.resize(kept);
  weights_.resize(kept);
  return true;
}

int32_t Sampler::draw(std::span<const float> logits, float best) {
  narrow(logits, best);
  const double total = sum_of(weights_);
  const double target = dice_.uniform() * total;
  double sum = 0;
  for (size_t i = 0; i < weights_.size(); ++i) {
    sum += weights_[i];
    if (sum > target) return candidates_[i].id;
  }
  return candidates_.back().id;
}

Result<int32_t> Sampler::sample(std::span<float> logits) {
  int32_t token = 0;
  JAJU_RETURN_IF_ERROR(choose(logits, {}, token));
  return token;
}

Status Sampler::sample(std::span<float> logits, const SampleRequest& request, Sampled& out) {
  if (request.top_logprobs >= 0) raw_.assign(logits.begin(), logits.end());
  JAJU_RETURN_IF_ERROR(choose(logits, request, out.token));
  out.top.clear();
  out.logprob = 0;
  if (request.top_logprobs >= 0) report(raw_, request.top_logprobs, out);
  return {};
}

Status Sampler::choose(std::span<float> logits, const SampleRequest& request, int32_t& token) {
  JAJU_CHECK(logits.size() == count_.size());
  bool usable = true;
  float best = largest(logits, &usable);
  if (!usable) {
    size_t id = 0;
    while (logits[id] < std::numeric_limits<float>::infinity()) ++id;
    return error(
        "the logit of token {} is {}, so no token can be chosen: the weights may be damaged (try `jaju run "
        "MODEL "
        "--check`)",
        id, logits[id]);
  }
  if (request.forced >= 0) {
    JAJU_CHECK(static_cast<size_t>(request.forced) < logits.size());
    token = request.forced;
    remember(token);
    return {};
  }
  const bool masked = !request.mask.empty() || !request.banned.empty();
  if (!request.mask.empty()) apply_mask(request.mask, logits);
  for (const int32_t id : request.banned) logits[id] = -std::numeric_limits<float>::infinity();
  if (apply_penalties(logits) || masked) best = largest(logits, &usable);
  if (best == std::numeric_limits<float>::infinity()) {
    return error("sampling: a logit overflowed; use a smaller logit_bias or a milder penalty");
  }
  if (best == -std::numeric_limits<float>::infinity()) {
    return error("sampling: every token is banned, so there is nothing to choose; loosen {}",
                 masked ? "the constraint or logit_bias" : "logit_bias");
  }
  // The first of equals: the lowest id.
  token = params_.temperature == 0.0f
              ? static_cast<int32_t>(std::find(logits.begin(), logits.end(), best) - logits.begin())
              : draw(logits, best);
  remember(token);
  return {};
}

void Sampler::report(std::span<const float> raw, int top, Sampled& out) {
  bool usable = true;
  const auto best = static_cast<double>(largest(raw, &usable));
  double sum = 0;
  for (const float logit : raw) sum += exp_portable(static_cast<double>(logit) - best);
  const double normalizer = best + std::log(sum);
  const auto logprob = [&](float logit) {
    return static_cast<float>(static_cast<double>(logit) - normalizer);
  };
  out.logprob = logprob(raw[out.token]);
  const size_t n = std::min(static_cast<size_t>(top), raw.size());
  if (n == 0) return;
  candidates_.resize(raw.size());
  for (size_t id = 0; id < raw.size(); ++id) candidates_[id] = {raw[id], static_cast<int32_t>(id)};
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<int64_t>(n), candidates_.end(),
                    [](const Candidate& a, const Candidate& b) {
                      return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
                    });
  for (size_t i = 0; i < n; ++i) out.top.emplace_back(candidates_[i].id, logprob(candidates_[i].logit));
}

}  // namespace jaju
