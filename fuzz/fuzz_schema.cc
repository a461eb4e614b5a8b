// Feeds arbitrary JSON Schemas (and, when the first byte says so, tool descriptions) to the compiler; what
// its masks let through must be JSON.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string_view>

#include "grammar_steps.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'T') {
    jaju::fuzz_grammar(jaju::GrammarKind::tool_calls, text, size, [](const std::string&) {});
    return 0;
  }
  jaju::fuzz_grammar(jaju::GrammarKind::json_schema, text, data[0],
                     [](const std::string& out) { JAJU_CHECK(nlohmann::json::accept(out)); });
  return 0;
}
