// What an expert store did, in words for people: `run --verbose` and `bench` print it.
#pragma once

#include <string>

#include "memory/store_figures.h"

namespace jaju {

// Three lines, each of a label padded to `width` and its figures. seconds: that the work took, for the share
// it waited; tokens: that came of it, for bytes a token (0: not said).
std::string describe_store(const StoreFigures& figures, double seconds, int64_t tokens, int width);

}  // namespace jaju
