// The router: which experts a token visits and with what weight (facts sheet 2.5).
#pragma once

#include <cstdint>
#include <span>

#include "model/config.h"

namespace jaju {

// `logits` (n_routed_experts) of one token become sigmoid scores in place; writes n_experts_per_token ids,
// ascending, and their weights. Bias selects, never weighs (DeepSeek-V3 report, 2.1.2). Ties go to the lower
// id, as a stable sort does. Always writes valid, distinct ids, NaN scores included.
void route_token(const ModelConfig& config, std::span<float> logits, std::span<const float> bias,
                 int32_t* ids, float* weights);

}  // namespace jaju
