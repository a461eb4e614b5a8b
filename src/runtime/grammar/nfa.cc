#include "runtime/grammar/nfa.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "runtime/grammar/nfa_finish.h"

namespace jaju::grammar {
namespace {

constexpr int64_t kUnroll = 256;  // states up to which a counted repetition is written out
constexpr int64_t kCountedBody =
    2'000;                         // states up to which a repeated body is tried as a counting automaton
constexpr int64_t kInline = 128;   // states up to which a rule used several times is copied into its callers
constexpr int kInlineLevels = 48;  // rules inside rules inside rules
constexpr int64_t kWide = 64;      // characters from which a class admits "almost any token"
constexpr int64_t kHuge = int64_t{1} << 40;

int64_t capped(int64_t n) {
  return std::min(n, kHuge);
}

// What the lowering wants to know of a rule before it decides where to copy it.
struct RuleInfo {
  int64_t size = 0;  // states when lowered, calls that stay calls as one
  int64_t uses = 0;  // places that call it
  bool wide_loop =
      false;  // an unbounded repetition of a wide class: its mask is a walk of the whole vocabulary
  bool recursive = false;
  int level = 0;  // of rules copied into each other
};

class Lowering {
 public:
  Lowering(Grammar& grammar, std::vector<NfaState>* states, Nfa* nfa)
      : grammar_(grammar), work_(grammar.work()), states_(*states), nfa_(nfa) {}

  // With rules (`nfa` given): decides what is copied, lowers every rule that stays.
  void rules() {
    plan();
    nfa_->root = rule_index(grammar_.root);
    for (size_t i = 0; i < pending_.size() && !work_.failed(); ++i) {
      const auto [rule, index] = pending_[i];
      const int32_t end = add({.kind = NfaState::Kind::match});
      const int32_t start = build(grammar_.rules()[static_cast<size_t>(rule)].body, end);
      nfa_->rules[static_cast<size_t>(index)].start = start;
    }
  }

  // Without rules, into at most `max_states`. -2: a call is met that is not copied, or there are too many
  // states.
  int32_t regular(ExprId e, size_t max_states) {
    max_states_ = max_states;
    const int32_t end = add({.kind = NfaState::Kind::match});
    const int32_t start = build(e, end);
    return not_regular_ ? -2 : start;
  }

 private:
  int32_t add(NfaState s) {
    if (nfa_ == nullptr) {
      not_regular_ |= states_.size() >= max_states_;
      if (!work_.steps(1) || not_regular_) return -1;
    } else if (!work_.symbols(1)) {
      return -1;
    }
    states_.push_back(s);
    return static_cast<int32_t>(states_.size()) - 1;
  }
  int32_t range(uint8_t lo, uint8_t hi, int32_t next) {
    return next < 0 ? -1 : add({NfaState::Kind::range, lo, hi, next, -1});
  }
  int32_t split(int32_t a, int32_t b) {
    if (a < 0 || b < 0) return std::max(a, b);
    return a == b ? a : add({.kind = NfaState::Kind::split, .out = a, .out2 = b});
  }

  bool stopped() const { return not_regular_ || work_.failed(); }
  bool copied(RuleId rule) const { return grammar_.rules()[static_cast<size_t>(rule)].copied; }

