// The machine that reads bytes: a pushdown automaton whose positions are determinised as they are met.
//
// A reading of the text so far is a stack of frames, each a position in a rule; the bottom one is in the root
// rule. A position stands for every place its rule could be in, so a frame is one and not many; several
// stacks are needed only where different rules could be under way. From a position and a byte lead moves: to
// another position, usually, or into rules that are called, which leaves frames behind. A call that is the
// last thing its rule does leaves none.
//
// Positions and moves are made under a lock when first needed and read without one; they live as long as the
// automaton.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/grammar/nfa.h"

namespace jaju::grammar {

struct Position {
  bool accepts = false;  // the rule may end here (if counted: once `min` is reached)
  bool counted = false;  // the frame counts repetitions: another may begin while the count is below `max`
  int32_t min = 0, max = 0;
  int32_t height = 0;  // frames that its shortest-stacked ending needs above it
  int32_t rule = 0;
  std::atomic<uintptr_t>* next = nullptr;  // (byte classes) see Automaton::entry
  // How to make `next`: the states of the Nfa, or the state of the counted rule's Dfa.
  std::vector<int32_t> set;
  int32_t dfa_state = -1;
};

// A frame left behind by a call.
struct Push {
  const Position* position;
  int32_t count;
  bool relative;  // `count` is added to that of the frame which moved (only a loop's own frame, always the
                  // first)
};

struct Move {
  const Position* to;
  bool counts;  // one more repetition is complete
  std::vector<Push> pushes;
};
struct Moves {
  std::vector<Move> alternatives;
};

class Automaton {
 public:
  // An entry below kFirstEntry says why there is no move; an odd one is a Moves*; any other is the Position*
  // to go to in the same frame, plus kCounts when that completes a repetition.
  static constexpr uintptr_t kUnknown = 0, kDead = 4, kOutOfMemory = 6, kFirstEntry = 8;
  static constexpr uintptr_t kIsMoves = 1, kCounts = 2;

  // `max_bytes`: for all positions and moves ever made.
  Automaton(Nfa nfa, size_t max_bytes);

  const Position* start() const { return starts_[static_cast<size_t>(nfa_.root)]; }
  // The most a single frame can need above it.
  int32_t max_height() const { return max_height_; }
  uint8_t class_of(uint8_t byte) const { return class_of_[byte]; }
  int n_classes() const { return n_classes_; }

  uintptr_t entry(const Position* p, uint8_t byte_class) const {
    const uintptr_t e = p->next[byte_class].load(std::memory_order_acquire);
    return e != kUnknown ? e : make(p, byte_class);
  }
  static const Position* target(uintptr_t e) {
    return reinterpret_cast<const Position*>(e & ~(kIsMoves | kCounts));
  }
  static const Moves* moves(uintptr_t e) { return reinterpret_cast<const Moves*>(e & ~kIsMoves); }

  // A repetition more: counts without an upper bound stop where they no longer matter.
  static int32_t counted_up(const Position* p, int32_t count, int32_t by) {
    count += by;
    return p->max == kUnbounded && count > p->min ? p->min : count;
  }

  size_t memory() const;

 private:
  uintptr_t make(const Position* p, uint8_t byte_class) const;
  // All below: the lock is held.
  uintptr_t make_locked(const Position* p, uint8_t byte_class) const;
  bool find_moves(const Position* p, uint8_t byte_class, std::vector<Move>* out) const;
  // Adds the moves of a called rule, entered from a frame that leaves `below` behind.
  bool call_moves(int32_t rule, uint8_t byte_class, const std::vector<Push>& below,
                  std::vector<Move>* out) const;
  const Position* intern(int32_t rule, std::vector<int32_t> states) const;
  Position* add_position(int32_t rule) const;
  const Position* start_of(int32_t rule) const;
  bool only_accepts(const Position* p) const;

  struct SetHash {
    size_t operator()(const std::vector<int32_t>& v) const;
  };

  Nfa nfa_;
  size_t max_bytes_;
  std::array<uint8_t, 256> class_of_{};
  std::array<uint8_t, 256> member_{};  // a byte of each class
  int n_classes_ = 0;
  int32_t max_height_ = 0;

  mutable std::mutex mutex_;  // for everything below
  mutable size_t bytes_ = 0;
  mutable std::deque<Position> positions_;
  mutable std::deque<std::unique_ptr<std::atomic<uintptr_t>[]>> tables_;
  mutable std::deque<Moves> moves_;
  mutable std::unordered_map<std::vector<int32_t>, const Position*, SetHash> interned_;
  mutable std::vector<const Position*> starts_;                       // of rules; null: not made yet
  mutable std::vector<std::vector<const Position*>> counted_states_;  // of counted rules, by state of the Dfa
  mutable Closure closure_;
};

}  // namespace jaju::grammar
