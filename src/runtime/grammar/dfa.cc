#include "runtime/grammar/dfa.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "runtime/grammar/nfa.h"

namespace jaju::grammar {
namespace {

// Minimisation refines at most this many times a state; larger automata stay as they are.
constexpr int64_t kMinimiseWork = 20'000'000;

struct VectorHash {
  size_t operator()(const std::vector<int32_t>& v) const {
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (int32_t x : v) {
      h ^= static_cast<uint32_t>(x);
      h *= 0xFF51AFD7ED558CCDu;
      h ^= h >> 32;
    }
    return h;
  }
};

// Numbers the classes of bytes that `cuts` leaves together; cuts[b]: a range begins at b.
int classes_of(const std::array<bool, 257>& cuts, std::array<uint8_t, 256>* out) {
  int n = -1;
  for (size_t b = 0; b < 256; ++b) {
    if (b == 0 || cuts[b]) ++n;
    (*out)[b] = static_cast<uint8_t>(n);
  }
  return n + 1;
}

}  // namespace

std::shared_ptr<const Dfa> Dfa::from_expr(Grammar& grammar, ExprId e, int32_t max_states) {
  Work& work = grammar.work();
  std::vector<NfaState> nfa;
  const int32_t start = lower_regular(grammar, e, &nfa, static_cast<size_t>(max_states) * 8);
  if (start == -2 || work.failed()) return nullptr;
  Dfa made;
  if (start < 0) return made.trimmed(work);

  std::array<bool, 257> cuts{};
  for (const NfaState& s : nfa) {
    if (s.kind != NfaState::Kind::range) continue;
    cuts[s.lo] = true;
    cuts[s.hi + 1u] = true;
  }
  made.n_classes_ = classes_of(cuts, &made.class_of_);
  std::array<uint8_t, 256> member{};  // of each class
  for (int b = 255; b >= 0; --b) member[made.class_of_[static_cast<size_t>(b)]] = static_cast<uint8_t>(b);

  std::unordered_map<std::vector<int32_t>, int32_t, VectorHash> ids;
  std::vector<const std::vector<int32_t>*> sets;
  Closure closure;
  auto intern = [&](std::vector<int32_t> set) {
    closure.close(nfa, nullptr, &set);
    work.steps(static_cast<int64_t>(set.size()) + 1);
    auto [it, fresh] = ids.try_emplace(std::move(set), static_cast<int32_t>(sets.size()));
    if (fresh) {
      sets.push_back(&it->first);
      bool accepts = false;
      for (int32_t s : it->first) accepts |= nfa[static_cast<size_t>(s)].kind == NfaState::Kind::match;
      made.accepting_.push_back(accepts);
    }
    return it->second;
  };
  intern({start});
  for (size_t id = 0; id < sets.size(); ++id) {
    if (work.failed() || sets.size() > static_cast<size_t>(max_states)) return nullptr;
    for (int c = 0; c < made.n_classes_; ++c) {
      const uint8_t b = member[static_cast<size_t>(c)];
      std::vector<int32_t> to;
      for (int32_t s : *sets[id]) {
        const NfaState& q = nfa[static_cast<size_t>(s)];
        if (q.kind == NfaState::Kind::range && q.lo <= b && b <= q.hi && q.out >= 0) to.push_back(q.out);
      }
      work.steps(static_cast<int64_t>(sets[id]->size()) / 8);
      made.next_.push_back(to.empty() ? -1 : intern(std::move(to)));
    }
  }
  return made.trimmed(work);
}

std::shared_ptr<const Dfa> Dfa::combine(Work& work, const Dfa& a, const Dfa& b, Combine how,
                                        int32_t max_states) {
  Dfa made;
  if (a.size() == 0 || (how == Combine::both && b.size() == 0)) return made.trimmed(work);
  std::array<bool, 257> cuts{};
  for (size_t i = 1; i < 256; ++i) {
    cuts[i] = a.class_of_[i] != a.class_of_[i - 1] || b.class_of_[i] != b.class_of_[i - 1];
  }
  made.n_classes_ = classes_of(cuts, &made.class_of_);
  std::array<uint8_t, 256> member{};
  for (int x = 255; x >= 0; --x) member[made.class_of_[static_cast<size_t>(x)]] = static_cast<uint8_t>(x);

  std::unordered_map<uint64_t, int32_t> ids;
  std::vector<std::pair<int32_t, int32_t>> pairs;  // second -1: b has stopped, and only first_only goes on
  auto intern = [&](int32_t x, int32_t y) {
    const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(x)) << 32 | static_cast<uint32_t>(y);
    auto [it, fresh] = ids.try_emplace(key, static_cast<int32_t>(pairs.size()));
    if (fresh) {
      pairs.emplace_back(x, y);
      const bool in_b = y >= 0 && b.accepting(y);
      made.accepting_.push_back(a.accepting(x) && in_b == (how == Combine::both));
    }
    return it->second;
  };
  intern(0, b.size() == 0 ? -1 : 0);
  for (size_t id = 0; id < pairs.size(); ++id) {
    if (!work.steps(made.n_classes_) || pairs.size() > static_cast<size_t>(max_states)) return nullptr;
    const auto [x, y] = pairs[id];
    for (int c = 0; c < made.n_classes_; ++c) {
      const uint8_t byte = member[static_cast<size_t>(c)];
      const int32_t to_x = a.next(x, byte);
      const int32_t to_y = y < 0 ? -1 : b.next(y, byte);
      const bool dead = to_x < 0 || (to_y < 0 && how == Combine::both);
      made.next_.push_back(dead ? -1 : intern(to_x, to_y));
    }
  }
  return made.trimmed(work);
}

