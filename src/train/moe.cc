#include "train/moe.h"

#include <cstring>
#include <limits>

#include "model/router.h"
#include "train/loops.h"
#include "train/matmul.h"
#include "train/parallel.h"

namespace jaju::train {
namespace {

// The n largest of each row, the lower index first on ties, ascending.
Tensor largest(const Tensor& values, int64_t n) {
  const Tensor order = std::get<1>(at::sort(values, /*stable=*/true, /*dim=*/-1, /*descending=*/true));
  return std::get<0>(order.slice(-1, 0, n).sort(-1));
}

Tensor reference_ids(const Tensor& scores, const Tensor& bias, const ModelConfig& c) {
  torch::NoGradGuard no_grad;
  Tensor choice = scores + bias;
  if (c.n_group > 1) {
    const Tensor groups = choice.view({choice.size(0), c.n_group, -1});
    const Tensor group_scores = std::get<0>(groups.topk(2, -1)).sum(-1);
    const Tensor open = at::zeros_like(group_scores).scatter_(1, largest(group_scores, c.topk_group), 1.0);
    const Tensor closed = (open == 0).unsqueeze(-1).expand_as(groups);
    choice = groups.masked_fill(closed, -std::numeric_limits<float>::infinity()).flatten(1);
  }
  return largest(choice, c.n_experts_per_token);
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The router's own choice (model/router.h), document by document, with the balance loss beside it.
class Route : public torch::autograd::Function<Route> {
 public:
  static variable_list forward(AutogradContext* ctx, const Tensor& logits, const Tensor& bias_in,
                               const Layout* layout, const ModelConfig* c) {
    const int64_t n = logits.size(0);
    const int64_t experts = logits.size(1);
    const int64_t top_k = c->n_experts_per_token;
    const Tensor scores = logits.detach().clone(at::MemoryFormat::Contiguous);
    const Tensor bias = bias_in.contiguous();
    const Tensor ids = at::empty({n, top_k}, logits.options().dtype(at::kLong));
    const Tensor weights = at::empty({n, top_k}, logits.options());
    // Per document: visits of each expert, scaled to a mean of 1 (f), and the mean share of its score (P).
    const Tensor visits = at::zeros({layout->n_documents(), experts}, logits.options());
    const Tensor balance = at::zeros({layout->n_documents()}, logits.options().dtype(at::kDouble));
    over_tasks(layout->n_documents(), [&](int64_t d) {
      const auto width = static_cast<size_t>(experts);
      std::vector<int32_t> chosen(static_cast<size_t>(top_k));
      std::vector<double> share(width, 0.0);
      float* const f = visits.data_ptr<float>() + d * experts;
      for (int64_t i = layout->starts[static_cast<size_t>(d)]; i < layout->ends[static_cast<size_t>(d)];
           ++i) {
        float* const row = scores.data_ptr<float>() + i * experts;
        route_token(*c, {row, width}, {bias.data_ptr<float>(), width}, chosen.data(),
                    weights.data_ptr<float>() + i * top_k);
        for (int64_t k = 0; k < top_k; ++k) {
          ids.data_ptr<int64_t>()[i * top_k + k] = chosen[static_cast<size_t>(k)];
          f[chosen[static_cast<size_t>(k)]] += 1;
        }
        float sum = 0;
        for (int64_t e = 0; e < experts; ++e) sum += row[e];
        for (int64_t e = 0; e < experts; ++e)
          share[static_cast<size_t>(e)] += static_cast<double>(row[e] / sum);
      }
      const auto length = static_cast<double>(layout->length(d));
      double loss = 0;
      for (int64_t e = 0; e < experts; ++e) {
        f[e] *= static_cast<float>(static_cast<double>(experts) / (static_cast<double>(top_k) * length));
        loss += static_cast<double>(f[e]) * share[static_cast<size_t>(e)];
      }
      balance.data_ptr<double>()[d] = loss;
    });
    ctx->save_for_backward({scores, ids, visits});
    ctx->saved_data["ends"] = layout->ends;
    ctx->saved_data["normed"] = c->norm_topk_prob;
    ctx->saved_data["factor"] = c->routed_scaling_factor;
    ctx->mark_non_differentiable({ids});
    return {ids, weights, (balance.sum() / static_cast<double>(n)).to(at::kFloat)};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Layout layout(ctx->saved_data["ends"].toIntVector());
    const bool normed = ctx->saved_data["normed"].toBool();
    const auto factor = static_cast<float>(ctx->saved_data["factor"].toDouble());
    const int64_t experts = saved[0].size(1);
    const int64_t top_k = saved[1].size(1);
    const Tensor grad_weights = grads[1].contiguous();
    const float balance = grads[2].item<float>() / static_cast<float>(saved[0].size(0));
    const Tensor grad = at::empty_like(saved[0]);
    over_tasks(layout.n_documents(), [&](int64_t d) {
      const float* const f = saved[2].data_ptr<float>() + d * experts;
      for (int64_t i = layout.starts[static_cast<size_t>(d)]; i < layout.ends[static_cast<size_t>(d)]; ++i) {
        const float* const s = saved[0].data_ptr<float>() + i * experts;
        const int64_t* const ids = saved[1].data_ptr<int64_t>() + i * top_k;
        const float* const gw = grad_weights.data_ptr<float>() + i * top_k;
        float* const g = grad.data_ptr<float>() + i * experts;
        // balance: f . s / sum(s)
        float sum = 0, mixed = 0;
        for (int64_t e = 0; e < experts; ++e) {
          sum += s[e];
          mixed += f[e] * s[e];
        }
        for (int64_t e = 0; e < experts; ++e) g[e] = balance / sum * (f[e] - mixed / sum);
        // weights: factor * s_k / sum of the chosen
        float chosen = 0, dot = 0;
        for (int64_t k = 0; k < top_k; ++k) {
          chosen += s[ids[k]];
          dot += gw[k] * s[ids[k]];
        }
        for (int64_t k = 0; k < top_k; ++k) {
          g[ids[k]] += normed ? factor / chosen * (gw[k] - dot / chosen) : factor * gw[k];
        }
        for (int64_t e = 0; e < experts; ++e) g[e] *= s[e] * (1.0f - s[e]);
      }
    });
    return {grad, Tensor(), Tensor(), Tensor()};
  }
};

// All experts of one layer. Visits are sorted by expert; each expert is one task from its gathered rows to
// its packed output, so what it touches stays in a core's cache. The routing weight scales the inner
// activations: down is linear.
class Experts : public torch::autograd::Function<Experts> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x_in, const Tensor& weights_in,
                        const MaybeTensor& base_in, const Tensor& gate_up_in, const Tensor& down_in,
                        const Tensor& ids) {
    const Tensor x = x_in.contiguous();
    const Tensor weights = weights_in.contiguous();
    const Tensor base = base_in.has_value() ? base_in->contiguous() : Tensor();
    const Tensor gate_up = gate_up_in.detach().to(x.scalar_type());
    const Tensor down = down_in.detach().to(x.scalar_type());
    const int64_t n_visits = ids.numel();
    const int64_t top_k = ids.size(1);
    const int64_t experts = gate_up.size(0);
    const int64_t hidden = x.size(1);
    const int64_t inner = down.size(2);

    std::vector<int64_t> starts(static_cast<size_t>(experts) + 1, 0);
    const int64_t* const id = ids.data_ptr<int64_t>();
    for (int64_t v = 0; v < n_visits; ++v) ++starts[static_cast<size_t>(id[v]) + 1];
    for (size_t e = 1; e < starts.size(); ++e) starts[e] += starts[e - 1];
    const Tensor slots = at::empty({n_visits}, at::kInt);  // of visit v: its packed row
    const Tensor rows = at::empty({n_visits}, at::kInt);   // of a packed row: its row in x
    const Tensor packed_weights = at::empty({n_visits}, weights.options());
    std::vector<int64_t> next(starts.begin(), starts.end() - 1);
    auto* const slot_of = slots.data_ptr<int32_t>();
    auto* const row_of = rows.data_ptr<int32_t>();
    auto* const weight_of = packed_weights.data_ptr<float>();
    const auto* const weight = weights.data_ptr<float>();
    for (int64_t v = 0; v < n_visits; ++v) {
      const int64_t slot = next[static_cast<size_t>(id[v])]++;
      slot_of[v] = static_cast<int32_t>(slot);
      row_of[slot] = static_cast<int32_t>(v / top_k);
      weight_of[slot] = weight[v];
    }

    const Tensor input = at::empty({n_visits, hidden}, x.options());
    const Tensor both = at::empty({n_visits, 2 * inner}, x.options());
    const Tensor act = at::empty({n_visits, inner}, x.options());
    const Tensor packed = at::empty({n_visits, hidden}, x.options());
    over_tasks(
        experts,
        [&](int64_t e) {
          torch::NoGradGuard no_grad;
          const int64_t first = starts[static_cast<size_t>(e)];
          const int64_t last = starts[static_cast<size_t>(e) + 1];
          if (first == last) return;
          gather(x, rows, first, last, input);
          const auto part = [&](const Tensor& t) { return t.slice(0, first, last); };
          Weight(gate_up[e], x.scalar_type(), true, false).apply(part(input), part(both));
          SwigluRows a = swiglu_rows(both, packed_weights, inner);
          a.out = act.data_ptr();
          loops().swiglu(a, first, last);
          Weight(down[e], x.scalar_type(), true, false).apply(part(act), part(packed));
        },
        !own_products(x.scalar_type()));
    const Tensor out = at::empty_like(x);
    combine(packed, slots, top_k, base, out);
    ctx->save_for_backward({input, both, act, packed_weights, slots, rows, gate_up, down});
    ctx->saved_data["starts"] = starts;
    ctx->saved_data["top_k"] = top_k;
    ctx->saved_data["base"] = base.defined();
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &input = saved[0], &both = saved[1], &act = saved[2], &packed_weights = saved[3];
    const Tensor &slots = saved[4], &rows = saved[5], &gate_up = saved[6], &down = saved[7];
    const auto starts = ctx->saved_data["starts"].toIntVector();
    const int64_t top_k = ctx->saved_data["top_k"].toInt();
    const int64_t n_visits = input.size(0);
    const Tensor grad_out = grads[0].contiguous();
    const Tensor grad_packed = at::empty_like(input);
    const Tensor grad_act = at::empty_like(act);
    const Tensor grad_both = at::empty_like(both);
    const Tensor grad_input = at::empty_like(input);
    const Tensor grad_packed_weights = at::empty_like(packed_weights);
    const Tensor grad_gate_up = at::zeros(gate_up.sizes(), packed_weights.options());
    const Tensor grad_down = at::zeros(down.sizes(), packed_weights.options());
    over_tasks(
        gate_up.size(0),
        [&](int64_t e) {
          torch::NoGradGuard no_grad;
          const int64_t first = starts[static_cast<size_t>(e)];
          const int64_t last = starts[static_cast<size_t>(e) + 1];
          if (first == last) return;
          const auto part = [&](const Tensor& t) { return t.slice(0, first, last); };
          gather(grad_out, rows, first, last, grad_packed);
          Weight(down[e], input.scalar_type(), false, true)
              .apply_transposed(part(grad_packed), part(grad_act));
          add_outer(part(grad_packed), part(act), grad_down[e]);
          SwigluRows a = swiglu_rows(both, packed_weights, act.size(1));
          a.grad_out = grad_act.data_ptr();
          a.grad_gate_up = grad_both.data_ptr();
          a.grad_weight = grad_packed_weights.data_ptr<float>();
          loops().swiglu_backward(a, first, last);
          Weight(gate_up[e], input.scalar_type(), false, true)
              .apply_transposed(part(grad_both), part(grad_input));
          add_outer(part(grad_both), part(input), grad_gate_up[e]);
        },
        !own_products(input.scalar_type()));
    const Tensor grad_x = at::empty_like(grad_out);
    combine(grad_input, slots, top_k, {}, grad_x);
    const Tensor grad_weights = at::empty({n_visits / top_k, top_k}, packed_weights.options());
    const auto* const slot_of = slots.data_ptr<int32_t>();
    const auto* const packed = grad_packed_weights.data_ptr<float>();
    auto* const unpacked = grad_weights.data_ptr<float>();
    for (int64_t v = 0; v < n_visits; ++v) unpacked[v] = packed[slot_of[v]];
    const Tensor grad_base = ctx->saved_data["base"].toBool() ? grad_out : Tensor();
    return {grad_x, grad_weights, grad_base, grad_gate_up, grad_down, Tensor()};
  }

