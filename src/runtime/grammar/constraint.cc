#include "runtime/grammar/constraint.h"

#include <atomic>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace jaju::grammar {
namespace {

class Compiled final : public CompiledGrammar, public std::enable_shared_from_this<Compiled> {
 public:
  Compiled(Nfa nfa, std::shared_ptr<const TokenVocabulary> tokens, const GrammarBudget& limits)
      : automaton(std::move(nfa), limits.max_automaton_bytes),
        vocabulary(std::move(tokens)),
        budget(limits),
        masks(automaton, vocabulary, budget) {}

  std::unique_ptr<TokenConstraint> start() const override;
  Result<bool> matches(std::string_view text) const override;
  size_t memory() const override { return automaton.memory() + masks.memory() + sizeof(Compiled); }

  Frame first() const { return {nullptr, automaton.start(), 0, 0}; }
  Stepper stepper() const {
    return Stepper(automaton, budget.max_mask_steps, budget.max_stacks, budget.max_output_depth);
  }

  const Automaton automaton;
  const std::shared_ptr<const TokenVocabulary> vocabulary;
  const GrammarBudget budget;
  mutable Masks masks;
};

// Replaces `tops` by what they become after `text`; false when nothing reads it, or the stepper stopped.
bool read(const Automaton& automaton, Stepper* stepper, std::string_view text, std::vector<Frame>* tops) {
  std::vector<Frame> next;
  for (char c : text) {
    next.clear();
    const uint8_t byte_class = automaton.class_of(static_cast<uint8_t>(c));
    for (const Frame& top : *tops) stepper->step(top, byte_class, &next, 0);
    if (stepper->stopped() != Stepper::Stop::none || next.empty()) return false;
    std::swap(*tops, next);
  }
  return true;
}

class Constraint final : public TokenConstraint {
 public:
  // waited: what masks have taken so far, of this constraint and all that come of it.
  Constraint(std::shared_ptr<const Compiled> grammar, std::shared_ptr<std::atomic<int64_t>> waited)
      : grammar_(std::move(grammar)), waited_(std::move(waited)) {
    tops_.push_back(grammar_->first());
  }

  std::unique_ptr<TokenConstraint> restart() const override {
    return std::make_unique<Constraint>(grammar_, waited_);
  }
  std::unique_ptr<TokenConstraint> clone() const override {
    auto made = std::make_unique<Constraint>(grammar_, waited_);
    made->settle(tops_);
    made->ended_ = ended_;
    return made;
  }

  Status allowed(std::span<uint64_t> mask) override {
    JAJU_CHECK(static_cast<int64_t>(mask.size()) == mask_words(vocabulary_size()));
    if (ended_) {
      std::fill(mask.begin(), mask.end(), 0);
      return {};
    }
    const auto start = std::chrono::steady_clock::now();
    JAJU_RETURN_IF_ERROR(grammar_->masks.allowed(tops_, grammar_->budget.max_output_depth, mask));
    const int64_t took = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
    if (took >= 1'000'000) *waited_ += took;
    if (*waited_ > grammar_->budget.max_masks_ms * 1'000'000) {
      return error("its token masks took longer than {} ms together (max_masks_ms); simplify the grammar",
                   grammar_->budget.max_masks_ms);
    }
    if (can_end()) {
      for (int32_t t : grammar_->vocabulary->end_tokens()) {
        mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (static_cast<uint32_t>(t) % 64);
      }
      return {};
    }
    for (uint64_t word : mask) {
      if (word != 0) return {};
    }
    return error("no token of the vocabulary can go on here: it lacks a byte that the grammar needs");
  }