std::shared_ptr<const Dfa> Dfa::from_table(Work& work, const std::vector<int32_t>& next,
                                           const std::vector<uint8_t>& accepting) {
  const size_t n = accepting.size();
  JAJU_CHECK(next.size() == n * 256);
  Dfa made;
  made.accepting_ = accepting;
  std::array<bool, 257> cuts{};
  for (size_t s = 0; s < n; ++s) {
    for (size_t b = 1; b < 256; ++b) cuts[b] = cuts[b] || next[s * 256 + b] != next[s * 256 + b - 1];
  }
  made.n_classes_ = classes_of(cuts, &made.class_of_);
  for (size_t s = 0; s < n; ++s) {
    for (size_t b = 0; b < 256; ++b) {
      if (b == 0 || cuts[b]) made.next_.push_back(next[s * 256 + b]);
    }
  }
  return made.trimmed(work);
}

std::shared_ptr<const Dfa> Dfa::trimmed(Work& work) const {
  const size_t n = accepting_.size(), k = static_cast<size_t>(n_classes_);
  // Which states reach an accepting one: backwards from those.
  std::vector<uint8_t> alive(accepting_);
  std::vector<int32_t> first(n + 1, 0), from;
  for (int32_t to : next_) {
    if (to >= 0) ++first[static_cast<size_t>(to) + 1];
  }
  for (size_t s = 0; s < n; ++s) first[s + 1] += first[s];
  from.resize(static_cast<size_t>(first[n]));
  std::vector<int32_t> fill(first.begin(), first.end());
  for (size_t i = 0; i < next_.size(); ++i) {
    if (next_[i] >= 0)
      from[static_cast<size_t>(fill[static_cast<size_t>(next_[i])]++)] = static_cast<int32_t>(i / k);
  }
  std::vector<int32_t> stack;
  for (size_t s = 0; s < n; ++s) {
    if (alive[s]) stack.push_back(static_cast<int32_t>(s));
  }
  while (!stack.empty()) {
    const auto s = static_cast<size_t>(stack.back());
    stack.pop_back();
    for (int32_t i = first[s]; i < first[s + 1]; ++i) {
      const int32_t p = from[static_cast<size_t>(i)];
      if (!alive[static_cast<size_t>(p)]) {
        alive[static_cast<size_t>(p)] = 1;
        stack.push_back(p);
      }
    }
  }
  if (!work.steps(static_cast<int64_t>(next_.size()))) return nullptr;

  auto made = std::make_shared<Dfa>();
  if (n == 0 || !alive[0]) return made;
  // Moore: blocks of states, told apart by where they go, until no round tells more apart. Block 0: dead.
  std::vector<int32_t> block(n);
  for (size_t s = 0; s < n; ++s) block[s] = !alive[s] ? 0 : accepting_[s] ? 2 : 1;
  size_t n_blocks = 0;
  bool stable = false;
  int64_t spent = 0;
  while (!stable && spent < kMinimiseWork) {
    std::unordered_map<std::vector<int32_t>, int32_t, VectorHash> ids;
    std::vector<int32_t> refined(n);
    std::vector<int32_t> key(k + 1);
    for (size_t s = 0; s < n; ++s) {
      if (!alive[s]) continue;
      key[k] = block[s];
      for (size_t c = 0; c < k; ++c) {
        const int32_t to = next_[s * k + c];
        key[c] = to < 0 ? 0 : block[static_cast<size_t>(to)];
      }
      refined[s] = ids.try_emplace(key, static_cast<int32_t>(ids.size()) + 1).first->second;
    }
    stable = ids.size() == n_blocks;
    n_blocks = ids.size();
    block = std::move(refined);
    spent += static_cast<int64_t>(n * k);
    if (!work.steps(static_cast<int64_t>(n * k) / 16)) return nullptr;
  }
  if (!stable) {  // too large to minimise: every living state stays itself
    n_blocks = 0;
    for (size_t s = 0; s < n; ++s) block[s] = alive[s] ? static_cast<int32_t>(++n_blocks) : 0;
  }

  // Number the blocks from the start.
  std::vector<int32_t> id(n_blocks + 1, -1), order;
  auto number = [&](int32_t state) {
    int32_t& x = id[static_cast<size_t>(block[static_cast<size_t>(state)])];
    if (x < 0) {
      x = static_cast<int32_t>(order.size());
      order.push_back(state);
    }
    return x;
  };
  number(0);
  std::vector<int32_t> next;
  for (size_t i = 0; i < order.size(); ++i) {
    made->accepting_.push_back(accepting_[static_cast<size_t>(order[i])]);
    for (size_t c = 0; c < k; ++c) {
      const int32_t to = next_[static_cast<size_t>(order[i]) * k + c];
      next.push_back(to < 0 || !alive[static_cast<size_t>(to)] ? -1 : number(to));
    }
  }
  // Classes that no state tells apart any more become one.
  std::map<std::vector<int32_t>, uint8_t> columns;
  std::vector<size_t> kept;
  for (size_t b = 0; b < 256; ++b) {
    if (b > 0 && class_of_[b] == class_of_[b - 1]) {
      made->class_of_[b] = made->class_of_[b - 1];
      continue;
    }
    std::vector<int32_t> column;
    for (size_t i = 0; i < order.size(); ++i) column.push_back(next[i * k + class_of_[b]]);
    auto [it, fresh] = columns.try_emplace(std::move(column), static_cast<uint8_t>(columns.size()));
    if (fresh) kept.push_back(class_of_[b]);
    made->class_of_[b] = it->second;
  }
  made->n_classes_ = static_cast<int>(kept.size());
  for (size_t i = 0; i < order.size(); ++i) {
    for (size_t c : kept) made->next_.push_back(next[i * k + c]);
  }
  return made;
}

