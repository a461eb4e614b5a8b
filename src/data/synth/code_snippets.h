// Python snippets with slots, filled by dice: what the families of code.cc ask about. Internal to synth/.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/synth.h"

namespace jaju::data {

struct SnippetTemplate {
  int level;  // difficulty 1 to 5
  std::string_view text;
};

std::span<const SnippetTemplate> snippet_templates();  // code_snippets.cc

// Fills the slots of a template; names and remembered values are the same throughout one filler.
//   {a} .. {e}  names of numbers       {i} {j}  loop variables     {x} {y}  elements
//   {l} {m}     names of lists         {s} {t}  names of texts     {w} {h}  a word, a letter in a loop
//   {f} {g}     names of functions     {p} {q}  parameters         {d} {k}  a dict and its keys
//   {3-9}       a number               {#k=3-9} remembered as k; {#k} the same again
//   {W}         a word; {W1} remembered            {+|-|*}  one of several, as written
//   {L3-5:1-9}  a list of 3 to 5 numbers; {D...} all different      {Q3}  a list of 3 different quoted words
//   {{ }}       braces
class SnippetFiller {
 public:
  explicit SnippetFiller(Dice& dice) : dice_(dice), quote_(dice.chance(0.3) ? '\'' : '"') {}
  std::string fill(std::string_view text);

 private:
  std::string slot(const std::string& name);
  std::string pick_new(std::span<const std::string_view> pool);

  Dice& dice_;
  char quote_;
  std::map<std::string, std::string> known_;
  std::set<std::string> used_;
};

std::span<const std::string_view> snippet_words();

}  // namespace jaju::data