  // Size and width of an expression; calls of rules that are copied count in full.
  struct Measure {
    int64_t size = 0;
    bool wide = false;
    bool wide_loop = false;
    bool asserts = false;  // contains ^ or $
  };
  Measure measure(ExprId id) {
    if (static_cast<size_t>(id) < measured_.size() && measured_[static_cast<size_t>(id)].size >= 0) {
      return measured_[static_cast<size_t>(id)];
    }
    work_.steps(1);
    const Expr& e = grammar_[id];
    Measure m;
    switch (e.kind) {
      case Expr::Kind::literal:
        m.size = static_cast<int64_t>(e.text.size());
        break;
      case Expr::Kind::chars: {
        m.wide = e.set.size() >= kWide;
        for (const auto& [lo, hi] : e.set.ranges()) m.size += hi < 0x80 ? 2 : hi < 0x10000 ? 4 : 8;
        break;
      }
      case Expr::Kind::sequence:
      case Expr::Kind::choice:
      case Expr::Kind::anchored:
      case Expr::Kind::joined:
        for (ExprId p : e.parts) {
          const Measure part = measure(p);
          m.size = capped(m.size + part.size + (e.kind == Expr::Kind::choice));
          m.wide |= part.wide;
          m.wide_loop |= part.wide_loop;
          m.asserts |= part.asserts;
        }
        if (e.kind == Expr::Kind::anchored) {
          m.size = capped(m.size * 4);
          m.asserts = false;
        }
        if (e.kind == Expr::Kind::joined) {
          const Measure between = measure(e.separator);
          m.size = capped(m.size + (between.size + 2) * static_cast<int64_t>(e.parts.size()));
          m.wide_loop |= between.wide_loop;
        }
        break;
      case Expr::Kind::repeat: {
        m = measure(e.parts[0]);
        m.wide_loop |= m.wide && e.max > 32;
        const int64_t copies = e.max == kUnbounded ? e.min + int64_t{1} : e.max;
        m.size = m.asserts || unrolls(e, m.size) ? capped((m.size + 1) * copies) : 1;
        break;
      }
      case Expr::Kind::call:
        m.size = 1;
        if (copied(e.min)) {
          m.size = plan_[static_cast<size_t>(e.min)].size;
          m.wide_loop = plan_[static_cast<size_t>(e.min)].wide_loop;
        }
        break;
      case Expr::Kind::automaton: {
        const Dfa& dfa = *e.dfa;
        m.size = int64_t{dfa.size()} * 3;
        m.wide = m.wide_loop = dfa.size() > 1;
        break;
      }
      case Expr::Kind::text_begin:
      case Expr::Kind::text_end:
        m.asserts = true;
        break;
      default:
        break;
    }
    if (measured_.size() <= static_cast<size_t>(id))
      measured_.resize(static_cast<size_t>(grammar_.size()), {-1});
    measured_[static_cast<size_t>(id)] = m;
    return m;
  }
  bool unrolls(const Expr& e, int64_t body_size) const {
    if (e.max == kUnbounded) return e.min <= 1 || capped(body_size * e.min) <= kUnroll;
    return e.max == 1 || capped(body_size * e.max) <= kUnroll;
  }

  // Strongly connected rules, callees first (Tarjan, without recursion), then the decision for each.
  void plan() {
    const std::vector<Grammar::Rule>& rules = grammar_.rules();
    plan_.assign(rules.size(), {});
    std::vector<std::vector<RuleId>> calls(rules.size());
    std::vector<int32_t> order(rules.size(), -1), low(rules.size(), 0);
    std::vector<bool> on_stack(rules.size(), false);
    std::vector<RuleId> component;
    std::vector<std::pair<RuleId, size_t>> frames{{grammar_.root, 0}};
    int32_t clock = 0;
    auto enter = [&](RuleId r) {
      const auto i = static_cast<size_t>(r);
      order[i] = low[i] = clock++;
      on_stack[i] = true;
      component.push_back(r);
      std::vector<ExprId> todo{rules[i].body};
      while (!todo.empty() && work_.steps(1)) {
        const Expr& e = grammar_[todo.back()];
        todo.pop_back();
        if (e.kind == Expr::Kind::call) {
          calls[i].push_back(e.min);
          ++plan_[static_cast<size_t>(e.min)].uses;
        }
        todo.insert(todo.end(), e.parts.begin(), e.parts.end());
        if (e.kind == Expr::Kind::joined) todo.insert(todo.end(), e.parts.size(), e.separator);
      }
    };
    enter(grammar_.root);
    while (!frames.empty() && !work_.failed()) {
      const RuleId r = frames.back().first;
      const auto i = static_cast<size_t>(r);
      if (frames.back().second < calls[i].size()) {
        const RuleId to = calls[i][frames.back().second++];
        const auto j = static_cast<size_t>(to);
        if (to == r) plan_[i].recursive = true;
        if (order[j] < 0) {
          enter(to);
          frames.emplace_back(to, 0);
        } else if (on_stack[j]) {
          low[i] = std::min(low[i], order[j]);
        }
        continue;
      }
      frames.pop_back();
      if (!frames.empty()) {
        const auto p = static_cast<size_t>(frames.back().first);
        low[p] = std::min(low[p], low[i]);
      }
      if (low[i] != order[i]) continue;
      const bool alone = component.back() == r;
      while (true) {
        const RuleId member = component.back();
        component.pop_back();
        on_stack[static_cast<size_t>(member)] = false;
        if (!alone) plan_[static_cast<size_t>(member)].recursive = true;
        finished_.push_back(member);
        if (member == r) break;
      }
    }
    // Callers may be finished before all uses are counted, so decide only now; callees come first.
    for (RuleId r : finished_) {
      RuleInfo& info = plan_[static_cast<size_t>(r)];
      for (RuleId to : calls[static_cast<size_t>(r)]) {
        if (copied(to)) info.level = std::max(info.level, plan_[static_cast<size_t>(to)].level + 1);
      }
      const Measure m = measure(rules[static_cast<size_t>(r)].body);
      info.size = m.size;
      info.wide_loop = m.wide_loop;
      grammar_.rules()[static_cast<size_t>(r)].copied =
          !info.recursive && !rules[static_cast<size_t>(r)].shared && r != grammar_.root &&
          info.level < kInlineLevels && (info.uses == 1 || (m.size <= kInline && !m.wide_loop));
    }
  }

