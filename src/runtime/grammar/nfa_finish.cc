// What the lowered rules need to know about themselves: which match the empty text, how high their stacks
// grow at least, that no part is dead, and that none calls itself before a byte.
#include <algorithm>
#include <utility>

#include "runtime/grammar/nfa.h"
#include "runtime/grammar/nfa_finish.h"

namespace jaju::grammar {
namespace {

constexpr int kMaxLeftCalls = 256;  // calls one after another before a byte

// Edges backwards, in one array: who leads to a state, who calls a rule.
struct Backwards {
  std::vector<int32_t> first, from;
  void build(size_t n, const std::vector<std::pair<int32_t, int32_t>>& edges) {
    first.assign(n + 1, 0);
    for (const auto& [to, f] : edges) ++first[static_cast<size_t>(to) + 1];
    for (size_t i = 0; i < n; ++i) first[i + 1] += first[i];
    from.resize(edges.size());
    std::vector<int32_t> fill(first.begin(), first.end());
    for (const auto& [to, f] : edges) from[static_cast<size_t>(fill[static_cast<size_t>(to)]++)] = f;
  }
  template <typename F>
  void each(int32_t to, F&& f) const {
    for (int32_t i = first[static_cast<size_t>(to)]; i < first[static_cast<size_t>(to) + 1]; ++i) {
      f(from[static_cast<size_t>(i)]);
    }
  }
};

class Finish {
 public:
  Finish(Nfa& nfa, Work& work) : nfa_(nfa), work_(work) {
    std::vector<std::pair<int32_t, int32_t>> edges, calls, starts, bodies;
    for (size_t i = 0; i < nfa.states.size(); ++i) {
      const NfaState& s = nfa.states[i];
      const auto id = static_cast<int32_t>(i);
      if (s.out >= 0) edges.emplace_back(s.out, id);
      if (s.kind == NfaState::Kind::split && s.out2 >= 0) edges.emplace_back(s.out2, id);
      if (s.kind == NfaState::Kind::call) calls.emplace_back(s.out2, id);
    }
    for (size_t r = 0; r < nfa.rules.size(); ++r) {
      const NfaRule& rule = nfa.rules[r];
      if (rule.start >= 0) starts.emplace_back(rule.start, static_cast<int32_t>(r));
      if (rule.body >= 0) bodies.emplace_back(rule.body, static_cast<int32_t>(r));
    }
    into_.build(nfa.states.size(), edges);
    calls_.build(nfa.rules.size(), calls);
    starts_.build(nfa.states.size(), starts);
    bodies_.build(nfa.rules.size(), bodies);
  }

  void nullable() {
    std::vector<uint8_t> empty(nfa_.states.size(), 0);
    std::vector<int32_t> stack, rules;
    auto mark = [&](int32_t s) {
      if (empty[static_cast<size_t>(s)]) return;
      empty[static_cast<size_t>(s)] = 1;
      stack.push_back(s);
    };
    auto mark_rule = [&](int32_t r) {
      NfaRule& rule = nfa_.rules[static_cast<size_t>(r)];
      if (rule.nullable) return;
      rule.nullable = true;
      rules.push_back(r);
    };
    for (size_t r = 0; r < nfa_.rules.size(); ++r) {
      if (nfa_.rules[r].nullable) rules.push_back(static_cast<int32_t>(r));
    }
    for (size_t i = 0; i < nfa_.states.size(); ++i) {
      if (nfa_.states[i].kind == NfaState::Kind::match) mark(static_cast<int32_t>(i));
    }
    while ((!stack.empty() || !rules.empty()) && work_.steps(1)) {
      if (!rules.empty()) {
        const int32_t r = rules.back();
        rules.pop_back();
        calls_.each(r, [&](int32_t s) {
          if (empty[static_cast<size_t>(nfa_.states[static_cast<size_t>(s)].out)]) mark(s);
        });
        // A repetition of what may be empty may be empty.
        bodies_.each(r, [&](int32_t loop) {
          nfa_.rules[static_cast<size_t>(loop)].min = 0;
          mark_rule(loop);
        });
        continue;
      }
      const int32_t to = stack.back();
      stack.pop_back();
      into_.each(to, [&](int32_t s) {
        const NfaState& q = nfa_.states[static_cast<size_t>(s)];
        if (q.kind == NfaState::Kind::split) mark(s);
        if (q.kind == NfaState::Kind::call && nfa_.rules[static_cast<size_t>(q.out2)].nullable) mark(s);
      });
      starts_.each(to, mark_rule);
    }
  }

