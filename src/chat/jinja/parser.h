// Template text to syntax tree. Jinja2's grammar without inheritance, inclusion, imports and custom tags.
#pragma once

#include <string_view>

#include "chat/jinja/ast.h"

namespace jaju::jinja {

inline constexpr int kMaxParseDepth = 64;  // nested brackets, blocks, unary operators
inline constexpr int kMaxTreeDepth = 256;  // of an expression: a + b + c + ... leans to the left

// Throws TemplateError with a line.
Body parse(std::string_view source);

}  // namespace jaju::jinja