 private:
  static SwigluRows swiglu_rows(const Tensor& both, const Tensor& weights, int64_t inner) {
    SwigluRows a;
    a.inner = inner;
    a.bf16 = both.scalar_type() == at::kBFloat16;
    a.gate_up = both.data_ptr();
    a.row_weight = weights.data_ptr<float>();
    return a;
  }

  static void gather(const Tensor& from, const Tensor& rows, int64_t first, int64_t last, const Tensor& to) {
    const auto bytes = static_cast<size_t>(from.size(1) * static_cast<int64_t>(from.element_size()));
    const auto* const source = static_cast<const char*>(from.data_ptr());
    auto* const target = static_cast<char*>(to.data_ptr());
    const auto* const row_of = rows.data_ptr<int32_t>();
    for (int64_t r = first; r < last; ++r) {
      const auto row = static_cast<size_t>(row_of[r]);
      std::memcpy(target + static_cast<size_t>(r) * bytes, source + row * bytes, bytes);
    }
  }

  static void combine(const Tensor& packed, const Tensor& slots, int64_t top_k, const Tensor& base,
                      const Tensor& out) {
    CombineRows a;
    a.cols = out.size(1);
    a.top_k = top_k;
    a.bf16 = out.scalar_type() == at::kBFloat16;
    a.packed = packed.data_ptr();
    a.slots = slots.data_ptr<int32_t>();
    a.base = base.defined() ? base.data_ptr() : nullptr;
    a.out = out.data_ptr();
    over_rows(out.size(0), [&](int64_t first, int64_t last) { loops().combine(a, first, last); });
  }
};

// (N, hidden), f32 or f64: the weighted sum of the visited experts. Every expert's visits stand side by side,
// padded to the busiest one's, so that all experts are one batched product, and nothing is added up in an
// order that a GPU chooses: visits are copied to places of their own and fetched back.
Tensor padded_experts(const Tensor& x, const Routing& routing, const Tensor& gate_up, const Tensor& down) {
  const int64_t n = x.size(0);
  const int64_t hidden = x.size(1);
  const int64_t top_k = routing.ids.size(1);
  const int64_t experts = gate_up.size(0);
  const Tensor flat = routing.ids.flatten();
  const auto [expert, order] = at::sort(flat, /*stable=*/true, /*dim=*/0, /*descending=*/false);
  const Tensor load = routing.load.to(x.device());
  const Tensor first = load.cumsum(0) - load;
  const int64_t room = load.max().item<int64_t>();
  const Tensor place = at::arange(n * top_k, flat.options()) - first.index_select(0, expert);
  const Tensor slots = at::empty_like(flat).scatter_(0, order, expert * room + place);
  const Tensor visits = x.unsqueeze(1).expand({n, top_k, hidden}).reshape({n * top_k, hidden});
  const Tensor packed = at::zeros({experts * room, hidden}, x.options()).index_copy_(0, slots, visits);
  const Tensor inner =
      swiglu(at::bmm(packed.view({experts, room, hidden}), gate_up.to(x.scalar_type()).transpose(1, 2)));
  const Tensor out = at::bmm(inner, down.to(x.scalar_type()).transpose(1, 2)).flatten(0, 1);
  const auto sums = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return (fetch(out, slots).view({n, top_k, hidden}).to(sums) * routing.weights.to(sums).unsqueeze(2)).sum(1);
}

}  // namespace

