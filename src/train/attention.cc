#include "train/attention.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "train/loops.h"
#include "train/parallel.h"

namespace jaju::train {
namespace {

// x (..., rope), cos and sin broadcastable to (..., rope / 2).
Tensor rotate(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved) {
  const int64_t pairs = x.size(-1) / 2;
  if (interleaved) {
    const Tensor a = x.slice(-1, 0, x.size(-1), 2);
    const Tensor b = x.slice(-1, 1, x.size(-1), 2);
    return at::stack({a * cos - b * sin, a * sin + b * cos}, -1).flatten(-2);
  }
  const Tensor a = x.slice(-1, 0, pairs);
  const Tensor b = x.slice(-1, pairs);
  return at::cat({a * cos - b * sin, a * sin + b * cos}, -1);
}

// Documents of like length side by side; the causal mask hides the padding, which comes last.
Tensor reference_attention(const Tensor& q, const Tensor& kv, const Tensor& k_rope, const Tensor& cos_sin,
                           const Layout& layout, const AttentionShape& s) {
  const auto sums = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const int64_t qk = s.nope + s.rope;
  const Padded& padded = layout.padded(q.device());
  const Tensor later = at::full({layout.longest, layout.longest}, -std::numeric_limits<float>::infinity(),
                                q.options().dtype(sums))
                           .triu(1);
  const Tensor laid_q = lay_out(q, padded.rows, padded.places);
  const Tensor laid_kv = lay_out(kv, padded.rows, padded.places);
  const Tensor laid_rope = lay_out(k_rope, padded.rows, padded.places);
  std::vector<Tensor> outputs;
  for (const Bucket& bucket : padded.buckets) {
    const int64_t length = bucket.length;
    const auto take = [&](const Tensor& x, int64_t heads) {
      return x.narrow(0, bucket.first, bucket.rows())
          .view({bucket.n_documents, length, heads, -1})
          .transpose(1, 2)
          .to(sums);
    };
    const Tensor cos = cos_sin.slice(0, 0, length).slice(1, 0, s.rope / 2).to(sums);
    const Tensor sin = cos_sin.slice(0, 0, length).slice(1, s.rope / 2).to(sums);
    const Tensor queries = take(laid_q, s.n_heads);  // (documents, heads, length, qk)
    const Tensor keys_values = take(laid_kv, s.n_heads);
    const Tensor shared = rotate(take(laid_rope, 1), cos, sin, s.interleaved);
    const Tensor query = at::cat(
        {queries.slice(-1, 0, s.nope), rotate(queries.slice(-1, s.nope, qk), cos, sin, s.interleaved)}, -1);
    const Tensor key = at::cat(
        {keys_values.slice(-1, 0, s.nope), shared.expand({bucket.n_documents, s.n_heads, length, s.rope})},
        -1);
    const Tensor mask = later.slice(0, 0, length).slice(1, 0, length);
    const Tensor scores = at::matmul(query * s.scale, key.transpose(-1, -2)) + mask;
    const Tensor mixed = at::matmul(at::softmax(scores, -1), keys_values.slice(-1, s.nope));
    outputs.push_back(mixed.transpose(1, 2).reshape({bucket.rows(), s.n_heads * s.v}));
  }
  return fetch(at::cat(outputs), padded.places).to(q.scalar_type());
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What the loops see of one document; `at` moves a tensor's pointer to its first row.
struct Documents {
  Tensor q, kv, k_rope, cos_sin;
  const Layout* layout = nullptr;
  AttentionShape shape;

  static void* at(const Tensor& t, int64_t row) {
    return static_cast<char*>(t.data_ptr()) + row * t.stride(0) * static_cast<int64_t>(t.element_size());
  }

  AttentionDocument document(int64_t index) const {
    const int64_t row = layout->starts[static_cast<size_t>(index)];
    AttentionDocument d;
    d.length = layout->length(index);
    d.n_heads = shape.n_heads;
    d.nope = shape.nope;
    d.rope = shape.rope;
    d.v = shape.v;
    d.interleaved = shape.interleaved;
    d.bf16 = q.scalar_type() == at::kBFloat16;
    d.scale = static_cast<float>(shape.scale);
    d.q = at(q, row);
    d.kv = at(kv, row);
    d.k_rope = at(k_rope, row);
    d.k_rope_stride = k_rope.stride(0);
    d.cos_sin = cos_sin.data_ptr<float>();
    return d;
  }

  // Longest first, so the threads end together.
  template <typename Body>
  void each(const Body& body) const {
    std::vector<int64_t> order(layout->ends.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return layout->length(a) > layout->length(b); });
    over_tasks(layout->n_documents(), [&](int64_t i) {
      const int64_t index = order[static_cast<size_t>(i)];
      AttentionDocument d = document(index);
      static thread_local std::vector<float> scratch;
      const auto floats = static_cast<size_t>(attention_scratch(d));
      if (scratch.size() < floats) scratch.resize(floats);
      d.scratch = scratch.data();
      body(d, layout->starts[static_cast<size_t>(index)]);
    });
  }
};

class Attention : public torch::autograd::Function<Attention> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& q, const Tensor& kv, const Tensor& k_rope,
                        const Tensor& cos_sin, const Layout* layout, const AttentionShape* shape) {
    const Documents documents{q.contiguous(), kv.contiguous(), k_rope, cos_sin, layout, *shape};
    const Tensor out = at::empty({q.size(0), shape->n_heads * shape->v}, q.options());
    documents.each([&](AttentionDocument& d, int64_t row) {
      d.out = Documents::at(out, row);
      loops().attention(d);
    });
    ctx->save_for_backward({documents.q, documents.kv, k_rope, cos_sin});
    ctx->saved_data["ends"] = layout->ends;
    ctx->saved_data["sizes"] =
        std::vector<int64_t>{shape->n_heads, shape->nope, shape->rope, shape->v, shape->interleaved ? 1 : 0};
    ctx->saved_data["scale"] = shape->scale;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Layout layout(ctx->saved_data["ends"].toIntVector());
    const auto sizes = ctx->saved_data["sizes"].toIntVector();
    const AttentionShape shape{
        sizes[0], sizes[1], sizes[2], sizes[3], ctx->saved_data["scale"].toDouble(), sizes[4] != 0};
    const Documents documents{saved[0], saved[1], saved[2], saved[3], &layout, shape};
    const Tensor grad_out = grads[0].contiguous();
    const Tensor grad_q = at::empty_like(saved[0]);
    const Tensor grad_kv = at::empty_like(saved[1]);
    const Tensor grad_k_rope = at::empty({saved[2].size(0), shape.rope}, saved[2].options());
    documents.each([&](AttentionDocument& d, int64_t row) {
      d.grad_out = Documents::at(grad_out, row);
      d.grad_q = Documents::at(grad_q, row);
      d.grad_kv = Documents::at(grad_kv, row);
      d.grad_k_rope = Documents::at(grad_k_rope, row);
      loops().attention_backward(d);
    });
    return {grad_q, grad_kv, grad_k_rope, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor causal_attention(const Tensor& q, const Tensor& kv, const Tensor& k_rope, const Tensor& cos_sin,
                        const Layout& layout, const AttentionShape& shape) {
  constexpr int64_t kWidestRope = 512;  // kMaxRope of the loops
  if (use_fused(q) && shape.rope <= kWidestRope && k_rope.stride(1) == 1) {
    return Attention::apply(q, kv, k_rope, cos_sin, &layout, &shape);
  }
  return reference_attention(q, kv, k_rope, cos_sin, layout, shape);
}

}  // namespace jaju::train
