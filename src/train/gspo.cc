#include "train/gspo.h"

#include <cmath>

#include "base/check.h"

namespace jaju::train {

std::vector<double> group_advantages(std::span<const double> rewards) {
  const auto n = static_cast<double>(rewards.size());
  double mean = 0;
  bool equal = true;
  for (const double r : rewards) {
    mean += r / n;
    equal = equal && r == rewards[0];
  }
  std::vector<double> advantages(rewards.size(), 0.0);
  if (equal) return advantages;  // not left to rounding: the mean of equal values may differ from them
  double squares = 0;
  for (const double r : rewards) squares += (r - mean) * (r - mean) / n;
  for (size_t i = 0; i < rewards.size(); ++i) advantages[i] = (rewards[i] - mean) / std::sqrt(squares);
  return advantages;
}

SampleBatch pack(std::span<const Sample> samples, torch::Device device) {
  std::vector<int64_t> tokens, targets, sequence;
  std::vector<float> lengths, advantages;
  SampleBatch packed;
  for (size_t i = 0; i < samples.size(); ++i) {
    const std::vector<int32_t>& prompt = *samples[i].prompt;
    const std::vector<int32_t>& answer = *samples[i].answer;
    JAJU_CHECK(!prompt.empty() && !answer.empty());
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    tokens.insert(tokens.end(), answer.begin(), answer.end() - 1);
    targets.insert(targets.end(), prompt.size() - 1, -1);
    targets.insert(targets.end(), answer.begin(), answer.end());
    sequence.resize(tokens.size(), static_cast<int64_t>(i));
    lengths.push_back(static_cast<float>(answer.size()));
    advantages.push_back(static_cast<float>(samples[i].advantage));
    packed.batch.document_ends.push_back(static_cast<int64_t>(tokens.size()));
  }
  packed.batch.tokens = torch::tensor(tokens, torch::kInt64).to(device);
  packed.batch.targets = torch::tensor(targets, torch::kInt64).to(device);
  packed.batch.mtp_targets = torch::full_like(packed.batch.targets, -1);
  packed.sequence = torch::tensor(sequence, torch::kInt64).to(device);
  packed.length = torch::tensor(lengths).to(device);
  packed.advantage = torch::tensor(advantages).to(device);
  return packed;
}

std::vector<size_t> cut(std::span<const Sample> samples, int64_t batch_tokens) {
  std::vector<size_t> edges = {0};
  int64_t tokens = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto more = static_cast<int64_t>(samples[i].prompt->size() + samples[i].answer->size()) - 1;
    if (tokens > 0 && tokens + more > batch_tokens) {
      edges.push_back(i);
      tokens = 0;
    }
    tokens += more;
  }
  if (!samples.empty()) edges.push_back(samples.size());
  return edges;
}

torch::Tensor sequence_means(const SampleBatch& packed, const torch::Tensor& token_log_probs) {
  const torch::Tensor sums = torch::zeros({packed.answers()}, token_log_probs.options())
                                 .index_add(0, packed.sequence, token_log_probs);
  return sums / packed.length.to(token_log_probs.scalar_type());
}

GspoTerms gspo_terms(const torch::Tensor& now, const torch::Tensor& old, const torch::Tensor& advantage,
                     double clip_low, double clip_high) {
  const torch::Tensor a = advantage.to(now.scalar_type());
  const torch::Tensor ratio = (now - old).exp();
  const torch::Tensor free = ratio * a;
  const torch::Tensor clipped = ratio.clamp(1.0 - clip_low, 1.0 + clip_high) * a;
  GspoTerms terms;
  terms.objective = torch::minimum(free, clipped).sum();
  const torch::NoGradGuard no_grad;
  terms.clipped = (clipped < free).sum().item<int64_t>();
  terms.ratio_off = (ratio - 1).abs().sum().item<double>();
  return terms;
}

}  // namespace jaju::train
