// How far a model's next-token probabilities are from another's over a text: what quantising costs, before
// any answer is scored.
//
// At every position of a sequence but the last, with p the reference's and q the model's probabilities of
// what follows:
//   KL divergence     sum of p ln(p / q), in nats: what coding the reference's tokens by q costs more
//   same likeliest    whether both hold the same token for the likeliest (llama.cpp: "same top p")
//   perplexity        e to the mean of -ln of the probability of the token that does follow
//   change            of that token's probability, q - p
// Intervals are 95 %, from the spread between sequences: positions of one sequence hang together.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/engine.h"
#include "runtime/text_reader.h"

namespace jaju::eval {

struct Estimate {
  double mean = 0;
  // NaN when there is only one sequence.
  double low = 0;
  double high = 0;
};

struct Divergence {
  int64_t sequences = 0;
  int64_t positions = 0;
  Estimate kl;
  // The smallest value that this share of the positions does not exceed; and the largest.
  double kl_median = 0, kl_99 = 0, kl_999 = 0, kl_most = 0;
  Estimate same_top;              // share
  double same_top_of_sure = 0;    // share where the reference gives its likeliest more than one half
  int64_t sure = 0;               // how many positions that are
  Estimate loss, reference_loss;  // nats per token; perplexity is e to this
  Estimate loss_change;           // loss - reference_loss, position by position
  double change_rms = 0;          // of the next token's probability
  bool cancelled = false;         // the figures are of the sequences that were read
};

// Adds up positions. A sequence's positions come together.
class DivergenceTally {
 public:
  void begin_sequence();
  // Logits of one position, and the token that follows it.
  void add(std::span<const float> reference, std::span<const float> model, int32_t next);
  Divergence finish() const;

 private:
  struct Sums {
    double positions = 0, kl = 0, same_top = 0, loss = 0, reference_loss = 0;
  };
  Estimate estimate(double (*of)(const Sums&)) const;

  std::vector<Sums> sequences_;
  std::vector<float> kls_;  // of every position, for the quantiles
  double squared_changes_ = 0;
  int64_t sure_ = 0;
  int64_t sure_same_ = 0;
};

struct CompareOptions {
  std::function<void(int64_t tokens)> on_tokens;  // read so far; may be null
  const std::atomic<bool>* cancel = nullptr;
};
// Reads every sequence with both. Both in f32 as far as their weights let them (packed ones round their
// inputs). Errors: vocabularies of different sizes, a sequence longer than a step of either engine, NaN as a
// logit, the engines'.
Result<Divergence> compare(Engine& model, Engine& reference, std::span<const TokenSequence> sequences,
                           const CompareOptions& options);

std::string to_text(const Divergence& d);
nlohmann::ordered_json to_json(const Divergence& d);

}  // namespace jaju::eval
