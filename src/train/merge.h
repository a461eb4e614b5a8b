// Linear merges of models: every tensor of the result is the weighted sum of the same tensor of the sources,
// the router's selection biases included. Think-Fusion's second step (facts sheet, 5.3: 0.8 x thinking + 0.2
// x not thinking). Needs no LibTorch: tensors are streamed from the mapped sources to the new file in small
// pieces, so a model larger than memory merges, too.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju::train {

struct MergeSource {
  std::filesystem::path dir;  // a model directory, or a run: its newest checkpoint
  // Share of the result; the weights are divided by their sum, so 4 and 1 mean 0.8 and 0.2. Negative ones go
  // beyond the line between two models.
  double weight = 1;
};

// "DIR:0.8", or "DIR" with a weight of 1. A directory whose own name ends like that is found under its whole
// name.
Result<MergeSource> parse_merge_source(std::string_view text);

// Writes the merged model to `to`: tensors in the dtype and the files of the first source, its config.json,
// and its tokenizer, template and generation files (those of `tokenizer` when given, else of the first source
// that has a tokenizer). Sums are made in double and rounded once. Files appear whole or not at all. Errors:
// fewer than two sources, weights that are not finite or sum to nothing, configs, tokenizers, tensor names,
// shapes or dtypes that differ (the first that does is named), a dtype that cannot be averaged (FP8 has
// scales), a value that is not finite, `to` being one of the sources.
Status merge_models(const std::vector<MergeSource>& sources, const std::filesystem::path& to,
                    const std::filesystem::path& tokenizer = {});

}  // namespace jaju::train