  // The rule in the Nfa that stands for one of the grammar.
  int32_t rule_index(RuleId rule) {
    auto [it, fresh] = index_.try_emplace(rule, static_cast<int32_t>(nfa_->rules.size()));
    if (fresh) {
      nfa_->rules.push_back({.name = grammar_.rules()[static_cast<size_t>(rule)].name});
      pending_.emplace_back(rule, it->second);
    }
    return it->second;
  }

  // The states of `id`, going on to `next`; returns where it begins, -1 when it matches nothing.
  int32_t build(ExprId id, int32_t next) {
    if (next < 0 || stopped()) return -1;
    const Expr& e = grammar_[id];
    switch (e.kind) {
      case Expr::Kind::never:
        return -1;
      case Expr::Kind::empty:
        return next;
      case Expr::Kind::literal:
        for (size_t i = e.text.size(); i-- > 0;) {
          const auto b = static_cast<uint8_t>(e.text[i]);
          next = range(b, b, next);
        }
        return next;
      case Expr::Kind::chars:
        return build_chars(e.set, next);
      case Expr::Kind::sequence:
        for (size_t i = e.parts.size(); i-- > 0;) next = build(grammar_[id].parts[i], next);
        return next;
      case Expr::Kind::choice: {
        int32_t start = -1;
        for (size_t i = e.parts.size(); i-- > 0;) start = split(build(e.parts[i], next), start);
        return start;
      }
      case Expr::Kind::repeat:
        return build_repeat(id, next);
      case Expr::Kind::joined:
        return build_joined(id, next);
      case Expr::Kind::call:
        if (copied(e.min)) return build(grammar_.rules()[static_cast<size_t>(e.min)].body, next);
        if (nfa_ == nullptr) {
          not_regular_ = true;
          return -1;
        }
        return add({.kind = NfaState::Kind::call, .out = next, .out2 = rule_index(e.min)});
      case Expr::Kind::automaton:
        return build_automaton(*e.dfa, next);
      case Expr::Kind::text_begin:
        return add({.kind = NfaState::Kind::text_begin, .out = next});
      case Expr::Kind::text_end:
        return add({.kind = NfaState::Kind::text_end, .out = next});
      case Expr::Kind::anchored: {
        const int32_t end = add({.kind = NfaState::Kind::match});
        return resolve_anchors(build(e.parts[0], end), end, next);
      }
    }
    return -1;
  }

  // Alternatives of byte ranges; equal ends are shared.
  int32_t build_chars(const CodePointSet& set, int32_t next) {
    std::map<std::pair<int32_t, int32_t>, int32_t> shared;  // (range, next) -> state
    int32_t start = -1;
    for (const auto& [lo, hi] : set.ranges()) {
      utf8_ranges(lo, hi, [&](const ByteRange* ranges, int n) {
        int32_t to = next;
        for (int i = n - 1; i >= 0 && to >= 0; --i) {
          int32_t& state = shared.try_emplace({ranges[i].lo << 8 | ranges[i].hi, to}, -1).first->second;
          if (state < 0) state = range(ranges[i].lo, ranges[i].hi, to);
          to = state;
        }
        start = split(start, to);
      });
      if (stopped()) return -1;
    }
    return start;
  }

