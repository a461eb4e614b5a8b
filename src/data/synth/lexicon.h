// Words for word problems: names of people and countable things in five languages, with what grammar needs to
// use them (plural, counter, gender). Everything else about a sentence is in the stories_*.cc files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/synth.h"

namespace jaju::data {

// What can be done with a thing: eaten, carried about, bred, met, planted.
enum class Kind : char { food = 'f', thing = 't', animal = 'a', people = 'p', flower = 'w' };

struct Thing {
  Kind kind;
  const char* one;      // "apple", "사과"
  const char* many;     // "apples"; "" where the language has no plural
  const char* counter;  // "개", "个", "個"; "" where the language counts without one
  bool feminine;        // Spanish only
};

// Given names. Korean ones carry the friendly 이 after a final consonant ("민준이", "지우"), as in
// schoolbooks.
std::span<const std::string_view> names(Language language);
std::span<const Thing> things(Language language);

// "5 apples", "사과 5개", "5个苹果", "りんご5個", "5 manzanas".
std::string counted(Language language, int64_t count, const Thing& thing);

}  // namespace jaju::data
