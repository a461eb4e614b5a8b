#include "train/optimizer.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <cstring>
#include <map>

#include "base/check.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"

// The loops below are memory-bound but for the square root: worth a copy per vector width, not worth
// intrinsics.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define JAJU_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define JAJU_CLONES
#endif

namespace jaju::train {
namespace {

constexpr int64_t kChunk = 16384;  // elements a thread takes at a time; also fixes the order of sums

struct AdamwFactors {
  float scale, beta1, beta2, one_minus_beta1, one_minus_beta2;
  float inverse_correction1, inverse_correction2;  // 1 / (1 - beta^t)
  float lr, eps, keep;                             // keep: 1 - lr * weight decay
};

JAJU_CLONES void adamw_loop(float* __restrict p, float* __restrict m, float* __restrict v,
                            const float* __restrict g, int64_t n, const AdamwFactors& factors) {
  const AdamwFactors f = factors;
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = g[i] * f.scale;
    const float first = f.beta1 * m[i] + f.one_minus_beta1 * gradient;
    const float second = f.beta2 * v[i] + f.one_minus_beta2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = f.keep * p[i] -
           f.lr * (first * f.inverse_correction1) / (std::sqrt(second * f.inverse_correction2) + f.eps);
  }
}

// Eight partial sums in a fixed order.
JAJU_CLONES double sum_of_squares(const float* x, int64_t n) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t k = 0; k < 8; ++k) lanes[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
  }
  for (int64_t k = 0; i < n; ++i, ++k) lanes[k] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

int64_t chunks_of(int64_t n) {
  return (n + kChunk - 1) / kChunk;
}

// Raw writes go past autograd's version counter; whoever caches something made from the parameter looks at
// it.
void mark_changed(const torch::Tensor& tensor) {
  tensor.unsafeGetTensorImpl()->bump_version();
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

bool is_muon_parameter(const std::string& name, const torch::Tensor& parameter) {
  if (parameter.dim() < 2) return false;
  for (const char* word : {"embed", "lm_head", "shared_head"}) {
    if (name.find(word) != std::string::npos) return false;
  }
  for (const char* end : {"mlp.gate.weight", "mlp.gate", "router", "router.weight", "gate.weight"}) {
    if (ends_with(name, end)) return false;
  }
  return true;
}

Optimizer::Optimizer(const OptimizerConfig& config, NamedTensors parameters, bool bf16_muon)
    : config_(config), bf16_muon_(bf16_muon) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, parameter] : parameters) {
    JAJU_CHECK(parameter.scalar_type() == torch::kFloat32 && parameter.is_contiguous());
    Slot slot;
    slot.name = name;
    slot.parameter = parameter;
    slot.muon = config.kind == OptimizerKind::muon && is_muon_parameter(name, parameter);
    slot.decays = parameter.dim() >= 2;
    slot.m = torch::zeros_like(parameter);
    if (!slot.muon) slot.v = torch::zeros_like(parameter);
    slots_.push_back(std::move(slot));
  }
}

double Optimizer::gradient_norm() const {
  const torch::NoGradGuard no_grad;
  double total = 0;
  std::vector<torch::Tensor> on_device;  // fetched once: each fetch waits for the GPU
  for (const Slot& slot : slots_) {
    const torch::Tensor& gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    if (!gradient.device().is_cpu()) {
      on_device.push_back(gradient.square().sum(torch::kFloat64));
      continue;
    }
    const torch::Tensor flat = gradient.contiguous();
    const float* data = flat.data_ptr<float>();
    const int64_t n = flat.numel();
    std::vector<double> parts(static_cast<size_t>(chunks_of(n)));
    at::parallel_for(0, chunks_of(n), 1, [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        parts[static_cast<size_t>(c)] = sum_of_squares(data + c * kChunk, std::min(kChunk, n - c * kChunk));
      }
    });
    for (const double part : parts) total += part;
  }
  if (!on_device.empty()) total += torch::stack(on_device).sum().item<double>();
  return std::sqrt(total);
}

void Optimizer::step(double lr, double muon_lr, double gradient_scale) {
  const torch::NoGradGuard no_grad;
  ++steps_;
  // Matrices of one shape go through Newton-Schulz together.
  std::map<std::pair<int64_t, int64_t>, std::vector<Slot*>> groups;
  for (Slot& slot : slots_) {
    if (!slot.parameter.grad().defined()) continue;
    if (slot.muon) {
      groups[{slot.parameter.size(-2), slot.parameter.size(-1)}].push_back(&slot);
    } else {
      adamw_step(slot, lr, gradient_scale);
    }
  }
  for (auto& [shape, group] : groups) muon_step(group, muon_lr, gradient_scale);
}

void Optimizer::adamw_step(Slot& slot, double lr, double scale) {
  const double correction1 = 1.0 - std::pow(config_.beta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(config_.beta2, static_cast<double>(steps_));
  const double keep = slot.decays ? 1.0 - lr * config_.weight_decay : 1.0;
  if (!slot.parameter.device().is_cpu()) {
    const torch::Tensor gradient = slot.parameter.grad() * scale;
    slot.m.mul_(config_.beta1).add_(gradient, 1.0 - config_.beta1);
    slot.v.mul_(config_.beta2).addcmul_(gradient, gradient, 1.0 - config_.beta2);
    slot.parameter.mul_(keep).addcdiv_(slot.m / correction1, (slot.v / correction2).sqrt_().add_(config_.eps),
                                       -lr);
    return;
  }
  const AdamwFactors factors{static_cast<float>(scale),
                             static_cast<float>(config_.beta1),
                             static_cast<float>(config_.beta2),
                             static_cast<float>(1.0 - config_.beta1),
                             static_cast<float>(1.0 - config_.beta2),
                             static_cast<float>(1.0 / correction1),
                             static_cast<float>(1.0 / correction2),
                             static_cast<float>(lr),
                             static_cast<float>(config_.eps),
                             static_cast<float>(keep)};
  const torch::Tensor gradient = slot.parameter.grad().contiguous();
  float* p = slot.parameter.data_ptr<float>();
  float* m = slot.m.data_ptr<float>();
  float* v = slot.v.data_ptr<float>();
  const float* g = gradient.data_ptr<float>();
  const int64_t n = slot.parameter.numel();
  at::parallel_for(0, chunks_of(n), 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kChunk;
    adamw_loop(p + first, m + first, v + first, g + first, std::min(end * kChunk, n) - first, factors);
  });
  mark_changed(slot.parameter);
}

