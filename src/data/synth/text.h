// Plain text for pre-training: skeletons of short texts, and slots. Internal to synth/.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data/synth.h"

namespace jaju::data {

// Slots of a skeleton; a name means the same value throughout one text:
//   {A} {B} {C}    names of people
//   {T} {U}        countable things ("apple"); {Ts} their plural; {F} food
//   {T:a}          a of them ("5 apples")
//   {a=2-9}        a number; {a} again; {=a+b} its sum with b, also -, *, from left to right
//   {w:a} {w:a+b}  in words; {n:a} {k:a} Korean counting words, before a counter and alone
//   {place} {place2} ... a word of a category (text_words.h)
//   {...|은}       Korean: with the particle that fits
// A skeleton whose numbers come out below zero is thrown again.
std::span<const std::string_view> text_skeletons(Language language);  // text_ko.cc, ..., text_es.cc

std::string fill_text(Dice& dice, Language language, std::string_view skeleton);

// Lists and tables: numbers in words, times tables, comparisons, letters of words, code explained
// (text_tables.cc).
std::string make_table(Dice& dice, Language language);

}  // namespace jaju::data
