// How a question about code is asked: the words round a snippet, in five languages. Internal to synth/.
#pragma once

#include <string>
#include <string_view>

#include "data/synth.h"

namespace jaju::data {

// "What does this print?" with the snippet in a fence, bare, or (one line only) in the sentence.
std::string ask_output(Dice& dice, Language language, const std::string& code);
// The snippet and a sentence, either first; the snippet in a fence or bare.
std::string beside_code(Dice& dice, const std::string& sentence, const std::string& code);

}  // namespace jaju::data