  // Smallest first, as Dijkstra: the cost of a path is its highest call, not the sum.
  void heights() {
    std::vector<int32_t>& height = nfa_.height;
    height.assign(nfa_.states.size(), kNoHeight);
    std::vector<std::vector<int32_t>> states{{}}, rules{{}};  // by height, to be looked at
    for (NfaRule& rule : nfa_.rules) rule.height = kNoHeight;
    auto at = [](std::vector<std::vector<int32_t>>& buckets, int32_t h) -> std::vector<int32_t>& {
      if (buckets.size() <= static_cast<size_t>(h)) buckets.resize(static_cast<size_t>(h) + 1);
      return buckets[static_cast<size_t>(h)];
    };
    auto lower_state = [&](int32_t s, int32_t h) {
      if (h >= height[static_cast<size_t>(s)]) return;
      height[static_cast<size_t>(s)] = h;
      at(states, h).push_back(s);
    };
    auto lower_rule = [&](int32_t r, int32_t h) {
      if (h >= nfa_.rules[static_cast<size_t>(r)].height) return;
      nfa_.rules[static_cast<size_t>(r)].height = h;
      at(rules, h).push_back(r);
    };
    auto call = [&](int32_t s) {
      const NfaState& q = nfa_.states[static_cast<size_t>(s)];
      const int32_t a = height[static_cast<size_t>(q.out)],
                    b = nfa_.rules[static_cast<size_t>(q.out2)].height;
      if (a != kNoHeight && b != kNoHeight) lower_state(s, std::max(a, b + 1));
      // A call that may be empty may also be skipped.
      if (a != kNoHeight && nfa_.rules[static_cast<size_t>(q.out2)].nullable) lower_state(s, a);
    };
    for (size_t i = 0; i < nfa_.states.size(); ++i) {
      if (nfa_.states[i].kind == NfaState::Kind::match) lower_state(static_cast<int32_t>(i), 0);
    }
    for (size_t r = 0; r < nfa_.rules.size(); ++r) {
      const NfaRule& rule = nfa_.rules[r];
      const bool alone =
          rule.kind == NfaRule::Kind::counted || (rule.kind == NfaRule::Kind::loop && rule.min == 0);
      if (alone) lower_rule(static_cast<int32_t>(r), 0);
    }
    for (int32_t h = 0; static_cast<size_t>(h) < std::max(states.size(), rules.size()); ++h) {
      while ((!at(states, h).empty() || !at(rules, h).empty()) && work_.steps(1)) {
        if (!at(rules, h).empty()) {
          const int32_t r = at(rules, h).back();
          at(rules, h).pop_back();
          if (nfa_.rules[static_cast<size_t>(r)].height != h) continue;
          calls_.each(r, [&](int32_t s) {
            if (nfa_.states[static_cast<size_t>(s)].out >= 0) call(s);
          });
          bodies_.each(r, [&](int32_t loop) { lower_rule(loop, h + 1); });
          continue;
        }
        const int32_t to = at(states, h).back();
        at(states, h).pop_back();
        if (height[static_cast<size_t>(to)] != h) continue;
        into_.each(to, [&](int32_t s) {
          if (nfa_.states[static_cast<size_t>(s)].kind == NfaState::Kind::call) {
            call(s);
          } else {
            lower_state(s, h);
          }
        });
        starts_.each(to, [&](int32_t r) { lower_rule(r, h); });
      }
      if (work_.failed()) return;
    }
  }

