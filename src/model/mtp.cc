// The multi-token-prediction block (DeepSeek-V3 report, arXiv 2412.19437, 2.2; facts sheet section 4).

#include "base/check.h"
#include "model/forward.h"

namespace jaju {

void Forward::run_mtp(const Batch& batch, Rows hidden, MutRows logits, InputObserver* inputs) {
  JAJU_CHECK(weights_.mtp.has_value());
  const MtpWeights& mtp = *weights_.mtp;
  const Ops& ops = context_.ops;
  const int64_t h = config_.hidden_size;
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  Step step = begin(batch, 1);
  step.inputs = inputs;
  JAJU_CHECK(hidden.n == step.n_rows && hidden.cols == h);

  // x = projection [rms(embedding of the next token) | rms(hidden)]
  const MutRows embedding(act_.mtp_input.data(), step.n_rows, h, 2 * h);
  const MutRows previous(act_.mtp_input.data() + h, step.n_rows, h, 2 * h);
  ops.embed(context_, mtp.embed, batch.tokens, embedding);
  ops.rms_norm(context_, embedding, mtp.embedding_norm.data(), eps, embedding);
  ops.rms_norm(context_, hidden, mtp.hidden_norm.data(), eps, previous);
  const Rows joined(act_.mtp_input.data(), step.n_rows, 2 * h);
  ops.matmul(context_, mtp.projection, joined, MutRows(act_.x.data(), step.n_rows, h));
  saw(step, mtp.projection, joined);
  const Status done = decoder_layer(step, mtp.layer, config_.n_layers);
  JAJU_CHECK(done.ok());  // its experts are in memory
  observe_head(step, mtp.final_norm, mtp.head);
  head(step, mtp.final_norm, mtp.head, batch.logit_rows, false, logits);
}

}  // namespace jaju