  int32_t build_automaton(const Dfa& dfa, int32_t next) {
    if (dfa.size() == 0) return -1;
    // A split in front of every state, filled once all exist.
    std::vector<int32_t> head(static_cast<size_t>(dfa.size()));
    for (int32_t& h : head) h = add({});
    for (int32_t s = 0; s < dfa.size() && !stopped(); ++s) {
      int32_t start = dfa.accepting(s) ? next : -1;
      for (int b = 0; b < 256;) {
        int end = b;
        const int32_t to = dfa.next(s, static_cast<uint8_t>(b));
        while (end < 255 && dfa.next(s, static_cast<uint8_t>(end + 1)) == to) ++end;
        if (to >= 0) {
          start = split(start, range(static_cast<uint8_t>(b), static_cast<uint8_t>(end),
                                     head[static_cast<size_t>(to)]));
        }
        b = end + 1;
      }
      if (!stopped()) states_[static_cast<size_t>(head[static_cast<size_t>(s)])].out = start;
    }
    return stopped() ? -1 : head[0];
  }

  int32_t build_repeat(ExprId id, int32_t next) {
    const Expr& e = grammar_[id];
    const ExprId body = e.parts[0];
    const int32_t min = e.min, max = e.max;
    if (nfa_ != nullptr) {
      // ^ and $ only mean something where the enclosing expression is resolved, so their repetition is
      // written out.
      const Measure m = measure(body);
      if (!m.asserts && !unrolls(e, m.size)) return build_counting(body, min, max, next);
    }
    if (max == kUnbounded) {
      const int32_t loop = add({});
      if (loop < 0) return -1;
      const int32_t inside = build(body, loop);
      if (stopped()) return -1;
      states_[static_cast<size_t>(loop)].out = inside;
      states_[static_cast<size_t>(loop)].out2 = next;
      int32_t start = loop;
      // x{1,} begins inside the loop's body; more copies stand in front.
      for (int32_t i = 0; i < min && start >= 0; ++i) start = i == 0 ? inside : build(body, start);
      return start;
    }
    // x{2,4} = x x (x (x)?)?
    int32_t start = next;
    for (int32_t i = max; i > 0 && start >= 0 && !stopped(); --i) {
      start = build(body, start);
      if (i > min) start = split(start, next);
      if (start < 0 && i > min) start = next;
    }
    return start;
  }

  // Two places before each part: nothing is there yet, or something is and a separator comes first. Both lead
  // into the same copy of the part.
  int32_t build_joined(ExprId id, int32_t next) {
    int32_t some = next, none = grammar_[id].nonempty ? -1 : next;
    for (size_t i = grammar_[id].parts.size(); i-- > 0 && !stopped();) {
      const Expr& e = grammar_[id];
      const int32_t item = build(e.parts[i], some);
      const int32_t separated = build(grammar_[id].separator, item);
      if (!grammar_[id].optional[i]) {
        some = separated;
        none = item;
      } else {
        some = split(separated, grammar_[id].skips ? some : next);
        none = split(item, grammar_[id].skips ? none : grammar_[id].nonempty ? -1 : next);
      }
    }
    return stopped() ? -1 : none;
  }

