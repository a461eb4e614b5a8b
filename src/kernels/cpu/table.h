// Row-wise operations and the Ops table of one ISA. Included once per ISA.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

inline void embed(Context& context, const Matrix& table, std::span<const int32_t> ids, MutRows out) {
  JAJU_CHECK(!table.packed());
  for_tasks(context, out.n, copy_cost(out.n * out.cols), [&](int64_t i, int) {
    with_row_type(table.dtype, [&](auto type) {
      using Row = typename decltype(type)::type;
      const Row row(table, ids[static_cast<size_t>(i)]);
      for (int64_t k = 0; k < table.cols; k += kLanes) {
        const int64_t lanes = table.cols - k < kLanes ? table.cols - k : kLanes;
        store_n(out.row(i) + k, row.at_n(k, lanes), lanes);
      }
    });
  });
}

inline void rms_norm(Context& context, Rows x, const float* weight, float eps, MutRows y) {
  for_tasks(context, x.n, copy_cost(2 * x.n * x.cols), [&](int64_t i, int) {
    const float* from = x.row(i);
    float* const to = y.row(i);
    V squares = zero();
    for (int64_t k = 0; k < x.cols; k += kLanes) {
      const V value = load_n(from + k, x.cols - k < kLanes ? x.cols - k : kLanes);
      squares = fma(value, value, squares);
    }
    const V factor = set1(1.0f / std::sqrt(sum(squares) / static_cast<float>(x.cols) + eps));
    for (int64_t k = 0; k < x.cols; k += kLanes) {
      const int64_t lanes = x.cols - k < kLanes ? x.cols - k : kLanes;
      store_n(to + k, mul(load_n(weight + k, lanes), mul(load_n(from + k, lanes), factor)), lanes);
    }
  });
}

inline void combine_experts(Context& context, Rows y, const int32_t* slots, const float* weights,
                            int64_t top_k, Rows shared, MutRows out) {
  for_tasks(context, out.n, copy_cost(out.n * out.cols * top_k), [&](int64_t i, int) {
    for (int64_t c = 0; c < out.cols; c += kLanes) {
      const int64_t lanes = out.cols - c < kLanes ? out.cols - c : kLanes;
      V total = zero();
      for (int64_t k = 0; k < top_k; ++k) {
        total = fma(set1(weights[i * top_k + k]), load_n(y.row(slots[i * top_k + k]) + c, lanes), total);
      }
      if (shared.data != nullptr) total = add(total, load_n(shared.row(i) + c, lanes));
      store_n(out.row(i) + c, total, lanes);
    }
  });
}

inline void add_rows(Context& context, MutRows x, Rows y) {
  for_tasks(context, x.n, copy_cost(2 * x.n * x.cols), [&](int64_t i, int) {
    float* const to = x.row(i);
    const float* const from = y.row(i);
    for (int64_t k = 0; k < x.cols; ++k) to[k] += from[k];
  });
}

inline void rope(Context& context, MutRows x, int64_t first, int64_t n_heads, int64_t head_stride,
                 int64_t n_pairs, const float* cos_sin, bool interleaved) {
  for_tasks(context, x.n, copy_cost(4 * x.n * n_heads * n_pairs), [&](int64_t i, int) {
    const float* cosine = cos_sin + i * 2 * n_pairs;
    const float* sine = cosine + n_pairs;
    const int64_t step = interleaved ? 2 : 1;
    const int64_t apart = interleaved ? 1 : n_pairs;
    for (int64_t h = 0; h < n_heads; ++h) {
      float* const head = x.row(i) + first + h * head_stride;
      for (int64_t j = 0; j < n_pairs; ++j) {
        const float a = head[j * step];
        const float b = head[j * step + apart];
        head[j * step] = a * cosine[j] - b * sine[j];
        head[j * step + apart] = b * cosine[j] + a * sine[j];
      }
    }
  });
}

}  // namespace

const Ops& ops() {
  static const Ops kOps = [] {
    Ops t = ref::ops();  // append_latent: a copy
    t.name = JAJU_ISA_NAME;
    t.embed = embed;
    t.add = add_rows;
    t.rope = rope;
    t.rms_norm = rms_norm;
    t.products = products;
    t.mla_absorbed = mla_absorbed;
    t.mla_expanded = mla_expanded;
    t.mlps = mlps;
    t.combine_experts = combine_experts;
    return t;
  }();
  return kOps;
}

}  // namespace jaju::JAJU_ISA