Routing route(const Tensor& logits, const Tensor& bias, const Layout& layout, const ModelConfig& c) {
  Routing r;
  const int64_t n = logits.size(0);
  const int64_t n_experts = logits.size(1);
  if (use_fused(logits)) {
    const variable_list parts = Route::apply(logits, bias, &layout, &c);
    r.ids = parts[0];
    r.weights = parts[1];
    r.balance = parts[2];
    r.load = at::bincount(r.ids.flatten(), {}, n_experts);
    return r;
  }
  const Tensor scores = at::sigmoid(logits);
  r.ids = reference_ids(scores, bias, c);
  const Tensor chosen = scores.gather(1, r.ids);
  r.weights = (c.norm_topk_prob ? chosen / (chosen.sum(-1, true) + 1e-20) : chosen) * c.routed_scaling_factor;

  const Padded& padded = layout.padded(logits.device());
  const Tensor inverse = padded.inverse_lengths.to(logits.scalar_type());
  const Tensor empty = at::zeros({layout.n_documents(), n_experts}, logits.options());
  const Tensor visits = at::zeros_like(logits).scatter_(1, r.ids, 1.0);
  r.load = visits.sum(0, false, at::kDouble).to(at::kLong);
  const Tensor share = empty.index_add(0, padded.document, visits) * inverse *
                       (static_cast<double>(n_experts) / static_cast<double>(c.n_experts_per_token));
  const Tensor mean_score = empty.index_add(0, padded.document, scores / scores.sum(-1, true)) * inverse;
  r.balance = (share * mean_score / inverse).sum() / static_cast<double>(n);
  return r;
}

Tensor routed_experts(const Tensor& x, const Routing& routing, const Tensor& gate_up, const Tensor& down,
                      const Tensor& base) {
  if (use_fused(x)) {
    const auto start = base.defined() ? MaybeTensor(base) : MaybeTensor();
    return Experts::apply(x, routing.weights, start, gate_up, down, routing.ids);
  }
  const Tensor sum = padded_experts(x, routing, gate_up, down);
  return (base.defined() ? sum + base : sum).to(x.scalar_type());
}

}  // namespace jaju::train
