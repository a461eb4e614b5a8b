// Fill the blank and find the bug: the families of code.cc that are not "what does this print". Internal to
// synth/.
#pragma once

#include "data/synth.h"

namespace jaju::data {

Problem python_complete(Dice& dice, Language language, int difficulty);  // code_complete.cc; levels 1 to 3
Problem python_bug(Dice& dice, Language language, int difficulty);       // code_bug.cc; levels 1 to 3

}  // namespace jaju::data
