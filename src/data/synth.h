// Synthetic problems: families of questions with exact answers, in five languages.
//
// A family makes one Problem from dice: seeded and deterministic, the same on every machine. Families are
// registered in synth_registry.cc; each lives in a file of one subject under data/synth/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/problem.h"

namespace jaju::data {

enum class Language { ko, en, zh, ja, es };
inline constexpr Language kLanguages[] = {Language::ko, Language::en, Language::zh, Language::ja, Language::es};
std::string_view code_of(Language language);  // "ko", "en", ...

// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same stream everywhere.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // A whole number from `low` to `high`, both possible (multiply-shift; the bias is below 2^-40 for small ranges).
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

 private:
  uint64_t state_;
};

// Makes one problem of `difficulty` (1 to 5) in `language`. Fills in every field but `id`, `task`, `language` and
// `difficulty`, which the caller knows. The trace must really derive the answer, step by step, in small steps that a
// model of a few million parameters can copy; digits are single tokens.
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

// One document of plain text (a short explanation, a dialogue, a how-to), for pre-training: no questions to score.
std::string make_text(Dice& dice, Language language);

// Which side of the split a problem is on: test when the hash of its question says so (about 1 in 50), so no seed and
// no run can put a test problem into training.
bool is_test_problem(std::string_view id);

}  // namespace jaju::data