  Status accept(int32_t token) override {
    if (token < 0 || token >= vocabulary_size()) {
      return error("token {} is outside the vocabulary of {}", token, vocabulary_size());
    }
    if (ended_) return error("token {} after the end of the constrained text", token);
    if (grammar_->vocabulary->is_end(token)) {
      if (!can_end()) return error("end token {} where the constrained text is not complete", token);
      ended_ = true;
      return {};
    }
    const std::string& bytes = grammar_->vocabulary->bytes(token);
    if (bytes.empty() || bytes.size() > TokenVocabulary::kMaxTokenBytes) {
      return error("token {} is not allowed by the grammar", token);
    }
    Stepper stepper = grammar_->stepper();
    std::vector<Frame> tops = tops_;
    if (!read(grammar_->automaton, &stepper, bytes, &tops)) {
      JAJU_RETURN_IF_ERROR(stopped_error(stepper.stopped(), grammar_->budget));
      return error("token {} is not allowed by the grammar", token);
    }
    if (stepper.arena().size() == 0) {
      tops_ = std::move(tops);  // every frame below was ours already
    } else {
      settle(tops);
    }
    return {};
  }

  bool can_end() const override {
    if (ended_) return true;
    for (const Frame& top : tops_) {
      if (may_end(top)) return true;
    }
    return false;
  }

  bool must_end() const override {
    if (ended_) return true;
    if (!can_end()) return false;
    Stepper stepper = grammar_->stepper();
    std::vector<Frame> next;
    for (int c = 0; c < grammar_->automaton.n_classes(); ++c) {
      for (const Frame& top : tops_) {
        stepper.step(top, static_cast<uint8_t>(c), &next, 0);
        if (!next.empty() || stepper.stopped() != Stepper::Stop::none) return false;
      }
    }
    return true;
  }

  int64_t vocabulary_size() const override { return grammar_->vocabulary->size(); }

 private:
  // Copies `tops` and all frames below them, which may be anybody's, into own memory.
  void settle(const std::vector<Frame>& tops) {
    std::unordered_map<const Frame*, size_t> index;
    std::vector<const Frame*> order;
    for (const Frame& top : tops) {
      for (const Frame* f = top.parent; f != nullptr; f = f->parent) {
        if (!index.try_emplace(f, order.size()).second) break;
        order.push_back(f);
      }
    }
    std::vector<Frame> frames(order.size());
    auto moved = [&](const Frame* f) -> const Frame* {
      return f == nullptr ? nullptr : &frames[index.at(f)];
    };
    for (size_t i = 0; i < order.size(); ++i) {
      frames[i] = *order[i];
      frames[i].parent = moved(order[i]->parent);
    }
    std::vector<Frame> settled = tops;
    for (Frame& top : settled) top.parent = moved(top.parent);
    frames_ = std::move(frames);
    tops_ = std::move(settled);
  }

  std::shared_ptr<const Compiled> grammar_;
  std::shared_ptr<std::atomic<int64_t>> waited_;  // nanoseconds
  std::vector<Frame> tops_;                       // the readings of the text so far
  std::vector<Frame> frames_;                     // all frames below them
  bool ended_ = false;
};

std::unique_ptr<TokenConstraint> Compiled::start() const {
  return std::make_unique<Constraint>(shared_from_this(), std::make_shared<std::atomic<int64_t>>(0));
}

Result<bool> Compiled::matches(std::string_view text) const {
  Stepper s = stepper();
  std::vector<Frame> tops{first()};
  if (!read(automaton, &s, text, &tops)) {
    JAJU_RETURN_IF_ERROR(stopped_error(s.stopped(), budget));
    return false;
  }
  for (const Frame& top : tops) {
    if (may_end(top)) return true;
  }
  return false;
}

}  // namespace

Result<std::shared_ptr<const CompiledGrammar>> make_compiled(
    Nfa nfa, std::shared_ptr<const TokenVocabulary> vocabulary, const GrammarBudget& budget) {
  auto made = std::make_shared<const Compiled>(std::move(nfa), std::move(vocabulary), budget);
  if (made->automaton.start()->height > budget.max_output_depth) {
    return error("its shortest text nests {} rules deep, more than {} (max_output_depth)",
                 made->automaton.start()->height, budget.max_output_depth);
  }
  made->masks.warm();
  return std::shared_ptr<const CompiledGrammar>(std::move(made));
}

}  // namespace jaju::grammar
