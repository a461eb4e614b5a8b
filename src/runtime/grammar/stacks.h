// Stacks of frames, and what a byte does to a set of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/grammar/automaton.h"

namespace jaju::grammar {

// A stack is its top frame; frames below are shared between stacks and never change.
struct Frame {
  const Frame* parent;       // null: this is the bottom
  const Position* position;  // null: what lies here and below is not known (masks.cc), and stands for nothing
  int32_t count;             // of a counted position
  int32_t depth;             // frames below
};

// Frames in blocks that stay where they are, given back in the reverse order.
class FrameArena {
 public:
  Frame* add(const Frame& f) {
    if (size_ / kBlock == blocks_.size()) blocks_.push_back(std::make_unique<Frame[]>(kBlock));
    Frame* at = &blocks_[size_ / kBlock][size_ % kBlock];
    ++size_;
    *at = f;
    return at;
  }
  size_t size() const { return size_; }
  void shrink(size_t size) { size_ = size; }

 private:
  static constexpr size_t kBlock = 256;
  std::vector<std::unique_ptr<Frame[]>> blocks_;
  size_t size_ = 0;
};

bool same_stack(const Frame& a, const Frame& b);
// The text may end with this stack: every frame that is known may end its rule.
bool may_end(const Frame& top);

// Applies bytes to sets of stacks. The frames it adds live in its arena.
class Stepper {
 public:
  enum class Stop { none, steps, stacks, memory };

  // `max_depth`: moves that could not be completed without a deeper stack do not exist.
  Stepper(const Automaton& automaton, int64_t max_steps, int max_stacks, int32_t max_depth)
      : automaton_(automaton), steps_left_(max_steps), max_stacks_(max_stacks), max_depth_(max_depth) {}

  // Appends to `out` what `top` becomes after the byte. Frames in out[from..] are not repeated. `out` must
  // not contain `top` itself.
  void step(const Frame& top, uint8_t byte_class, std::vector<Frame>* out, size_t from) {
    --steps_left_;
    const Frame* f = &top;
    while (true) {
      const Position* p = f->position;
      if (!p->counted || f->count < p->max) {
        const uintptr_t e = automaton_.entry(p, byte_class);
        if (e >= Automaton::kFirstEntry) {
          if ((e & Automaton::kIsMoves) == 0) {
            const Position* to = Automaton::target(e);
            const int32_t count =
                (e & Automaton::kCounts) != 0 ? Automaton::counted_up(to, f->count, 1) : f->count;
            emit({f->parent, to, count, f->depth}, out, from);
          } else {
            follow(*f, *Automaton::moves(e), out, from);
          }
        } else if (e == Automaton::kOutOfMemory) {
          stop_ = Stop::memory;
        }
      }
      if (!p->accepts || (p->counted && f->count < p->min)) return;
      f = f->parent;
      if (f == nullptr) lowest_ = -1;
      if (f == nullptr || f->position == nullptr) return;
      if (f->depth < lowest_) lowest_ = f->depth;
    }
  }

  // The common case of step, for a set of one stack: only its top frame can read the byte, and it moves to
  // one place
  // (`to`, `*moved`) or to none. False, and nothing is done, when the case is another.
  bool step_inside(const Frame& top, uint8_t byte_class, Frame* to, bool* moved) {
    const Position* p = top.position;
    if (p->accepts && (!p->counted || top.count >= p->min)) {
      if (top.parent == nullptr || top.parent->position != nullptr) return false;
    }
    if (p->counted && top.count >= p->max) return false;
    const uintptr_t e = p->next[byte_class].load(std::memory_order_acquire);
    *moved = false;
    if (e < Automaton::kFirstEntry) {
      steps_left_ -= e == Automaton::kDead;
      return e == Automaton::kDead;
    }
    if ((e & Automaton::kIsMoves) != 0) return false;
    --steps_left_;
    const Position* target = Automaton::target(e);
    *moved = fits(top.depth + target->height);
    const int32_t count =
        (e & Automaton::kCounts) != 0 ? Automaton::counted_up(target, top.count, 1) : top.count;
    *to = {top.parent, target, count, top.depth};
    return true;
  }

  Stop stopped() const { return steps_left_ < 0 && stop_ == Stop::none ? Stop::steps : stop_; }
  int64_t steps_left() const { return steps_left_; }
  // Counts other work as steps.
  void spend(int64_t steps) { steps_left_ -= steps; }
  FrameArena& arena() { return arena_; }
  // The deepest down a step looked since reset_extent, -1 when it found that the stack ends: frames below
  // made no difference.
  int32_t lowest() const { return lowest_; }
  // The deepest stack that a move led to, or would have if max_depth had allowed it, and its ending needs.
  int32_t highest() const { return highest_; }
  void reset_extent() {
    lowest_ = INT32_MAX;
    highest_ = 0;
  }
  void set_max_depth(int32_t depth) { max_depth_ = depth; }

 private:
  void emit(const Frame& f, std::vector<Frame>* out, size_t from) {
    if (!fits(f.depth + f.position->height)) return;
    if (out->size() > from && known(f, *out, from)) return;
    out->push_back(f);
  }
  bool fits(int32_t depth) {
    if (depth > highest_) highest_ = depth;
    return depth <= max_depth_;
  }
  bool known(const Frame& f, const std::vector<Frame>& out, size_t from);
  void follow(const Frame& f, const Moves& moves, std::vector<Frame>* out, size_t from);

  const Automaton& automaton_;
  FrameArena arena_;
  int64_t steps_left_;
  int max_stacks_;
  int32_t max_depth_;
  int32_t lowest_ = INT32_MAX, highest_ = 0;
  Stop stop_ = Stop::none;
};

}  // namespace jaju::grammar
