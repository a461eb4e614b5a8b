// Rules as nondeterministic automata over bytes, with edges that call other rules: what a grammar is lowered
// to.
//
// Small rules that do not call themselves are copied into their callers, so that what is regular becomes one
// automaton and needs no stack. Long counted repetitions become rules that count instead of copies of their
// body.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/grammar/dfa.h"
#include "runtime/grammar/expr.h"

namespace jaju::grammar {

struct NfaState {
  enum class Kind : uint8_t {
    split,       // to `out` and `out2` for nothing
    range,       // one byte in [lo, hi] to `out`
    call,        // rule `out2`, then `out`
    match,       // the rule's text may end here
    text_begin,  // assertions: gone once an `anchored` expression is lowered
    text_end,
  };
  Kind kind = Kind::split;
  uint8_t lo = 0, hi = 0;
  int32_t out = -1, out2 = -1;  // -1: nowhere
};

struct NfaRule {
  enum class Kind : uint8_t {
    plain,    // states from `start`
    loop,     // rule `body`, min to max times
    counted,  // `dfa`, min to max times; prefix-free, so where one ends and the next begins is never in doubt
  };
  Kind kind = Kind::plain;
  std::string name;
  int32_t start = -1;
  int32_t body = -1;
  int32_t min = 0, max = 0;
  std::shared_ptr<const Dfa> dfa = {};
  bool nullable = false;
  // Frames above its own that its shortest-stacked text needs; kNoHeight: it has no text.
  int32_t height = 0;
};

inline constexpr int32_t kNoHeight = INT32_MAX;

struct Nfa {
  std::vector<NfaState> states;
  std::vector<NfaRule> rules;
  std::vector<int32_t> height;  // of states, as NfaRule::height: from here to the end of the rule
  int32_t root = -1;            // index of a rule
};

// Lowers all that `grammar.root` reaches. Dead parts are cut: from every state that is left some text ends
// the rule. Errors (also in grammar.work()): a budget, a rule that calls itself before any byte (named),
// rules that call each other too deep before any byte, a root without any text.
Result<Nfa> lower(Grammar& grammar);

// The states of one expression without calls that stay calls, for Dfa; returns where it begins, -1 when it
// matches nothing. -2: there is such a call, or it needs more than `max_states`.
int32_t lower_regular(Grammar& grammar, ExprId e, std::vector<NfaState>* states, size_t max_states);

// Follows edges that cost nothing. Owns scratch memory, so reuse it.
class Closure {
 public:
  // Replaces `set` by the states reachable for nothing (through calls of nullable rules too) that are not
  // splits, sorted. `rules` may be null when there are no calls.
  void close(const std::vector<NfaState>& states, const std::vector<NfaRule>* rules,
             std::vector<int32_t>* set);

 private:
  std::vector<uint32_t> seen_;
  uint32_t round_ = 0;
  std::vector<int32_t> stack_;
};

}  // namespace jaju::grammar