  // From every state that is still led to, some text ends the rule.
  void trim() {
    auto dead = [&](int32_t s) { return s >= 0 && nfa_.height[static_cast<size_t>(s)] == kNoHeight; };
    for (NfaState& s : nfa_.states) {
      if (s.kind == NfaState::Kind::call) {
        // A call of a rule without text may still be skipped when it may be empty; then it has text: the
        // empty one.
        if (dead(s.out) || nfa_.rules[static_cast<size_t>(s.out2)].height == kNoHeight) {
          s = {};
        }
        continue;
      }
      if (dead(s.out)) s.out = -1;
      if (s.kind == NfaState::Kind::split && dead(s.out2)) s.out2 = -1;
    }
    for (NfaRule& rule : nfa_.rules) {
      if (dead(rule.start)) rule.start = -1;
      const bool hollow = rule.body >= 0 && nfa_.rules[static_cast<size_t>(rule.body)].height == kNoHeight;
      if (hollow) rule.max = 0;  // only the empty repetition is left
    }
  }

  // Calls that may come before any byte must not lead back to their rule, nor go on too long.
  void left_calls() {
    const size_t n = nfa_.rules.size();
    std::vector<std::vector<int32_t>> calls(n);
    Closure closure;
    for (size_t r = 0; r < n; ++r) {
      const NfaRule& rule = nfa_.rules[r];
      if (rule.kind == NfaRule::Kind::loop && rule.max > 0) calls[r].push_back(rule.body);
      if (rule.start < 0) continue;
      std::vector<int32_t> set{rule.start};
      closure.close(nfa_.states, &nfa_.rules, &set);
      for (int32_t s : set) {
        const NfaState& q = nfa_.states[static_cast<size_t>(s)];
        if (q.kind == NfaState::Kind::call) calls[r].push_back(q.out2);
      }
      if (!work_.steps(static_cast<int64_t>(set.size()) + 1)) return;
    }
    std::vector<int32_t> longest(n, -1);  // -2: on the way
    std::vector<std::pair<int32_t, size_t>> frames;
    for (size_t root = 0; root < n; ++root) {
      if (longest[root] != -1) continue;
      frames.assign(1, {static_cast<int32_t>(root), 0});
      longest[root] = -2;
      while (!frames.empty()) {
        auto& [r, i] = frames.back();
        const auto rule = static_cast<size_t>(r);
        if (i < calls[rule].size()) {
          const auto to = static_cast<size_t>(calls[rule][i++]);
          if (longest[to] == -2) {
            work_.fail(
                error("rule '{}' calls itself before any byte (left recursion); write it with a repetition, "
                      "x ::= y z* instead of x ::= x z | y",
                      nfa_.rules[to].name));
            return;
          }
          if (longest[to] == -1) {
            longest[to] = -2;
            frames.emplace_back(static_cast<int32_t>(to), 0);
          }
          continue;
        }
        int32_t best = 0;
        for (int32_t to : calls[rule]) best = std::max(best, longest[static_cast<size_t>(to)] + 1);
        longest[rule] = best;
        if (best > kMaxLeftCalls) {
          work_.fail(error("rule '{}' calls rules more than {} deep before any byte", nfa_.rules[rule].name,
                           kMaxLeftCalls));
          return;
        }
        frames.pop_back();
      }
    }
  }

 private:
  Nfa& nfa_;
  Work& work_;
  Backwards into_;    // state -> states with an edge to it
  Backwards calls_;   // rule -> states that call it
  Backwards starts_;  // state -> rules that begin there
  Backwards bodies_;  // rule -> loops that repeat it
};

}  // namespace

void finish(Nfa& nfa, Work& work) {
  Finish f(nfa, work);
  f.nullable();
  f.heights();
  if (work.failed()) return;
  if (nfa.rules[static_cast<size_t>(nfa.root)].height == kNoHeight) {
    work.fail(error("no text at all can satisfy it"));
    return;
  }
  f.trim();
  f.left_calls();
}

}  // namespace jaju::grammar
