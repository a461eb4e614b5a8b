#include "runtime/grammar/automaton.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jaju::grammar {

static_assert(alignof(Position) >= 8 && alignof(Moves) >= 8, "entries keep flags in the low bits");

size_t Automaton::SetHash::operator()(const std::vector<int32_t>& v) const {
  uint64_t h = 0x9E3779B97F4A7C15u;
  for (int32_t x : v) {
    h ^= static_cast<uint32_t>(x);
    h *= 0xFF51AFD7ED558CCDu;
    h ^= h >> 32;
  }
  return h;
}

Automaton::Automaton(Nfa nfa, size_t max_bytes) : nfa_(std::move(nfa)), max_bytes_(max_bytes) {
  // Bytes that no edge tells apart are one class.
  std::array<bool, 257> cuts{};
  for (const NfaState& s : nfa_.states) {
    if (s.kind != NfaState::Kind::range || s.out < 0) continue;
    cuts[s.lo] = true;
    cuts[s.hi + 1u] = true;
  }
  for (const NfaRule& rule : nfa_.rules) {
    if (rule.dfa == nullptr) continue;
    for (size_t b = 1; b < 256; ++b)
      cuts[b] = cuts[b] || rule.dfa->classes()[b] != rule.dfa->classes()[b - 1];
  }
  for (size_t b = 0; b < 256; ++b) {
    if (b == 0 || cuts[b]) member_[static_cast<size_t>(n_classes_++)] = static_cast<uint8_t>(b);
    class_of_[b] = static_cast<uint8_t>(n_classes_ - 1);
  }
  for (int32_t h : nfa_.height) max_height_ = h == kNoHeight ? max_height_ : std::max(max_height_, h);
  for (const NfaRule& rule : nfa_.rules) {
    if (rule.height != kNoHeight) max_height_ = std::max(max_height_, rule.height);
  }
  bytes_ = nfa_.states.capacity() * sizeof(NfaState) + nfa_.height.capacity() * sizeof(int32_t) +
           nfa_.rules.capacity() * sizeof(NfaRule);
  max_bytes_ += bytes_;  // what is fixed does not count against what grows
  starts_.assign(nfa_.rules.size(), nullptr);
  counted_states_.resize(nfa_.rules.size());
  std::lock_guard lock(mutex_);
  start_of(nfa_.root);
}

size_t Automaton::memory() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

Position* Automaton::add_position(int32_t rule) const {
  positions_.emplace_back();
  const auto n = static_cast<size_t>(n_classes_);
  tables_.push_back(std::make_unique<std::atomic<uintptr_t>[]>(n));
  Position& p = positions_.back();
  p.next = tables_.back().get();
  p.rule = rule;
  bytes_ += sizeof(Position) + n * sizeof(uintptr_t) + 32;
  return &p;
}

const Position* Automaton::start_of(int32_t rule) const {
  const Position*& start = starts_[static_cast<size_t>(rule)];
  if (start != nullptr) return start;
  const NfaRule& r = nfa_.rules[static_cast<size_t>(rule)];
  if (r.kind == NfaRule::Kind::plain) return start = intern(rule, {r.start});
  Position* p = add_position(rule);
  p->counted = p->accepts = true;
  p->min = r.min;
  p->max = r.max;
  p->height = r.height;
  if (r.kind == NfaRule::Kind::counted) {
    p->dfa_state = 0;
    auto& states = counted_states_[static_cast<size_t>(rule)];
    states.assign(static_cast<size_t>(r.dfa->size()), nullptr);
    states[0] = p;
  }
  return start = p;
}

const Position* Automaton::intern(int32_t rule, std::vector<int32_t> states) const {
  closure_.close(nfa_.states, &nfa_.rules, &states);
  auto [it, fresh] = interned_.try_emplace(std::move(states), nullptr);
  if (!fresh) return it->second;
  Position* p = add_position(rule);
  p->set = it->first;
  p->height = kNoHeight;
  for (int32_t s : p->set) {
    p->accepts |= nfa_.states[static_cast<size_t>(s)].kind == NfaState::Kind::match;
    p->height = std::min(p->height, nfa_.height[static_cast<size_t>(s)]);
  }
  bytes_ += p->set.size() * 2 * sizeof(int32_t) + 64;
  it->second = p;
  return p;
}

bool Automaton::only_accepts(const Position* p) const {
  return p->set.size() == 1 && p->accepts && !p->counted;
}

