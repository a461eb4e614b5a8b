// Families about Python: what does this print, fill the blank, find the bug. Every snippet is run by the
// small Python of mini_python.h, whose trace is the thinking, so question, trace and answer cannot disagree.
#include <vector>

#include "base/check.h"
#include "data/synth/code_phrases.h"
#include "data/synth/code_snippets.h"
#include "data/synth/code_tasks.h"
#include "data/synth/families.h"
#include "data/synth/mini_python.h"

namespace jaju::data {
namespace {

// Longest trace in bytes, by level: about as many tokens. A draw beyond it is thrown again.
constexpr size_t kLongestTrace[] = {100, 150, 200, 240, 280};
constexpr size_t kLongestOutput = 60;

const std::vector<const SnippetTemplate*>& templates_of(int level) {
  static const auto by_level = [] {
    std::vector<std::vector<const SnippetTemplate*>> lists(6);
    for (const SnippetTemplate& t : snippet_templates()) lists[static_cast<size_t>(t.level)].push_back(&t);
    return lists;
  }();
  return by_level[static_cast<size_t>(level)];
}

Problem python_output(Dice& dice, Language language, int difficulty) {
  for (int tries = 0; tries < 1000; ++tries) {
    const std::string code = SnippetFiller(dice).fill(dice.pick(templates_of(difficulty))->text);
    auto run = run_mini_python(code);
    if (!run.ok()) continue;
    if (run->trace.size() > kLongestTrace[difficulty - 1] || run->output.size() > kLongestOutput) continue;
    // An answer is trimmed, and must not be empty.
    if (run->output.empty() || run->output.front() == ' ' || run->output.back() == ' ') continue;
    Problem p;
    p.question = ask_output(dice, language, code);
    p.thinking = run->trace;
    p.answer = run->output;
    p.expected = run->output;
    return p;
  }
  JAJU_CHECK(false);
  return {};
}

}  // namespace

std::span<const Family> code_families() {
  static const std::vector<Family> families = {
      {"python_output", "code", 5, 4.0, python_output},
      {"python_complete", "code", 3, 0.8, python_complete},
      {"python_bug", "code", 3, 0.8, python_bug},
  };
  return families;
}

}  // namespace jaju::data
