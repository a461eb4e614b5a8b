// The one door to the TOML parser (toml++): its settings, and parsing that hostile text cannot exhaust. Its
// code is compiled in toml.cc alone, because it takes long.
#pragma once

#define TOML_EXCEPTIONS 0  // errors are values
#define TOML_ENABLE_WINDOWS_COMPAT 0
#define TOML_HEADER_ONLY 0
#define TOML_MAX_NESTED_VALUES 16
// Its parser asserts what a text may break ("[.a]"), then handles it.
#define TOML_ASSERT(expr) static_assert(true)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <toml++/toml.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju {

// Tables in tables that one key may name, here and in `--set`.
constexpr int64_t kMaxKeyParts = 100;

// `what` names the text in messages. Errors: syntax, no UTF-8, keys that nest so deep that a parser which
// calls itself for each level would run out of stack.
Result<toml::table> parse_toml(std::string_view text, const std::string& what);

// The value of `--set KEY=WORD`, under the key "v"; its place (source().path) is `what`. What is no TOML
// value is taken as a text. Errors: neither of them.
Result<toml::table> parse_toml_value(const std::string& word, const std::string& what);

}  // namespace jaju
