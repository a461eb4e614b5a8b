// General categories of Unicode, for \p{...}.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/grammar/code_points.h"

namespace jaju::grammar {

// "L", "Lu", "Letter", "Uppercase_Letter", "gc=Nd", "General_Category=Nd", "Any", "ASCII". None for other
// names.
std::optional<CodePointSet> unicode_category(std::string_view name);

}  // namespace jaju::grammar
