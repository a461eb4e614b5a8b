// Attention of every backend this CPU can run against the fact sheet's formula in double, with weights of
// every type. kernels_test.cc says where tolerances come from.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "kernels/cpu/plain_bf16.h"
#include "kernels/kernels_test_tools.h"
#include "tensor/quantize.h"

namespace jaju {
namespace {

class Attention : public Backend {
 protected:
  // plain_bf16 and plain_tiles: attention in bf16 where the CPU has none.
  const Ops* backend(const std::string& name) const override {
    if (!name.starts_with("plain_")) return find_ops(name);
    plain_bf16::with_tiles = name == "plain_tiles";
    return find_ops("avx2") != nullptr ? &plain_bf16::ops() : nullptr;
  }
  bool on_tiles() const {
    const std::string name = GetParam();
    return name == "plain_tiles" || (name == "avx512" && uses_bf16_tiles());
  }
  bool has_fast_dots() const {
    const std::string name = GetParam();
    return name.starts_with("plain_") || (name == "avx512" && cpu_has_fast_bf16_dot());
  }
  // Whether a prompt, and decoding rows far behind, are multiplied in 16 bits where the CPU chooses.
  bool has_int16() const {
    const std::string name = GetParam();
    return (name == "avx2" || name == "avx512") && attends_in_int16(*ops) && !on_tiles();
  }
  // Whether what packed weights multiply is rounded to int8: ref/ does not, nor does a prompt on tiles.
  bool rounds_to_int8(bool absorbed, Precision precision) const {
    if (std::string(GetParam()) == "ref") return false;
    return absorbed || precision == Precision::f32 || !on_tiles();
  }
};

struct AttentionSizes {
  int64_t heads, nope, rope, v, latent;
};
constexpr AttentionSizes kOddSizes = {11, 24, 10, 20, 40};
// Multiples of what AMX tiles hold, as models have them; what is not goes round them.
constexpr AttentionSizes kTileSizes = {16, 32, 32, 32, 64};
// With heads and columns enough for decoding in int16; and with parts that are vectors of AVX2, not of
// AVX-512.
constexpr AttentionSizes kWideSizes = {8, 32, 32, 32, 256};
constexpr AttentionSizes kNarrowSizes = {8, 32, 16, 32, 256};

// Weights of some type, or packed.
struct WeightKind {
  DType dtype = DType::u8;
  Scheme scheme = Scheme::none;
};
constexpr WeightKind kBf16{DType::bf16};
constexpr WeightKind kQ8{DType::u8, Scheme::q8};

OwnedMatrix packed_matrix(Scheme scheme, const std::vector<float>& values, int64_t rows, int64_t cols) {
  OwnedMatrix m;
  m.view.dtype = DType::u8;
  m.view.scheme = scheme;
  m.view.rows = rows;
  m.view.cols = cols;
  m.bytes.resize(static_cast<size_t>(m.view.bytes()));
  for (int64_t r = 0; r < rows; r += kPanelRows) {
    quantize_panel(scheme, values.data() + r * cols, std::min(kPanelRows, rows - r), cols, nullptr,
                   reinterpret_cast<std::byte*>(m.bytes.data()) + r / kPanelRows * panel_bytes(scheme, cols));
  }
  m.view.data = m.bytes.data();
  return m;
}

// Two sequences of different lengths at different positions over scattered pages.
struct AttentionCase : AttentionSizes {
  CacheType cache_type;
  OwnedMatrix kv_b;
  OwnedMatrix k_b;  // of packed weights
  std::vector<float> q;
  std::vector<std::vector<std::byte>> storage;
  std::vector<std::byte*> pages[2];
  std::vector<SequenceSlice> slices;
  int64_t n_rows = 0;