bool Dfa::matches(std::string_view text) const {
  int32_t s = size() == 0 ? -1 : 0;
  for (char c : text) {
    if (s < 0) return false;
    s = next(s, static_cast<uint8_t>(c));
  }
  return s >= 0 && accepting(s);
}

bool Dfa::prefix_free() const {
  for (int32_t s = 0; s < size(); ++s) {
    if (!accepting(s)) continue;
    for (int c = 0; c < n_classes_; ++c) {
      if (next_[static_cast<size_t>(s) * static_cast<size_t>(n_classes_) + static_cast<size_t>(c)] >= 0)
        return false;
    }
  }
  return !nullable();
}

std::shared_ptr<const Dfa> Dfa::without_empty(Work& work) const {
  // A new start, a copy of the old one that does not accept, in front.
  Dfa made;
  made.class_of_ = class_of_;
  made.n_classes_ = n_classes_;
  if (size() > 0) {
    made.accepting_.push_back(0);
    for (int c = 0; c < n_classes_; ++c) made.next_.push_back(next_[static_cast<size_t>(c)]);
    made.accepting_.insert(made.accepting_.end(), accepting_.begin(), accepting_.end());
    made.next_.insert(made.next_.end(), next_.begin(), next_.end());
    for (int32_t& to : made.next_) to = to < 0 ? -1 : to + 1;
  }
  return made.trimmed(work);
}

}  // namespace jaju::grammar
