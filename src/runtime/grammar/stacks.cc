#include "runtime/grammar/stacks.h"

namespace jaju::grammar {

bool same_stack(const Frame& a, const Frame& b) {
  const Frame *x = &a, *y = &b;
  while (x != y) {
    if (x == nullptr || y == nullptr || x->position != y->position || x->count != y->count ||
        x->depth != y->depth) {
      return false;
    }
    x = x->parent;
    y = y->parent;
  }
  return true;
}

bool may_end(const Frame& top) {
  for (const Frame* f = &top; f != nullptr && f->position != nullptr; f = f->parent) {
    const Position* p = f->position;
    if (!p->accepts || (p->counted && f->count < p->min)) return false;
  }
  return true;
}

bool Stepper::known(const Frame& f, const std::vector<Frame>& out, size_t from) {
  for (size_t i = from; i < out.size(); ++i) {
    if (same_stack(f, out[i])) return true;
  }
  steps_left_ -= static_cast<int64_t>(out.size() - from) / 8;
  if (out.size() - from >= static_cast<size_t>(max_stacks_)) {
    stop_ = Stop::stacks;
    return true;
  }
  return false;
}

void Stepper::follow(const Frame& f, const Moves& moves, std::vector<Frame>* out, size_t from) {
  for (const Move& m : moves.alternatives) {
    const size_t mark = arena_.size();
    const Frame* parent = f.parent;
    int32_t depth = f.depth;
    bool fit = true;
    for (const Push& push : m.pushes) {
      const int32_t count =
          push.relative ? Automaton::counted_up(push.position, f.count, push.count) : push.count;
      fit &= fits(depth + push.position->height);
      parent = arena_.add({parent, push.position, count, depth++});
    }
    const int32_t base = m.pushes.empty() ? f.count : 0;
    const size_t before = out->size();
    const int32_t count = m.counts ? Automaton::counted_up(m.to, base, 1) : base;
    if (fit) emit({parent, m.to, count, depth}, out, from);
    if (out->size() == before) arena_.shrink(mark);
  }
}

}  // namespace jaju::grammar
