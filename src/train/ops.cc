#include "train/ops.h"

#include <atomic>

#include "base/check.h"
#include "train/loops.h"
#include "train/matmul.h"
#include "train/parallel.h"

namespace jaju::train {
namespace {

std::atomic<bool> reference_only{false};

// Rows of logits that exist at once.
constexpr int64_t kHeadSlice = 1024;
constexpr int64_t kDeviceHeadSlice = 16384;  // on a GPU a small product costs as much as a large one

at::ScalarType sum_type(const Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

int64_t head_slice(const Tensor& hidden) {
  return hidden.device().is_cpu() ? kHeadSlice : kDeviceHeadSlice;
}

Tensor reference_log_probs(const Tensor& hidden, const Tensor& head, const Tensor& targets,
                           double temperature) {
  std::vector<Tensor> parts;
  const int64_t slice = head_slice(hidden);
  for (int64_t row = 0; row < hidden.size(0); row += slice) {
    const int64_t end = std::min(row + slice, hidden.size(0));
    Tensor logits = project(hidden.slice(0, row, end), head).to(sum_type(hidden));
    if (temperature != 1.0) logits = logits / temperature;
    const Tensor target = targets.slice(0, row, end);
    const Tensor chosen = at::log_softmax(logits, 1).gather(1, target.clamp_min(0).unsqueeze(1)).squeeze(1);
    parts.push_back(at::where(target >= 0, chosen, at::zeros_like(chosen)));
  }
  return at::cat(parts);
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool is_bf16(const Tensor& x) {
  return x.scalar_type() == at::kBFloat16;
}

// Rows with a stride of their own but contiguous columns.
Tensor with_plain_rows(const Tensor& x) {
  return x.stride(-1) == 1 ? x : x.contiguous();
}

// Gradients of a weight shared by all rows: summed per piece, then over the pieces. Their number is fixed, so
// the sum has one order whatever the threads.
constexpr int64_t kPieces = 32;

class Norm : public torch::autograd::Function<Norm> {
 public:
  static variable_list forward(AutogradContext* ctx, const Tensor& x_in, const MaybeTensor& delta_in,
                               const Tensor& w, double eps, int64_t out_type) {
    const Tensor x = with_plain_rows(x_in);
    const Tensor delta = delta_in.has_value() ? delta_in->contiguous() : Tensor();
    const int64_t rows = x.size(0);
    const Tensor y = at::empty(x.sizes(), x.options().dtype(static_cast<at::ScalarType>(out_type)));
    const Tensor sum = delta.defined() ? at::empty(x.sizes(), x.options()) : Tensor();
    const Tensor inverse = at::empty({rows}, x.options().dtype(at::kFloat));
    NormRows a;
    a.cols = x.size(1);
    a.eps = static_cast<float>(eps);
    a.weight = w.data_ptr<float>();
    a.x = x.data_ptr();
    a.x_bf16 = is_bf16(x);
    a.x_stride = x.stride(0);
    a.delta = delta.defined() ? delta.data_ptr() : nullptr;
    a.sum = delta.defined() ? sum.data_ptr<float>() : nullptr;
    a.y = y.data_ptr();
    a.y_bf16 = is_bf16(y);
    a.inverse = inverse.data_ptr<float>();
    over_rows(rows, [&](int64_t first, int64_t last) { loops().norm(a, first, last); });
    ctx->save_for_backward({delta.defined() ? sum : x, w, inverse});
    ctx->saved_data["delta"] = delta.defined();
    ctx->set_materialize_grads(false);
    if (delta.defined()) return {sum, y};
    return {y};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& w = saved[1];
    const bool with_delta = ctx->saved_data["delta"].toBool();
    const Tensor grad_y = grads.back().defined() ? grads.back().contiguous() : Tensor();
    const Tensor grad_sum = with_delta && grads[0].defined() ? grads[0].contiguous() : Tensor();
    const int64_t rows = x.size(0);
    const int64_t cols = x.size(1);
    const Tensor grad_x = at::empty({rows, cols}, x.options());
    const Tensor partial = at::zeros({kPieces, cols}, w.options());
    NormBackward a;
    a.cols = cols;
    a.weight = w.data_ptr<float>();
    a.x = x.data_ptr();
    a.x_bf16 = is_bf16(x);
    a.x_stride = x.stride(0);
    a.inverse = saved[2].data_ptr<float>();
    if (grad_y.defined()) {
      a.grad_y = grad_y.data_ptr();
      a.y_bf16 = is_bf16(grad_y);
    }
    a.grad_sum = grad_sum.defined() ? grad_sum.data_ptr<float>() : nullptr;
    a.grad_x = grad_x.data_ptr();
    Tensor grad_delta = with_delta ? grad_x : Tensor();
    if (with_delta && grad_y.defined() && is_bf16(grad_y)) {
      grad_delta = at::empty({rows, cols}, grad_y.options());
      a.grad_x_bf16 = static_cast<uint16_t*>(grad_delta.data_ptr());
    }
    over_tasks(kPieces, [&](int64_t piece) {
      loops().norm_backward(a, rows * piece / kPieces, rows * (piece + 1) / kPieces,
                            partial.data_ptr<float>() + piece * cols);
    });
    return {grad_x, grad_delta, partial.sum(0), Tensor(), Tensor()};
  }
};

class Swiglu : public torch::autograd::Function<Swiglu> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& gate_up_in) {
    const Tensor gate_up = gate_up_in.contiguous();
    const Tensor out = at::empty({gate_up.size(0), gate_up.size(1) / 2}, gate_up.options());
    SwigluRows a;
    a.inner = out.size(1);
    a.bf16 = is_bf16(out);
    a.gate_up = gate_up.data_ptr();
    a.out = out.data_ptr();
    over_rows(out.size(0), [&](int64_t first, int64_t last) { loops().swiglu(a, first, last); });
    ctx->save_for_backward({gate_up});
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const Tensor gate_up = ctx->get_saved_variables()[0];
    const Tensor grad_out = grads[0].contiguous();
    const Tensor grad = at::empty_like(gate_up);
    SwigluRows a;
    a.inner = gate_up.size(1) / 2;
    a.bf16 = is_bf16(gate_up);
    a.gate_up = gate_up.data_ptr();
    a.grad_out = grad_out.data_ptr();
    a.grad_gate_up = grad.data_ptr();
    over_rows(gate_up.size(0), [&](int64_t first, int64_t last) { loops().swiglu_backward(a, first, last); });
    return {grad};
  }
};

// Head and loss, a slice of rows at a time. All targets are valid.
struct HeadPass {
  Tensor hidden;   // (rows, cols)
  Tensor head;     // (vocab, cols) in the type of hidden
  Tensor targets;  // (rows) int64
  float inverse_temperature = 1;

