// What people say to a small model and what it answers. One canonical answer per intent and language: the
// variety is in the questions. Internal to synth/.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "data/synth.h"

namespace jaju::data {

struct Talk {
  std::string_view thinking;  // one short clause
  std::string_view answer;
  std::vector<std::string_view> questions;
};

// The same intents in every language, in the same order: greeting, thanks, who are you, ...
std::span<const Talk> talks(Language language);  // small_talk_ko.cc, ..., small_talk_es.cc

}  // namespace jaju::data
