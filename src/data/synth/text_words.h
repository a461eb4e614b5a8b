// Words and numbers for plain text (text.cc). Internal to synth/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/synth.h"

namespace jaju::data {

// Words of a category: place, time, color, weekday, season, weather, job, subject, hobby, feeling, room,
// tool, drink. Empty for an unknown category.
std::span<const std::string_view> words_of(Language language, std::string_view category);

// 0 to 99 in words: "twelve", "십이", "十二", "doce".
std::string number_in_words(Language language, int64_t n);
// Korean counting words, 1 to 99: "열둘", before a counter "열두".
std::string native_number(int64_t n, bool before_counter);

}  // namespace jaju::data