  AttentionCase(CacheType cache, WeightKind weights, std::array<int64_t, 2> first_pos,
                std::array<int64_t, 2> rows, const AttentionSizes& sizes = kOddSizes)
      : AttentionSizes(sizes), cache_type(cache) {
    if (weights.scheme == Scheme::none) {
      kv_b = random_matrix(weights.dtype, heads * (nope + v), latent, 50);
    } else {
      pack(weights.scheme);
    }
    for (size_t s = 0; s < 2; ++s) {
      const int64_t end = first_pos[s] + rows[s];
      const CacheRow layout{cache, latent, rope};
      const int64_t page_bytes = LatentCache::block_bytes(layout);
      for (int64_t p = 0; p * LatentCache::kPositions < end; ++p) {
        storage.emplace_back(static_cast<size_t>(page_bytes) + 8);
        pages[s].push_back(storage.back().data());
      }
      SequenceSlice slice{n_rows, rows[s], first_pos[s], {pages[s].data(), 8, layout}};
      const std::vector<float> values =
          random_values(static_cast<size_t>(end * layout.width()), static_cast<uint32_t>(60 + s));
      for (int64_t pos = 0; pos < end; ++pos) {
        layout.store(values.data() + pos * layout.width(), slice.cache.row(pos));
      }
      n_rows += rows[s];
      slices.push_back(slice);
    }
    for (size_t s = 0; s < 2; ++s) slices[s].cache.pages = pages[s].data();
    q = random_values(static_cast<size_t>(n_rows * heads * (nope + rope)), 70);
  }
  void pack(Scheme scheme) {
    const std::vector<float> values = random_values(static_cast<size_t>(heads * (nope + v) * latent), 50);
    std::vector<float> keys;
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t k = 0; k < latent; ++k) {
        for (int64_t d = 0; d < nope; ++d)
          keys.push_back(values[static_cast<size_t>((h * (nope + v) + d) * latent + k)]);
      }
    }
    kv_b = packed_matrix(scheme, values, heads * (nope + v), latent);
    k_b = packed_matrix(scheme, keys, heads * latent, nope);
  }
  MlaArgs args(std::vector<float>& out) const {
    return {Rows(q.data(), n_rows, heads * (nope + rope)),
            kv_b.view,
            k_b.view,
            heads,
            nope,
            rope,
            v,
            latent,
            0.3f,
            slices,
            MutRows(out.data(), n_rows, heads * v)};
  }
  // The fact sheet's formula in double, and how far f32 in any order may be from it: scores are off by at
  // most e = (terms) * eps * sum |q w c| * scale, which moves each weight by a factor within exp(2e); values
  // add theirs. `rounding`: how far the bf16 form may move a query, a key, a value or a weight by rounding
  // it; at most three such factors meet in a score, and three in a value times its weight, and in both one
  // more where a q8 cache is widened to bf16, and where packed weights are. What q8 lost when it was stored
  // is no error here.
  //
  // `int16`: absorbed rows behind kInt16Positions, and all expanded ones, of widths that go so, are rounded
  // to the codes of mla_int16.h: queries and keys (absorbed: positions) to most_code steps of either sign,
  // values (latents) likewise, and weights to most_weight.
  //
  // Of packed weights both ways have keys of their own, and what those multiply is rounded to int8, by
  // `int8`, which is no error either: latents or, absorbed, queries. What the values' rows multiply then, an
  // average of latents, is off by half a step of the largest at most.
  struct Exact {
    std::vector<double> out, bound;
  };
  static double most_code(int64_t columns) {
    return std::min(32767.0, std::floor(std::sqrt(2147483647.0 / static_cast<double>(columns))));
  }
  // Half a step of codes for values [from, from + n) of a row.
  template <typename Values>
  static double half_step(const Values& value, int64_t from, int64_t n) {
    double largest = 0;
    for (int64_t k = 0; k < n; ++k) largest = std::max(largest, std::abs(value(from + k)));
    return largest / most_code(n) / 2 * (1 + 8 * kEps);
  }
  using Parts = std::vector<std::pair<int64_t, int64_t>>;  // first value, values
  // How far from its sum of products a score of such rows may be, each part rounded by itself.
  static double score_error(const std::vector<double>& query, const std::vector<double>& key,
                            const Parts& parts) {
    const auto of_query = [&](int64_t k) { return query[static_cast<size_t>(k)]; };
    const auto of_key = [&](int64_t k) { return key[static_cast<size_t>(k)]; };
    double error = 0;
    for (const auto& [from, n] : parts) {
      const double of_q = half_step(of_query, from, n);
      const double of_k = half_step(of_key, from, n);
      for (int64_t k = from; k < from + n; ++k)
        error += std::abs(of_query(k)) * of_k + std::abs(of_key(k)) * of_q + of_q * of_k;
    }
    return error;
  }
  // Of the sum of rows of `columns` values, `half_steps` of each, weights `p` of `total`.
  static double sum_error(const std::vector<double>& half_steps, int64_t columns,
                          const std::vector<double>& p, double total) {
    const double code = most_code(columns);
    const double most_weight = std::min(32767.0, std::floor(2147483647.0 / 64 / code));
    double error = 0;
    for (size_t block = 0; block < p.size(); block += 64) {
      double top = 0;
      for (size_t j = block; j < std::min(p.size(), block + 64); ++j) {
        error += p[j] / total * half_steps[j];
        top = std::max(top, p[j] / total * 2 * half_steps[j]);
      }
      error += top / most_weight / 2 * 64 * code;
    }
    return error;
  }

