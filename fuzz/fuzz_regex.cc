// Feeds arbitrary regular expressions to constrained decoding.
#include <cstdint>
#include <string_view>

#include "grammar_steps.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaju::fuzz_grammar(jaju::GrammarKind::regex, {reinterpret_cast<const char*>(data), size}, size,
                     [](const std::string&) {});
  return 0;
}
