// Makers of problems about days and months (dates.cc), listed by clock_families().
#pragma once

#include "data/synth.h"

namespace jaju::data {

Problem make_weekday(Dice& dice, Language language, int difficulty);  // which weekday after days, 5 levels
Problem make_date(Dice& dice, Language language,
                  int difficulty);  // days between dates, date after days, 5 levels
Problem make_calendar(Dice& dice, Language language,
                      int difficulty);  // months, lengths, leap years, 3 levels

}  // namespace jaju::data