  Exact exact(bool absorbed, double rounding = 0, bool int8 = true, bool int16 = false) const {
    int8 = int8 && kv_b.view.packed();
    const double factors = (cache_type == CacheType::q8 ? 4 : 3) + (kv_b.view.packed() ? 1 : 0);
    Exact result;
    result.out.resize(static_cast<size_t>(n_rows * heads * v));
    result.bound.resize(result.out.size());
    const double scale = static_cast<double>(0.3f);
    for (const SequenceSlice& s : slices) {
      const int64_t end = s.first_pos + s.n_rows;
      std::vector<std::vector<double>> latents;  // of every position
      double largest = 0;
      for (int64_t j = 0; j < end; ++j) {
        std::vector<float> stored;
        for (int64_t k = 0; k < latent; ++k) stored.push_back(s.cache.at(j, k));
        for (const float value : stored) largest = std::max(largest, static_cast<double>(std::abs(value)));
        if (int8 && !absorbed) {
          latents.push_back(rounded_to_int8(stored.data(), latent));
        } else {
          latents.emplace_back(stored.begin(), stored.end());
        }
      }
      for (int64_t h = 0; h < heads; ++h) {
        std::vector<double> weights;  // (nope + v, latent)
        for (int64_t d = 0; d < nope + v; ++d) {
          const bool turned = absorbed && !k_b.view.empty() && d < nope;
          for (int64_t k = 0; k < latent; ++k) {
            weights.push_back(static_cast<double>(turned ? k_b.view.at(h * latent + k, d)
                                                         : kv_b.view.at(h * (nope + v) + d, k)));
          }
        }
        const auto weight = [&](int64_t d, int64_t k) {
          return weights[static_cast<size_t>(d * latent + k)];
        };
        // Keys and values of every position, and the same with absolute values.
        std::vector<std::vector<double>> rows(static_cast<size_t>(end)), sizes(static_cast<size_t>(end));
        for (int64_t j = 0; j < end; ++j) {
          for (int64_t d = 0; d < nope + v; ++d) {
            double sum = 0, size = 0;
            for (int64_t k = 0; k < latent; ++k) {
              const double term = weight(d, k) * latents[static_cast<size_t>(j)][static_cast<size_t>(k)];
              sum += term;
              size += std::abs(term);
            }
            rows[static_cast<size_t>(j)].push_back(sum);
            sizes[static_cast<size_t>(j)].push_back(size);
          }
        }
        for (int64_t i = 0; i < s.n_rows; ++i) {
          const float* const of_head = q.data() + ((s.first_row + i) * heads + h) * (nope + rope);
          std::vector<double> query(of_head, of_head + nope + rope);
          if (int8 && absorbed) {
            const std::vector<double> rounded = rounded_to_int8(of_head, nope);
            std::copy(rounded.begin(), rounded.end(), query.begin());
          }
          const int64_t n_keys = s.first_pos + i + 1;
          std::vector<double> p;
          double total = 0, score_error = 0;
          std::vector<double> half_steps;  // of values, or of latents
          if (int16 && (!absorbed || n_keys >= 256)) {
            std::vector<double> multiplied = query;
            if (absorbed) {
              multiplied.clear();
              for (int64_t k = 0; k < latent; ++k) {
                double sum = 0;
                for (int64_t d = 0; d < nope; ++d) sum += query[static_cast<size_t>(d)] * weight(d, k);
                multiplied.push_back(sum);
              }
              multiplied.insert(multiplied.end(), query.begin() + nope, query.end());
            }
            const Parts parts = absorbed ? Parts{{0, latent}, {latent, rope}} : Parts{{0, nope + rope}};
            for (int64_t j = 0; j < n_keys; ++j) {
              const std::vector<double>& expanded = rows[static_cast<size_t>(j)];
              std::vector<double> key(expanded.begin(), expanded.begin() + nope);
              if (absorbed) key = latents[static_cast<size_t>(j)];
              for (int64_t k = 0; k < rope; ++k) key.push_back(cached(s, j, latent + k));
              score_error = std::max(score_error, AttentionCase::score_error(multiplied, key, parts) * scale);
              half_steps.push_back(half_step(
                  [&](int64_t k) {
                    return absorbed ? key[static_cast<size_t>(k)] : expanded[static_cast<size_t>(nope + k)];
                  },
                  0, absorbed ? latent : v));
            }
          }
          const double from_codes = score_error;
          for (int64_t j = 0; j < n_keys; ++j) {
            const auto at = static_cast<size_t>(j);
            double score = 0, size = 0;
            for (int64_t d = 0; d < nope; ++d) {
              score += query[static_cast<size_t>(d)] * rows[at][static_cast<size_t>(d)];
              size += std::abs(query[static_cast<size_t>(d)]) * sizes[at][static_cast<size_t>(d)];
            }
            for (int64_t d = 0; d < rope; ++d) {
              const double term = query[static_cast<size_t>(nope + d)] * cached(s, j, latent + d);
              score += term;
              size += std::abs(term);
            }
            p.push_back(std::exp(score * scale));
            total += p.back();
            const double relative = static_cast<double>(latent + nope + rope + 4) * kEps + factors * rounding;
            score_error = std::max(score_error, relative * size * scale + from_codes);
          }
          const double of_sums =
              half_steps.empty() ? 0 : sum_error(half_steps, absorbed ? latent : v, p, total);
          for (int64_t d = 0; d < v; ++d) {
            double sum = 0, size = 0;
            for (int64_t j = 0; j < n_keys; ++j) {
              sum += p[static_cast<size_t>(j)] / total *
                     rows[static_cast<size_t>(j)][static_cast<size_t>(nope + d)];
              size += p[static_cast<size_t>(j)] / total *
                      sizes[static_cast<size_t>(j)][static_cast<size_t>(nope + d)];
            }
            const auto at = static_cast<size_t>((s.first_row + i) * heads * v + h * v + d);
            result.out[at] = sum;
            result.bound[at] = (std::expm1(2 * score_error) + factors * rounding +
                                static_cast<double>(2 * n_keys + latent + 16) * kEps) *
                               size;
            for (int64_t k = 0; absorbed && k < latent; ++k)
              result.bound[at] += std::abs(weight(nope + d, k)) * (of_sums + (int8 ? largest / 253 : 0));
            if (!absorbed) result.bound[at] += of_sums;
          }
        }
      }
    }
    return result;
  }
  double cached(const SequenceSlice& s, int64_t pos, int64_t k) const {
    return static_cast<double>(s.cache.at(pos, k));
  }
};

