// Which model this is, for files that only fit one: equal for equal weights, whatever their directory or
// date.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/config.h"
#include "model/weights.h"

namespace jaju {

// XXH3 over the sizes and rules in `config`, all norms, routers and biases, and samples of every matrix (of a
// layer's experts: the first, the middle and the last). Reads a few hundred kilobytes: a training step
// changes nearly every value of a matrix, so samples tell.
std::array<uint64_t, 2> model_hash(const ModelConfig& config, const Weights& weights);

// XXH3 of a text.
uint64_t text_hash(std::string_view text);

}  // namespace jaju