  // Fills log_p; with row_grad also grad_hidden and grad_head of the sum of row_grad * log_p.
  void run(const Tensor& log_p, const float* row_grad, const Tensor& grad_hidden,
           const Tensor& grad_head) const {
    const int64_t rows = hidden.size(0);
    const bool own = own_products(hidden.scalar_type());
    const bool with_grad = row_grad != nullptr;
    const Weight weight = own ? Weight(head, hidden.scalar_type(), true, with_grad) : Weight();
    for (int64_t first = 0; first < rows; first += kHeadSlice) {
      const int64_t last = std::min(first + kHeadSlice, rows);
      if (own) {
        slice_by_own_products(weight, first, last, log_p, row_grad, grad_hidden, grad_head);
        continue;
      }
      const Tensor h = hidden.slice(0, first, last);
      const Tensor logits = at::mm(h, head.t());
      CrossEntropyRows a = loss_rows(logits, logits, first, log_p, row_grad);
      over_rows(last - first, [&](int64_t from, int64_t to) { loops().cross_entropy(a, from, to); });
      if (!with_grad) continue;
      Tensor out = grad_hidden.slice(0, first, last);
      at::mm_out(out, logits, head);
      grad_head.add_(at::mm(logits.t(), h));
    }
  }

 private:
  CrossEntropyRows loss_rows(const Tensor& logits, const Tensor& grad, int64_t first, const Tensor& log_p,
                             const float* row_grad) const {
    CrossEntropyRows a;
    a.vocab = head.size(0);
    a.bf16 = is_bf16(logits);
    a.logits = logits.data_ptr();
    a.targets = targets.data_ptr<int64_t>() + first;
    a.inverse_temperature = inverse_temperature;
    a.log_p = log_p.data_ptr<float>() + first;
    if (row_grad != nullptr) {
      a.row_grad = row_grad + first;
      a.grad = grad.data_ptr();
      a.grad_bf16 = is_bf16(grad);
    }
    return a;
  }

