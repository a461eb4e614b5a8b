#include "runtime/grammar/expr.h"

#include <utility>

namespace jaju::grammar {

Grammar::Grammar(Work* work) : work_(work) {
  exprs_.push_back({.kind = Expr::Kind::never});
  exprs_.push_back({.kind = Expr::Kind::empty});
}

ExprId Grammar::add(Expr e) {
  if (!work_->symbols(1)) return never();
  exprs_.push_back(std::move(e));
  return size() - 1;
}

ExprId Grammar::literal(std::string_view bytes) {
  if (bytes.empty()) return empty();
  return add({.kind = Expr::Kind::literal, .text = std::string(bytes)});
}

ExprId Grammar::chars(CodePointSet set) {
  if (set.empty()) return never();
  return add({.kind = Expr::Kind::chars, .set = std::move(set)});
}

ExprId Grammar::sequence(std::vector<ExprId> parts) {
  std::vector<ExprId> kept;
  for (ExprId p : parts) {
    if (p == never()) return never();
    if (p != empty()) kept.push_back(p);
  }
  if (kept.empty()) return empty();
  if (kept.size() == 1) return kept[0];
  return add({.kind = Expr::Kind::sequence, .parts = std::move(kept)});
}

ExprId Grammar::choice(std::vector<ExprId> parts) {
  std::erase(parts, never());
  if (parts.empty()) return never();
  if (parts.size() == 1) return parts[0];
  return add({.kind = Expr::Kind::choice, .parts = std::move(parts)});
}

ExprId Grammar::repeat(ExprId e, int32_t min, int32_t max) {
  if (max == 0 || e == empty()) return empty();
  if (e == never()) return min == 0 ? empty() : never();
  if (min == 1 && max == 1) return e;
  return add({.kind = Expr::Kind::repeat, .min = min, .max = max, .parts = {e}});
}

ExprId Grammar::joined(std::vector<ExprId> parts, std::vector<bool> optional, ExprId separator, bool skips,
                       bool nonempty) {
  return add({.kind = Expr::Kind::joined,
              .parts = std::move(parts),
              .optional = std::move(optional),
              .separator = separator,
              .skips = skips,
              .nonempty = nonempty});
}

ExprId Grammar::call(RuleId rule) {
  return add({.kind = Expr::Kind::call, .min = rule});
}

ExprId Grammar::automaton(std::shared_ptr<const Dfa> dfa) {
  return add({.kind = Expr::Kind::automaton, .dfa = std::move(dfa)});
}

ExprId Grammar::anchored(ExprId e) {
  return add({.kind = Expr::Kind::anchored, .parts = {e}});
}

RuleId Grammar::new_rule(std::string name, bool shared) {
  work_->symbols(1);
  rules_.push_back({.name = std::move(name), .body = never(), .shared = shared});
  return static_cast<RuleId>(rules_.size()) - 1;
}

}  // namespace jaju::grammar
