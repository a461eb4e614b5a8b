// A grammar as its front ends write it (regex.cc, gbnf.cc, schema*.cc): expressions over bytes, and rules
// that may call each other. nfa.h lowers it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/grammar/code_points.h"
#include "runtime/grammar/work.h"

namespace jaju::grammar {

class Dfa;

using ExprId = int32_t;
using RuleId = int32_t;
inline constexpr int32_t kUnbounded = INT32_MAX;

struct Expr {
  enum class Kind : uint8_t {
    never,       // matches nothing at all
    empty,       // matches the empty text
    literal,     // `text`
    chars,       // one character of `set`, in UTF-8
    sequence,    // `parts` one after another
    choice,      // one of `parts`
    repeat,      // parts[0], `min` to `max` times
    joined,      // `parts` with `separator` between those that are there; see Grammar::joined
    call,        // rule `min`
    automaton,   // `dfa`
    text_begin,  // assertions, only inside `anchored`
    text_end,
    anchored,  // parts[0] with the assertions resolved against the ends of this expression's own text
  };
  Kind kind;
  int32_t min = 0, max = 0;
  std::string text = {};
  CodePointSet set = {};
  std::vector<ExprId> parts = {};
  std::shared_ptr<const Dfa> dfa = {};
  // Of joined:
  std::vector<bool> optional = {};  // (parts)
  ExprId separator = 0;
  bool skips = false;     // an absent part may be followed by present ones
  bool nonempty = false;  // at least one part is there
};

// Builds expressions; equal results of the trivial cases are folded (a choice of nothing is `never`).
class Grammar {
 public:
  // `work` bounds the number of expressions and must outlive this.
  explicit Grammar(Work* work);

  ExprId never() const { return 0; }
  ExprId empty() const { return 1; }
  ExprId literal(std::string_view bytes);
  ExprId chars(CodePointSet set);
  ExprId sequence(std::vector<ExprId> parts);
  ExprId choice(std::vector<ExprId> parts);
  ExprId repeat(ExprId e, int32_t min, int32_t max);
  ExprId optional(ExprId e) { return repeat(e, 0, 1); }
  // Items of a list with `separator` between those that are there. With `skips` any optional one may be
  // missing (properties of an object), without only all from some place on (items of a tuple). Grows with the
  // number of parts, however many are optional.
  ExprId joined(std::vector<ExprId> parts, std::vector<bool> optional, ExprId separator, bool skips,
                bool nonempty);
  ExprId call(RuleId rule);
  ExprId automaton(std::shared_ptr<const Dfa> dfa);
  ExprId text_begin() { return add({.kind = Expr::Kind::text_begin}); }
  ExprId text_end() { return add({.kind = Expr::Kind::text_end}); }
  ExprId anchored(ExprId e);

  struct Rule {
    std::string name;
    ExprId body = 0;
    // Many places use it and its masks are dear (a JSON string): never copied into its callers, so that all
    // share them.
    bool shared = false;
    // Set by lower(): it is copied into its callers.
    bool copied = false;
  };
  RuleId new_rule(std::string name, bool shared = false);
  void set_body(RuleId rule, ExprId body) { rules_[static_cast<size_t>(rule)].body = body; }
  const std::vector<Rule>& rules() const { return rules_; }
  std::vector<Rule>& rules() { return rules_; }

  const Expr& operator[](ExprId e) const { return exprs_[static_cast<size_t>(e)]; }
  int32_t size() const { return static_cast<int32_t>(exprs_.size()); }
  Work& work() { return *work_; }

  RuleId root = -1;

 private:
  ExprId add(Expr e);

  Work* work_;
  std::vector<Expr> exprs_;
  std::vector<Rule> rules_;
};

}  // namespace jaju::grammar
