// One function per file of families; synth_registry.cc joins them.
#pragma once

#include <span>

#include "data/synth.h"

namespace jaju::data {

std::span<const Family> arithmetic_families();  // arithmetic.cc: add, sub, mul, div, mixed
std::span<const Family> algebra_families();     // algebra.cc: fractions, compare, sequence, equation
std::span<const Family> word_families();        // word.cc: apples, money, units, speed, ages
std::span<const Family> clock_families();       // clock.cc: dates, weekdays, clocks
std::span<const Family> logic_families();       // logic.cc: small logic
std::span<const Family> code_families();        // code.cc: Python output, completion, bugs
std::span<const Family> chat_families();        // small_talk.cc: greetings, who are you, what can you do

}  // namespace jaju::data
