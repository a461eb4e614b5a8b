// A compiled grammar and the constraint that follows one text through it.
#pragma once

#include <memory>
#include <vector>

#include "runtime/grammar/grammar.h"
#include "runtime/grammar/masks.h"

namespace jaju::grammar {

// Error: the root's text cannot be had within `max_output_depth`.
Result<std::shared_ptr<const CompiledGrammar>> make_compiled(
    Nfa nfa, std::shared_ptr<const TokenVocabulary> vocabulary, const GrammarBudget& budget);

}  // namespace jaju::grammar
