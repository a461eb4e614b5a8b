// Makers of logic problems, listed by logic_families(); and the words they share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/synth.h"

namespace jaju::data {

Problem make_order(Dice& dice, Language language, int difficulty);      // logic_people.cc: who is tallest
Problem make_syllogism(Dice& dice, Language language, int difficulty);  // logic_people.cc: all, no, some are
Problem make_knights(Dice& dice, Language language, int difficulty);  // logic_people.cc: who tells the truth

// "네", "yes"; and the same as an answer: "네.", "Yes.".
std::string_view yes_word(Language language, bool yes);
std::string yes_answer(Language language, bool yes);
// A full stop of the language.
std::string_view full_stop(Language language);
// Names without the friendly 이 of Korean: "민준", for answers that are a name. All different.
std::vector<std::string> people(Dice& dice, Language language, size_t count);

}  // namespace jaju::data
