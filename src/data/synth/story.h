// Stories: sentence skeletons with a hidden calculation. A skeleton is text in a small template language; the
// engine draws numbers, people and things, fills the skeleton, and works the calculation out step by step.
//
// Template language (none of its signs may be part of the sentence):
//   {a}         value of slot a
//   {a:은}      value and the Korean particle that fits how it ends (any of the names in story.cc)
//   [x|y|z]     one of these, drawn anew at each place; nests
//   <x|y|z>     one of these, the same position everywhere in one text: a style (Korean: formal, polite,
//   casual).
//               Position n counts modulo the number of choices.
//   ~           where a sentence with a number that does not matter may go; empty otherwise
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/synth.h"
#include "data/synth/lexicon.h"

namespace jaju::data {

// Values for the names in a skeleton, and the dice that choose between its spellings.
class Filler {
 public:
  explicit Filler(Dice& dice) : dice_(dice), style_(static_cast<size_t>(dice.between(0, 59))) {}
  void set(std::string_view slot, std::string value);
  void set(std::string_view slot, int64_t value) { set(slot, std::to_string(value)); }
  void set_distractor(std::string skeleton) { distractor_ = std::move(skeleton); }
  // An unknown slot stays as it is in the text, braces included: tests look for braces.
  std::string fill(std::string_view skeleton);

 private:
  void expand(std::string_view text, std::string& out);

  Dice& dice_;
  size_t style_;
  std::string distractor_;
  std::vector<std::pair<std::string, std::string>> slots_;
};

// The calculation of a story over its numbers a, b, c, d, e.
enum class Shape {
  add,          // a+b
  sub,          // a-b
  mul,          // a*b
  div,          // a/b, nothing left over
  rem,          // what is left over of a/b
  add_add,      // a+b+c
  add_sub,      // a+b-c
  sub_add,      // a-b+c
  sub_sub,      // a-b-c
  mul_add,      // a*b+c
  mul_sub,      // a*b-c
  mul_div,      // a*b/c
  sub_div,      // (a-b)/c
  add_div,      // (a+b)/c
  sub_mul,      // (a-b)*c
  add_mul,      // (a+b)*c
  pay,          // a-b*c
  mul_mul_add,  // a*b+c*d
  pay_two,      // e-(a*b+c*d)
  mean3,        // (a+b+c)/3
  twice_sum,    // (a+b)*2
  square,       // a*a
  four_times,   // a*4
  half,         // a*b/60: minutes of a speed per hour
};

// What the numbers are of, which decides their size.
enum class Measure { count, money, age, speed, length, score };

struct Story {
  Shape shape;
  const char* kinds;  // kinds of thing it fits ("ft"; "" where no thing is named); S: numbers below 100 only,
                      // B: 20 up
  const char* question;  // skeleton; slots below
  const char* plan;      // skeleton of the trace's first sentence: what is known, in the order of the steps
  const char* answer = nullptr;  // skeleton of the answer; nullptr takes the family's
};

// Slots of a story: a to e numbers, r the result; A to E and R the same, counted with the thing ("5 apples");
// o the thing ("apples", "사과"), o1 one of it ("apple"), u its counter; p, p1 and q the same of another
// thing; n, n2 and n3 three names; x and h numbers that do not matter; s is "" when r is 1; Spanish: cuantos
// and Cuantos by gender.
struct StorySet {
  Measure measure;
  const char* answer;  // skeleton
  std::span<const Story> stories;
};

// Numbers for the calculation `shape` over things of `measure`: every step stays positive, every quotient of
// div, mul_div, sub_div, add_div and mean3 comes out. `small`: below 100 (speed: on foot); `large`: from
// about 20 on.
using Numbers = std::array<int64_t, 5>;
Numbers draw_numbers(Dice& dice, Language language, Measure measure, Shape shape, int level, bool small,
                     bool large);

// One problem from `set`: a story whose shape is in `shapes`, numbers for `difficulty`.
Problem tell(Dice& dice, Language language, int difficulty, const StorySet& set,
             std::span<const Shape> shapes);

// Steps of a calculation, one line each.
class Trace {
 public:
  void say(std::string_view line);
  int64_t add(int64_t a, int64_t b);
  int64_t sub(int64_t a, int64_t b);
  int64_t mul(int64_t a, int64_t b);
  int64_t div(int64_t a, int64_t b);  // the quotient
  int64_t rem(int64_t a, int64_t b);  // the remainder
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The stories of one language by subject (stories_<language>.cc).
struct Stories {
  StorySet give_take;  // things come and go
  StorySet groups;     // equal groups: products
  StorySet share;      // equal parts: quotients and remainders
  StorySet several;    // two and three steps with things
  StorySet money;      // prices, totals, change
  StorySet ages;
  StorySet speed;      // way, speed, time
  StorySet rectangle;  // perimeter, area, sides
  StorySet average;
};
const Stories& stories_ko();
const Stories& stories_en();
const Stories& stories_zh();
const Stories& stories_ja();
const Stories& stories_es();
const Stories& stories(Language language);

// Word problems that are no stories (word_units.cc): conversions between units; percentages and discounts.
Problem make_units(Dice& dice, Language language, int difficulty);
Problem make_percent(Dice& dice, Language language, int difficulty);

}  // namespace jaju::data
