#include "train/matmul.h"

#include <algorithm>

#include "train/bf16_product.h"

namespace jaju::train {
namespace {

using torch::Tensor;

const uint16_t* bits(const Tensor& t) {
  return static_cast<const uint16_t*>(t.data_ptr());
}
uint16_t* mutable_bits(const Tensor& t) {
  return static_cast<uint16_t*>(t.data_ptr());
}

void multiply(const Tensor& a, const Tensor& packed, int64_t cols, const Tensor& out) {
  Bf16Product p;
  p.rows = a.size(0);
  p.cols = cols;
  p.depth = a.size(1);
  p.a = bits(a);
  p.a_stride = a.stride(0);
  p.packed = bits(packed);
  p.out_stride = out.stride(0);
  if (out.scalar_type() == at::kFloat) {
    p.out_f32 = out.data_ptr<float>();
  } else {
    p.out_bf16 = mutable_bits(out);
  }
  bf16_multiply(p);
}

}  // namespace

bool own_products(at::ScalarType type) {
  return type == at::kBFloat16 && bf16_isa() != Bf16Isa::none;
}

Weight::Weight(const Tensor& w, at::ScalarType type, bool forward, bool backward)
    : out_(w.size(0)), in_(w.size(1)) {
  torch::NoGradGuard no_grad;
  const Tensor plain = w.detach().to(type).contiguous();
  if (!own_products(type)) {
    plain_ = plain;
    return;
  }
  if (forward) {
    forward_ = at::empty({bf16_packed_size(in_, out_)}, plain.options());
    bf16_pack_transposed(bits(plain), in_, in_, out_, mutable_bits(forward_));
  }
  if (backward) {
    backward_ = at::empty({bf16_packed_size(out_, in_)}, plain.options());
    bf16_pack(bits(plain), in_, out_, in_, mutable_bits(backward_));
  }
}

void Weight::apply(const Tensor& x, const Tensor& y) const {
  if (forward_.defined()) {
    multiply(x, forward_, out_, y);
  } else {
    Tensor out = y;
    at::mm_out(out, x, plain_.t());
  }
}

void Weight::apply_transposed(const Tensor& dy, const Tensor& dx) const {
  if (backward_.defined()) {
    multiply(dy, backward_, in_, dx);
  } else {
    Tensor out = dx;
    at::mm_out(out, dy, plain_);
  }
}

void add_outer(const Tensor& dy, const Tensor& x, const Tensor& dw) {
  if (!own_products(dy.scalar_type())) {
    Tensor out = dw;
    out.add_(at::mm(dy.t(), x));
    return;
  }
  // A chunk of rows at a time, so that its two reordered copies stay in cache.
  constexpr int64_t kChunk = 512;
  const int64_t rows = x.size(0);
  const int64_t room = std::min(kChunk, (rows + 31) / 32 * 32);
  const Tensor left = at::empty({dw.size(0), room}, dy.options());
  const Tensor right = at::empty({bf16_packed_size(room, dw.size(1))}, x.options());
  Bf16Product p;
  p.rows = dw.size(0);
  p.cols = dw.size(1);
  p.a = bits(left);
  p.a_stride = room;
  p.packed = bits(right);
  p.out_f32 = dw.data_ptr<float>();
  p.out_stride = dw.stride(0);
  p.add = true;
  for (int64_t first = 0; first < rows; first += kChunk) {
    const int64_t n = std::min(kChunk, rows - first);
    p.depth = (n + 31) / 32 * 32;
    bf16_transpose(bits(dy) + first * dy.stride(0), dy.stride(0), n, p.rows, mutable_bits(left), room);
    bf16_pack(bits(x) + first * x.stride(0), x.stride(0), n, p.cols, mutable_bits(right));
    bf16_multiply(p);
  }
}

}  // namespace jaju::train
