// Quantities as people write them. A prefix is decimal, with an i behind it binary: 1G is 10^9, 1Gi is 2^30.
// Every verb, the server's settings and the descriptions of machines read them here.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace jaju {

// "16G", "7GB/s", "2.5 TOPS", "512MiB", "4096": a number, a prefix, and units that mean nothing here.
// Errors: something else, nothing positive, more than 1e18.
Result<double> parse_quantity(std::string_view text);

// Bytes: "16G", "6.3GB", "512MiB", "0"; a prefix may be a small letter. Errors: something else, less than
// nothing, more than 1e15.
Result<int64_t> parse_size(std::string_view text);

// Without the spaces around it.
std::string_view trim_spaces(std::string_view text);

}  // namespace jaju