  // A repetition too long to write out: a rule that counts.
  int32_t build_counting(ExprId body, int32_t min, int32_t max, int32_t next) {
    NfaRule rule;
    rule.name = "repetition";
    rule.min = min;
    rule.max = max;
    if (measure(body).size <= kCountedBody) {
      auto [it, fresh] = counted_.try_emplace(body, nullptr);
      if (fresh) it->second = Dfa::from_expr(grammar_, body, 512);
      if (it->second != nullptr) {
        auto dfa = it->second;
        if (dfa->nullable()) {
          rule.min = 0;
          dfa = dfa->without_empty(work_);
        }
        if (dfa != nullptr && dfa->prefix_free()) {
          rule.kind = NfaRule::Kind::counted;
          rule.dfa = dfa;
        }
      }
    }
    if (work_.failed()) return -1;
    if (rule.kind != NfaRule::Kind::counted) {
      rule.kind = NfaRule::Kind::loop;
      NfaRule inside;
      inside.name = "repeated part";
      const int32_t end = add({.kind = NfaState::Kind::match});
      inside.start = build(body, end);
      rule.body = static_cast<int32_t>(nfa_->rules.size());
      nfa_->rules.push_back(std::move(inside));
    }
    rule.nullable = rule.min == 0;
    nfa_->rules.push_back(std::move(rule));
    return add(
        {.kind = NfaState::Kind::call, .out = next, .out2 = static_cast<int32_t>(nfa_->rules.size()) - 1});
  }
  // Copies what `start` reaches (up to `end`, which becomes `next`) once for each of: nothing eaten yet or
  // something, end asserted or not. ^ holds where nothing is eaten; after $ nothing may be eaten.
  int32_t resolve_anchors(int32_t start, int32_t end, int32_t next) {
    if (start < 0) return -1;
    std::unordered_map<int64_t, int32_t> copies;
    std::vector<std::pair<int64_t, int32_t>> todo;
    auto copy = [&](int32_t state, bool eaten, bool ended) {
      if (state < 0) return -1;
      const int64_t key = int64_t{state} * 4 + eaten * 2 + ended;
      auto [it, fresh] = copies.try_emplace(key, -1);
      if (fresh) {
        it->second = add({});
        todo.emplace_back(key, it->second);
      }
      return it->second;
    };
    const int32_t begin = copy(start, false, false);
    while (!todo.empty() && !stopped()) {
      const auto [key, id] = todo.back();
      todo.pop_back();
      const NfaState s = states_[static_cast<size_t>(key / 4)];
      const bool eaten = (key & 2) != 0, ended = (key & 1) != 0;
      NfaState made;
      switch (s.kind) {
        case NfaState::Kind::split:
          made.out = copy(s.out, eaten, ended);
          made.out2 = copy(s.out2, eaten, ended);
          break;
        case NfaState::Kind::range:
          if (!ended) made = {NfaState::Kind::range, s.lo, s.hi, copy(s.out, true, false), -1};
          break;
        case NfaState::Kind::call:
          if (!ended) {
            made.out = add({.kind = NfaState::Kind::call, .out = copy(s.out, true, false), .out2 = s.out2});
          }
          if (nfa_->rules[static_cast<size_t>(s.out2)].nullable) made.out2 = copy(s.out, eaten, ended);
          break;
        case NfaState::Kind::text_begin:
          if (!eaten) made.out = copy(s.out, eaten, ended);
          break;
        case NfaState::Kind::text_end:
          made.out = copy(s.out, eaten, true);
          break;
        case NfaState::Kind::match:
          made.out = key / 4 == end ? next : -1;
          break;
      }
      if (stopped()) return -1;
      states_[static_cast<size_t>(id)] = made;
    }
    return begin;
  }

  Grammar& grammar_;
  Work& work_;
  std::vector<NfaState>& states_;
  Nfa* nfa_;  // null: regular only
  std::vector<RuleInfo> plan_;
  std::vector<RuleId> finished_;  // callees before callers
  std::unordered_map<RuleId, int32_t> index_;
  std::vector<std::pair<RuleId, int32_t>> pending_;
  std::unordered_map<ExprId, std::shared_ptr<const Dfa>> counted_;
  std::vector<Measure> measured_;
  bool not_regular_ = false;
  size_t max_states_ = 0;  // regular only
};

}  // namespace

void Closure::close(const std::vector<NfaState>& states, const std::vector<NfaRule>* rules,
                    std::vector<int32_t>* set) {
  if (seen_.size() < states.size()) seen_.resize(states.size(), 0);
  if (++round_ == 0) {
    std::fill(seen_.begin(), seen_.end(), 0);
    round_ = 1;
  }
  stack_.clear();
  auto visit = [&](int32_t s) {
    if (s < 0 || seen_[static_cast<size_t>(s)] == round_) return;
    seen_[static_cast<size_t>(s)] = round_;
    stack_.push_back(s);
  };
  for (int32_t s : *set) visit(s);
  set->clear();
  while (!stack_.empty()) {
    const int32_t id = stack_.back();
    stack_.pop_back();
    const NfaState& s = states[static_cast<size_t>(id)];
    if (s.kind == NfaState::Kind::split) {
      visit(s.out);
      visit(s.out2);
      continue;
    }
    set->push_back(id);
    if (s.kind == NfaState::Kind::call && (*rules)[static_cast<size_t>(s.out2)].nullable) visit(s.out);
  }
  std::sort(set->begin(), set->end());
}

int32_t lower_regular(Grammar& grammar, ExprId e, std::vector<NfaState>* states, size_t max_states) {
  return Lowering(grammar, states, nullptr).regular(e, max_states);
}

Result<Nfa> lower(Grammar& grammar) {
  Nfa nfa;
  Work& work = grammar.work();
  Lowering(grammar, &nfa.states, &nfa).rules();
  if (!work.failed()) finish(nfa, work);
  if (work.failed()) return work.status();
  return nfa;
}

}  // namespace jaju::grammar
