// Small deterministic automata over bytes, built in full: what needs intersection or complement (a string's
// pattern and length, a key that is none of the declared ones, numbers between bounds).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/grammar/expr.h"

namespace jaju::grammar {

// Immutable. Every state is reachable from 0, the start, and reaches an accepting one; no states: no text at
// all.
class Dfa {
 public:
  static constexpr int32_t kMaxStates = 100'000;

  // Determinises and minimises. Null when the expression calls a rule that stays a call, or the work failed,
  // or more than `max_states` would be needed; only the work's own budget sets its error.
  static std::shared_ptr<const Dfa> from_expr(Grammar& grammar, ExprId e, int32_t max_states = kMaxStates);
  enum class Combine { both, first_only };
  // Texts of both, or of the first and not the second. Null as from_expr.
  static std::shared_ptr<const Dfa> combine(Work& work, const Dfa& a, const Dfa& b, Combine how,
                                            int32_t max_states = kMaxStates);
  // Built state by state: next[s * 256 + byte] (-1: none), for automata that are easier said than expressed.
  static std::shared_ptr<const Dfa> from_table(Work& work, const std::vector<int32_t>& next,
                                               const std::vector<uint8_t>& accepting);

  int32_t size() const { return static_cast<int32_t>(accepting_.size()); }
  bool accepting(int32_t s) const { return accepting_[static_cast<size_t>(s)] != 0; }
  // -1: no text goes on like this.
  int32_t next(int32_t s, uint8_t byte) const {
    return next_[static_cast<size_t>(s) * static_cast<size_t>(n_classes_) + class_of_[byte]];
  }
  bool matches(std::string_view text) const;
  bool nullable() const { return size() > 0 && accepting(0); }
  // No text is the beginning of another, and none is empty.
  bool prefix_free() const;
  // The same without the empty text.
  std::shared_ptr<const Dfa> without_empty(Work& work) const;
  // Bytes are in one class when no state tells them apart.
  const std::array<uint8_t, 256>& classes() const { return class_of_; }
  int n_classes() const { return n_classes_; }

 private:
  std::shared_ptr<const Dfa> trimmed(Work& work) const;  // and minimised

  std::array<uint8_t, 256> class_of_{};
  int n_classes_ = 1;
  std::vector<int32_t> next_;  // (states, n_classes)
  std::vector<uint8_t> accepting_;
};

}  // namespace jaju::grammar
