// `jaju plan`'s prediction beside what happened, for `run --verbose` and `bench`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "runtime/prediction.h"

namespace jaju::cli {

// Of an engine whose experts come from the disk under `dir`, on this machine as `jaju tune` measured it;
// nothing: it did not, or the model is in memory.
std::optional<Prediction> predict_here(const Engine& engine, const std::filesystem::path& dir,
                                       int64_t sequences);

// describe_prediction's lines; a hint instead where this machine was not tuned. Empty: the model is in
// memory, or nothing was decoded.
std::string describe_predicted(const Engine& engine, const std::filesystem::path& dir, int64_t sequences,
                               const Decoded& decoded, int width);

}  // namespace jaju::cli
