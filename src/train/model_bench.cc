// Tokens per second of the model's forward and backward pass, and the share of this machine's own matmul
// speed.
//   train_core_bench [hidden] [layers] [experts] [expert_inner] [tokens] [f32|bf16] [steps] [threads]
// cpu_ms is processor time, of all threads: it stays steady on a machine that does other work, too.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "cli/train_environment.h"
#include "train/loops.h"
#include "train/model.h"

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// FLOP/s of one matmul shape the model has many of, repeated for a quarter of a second; the best run counts.
double matmul_peak(at::ScalarType type) {
  torch::NoGradGuard no_grad;
  const auto a = at::randn({2048, 512}).to(type), b = at::randn({512, 512}).to(type);
  double best = 0;
  for (const double end = seconds() + 0.25; seconds() < end;) {
    const double start = seconds();
    at::linear(a, b);
    best = std::max(best, 2.0 * 2048 * 512 * 512 / (seconds() - start));
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  jaju::cli::restart_with_train_environment(argv);
  jaju::train::tune_allocator();
  const auto number = [&](int i, int64_t fallback) { return argc > i ? std::atoll(argv[i]) : fallback; };
  at::set_num_threads(static_cast<int>(number(8, std::thread::hardware_concurrency())));
  jaju::ModelConfig c;
  c.vocab_size = 4096;
  c.hidden_size = number(1, 192);
  c.n_layers = number(2, 6);
  c.n_routed_experts = number(3, 16);
  c.moe_intermediate_size = number(4, 64);
  c.intermediate_size = 2 * c.hidden_size;
  c.n_heads = 4;
  c.q_lora_rank = 96;
  c.kv_lora_rank = 64;
  c.qk_nope_dim = 32;
  c.qk_rope_dim = 16;
  c.v_dim = 32;
  c.n_experts_per_token = 4;
  c.n_group = 1;
  c.topk_group = 1;
  c.n_mtp_layers = 1;
  c.max_context = 512;
  const int64_t tokens = number(5, 8192);
  const std::string wanted = argc > 6 ? argv[6] : "";
  auto precision = jaju::train::default_precision();
  if (wanted == "f32") precision = jaju::train::MatmulPrecision::f32;
  if (wanted == "bf16") precision = jaju::train::MatmulPrecision::bf16;
  const int64_t steps = number(7, 8);

  jaju::train::Model model(c, precision, 1);
  int64_t n_parameters = 0;
  for (const auto& [name, t] : model->trainable()) n_parameters += t.numel();

  jaju::train::Batch batch;
  batch.tokens = at::randint(c.vocab_size, {tokens}, at::kLong);
  batch.targets = at::randint(c.vocab_size, {tokens}, at::kLong);
  batch.mtp_targets = at::randint(c.vocab_size, {tokens}, at::kLong);
  int64_t length = 60;
  for (int64_t end = length; end < tokens; length = 60 + (length * 37) % 141, end += length) {
    batch.document_ends.push_back(end);
  }
  batch.document_ends.push_back(tokens);

  // Multiply-adds of a token: every matrix it passes through, head and embedding's twin included.
  const jaju::ParameterCount count = jaju::count_parameters(c, false, true);
  const int64_t head = c.vocab_size * c.hidden_size;
  const int64_t unvisited =
      (c.n_routed_experts - c.n_experts_per_token) * 3 * c.hidden_size * c.moe_intermediate_size;
  const double per_token = static_cast<double>(count.active - count.embedding + count.mtp - unvisited + head);
  double best = 1e9, forward = 0, cpu = 1e9;
  for (int64_t i = 0; i < steps; ++i) {
    const double start = seconds();
    const double cpu_start = cpu_seconds();
    const auto losses = model->losses(batch, true);
    const auto total = losses.main + 0.3 * losses.mtp + 1e-4 * losses.sequence;
    const double middle = seconds();
    total.backward();
    for (auto& [name, t] : model->trainable()) t.mutable_grad() = at::Tensor();
    cpu = std::min(cpu, cpu_seconds() - cpu_start);
    if (seconds() - start < best) {
      best = seconds() - start;
      forward = middle - start;
    }
  }
  const bool bf16 = precision == jaju::train::MatmulPrecision::bf16;
  const double speed = 6.0 * per_token * static_cast<double>(tokens) / best;
  const double peak = matmul_peak(bf16 ? at::kBFloat16 : at::kFloat);
  std::printf(
      "{\"parameters\": %lld, \"tokens\": %lld, \"matmul\": \"%s\", \"loops\": \"%s\", \"ms\": %.1f, "
      "\"forward_ms\": %.1f, \"cpu_ms\": %.1f, \"tokens_per_s\": %.0f, \"gflop_per_s\": %.1f, "
      "\"matmul_peak_gflop_per_s\": %.1f, \"share\": %.3f}\n",
      static_cast<long long>(n_parameters), static_cast<long long>(tokens), bf16 ? "bf16" : "f32",
      jaju::train::loops().name, best * 1e3, forward * 1e3, cpu * 1e3, static_cast<double>(tokens) / best,
      speed * 1e-9, peak * 1e-9, speed / peak);
}
