// Prints problems for a look, and for tests in other languages: synth_dump FAMILIES COUNT [LANGUAGE] [LEVEL]
// ("python_output 100 ko 3"; FAMILIES "text" prints plain text). One JSON object per line.
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "data/synth.h"

int main(int argc, char** argv) {
  using namespace jaju::data;
  if (argc < 3) return 2;
  const std::string task = argv[1];
  const long count = std::atol(argv[2]);
  const std::string only = argc > 3 ? argv[3] : "";
  const int level = argc > 4 ? std::atoi(argv[4]) : 0;
  for (const Language language : kLanguages) {
    if (!only.empty() && only != "all" && only != code_of(language)) continue;
    if (task == "text") {
      for (long i = 0; i < count; ++i) {
        Dice dice(static_cast<uint64_t>(i));
        const nlohmann::ordered_json json = {{"language", code_of(language)},
                                             {"text", make_text(dice, language)}};
        std::puts(json.dump().c_str());
      }
      continue;
    }
    for (const Family& family : families()) {
      if (family.task != task && family.group != task) continue;
      for (int difficulty = 1; difficulty <= family.levels; ++difficulty) {
        if (level != 0 && level != difficulty) continue;
        for (long i = 0; i < count; ++i) {
          Dice dice(static_cast<uint64_t>(i) * 8 + static_cast<uint64_t>(difficulty));
          const Problem p = family.make(dice, language, difficulty);
          const nlohmann::ordered_json json = {{"task", family.task},      {"language", code_of(language)},
                                               {"difficulty", difficulty}, {"question", p.question},
                                               {"thinking", p.thinking},   {"answer", p.answer},
                                               {"expected", p.expected}};
          std::puts(json.dump().c_str());
        }
      }
    }
  }
  return 0;
}