  // Few rows at a time, so that their f32 logits stay in a core's cache; then blocks of the vocabulary, each
  // the one owner of its rows of the head's gradient.
  void slice_by_own_products(const Weight& weight, int64_t first, int64_t last, const Tensor& log_p,
                             const float* row_grad, const Tensor& grad_hidden,
                             const Tensor& grad_head) const {
    constexpr int64_t kRows = 64;
    constexpr int64_t kVocabBlock = 256;
    const int64_t vocab = head.size(0);
    const bool with_grad = row_grad != nullptr;
    const Tensor grad = with_grad ? at::empty({last - first, vocab}, hidden.options()) : Tensor();
    over_tasks((last - first + kRows - 1) / kRows, [&](int64_t task) {
      torch::NoGradGuard no_grad;
      const int64_t begin = first + task * kRows;
      const int64_t end = std::min(begin + kRows, last);
      const Tensor logits = at::empty({end - begin, vocab}, log_p.options());
      weight.apply(hidden.slice(0, begin, end), logits);
      const Tensor grad_rows = with_grad ? grad.slice(0, begin - first, end - first) : logits;
      loops().cross_entropy(loss_rows(logits, grad_rows, begin, log_p, row_grad), 0, end - begin);
      if (with_grad) weight.apply_transposed(grad_rows, grad_hidden.slice(0, begin, end));
    });
    if (!with_grad) return;
    over_tasks((vocab + kVocabBlock - 1) / kVocabBlock, [&](int64_t task) {
      torch::NoGradGuard no_grad;
      const int64_t begin = task * kVocabBlock;
      const int64_t end = std::min(begin + kVocabBlock, vocab);
      add_outer(grad.slice(1, begin, end), hidden.slice(0, first, last), grad_head.slice(0, begin, end));
    });
  }
};

// x w^T by bf16_product.h: rows in short chunks, so that no shape is ever new to a library.
class Project : public torch::autograd::Function<Project> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x_in, const Tensor& w) {
    const Tensor x = x_in.contiguous();
    const Weight weight(w, x.scalar_type(), true, false);
    const Tensor out = at::empty({x.size(0), w.size(0)}, x.options());
    over_tasks((x.size(0) + kChunk - 1) / kChunk, [&](int64_t task) {
      torch::NoGradGuard no_grad;
      const int64_t end = std::min((task + 1) * kChunk, x.size(0));
      weight.apply(x.slice(0, task * kChunk, end), out.slice(0, task * kChunk, end));
    });
    ctx->save_for_backward({x, w});
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& w = saved[1];
    const Tensor grad = grads[0].contiguous();
    const Weight weight(w, x.scalar_type(), false, true);
    const Tensor grad_x = at::empty_like(x);
    const int64_t rows = x.size(0);
    const Tensor partial = at::zeros({kWeightPieces, w.size(0), w.size(1)}, w.options());
    over_tasks(kWeightPieces, [&](int64_t piece) {
      torch::NoGradGuard no_grad;
      const int64_t last = rows * (piece + 1) / kWeightPieces;
      const Tensor sum = partial[piece];
      for (int64_t first = rows * piece / kWeightPieces; first < last; first += kChunk) {
        const int64_t end = std::min(first + kChunk, last);
        const Tensor g = grad.slice(0, first, end);
        weight.apply_transposed(g, grad_x.slice(0, first, end));
        add_outer(g, x.slice(0, first, end), sum);
      }
    });
    return {grad_x, partial.sum(0)};
  }

 private:
  static constexpr int64_t kChunk = 256;
  static constexpr int64_t kWeightPieces = 8;
};

