// Small closed sets of facts in five languages: words, capitals, opposites, colours. Internal to synth/.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "data/synth.h"

namespace jaju::data {

// ko, en, zh, ja, es: indexed by Language.
using FiveWords = std::array<std::string_view, 5>;

struct Capital {
  FiveWords country, city;
};
struct Opposite {
  FiveWords word, opposite;
};
struct Coloured {  // what colour is a banana?
  FiveWords thing, colour;
};
struct Legged {  // how many legs has a dog?
  FiveWords animal;
  int legs;
};

std::span<const FiveWords> common_words();
std::span<const Capital> capitals();
std::span<const Opposite> opposites();
std::span<const Coloured> coloured_things();
std::span<const Legged> legged_animals();

inline std::string_view in_language(const FiveWords& words, Language language) {
  return words[static_cast<size_t>(language)];
}

}  // namespace jaju::data