struct AttentionKind {
  WeightKind weights;
  AttentionSizes sizes;
};
constexpr AttentionKind kKinds[] = {{kBf16, kOddSizes}, {kBf16, kTileSizes}, {kQ8, kTileSizes}};

TEST_P(Attention, BothWaysMatchTheFormulaInDouble) {
  Context context = context_for(team, *ops);
  for (const CacheType cache : {CacheType::f32, CacheType::bf16, CacheType::q8}) {
    for (const WeightKind weights : {WeightKind{DType::f32}, kBf16, WeightKind{DType::f8_e4m3}, kQ8}) {
      for (const AttentionSizes& sizes : {kOddSizes, kTileSizes}) {
        if (weights.scheme != Scheme::none && sizes.nope % kPanelRows != 0) continue;
        const AttentionCase c(cache, weights, {0, 100}, {70, 30}, sizes);
        for (const bool absorbed : {false, true}) {
          const AttentionCase::Exact want = c.exact(absorbed, 0, rounds_to_int8(absorbed, Precision::f32));
          std::vector<float> got(want.out.size(), NAN);
          (absorbed ? ops->mla_absorbed : ops->mla_expanded)(context, c.args(got));
          for (size_t i = 0; i < got.size(); ++i) {
            ASSERT_NEAR(got[i], want.out[i], want.bound[i]) << (absorbed ? "absorbed " : "expanded ") << i;
          }
        }
      }
    }
  }
}