uintptr_t Automaton::make(const Position* p, uint8_t byte_class) const {
  std::lock_guard lock(mutex_);
  return make_locked(p, byte_class);
}

uintptr_t Automaton::make_locked(const Position* p, uint8_t byte_class) const {
  uintptr_t e = p->next[byte_class].load(std::memory_order_relaxed);
  if (e != kUnknown) return e;
  if (bytes_ > max_bytes_) return kOutOfMemory;
  std::vector<Move> found;
  if (!find_moves(p, byte_class, &found)) return kOutOfMemory;
  if (found.empty()) {
    e = kDead;
  } else if (found.size() == 1 && found[0].pushes.empty()) {
    e = reinterpret_cast<uintptr_t>(found[0].to) | (found[0].counts ? kCounts : 0);
  } else {
    bytes_ += sizeof(Moves);
    for (const Move& m : found) bytes_ += sizeof(Move) + m.pushes.capacity() * sizeof(Push);
    moves_.push_back({std::move(found)});
    e = reinterpret_cast<uintptr_t>(&moves_.back()) | kIsMoves;
  }
  p->next[byte_class].store(e, std::memory_order_release);
  return e;
}

bool Automaton::find_moves(const Position* p, uint8_t byte_class, std::vector<Move>* out) const {
  const uint8_t byte = member_[byte_class];
  const NfaRule& rule = nfa_.rules[static_cast<size_t>(p->rule)];
  if (rule.kind == NfaRule::Kind::counted) {
    const int32_t to = rule.dfa->next(p->dfa_state, byte);
    if (to < 0) return true;
    auto& states = counted_states_[static_cast<size_t>(p->rule)];
    if (rule.dfa->accepting(to)) {  // prefix-free: it ends here, and the next begins where the first began
      out->push_back({states[0], true, {}});
      return true;
    }
    const Position*& target = states[static_cast<size_t>(to)];
    if (target == nullptr) {
      Position* made = add_position(p->rule);
      made->dfa_state = to;
      target = made;
    }
    out->push_back({target, false, {}});
    return true;
  }
  if (rule.kind == NfaRule::Kind::loop) return call_moves(rule.body, byte_class, {{p, 1, true}}, out);

  std::vector<int32_t> targets;
  std::vector<std::pair<int32_t, int32_t>> calls;  // rule, where it goes on
  for (int32_t s : p->set) {
    const NfaState& q = nfa_.states[static_cast<size_t>(s)];
    if (q.kind == NfaState::Kind::range && q.lo <= byte && byte <= q.hi && q.out >= 0)
      targets.push_back(q.out);
    if (q.kind == NfaState::Kind::call) calls.emplace_back(q.out2, q.out);
  }
  if (!targets.empty()) out->push_back({intern(p->rule, std::move(targets)), false, {}});
  std::sort(calls.begin(), calls.end());
  for (size_t i = 0; i < calls.size();) {
    // All calls of one rule are one call, after which the rule may be in any of their places.
    const int32_t callee = calls[i].first;
    std::vector<int32_t> after;
    for (; i < calls.size() && calls[i].first == callee; ++i) after.push_back(calls[i].second);
    // What cannot begin with this byte need not be placed.
    const uintptr_t first = make_locked(start_of(callee), byte_class);
    if (first == kOutOfMemory) return false;
    if (first == kDead) continue;
    const Position* back = intern(p->rule, std::move(after));
    std::vector<Push> below;
    if (!only_accepts(back)) below.push_back({back, 0, false});
    if (!call_moves(callee, byte_class, below, out)) return false;
  }
  return true;
}

bool Automaton::call_moves(int32_t rule, uint8_t byte_class, const std::vector<Push>& below,
                           std::vector<Move>* out) const {
  const uintptr_t e = make_locked(start_of(rule), byte_class);
  if (e == kOutOfMemory) return false;
  if (e == kDead) return true;
  if ((e & kIsMoves) == 0) {
    out->push_back({target(e), (e & kCounts) != 0, below});
    return true;
  }
  for (const Move& m : moves(e)->alternatives) {
    Move made{m.to, m.counts, below};
    // The called rule's frame starts at 0, so what was relative to it is now known.
    for (const Push& push : m.pushes) made.pushes.push_back({push.position, push.count, false});
    out->push_back(std::move(made));
  }
  return true;
}

}  // namespace jaju::grammar
