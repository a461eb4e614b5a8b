// The last step of lowering, see nfa_finish.cc.
#pragma once

#include "runtime/grammar/nfa.h"

namespace jaju::grammar {

// Fills `nullable`, `height` and the heights of states, cuts dead parts and refuses left recursion (in
// `work`).
void finish(Nfa& nfa, Work& work);

}  // namespace jaju::grammar