// The same, and one that goes in int16 when decoding where the CPU has it.
std::vector<AttentionKind> kinds_with(bool int16) {
  std::vector<AttentionKind> kinds(std::begin(kKinds), std::end(kKinds));
  if (int16) kinds.push_back({kQ8, kWideSizes});
  return kinds;
}

// In bf16 the worst case is wide, so the mean is held as well: four roundings of 2^-9 in a score of size 2 or
// so.
TEST_P(Attention, InBf16IsNearTheFormula) {
  Context context = context_for(team, *ops, Precision::bf16);
  for (const CacheType cache : {CacheType::bf16, CacheType::q8}) {
    for (const auto& [weights, sizes] : kKinds) {
      const AttentionCase c(cache, weights, {0, 100}, {70, 30}, sizes);
      for (const bool absorbed : {false, true}) {
        const AttentionCase::Exact want =
            c.exact(absorbed, 0x1p-9, rounds_to_int8(absorbed, Precision::bf16));
        SCOPED_TRACE(testing::Message()
                     << (absorbed ? "absorbed, " : "expanded, ") << sizes.heads << " heads");
        std::vector<float> got(want.out.size(), NAN);
        (absorbed ? ops->mla_absorbed : ops->mla_expanded)(context, c.args(got));
        double errors = 0, squares = 0;
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], want.out[i], want.bound[i]) << i;
          errors += std::pow(static_cast<double>(got[i]) - want.out[i], 2);
          squares += want.out[i] * want.out[i];
        }
        EXPECT_LE(std::sqrt(errors / squares), 0x1p-6);
      }
    }
  }
}

// The places of positions that are not there yet, and scratch memory, may hold what is no number.
TEST_P(Attention, ReadsNothingThatIsNotThere) {
  const uint16_t not_a_number = 0x7fc0;
  for (const CacheType cache : {CacheType::bf16, CacheType::q8}) {
    for (const auto& [weights, sizes] : kinds_with(has_int16())) {
      const AttentionCase c(cache, weights, {0, 300}, {70, 30}, sizes);
      for (const SequenceSlice& s : c.slices) {
        const int64_t end = s.first_pos + s.n_rows;
        const int64_t blocks = (end + LatentCache::kPositions - 1) / LatentCache::kPositions;
        for (int64_t pos = end; pos < blocks * LatentCache::kPositions; ++pos) {
          std::byte* const row = s.cache.row(pos);
          for (int64_t at = 0; at + 2 <= s.cache.layout.bytes(); at += 2) {
            std::memcpy(row + at, &not_a_number, sizeof not_a_number);
          }
        }
      }
      for (const Precision precision : {Precision::f32, Precision::bf16, Precision::fastest}) {
        for (const bool absorbed : {false, true}) {
          Context context = context_for(team, *ops, precision);
          for (auto& scratch : context.thread_scratch) std::fill(scratch.begin(), scratch.end(), NAN);
          std::fill(context.shared_scratch.begin(), context.shared_scratch.end(), NAN);
          std::vector<float> got(static_cast<size_t>(c.n_rows * c.heads * c.v), NAN);
          (absorbed ? ops->mla_absorbed : ops->mla_expanded)(context, c.args(got));
          for (const float x : got) ASSERT_TRUE(std::isfinite(x)) << (absorbed ? "absorbed" : "expanded");
        }
      }
    }
  }
}

