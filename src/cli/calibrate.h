// The calibration of `jaju pack`: a text through a model, and what its matrices' columns saw.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/status.h"

namespace jaju::cli {

inline constexpr int64_t kCalibrationTokens = 131'072;

struct CalibrationOptions {
  std::filesystem::path text;  // data/token_text.h says of what kinds
  int64_t max_tokens = kCalibrationTokens;
  int threads = 0;
  bool quiet = false;
};

// Writes `file` (model/importance.h) for the model in `dir`. Errors: a model that is packed, whose inner
// layers are rounded already; the text's, the model's, the disk's.
Status calibrate(const std::filesystem::path& dir, const CalibrationOptions& options,
                 const std::filesystem::path& file);

}  // namespace jaju::cli
