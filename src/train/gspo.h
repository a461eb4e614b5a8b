// Group sequence policy optimization (GSPO, arXiv 2507.18071): the arithmetic, without rollouts or optimizer.
//
// A group is several answers to one prompt. Its advantages are the rewards, centred and divided by their
// standard deviation (section 4.1). The policy's ratio belongs to the whole answer, not to its tokens: s =
// exp(mean over its tokens of new - old log-probability), so that routing that changes for single tokens
// averages out. The objective is the mean over answers of min(s A, clip(s, 1 - low, 1 + high) A): the
// sequence's clip range is some 1e-4, far smaller than PPO's. There is no KL term.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "train/model.h"

namespace jaju::train {

// A's of one group, 0 for all when the rewards are equal (which DAPO drops beforehand).
std::vector<double> group_advantages(std::span<const double> rewards);

// One answer to learn from.
struct Sample {
  const std::vector<int32_t>* prompt = nullptr;  // borrowed
  const std::vector<int32_t>* answer = nullptr;  // borrowed; at least one token, the stop token included
  double advantage = 0;
};

// Answers packed into one forward pass, in order.
struct SampleBatch {
  Batch batch;              // a document per answer: prompt and answer without its last token
  torch::Tensor sequence;   // (N) int64: which answer a token belongs to
  torch::Tensor length;     // (answers) f32: its tokens
  torch::Tensor advantage;  // (answers) f32
  int64_t answers() const { return length.size(0); }
  int64_t tokens() const { return batch.tokens.size(0); }
};

SampleBatch pack(std::span<const Sample> samples, torch::Device device);
// Cuts `samples` into runs of at most `batch_tokens` tokens (at least one answer each): begin indices and the
// end.
std::vector<size_t> cut(std::span<const Sample> samples, int64_t batch_tokens);

// (answers): mean log-probability of each answer's tokens; `token_log_probs` (N) with 0 where no target is.
torch::Tensor sequence_means(const SampleBatch& packed, const torch::Tensor& token_log_probs);

struct GspoTerms {
  torch::Tensor objective;  // sum over the answers, to be made larger; with gradient
  int64_t clipped = 0;      // answers whose ratio left the range on the side that has no gradient
  double ratio_off = 0;     // sum of |s - 1|
};

// `now` with gradient and `old` without: (answers) means of log-probabilities.
GspoTerms gspo_terms(const torch::Tensor& now, const torch::Tensor& old, const torch::Tensor& advantage,
                     double clip_low, double clip_high);

}  // namespace jaju::train