// A chunk boundary anywhere, and a neighbour in the batch, change no bit.
TEST_P(Attention, BitsDoNotDependOnChunks) {
  for (const auto& [weights, sizes] : kinds_with(has_int16())) {
    for (const CacheType cache : {CacheType::bf16, CacheType::q8}) {
      for (const int64_t first : {0, 200}) {  // and across kInt16Positions
        if (first > 0 && !has_int16()) continue;
        const AttentionCase c(cache, weights, {first, 37}, {90, 20}, sizes);
        std::vector<float> whole(static_cast<size_t>(c.n_rows * c.heads * c.v));
        for (const Precision precision : {Precision::f32, Precision::bf16, Precision::fastest}) {
          Context context = context_for(team, *ops, precision);
          for (const bool absorbed : {false, true}) {
            const auto attend = absorbed ? ops->mla_absorbed : ops->mla_expanded;
            attend(context, c.args(whole));
            for (const int64_t cut : {1, 13, 64, 89}) {
              std::vector<float> parts(whole.size());
              for (const auto& [from, to] : {std::pair<int64_t, int64_t>{0, cut}, {cut, 90}}) {
                SequenceSlice part = c.slices[0];
                part.first_row += from;
                part.first_pos += from;
                part.n_rows = to - from;
                MlaArgs args = c.args(parts);
                args.slices = {&part, 1};
                attend(context, args);
              }
              ASSERT_EQ(0,
                        std::memcmp(whole.data(), parts.data(), static_cast<size_t>(90 * c.heads * c.v) * 4))
                  << "cut at " << cut;
            }
          }
        }
      }
    }
  }
}

// Rounded to 16 bits: within the worst case, and on the whole as near as five roundings of 2^-12, which is
// what codes of 2,896 steps to the largest of 256 values come to.
TEST_P(Attention, InInt16IsNearTheFormula) {
  if (!has_int16()) GTEST_SKIP() << "this CPU takes bf16 or f32";
  Context context = context_for(team, *ops, Precision::fastest);
  Context in_f32 = context_for(team, *ops, Precision::f32);
  const auto check = [&](CacheType cache, WeightKind weights, const AttentionSizes& sizes) {
    SCOPED_TRACE(testing::Message() << sizes.heads << " heads, " << name_of(cache));
    const AttentionCase c(cache, weights, {240, 700}, {40, 3}, sizes);
    for (const bool absorbed : {false, true}) {
      SCOPED_TRACE(absorbed ? "absorbed" : "expanded");
      const AttentionCase::Exact want = c.exact(absorbed, 0, true, true);
      std::vector<float> got(want.out.size(), NAN), wide(want.out.size(), NAN);
      (absorbed ? ops->mla_absorbed : ops->mla_expanded)(context, c.args(got));
      (absorbed ? ops->mla_absorbed : ops->mla_expanded)(in_f32, c.args(wide));
      double errors = 0, squares = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], want.out[i], want.bound[i]) << i;
        errors += std::pow(static_cast<double>(got[i] - wide[i]), 2);
        squares += want.out[i] * want.out[i];
      }
      // Packed weights round the weighted latents to int8 after that, here and there to another code.
      if (weights.scheme == Scheme::none || !absorbed) {
        EXPECT_LE(std::sqrt(errors / squares), 5 * 0x1p-12);
      }
      // Absorbed rows before kInt16Positions are those of f32, the others are not.
      const auto row = static_cast<size_t>(c.heads * c.v);
      const auto is_f32 = [&](size_t i) {
        return std::memcmp(&got[i * row], &wide[i * row], row * sizeof(float)) == 0;
      };
      for (size_t i = 0; i < 43; ++i) EXPECT_EQ(is_f32(i), absorbed && i < 15) << i;
    }
  };
  for (const CacheType cache : {CacheType::bf16, CacheType::q8}) {
    for (const WeightKind weights : {kBf16, kQ8}) {
      check(cache, weights, kWideSizes);
      if (std::string(GetParam()) == "avx2") check(cache, weights, kNarrowSizes);
    }
  }
}