class Narrow : public torch::autograd::Function<Narrow> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x_in, const Tensor& w) {
    const Tensor x = x_in.contiguous();
    const Tensor out = at::empty({x.size(0), w.size(0)}, w.options());
    const Tensor weight = at::constant_pad_nd(w.t(), {0, padding(w.size(0))}).contiguous();
    NarrowRows a = rows_of(x, w);
    a.weight = weight.data_ptr<float>();
    a.out = out.data_ptr<float>();
    over_rows(x.size(0), [&](int64_t first, int64_t last) {
      std::vector<float> scratch(static_cast<size_t>(narrow_scratch(a)));
      loops().narrow(a, first, last, scratch.data());
    });
    ctx->save_for_backward({x, w});
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& w = saved[1];
    const Tensor grad = grads[0].contiguous();
    const Tensor weight = at::constant_pad_nd(w, {0, padding(w.size(1))}).contiguous();
    const Tensor grad_x = at::empty_like(x);
    const Tensor partial = at::zeros({kPieces, weight.size(0), weight.size(1)}, w.options());
    NarrowRows a = rows_of(x, w);
    a.weight = weight.data_ptr<float>();
    a.grad_out = grad.data_ptr<float>();
    a.grad_x = grad_x.data_ptr();
    over_tasks(kPieces, [&](int64_t piece) {
      std::vector<float> scratch(static_cast<size_t>(narrow_scratch(a)));
      loops().narrow_backward(a, x.size(0) * piece / kPieces, x.size(0) * (piece + 1) / kPieces,
                              scratch.data(), partial.data_ptr<float>() + piece * weight.numel());
    });
    return {grad_x, partial.sum(0).slice(1, 0, w.size(1))};
  }

 private:
  static int64_t padding(int64_t n) { return (n + 15) / 16 * 16 - n; }
  static NarrowRows rows_of(const Tensor& x, const Tensor& w) {
    NarrowRows a;
    a.cols = x.size(1);
    a.outs = w.size(0);
    a.bf16 = is_bf16(x);
    a.x = x.data_ptr();
    return a;
  }
};

// Scalar mean loss; its gradient is ready when the loss is, and only scaled on the way back.
class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& hidden, const Tensor& head, const Tensor& targets,
                        bool with_grad) {
    const int64_t rows = hidden.size(0);
    const HeadPass pass{hidden.contiguous(), head.to(hidden.scalar_type()), targets.contiguous()};
    const Tensor log_p = at::empty({rows}, head.options());
    if (with_grad) {
      const std::vector<float> row_grad(static_cast<size_t>(rows), -1.0f / static_cast<float>(rows));
      const Tensor grad_hidden = at::empty_like(pass.hidden);
      const Tensor grad_head = at::zeros_like(head);
      pass.run(log_p, row_grad.data(), grad_hidden, grad_head);
      ctx->save_for_backward({grad_hidden, grad_head});
    } else {
      pass.run(log_p, nullptr, {}, {});
    }
    return (-log_p.mean(at::kDouble)).to(at::kFloat);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const double g = grads[0].item<double>();
    if (g == 1.0) return {saved[0], saved[1], Tensor(), Tensor()};
    return {saved[0] * g, saved[1] * g, Tensor(), Tensor()};
  }
};

class LogProbs : public torch::autograd::Function<LogProbs> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& hidden, const Tensor& head, const Tensor& targets,
                        double temperature) {
    const HeadPass pass = make(hidden.contiguous(), head, targets.contiguous(), temperature);
    const Tensor log_p = at::empty({hidden.size(0)}, head.options());
    pass.run(log_p, nullptr, {}, {});
    ctx->save_for_backward({pass.hidden, head, pass.targets});
    ctx->saved_data["temperature"] = temperature;
    return log_p;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const HeadPass pass = make(saved[0], saved[1], saved[2], ctx->saved_data["temperature"].toDouble());
    const Tensor row_grad = grads[0].contiguous();
    const Tensor log_p = at::empty_like(row_grad);
    const Tensor grad_hidden = at::empty_like(pass.hidden);
    const Tensor grad_head = at::zeros_like(saved[1]);
    pass.run(log_p, row_grad.data_ptr<float>(), grad_hidden, grad_head);
    return {grad_hidden, grad_head, Tensor(), Tensor()};
  }

 private:
  static HeadPass make(const Tensor& hidden, const Tensor& head, const Tensor& targets, double temperature) {
    return {hidden, head.to(hidden.scalar_type()), targets, static_cast<float>(1.0 / temperature)};
  }
};

}  // namespace

