// Feeds arbitrary lines to the reader of evaluation questions and arbitrary answers to the scorer: the line
// is the input up to the first zero byte, the answer what follows it.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "eval/score.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jaju::eval;  // NOLINT
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(input.find('\0'), size);
  const auto item = item_from_json(input.substr(0, cut), "fuzz", "task");
  if (!item.ok()) {
    JAJU_CHECK(item.message().find("fuzz") != std::string::npos &&
               item.message().find('\n') == std::string::npos);
    return 0;
  }
  const bool letters = !item->choices.empty();
  const std::string& expected = item->problem.expected;
  JAJU_CHECK(!letters || (expected.size() == 1 && expected[0] >= 'A' &&
                          expected[0] < 'A' + static_cast<int>(item->choices.size())));
  JAJU_CHECK(!user_message(*item).empty() || item->problem.question.empty());
  const std::string answer(input.substr(std::min(cut + 1, size)));
  for (const Mode mode : {Mode::think, Mode::direct}) {
    const Scored s = score(*item, mode, answer, 1, true);
    JAJU_CHECK(!s.correct || !s.answer.empty());
    JAJU_CHECK(!score(*item, mode, answer, 1, false).correct);
  }
  if (letters) {
    const char c = chosen_letter(answer, item->choices);
    JAJU_CHECK(c == 0 || (c >= 'A' && c < 'A' + static_cast<int>(item->choices.size())));
  }
  return 0;
}
