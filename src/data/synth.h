// Synthetic problems: families of questions with exact answers, in five languages.
//
// A family makes one Problem from dice: seeded and deterministic, the same on every machine. Families are
// registered in synth_registry.cc; each lives in a file of one subject under data/synth/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/split_mix.h"
#include "data/problem.h"

namespace jaju::data {

enum class Language { ko, en, zh, ja, es };
inline constexpr Language kLanguages[] = {Language::ko, Language::en, Language::zh, Language::ja,
                                          Language::es};
std::string_view code_of(Language language);  // "ko", "en", ...
constexpr size_t index_of(Language language) {
  return static_cast<size_t>(language);
}
// The one of the five that belongs to `language`; T may be a reference or a span.
template <typename T>
constexpr T choose(Language language, std::type_identity_t<T> ko, std::type_identity_t<T> en,
                   std::type_identity_t<T> zh, std::type_identity_t<T> ja, std::type_identity_t<T> es) {
  switch (language) {
    case Language::ko:
      return ko;
    case Language::en:
      return en;
    case Language::zh:
      return zh;
    case Language::ja:
      return ja;
    case Language::es:
      return es;
  }
  return en;
}

// Dice of the problem makers: SplitMix64, the same stream everywhere.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() { return split_mix64(state_); }
  // A whole number from `low` to `high`, both possible (multiply-shift; the bias is below 2^-40 for small
  // ranges).
  int64_t between(int64_t low, int64_t high) {
    const auto range = static_cast<unsigned __int128>(high - low + 1);
    return low + static_cast<int64_t>((static_cast<unsigned __int128>(next()) * range) >> 64);
  }
  bool chance(double p) { return static_cast<double>(next() >> 11) * 0x1p-53 < p; }
  template <typename T>
  const T& pick(std::span<const T> items) {
    return items[static_cast<size_t>(between(0, static_cast<int64_t>(items.size()) - 1))];
  }
  template <typename T>
  const T& pick(const std::vector<T>& items) {
    return pick(std::span<const T>(items));
  }
  template <typename T, size_t n>
  const T& pick(const T (&items)[n]) {
    return pick(std::span<const T>(items));
  }

 private:
  uint64_t state_;
};

// Makes one problem of `difficulty` (1 to 5) in `language`. Fills in every field but `id`, `task`, `language`
// and `difficulty`, which the caller knows. The trace must really derive the answer, step by step, in small
// steps that a model of a few million parameters can copy; digits are single tokens.
using ProblemMaker = Problem (*)(Dice& dice, Language language, int difficulty);

struct Family {
  std::string_view task;   // "add"
  std::string_view group;  // "arithmetic", "word", "code", "logic"
  int levels;              // difficulties 1..levels exist
  double weight;           // share in the default mix, relative
  ProblemMaker make;
};

// Every family, in a fixed order.
std::span<const Family> families();

// One document of plain text (a short explanation, a dialogue, a how-to), for pre-training: no questions to
// score.
std::string make_text(Dice& dice, Language language);

// Which side of the split a problem is on: test when the hash of its question says so (about 1 in 50), so no
// seed and no run can put a test problem into training.
bool is_test_problem(std::string_view id);

}  // namespace jaju::data