void Optimizer::muon_step(std::vector<Slot*>& group, double lr, double scale) {
  std::vector<torch::Tensor> updates;
  for (Slot* slot : group) {
    const torch::Tensor gradient = slot->parameter.grad() * scale;
    slot->m.mul_(config_.muon_momentum).add_(gradient, 1.0 - config_.muon_momentum);
    // Nesterov: look ahead along the momentum.
    torch::Tensor ahead = gradient.lerp_(slot->m, config_.muon_momentum);
    updates.push_back(ahead.view({-1, slot->parameter.size(-2), slot->parameter.size(-1)}));
  }
  const torch::Tensor all = orthogonalise(updates.size() == 1 ? updates.front() : torch::cat(updates),
                                          config_.muon_steps, bf16_muon_);
  const auto rows = static_cast<double>(all.size(1));
  const auto cols = static_cast<double>(all.size(2));
  const double factor = lr * std::sqrt(std::max(1.0, rows / cols));
  int64_t at = 0;
  for (Slot* slot : group) {
    const int64_t count = slot->parameter.numel() / (all.size(1) * all.size(2));
    slot->parameter.mul_(1.0 - lr * config_.muon_weight_decay);
    slot->parameter.add_(all.narrow(0, at, count).view_as(slot->parameter), -factor);
    at += count;
  }
}

void Optimizer::zero_gradients() {
  // Undefined, not zero: autograd then hands over its own buffer without adding.
  for (Slot& slot : slots_) slot.parameter.mutable_grad() = torch::Tensor();
}

NamedTensors Optimizer::state() const {
  NamedTensors all;
  for (const Slot& slot : slots_) {
    all.emplace_back(slot.name + (slot.muon ? ".momentum" : ".m"), slot.m);
    if (!slot.muon) all.emplace_back(slot.name + ".v", slot.v);
  }
  return all;
}

Status Optimizer::write(const std::filesystem::path& file) const {
  const NamedTensors all = state();
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : all) specs.push_back({name, DType::f32, tensor.sizes().vec()});
  JAJU_ASSIGN(const std::unique_ptr<SafetensorsWriter> writer, SafetensorsWriter::create(file, specs));
  for (const auto& [name, tensor] : all) {
    const torch::Tensor host = tensor.to(torch::kCPU).contiguous();
    JAJU_RETURN_IF_ERROR(writer->append(host.data_ptr<float>(), host.numel() * 4));
  }
  return writer->finish();
}

Status Optimizer::read(const std::filesystem::path& file, int64_t steps) {
  const torch::NoGradGuard no_grad;
  JAJU_ASSIGN(const std::unique_ptr<Checkpoint> stored, Checkpoint::open_file(file));
  const NamedTensors all = state();
  if (stored->tensors().size() != all.size()) {
    return error("{} holds {} tensors, this optimizer has {}: was the recipe's [optimizer] changed?",
                 file.string(), stored->tensors().size(), all.size());
  }
  for (const auto& [name, tensor] : all) {
    const StoredTensor* found = stored->find(name);
    if (found == nullptr || found->info.dtype != DType::f32 || found->info.shape != tensor.sizes().vec()) {
      return error(
          "{}: tensor '{}' is missing or has another shape: was the recipe's [optimizer] or [model] changed?",
          file.string(), name);
    }
    torch::Tensor host = torch::empty(tensor.sizes(), torch::kFloat32);
    std::memcpy(host.data_ptr<float>(), found->data, static_cast<size_t>(found->info.bytes));
    torch::Tensor target = tensor;
    target.copy_(host);
  }
  JAJU_RETURN_IF_ERROR(stored->intact());
  steps_ = steps;
  return {};
}

void Optimizer::replace_parameters(NamedTensors parameters) {
  JAJU_CHECK(parameters.size() == slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    JAJU_CHECK(slots_[i].name == parameters[i].first && slots_[i].m.sizes() == parameters[i].second.sizes());
    slots_[i].parameter = parameters[i].second;
  }
}

torch::Tensor orthogonalise(const torch::Tensor& input, int steps, bool bf16) {
  constexpr double kA = 3.4445;
  constexpr double kB = -4.7750;
  constexpr double kC = 2.0315;
  const bool tall = input.size(1) > input.size(2);
  torch::Tensor x = tall ? input.transpose(1, 2).contiguous() : input.contiguous();
  x = x / (x.flatten(1).norm(2, 1, true).unsqueeze(2) + 1e-7);
  if (bf16) x = x.to(torch::kBFloat16);
  for (int i = 0; i < steps; ++i) {
    const torch::Tensor gram = torch::bmm(x, x.transpose(1, 2));
    const torch::Tensor poly = torch::baddbmm(gram, gram, gram, kB, kC);
    x = torch::baddbmm(x, poly, x, kA, 1.0);
  }
  if (bf16) x = x.to(torch::kFloat32);
  return tall ? x.transpose(1, 2).contiguous() : x;
}

}  // namespace jaju::train