void force_reference(bool on) {
  reference_only = on;
}

bool use_fused(const Tensor& x) {
  return !reference_only && x.device().is_cpu() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

Tensor project_f32(const Tensor& x, const Tensor& w) {
  if (use_fused(x)) return Narrow::apply(x, w);
  return at::linear(x.to(w.scalar_type()), w);
}

Tensor project(const Tensor& x, const Tensor& w) {
  if (use_fused(x) && own_products(x.scalar_type())) return Project::apply(x, w);

  return at::linear(x, w.to(x.scalar_type()));
}

Tensor rms_norm(const Tensor& x, const Tensor& w, double eps, at::ScalarType out) {
  if (use_fused(x)) return Norm::apply(x, MaybeTensor(), w, eps, static_cast<int64_t>(out))[0];
  const Tensor wide = x.to(sum_type(x));
  return (wide * at::rsqrt(wide.square().mean(-1, true) + eps) * w).to(out);
}

std::pair<Tensor, Tensor> add_rms_norm(const Tensor& x, const Tensor& delta, const Tensor& w, double eps,
                                       at::ScalarType out) {
  if (use_fused(x) && delta.scalar_type() == out) {
    const variable_list both = Norm::apply(x, MaybeTensor(delta), w, eps, static_cast<int64_t>(out));
    return {both[0], both[1]};
  }
  const Tensor sum = x + delta;
  return {sum, rms_norm(sum, w, eps, out)};
}

Tensor swiglu(const Tensor& gate_up) {
  if (use_fused(gate_up)) return Swiglu::apply(gate_up);
  const int64_t inner = gate_up.size(-1) / 2;
  // A GPU computes each in f32 and only rounds what it stores; wide copies would cost it more than the sums.
  const Tensor wide = gate_up.device().is_cpu() ? gate_up.to(sum_type(gate_up)) : gate_up;
  return (at::silu(wide.slice(-1, 0, inner)) * wide.slice(-1, inner)).to(gate_up.scalar_type());
}

Tensor cross_entropy(const Tensor& hidden, const Tensor& head, const Tensor& targets) {
  const Tensor rows = at::nonzero(targets >= 0).squeeze(1);
  if (rows.numel() == 0) return hidden.sum().to(sum_type(hidden)) * 0;
  if (use_fused(hidden)) {
    const bool with_grad = torch::GradMode::is_enabled() && (hidden.requires_grad() || head.requires_grad());
    const bool all = rows.numel() == hidden.size(0);
    return CrossEntropy::apply(all ? hidden : hidden.index_select(0, rows), head,
                               targets.index_select(0, rows), with_grad);
  }
  const bool all = rows.numel() == hidden.size(0);
  const Tensor counted = all ? hidden : fetch(hidden, rows);
  const Tensor wanted = targets.index_select(0, rows);
  const int64_t slice = head_slice(hidden);
  Tensor sum;
  for (int64_t row = 0; row < counted.size(0); row += slice) {
    const int64_t end = std::min(row + slice, counted.size(0));
    const Tensor logits = project(counted.slice(0, row, end), head).to(sum_type(hidden));
    const Tensor part = at::cross_entropy_loss(logits, wanted.slice(0, row, end), {}, at::Reduction::Sum);
    sum = sum.defined() ? sum + part : part;
  }
  return sum / static_cast<double>(counted.size(0));
}

Tensor log_probs(const Tensor& hidden, const Tensor& head, const Tensor& targets, double temperature) {
  if (use_fused(hidden)) {
    const Tensor rows = at::nonzero(targets >= 0).squeeze(1);
    const Tensor all = at::zeros({hidden.size(0)}, head.options());
    if (rows.numel() == 0) return all + 0 * hidden.sum().to(at::kFloat);
    const Tensor chosen =
        LogProbs::apply(hidden.index_select(0, rows), head, targets.index_select(0, rows), temperature);
    return all.index_copy(0, rows, chosen);
  }
  return reference_log_probs(hidden, head, targets, temperature);
}

}  // namespace jaju::train