// Precision::fastest is one of the two, the one that the CPU is known for; attention may go to tiles besides,
// and rows far behind to int16.
TEST_P(Attention, FastestIsWhatTheCpuIsKnownFor) {
  const bool dots = has_fast_dots();
  const int64_t rows = 20, cols = 1300, n = 9;
  const OwnedMatrix w = random_matrix(DType::bf16, rows, cols, 3);
  const std::vector<float> x = random_values(static_cast<size_t>(n * cols), 8);
  const auto product = [&](Precision precision) {
    std::vector<float> y(static_cast<size_t>(n * rows));
    Context context = context_for(team, *ops, precision);
    ops->matmul(context, w.view, Rows(x.data(), n, cols), MutRows(y.data(), n, rows));
    return y;
  };
  if (std::string(GetParam()) == "avx512" && cpu_has_bf16_dot()) {
    EXPECT_NE(product(Precision::f32), product(Precision::bf16));  // or the next line would hold anyway
  }
  EXPECT_EQ(product(Precision::fastest), product(dots ? Precision::bf16 : Precision::f32));
  for (const auto& [weights, sizes] : kKinds) {
    const AttentionCase c(CacheType::bf16, weights, {0, 100}, {70, 30}, sizes);
    const bool tiles = on_tiles() && sizes.heads == kTileSizes.heads;
    for (const bool absorbed : {false, true}) {
      const auto attention = [&](Precision precision) {
        std::vector<float> out(static_cast<size_t>(c.n_rows * c.heads * c.v), NAN);
        Context context = context_for(team, *ops, precision);
        (absorbed ? ops->mla_absorbed : ops->mla_expanded)(context, c.args(out));
        return out;
      };
      if (has_int16() && !absorbed && sizes.heads == kTileSizes.heads) {
        EXPECT_NE(attention(Precision::fastest), attention(Precision::f32));
        continue;
      }
      EXPECT_EQ(attention(Precision::fastest), attention(dots || tiles ? Precision::bf16 : Precision::f32))
          << (absorbed ? "absorbed, " : "expanded, ") << sizes.heads << " heads";
    }
  }
}

// Long caches are cut into parts, and heads into groups, which several threads share when there is little
// else to do: the same bits as one thread that takes them in turn.
TEST_P(Attention, AbsorbedOverALongCache) {
  ThreadTeam many(8), two(2), one(1);
  for (const CacheType cache : {CacheType::bf16, CacheType::q8}) {
    for (const auto& [precision, kind] : {std::pair{Precision::f32, kKinds[0]},
                                          {Precision::f32, kKinds[1]},
                                          {Precision::bf16, kKinds[1]},
                                          {Precision::f32, kKinds[2]},
                                          {Precision::bf16, kKinds[2]},
                                          {Precision::fastest, AttentionKind{kBf16, kWideSizes}},
                                          {Precision::fastest, AttentionKind{kQ8, kWideSizes}}}) {
      if (precision == Precision::fastest && !has_int16()) continue;
      const AttentionCase c(cache, kind.weights, {4500, 700}, {1, 3}, kind.sizes);
      const AttentionCase::Exact want =
          c.exact(true, precision == Precision::bf16 ? 0x1p-9 : 0.0, rounds_to_int8(true, precision),
                  precision == Precision::fastest);
      std::vector<float> alone(want.out.size(), NAN);
      Context narrow = context_for(one, *ops, precision);
      ops->mla_absorbed(narrow, c.args(alone));
      for (ThreadTeam* threads : {&two, &many}) {
        std::vector<float> shared(want.out.size(), NAN);
        Context wide = context_for(*threads, *ops, precision);
        ops->mla_absorbed(wide, c.args(shared));
        EXPECT_EQ(0, std::memcmp(shared.data(), alone.data(), alone.size() * 4)) << threads->size();
      }
      for (size_t i = 0; i < alone.size(); ++i) ASSERT_NEAR(alone[i], want.out[i], want.bound[i]) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Attention,
                         testing::Values("ref", "avx2", "avx512", "plain_bf16", "plain_tiles"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace jaju
