#include "runtime/grammar/masks.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace jaju::grammar {
namespace {

// Continuations that took fewer steps than this are not worth remembering.
constexpr int64_t kKeepFromSteps = 1'000;
constexpr int64_t kClockEvery = 1 << 15;  // steps

}  // namespace

TokenSet::TokenSet(std::vector<int32_t> list, int64_t vocabulary_size) {
  const auto words = static_cast<size_t>(mask_words(vocabulary_size));
  if (list.size() * sizeof(int32_t) <= words * sizeof(uint64_t)) {
    tokens = std::move(list);
    tokens.shrink_to_fit();
    return;
  }
  bits.assign(words, 0);
  for (int32_t t : list) bits[static_cast<size_t>(t) / 64] |= uint64_t{1} << (static_cast<uint32_t>(t) % 64);
}

void TokenSet::add_to(std::span<uint64_t> mask) const {
  for (size_t i = 0; i < bits.size(); ++i) mask[i] |= bits[i];
  for (int32_t t : tokens) mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (static_cast<uint32_t>(t) % 64);
}

size_t Masks::KeyHash::operator()(const Key& key) const {
  uint64_t h = key.words.size();
  for (uint64_t w : key.words) {
    h = (h ^ w) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
  }
  return h;
}

struct Masks::Entry {
  TokenSet set;
  // Of a base mask: the trie's nodes after which the frame below would go on, and whether it may do so at once.
  std::vector<uint32_t> ends;
  bool ends_at_once = false;
  // Frames in the keys of the continuations kept for this top, ascending; under the cache's lock.
  mutable std::vector<uint16_t> lengths;

  size_t memory() const {
    return sizeof(Entry) + set.memory() + ends.capacity() * sizeof(uint32_t) + lengths.capacity() * sizeof(uint16_t);
  }
};

// One call of allowed(): its budget and its scratch memory.
class Masks::Walk {
 public:
  Walk(const Masks& masks, int32_t max_depth)
      : masks_(masks),
        stepper_(masks.automaton_, masks.budget_.max_mask_steps, masks.budget_.max_stacks, max_depth),
        deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(masks.budget_.max_mask_ms)) {
    const Automaton& a = masks.automaton_;
    for (size_t b = 0; b < 256; ++b) class_of_[b] = a.class_of(static_cast<uint8_t>(b));
  }

  // Walks the trie below `node` from these stacks, appending the tokens they can read. With `ends`: also the nodes
  // where a stack may end (not `node` itself) and has more trie below it. False: a budget ran out.
  bool walk(uint32_t node, std::span<const Frame> tops, std::vector<int32_t>* tokens, std::vector<uint32_t>* ends) {
    const TokenVocabulary& vocabulary = *masks_.vocabulary_;
    const TokenVocabulary::Node* nodes = vocabulary.nodes().data();
    const uint32_t end = nodes[node].end;
    const int root_depth = nodes[node].depth;
    const size_t arena_start = stepper_.arena().size();
    frames_.assign(tops.begin(), tops.end());
    levels_.assign(1, {0, frames_.size(), arena_start});
    int64_t next_clock = stepper_.steps_left() - kClockEvery;
    for (uint32_t i = node + 1; i < end;) {
      const TokenVocabulary::Node& n = nodes[i];
      const auto level = static_cast<size_t>(n.depth - root_depth - 1);
      const Level from = levels_[level];
      levels_.resize(level + 1);
      frames_.resize(from.end);
      stepper_.arena().shrink(from.arena);
      const uint8_t c = class_of_[n.byte];
      for (size_t k = from.begin; k < from.end; ++k) {
        const Frame top = frames_[k];
        stepper_.step(top, c, &frames_, from.end);
      }
      if (stepper_.steps_left() < next_clock) {
        next_clock = stepper_.steps_left() - kClockEvery;
        late_ |= std::chrono::steady_clock::now() > deadline_;
        if (late_) return false;
      }
      if (stepper_.stopped() != Stepper::Stop::none) return false;
      if (frames_.size() == from.end) {
        i = n.end;
        continue;
      }
      for (int32_t t = n.token; t >= 0; t = vocabulary.next_same(t)) tokens->push_back(t);
      if (n.end > i + 1) {
        if (ends != nullptr) {
          bool any = false;
          for (size_t k = from.end; k < frames_.size() && !any; ++k) any = may_end(frames_[k]);
          if (any) ends->push_back(i);
        }
        levels_.push_back({from.end, frames_.size(), stepper_.arena().size()});
      }
      ++i;
    }
    stepper_.arena().shrink(arena_start);
    return true;
  }

  Stepper& stepper() { return stepper_; }
  Status status() const {
    if (late_) return error("one token mask took longer than {} ms (max_mask_ms)", masks_.budget_.max_mask_ms);
    return stopped_error(stepper_.stopped(), masks_.budget_);
  }

 private:
  struct Level {
    size_t begin, end;  // in frames_
    size_t arena;       // its size when the level was complete
  };

  const Masks& masks_;
  Stepper stepper_;
  std::chrono::steady_clock::time_point deadline_;
  bool late_ = false;
  uint8_t class_of_[256];
  std::vector<Frame> frames_;
  std::vector<Level> levels_;
};

Status stopped_error(Stepper::Stop stop, const GrammarBudget& budget) {
  switch (stop) {
    case Stepper::Stop::none: return {};
    case Stepper::Stop::steps:
      return error("one token mask took more than {} steps (max_mask_steps); simplify the grammar",
                   budget.max_mask_steps);
    case Stepper::Stop::stacks:
      return error("the text can be read in more than {} ways at once (max_stacks); make the grammar less ambiguous",
                   budget.max_stacks);
    case Stepper::Stop::memory:
      return error("the grammar's states need more than {} MiB (max_automaton_bytes); simplify the grammar",
                   budget.max_automaton_bytes >> 20);
  }
  return error("unknown budget");
}

Masks::Masks(const Automaton& automaton, std::shared_ptr<const TokenVocabulary> vocabulary,
             const GrammarBudget& budget)
    : automaton_(automaton), vocabulary_(std::move(vocabulary)), budget_(budget) {}

uint64_t Masks::key_of(const Frame& f) const {
  const Position* p = f.position;
  if (!p->counted) return 0;
  // One token completes at most as many repetitions as it has bytes.
  const int32_t far = vocabulary_->longest_token() + 1;
  const int32_t need = std::clamp(p->min - f.count, 0, far);
  const int32_t room = p->max == kUnbounded ? far : std::clamp(p->max - f.count, 0, far);
  return static_cast<uint64_t>(need) << 32 | static_cast<uint32_t>(room);
}

Status Masks::allowed(std::span<const Frame> tops, int32_t max_depth, std::span<uint64_t> mask) {
  std::fill(mask.begin(), mask.end(), 0);
  Walk walk(*this, max_depth);
  for (const Frame& top : tops) {
    if (int64_t{top.depth} + vocabulary_->longest_token() + automaton_.max_height() + 1 > max_depth) {
      // So near the limit that moves may be missing: nothing here holds for other stacks.
      std::vector<int32_t> tokens;
      if (!walk.walk(0, {&top, 1}, &tokens, nullptr)) return walk.status();
      for (int32_t t : tokens) mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (static_cast<uint32_t>(t) % 64);
      continue;
    }
    for (const Frame* f = &top; f != nullptr;) {
      const std::shared_ptr<const Entry> b = base(*f, &walk);
      if (b == nullptr) return walk.status();
      b->set.add_to(mask);
      if (f->parent == nullptr) break;
      if (!b->ends.empty()) {
        const std::shared_ptr<const Entry> more = below(*f, *b, &walk);
        if (more == nullptr) return walk.status();
        more->set.add_to(mask);
      }
      f = b->ends_at_once ? f->parent : nullptr;
    }
  }
  return {};
}

std::shared_ptr<const Masks::Entry> Masks::base(const Frame& top, Walk* walk) {
  const Key key{{reinterpret_cast<uintptr_t>(top.position), key_of(top)}};
  if (auto found = find(key)) return found;
  auto made = std::make_shared<Entry>();
  const Frame unknown{nullptr, nullptr, 0, 0};
  const Frame start{&unknown, top.position, top.count, 1};
  std::vector<int32_t> tokens;
  if (!walk->walk(0, {&start, 1}, &tokens, &made->ends)) return nullptr;
  made->ends.shrink_to_fit();
  made->ends_at_once = may_end(start);
  made->set = TokenSet(std::move(tokens), vocabulary_->size());
  keep(key, made);
  return made;
}

std::shared_ptr<const Masks::Entry> Masks::below(const Frame& top, const Entry& base, Walk* walk) {
  Key key;
  auto extend = [&](size_t frames) {
    const Frame* f = &top;
    for (size_t i = 0; i < frames; ++i, f = f->parent) {
      if (i * 2 == key.words.size()) {
        key.words.push_back(f == nullptr ? 0 : reinterpret_cast<uintptr_t>(f->position));
        key.words.push_back(f == nullptr ? 0 : key_of(*f));
      }
      if (f == nullptr) break;
    }
    return key.words.size() == frames * 2;
  };
  std::vector<uint16_t> lengths;
  {
    std::lock_guard lock(mutex_);
    lengths = base.lengths;
  }
  for (uint16_t n : lengths) {  // ascending
    if (!extend(n)) break;
    if (auto found = find(key)) return found;
  }

  auto made = std::make_shared<Entry>();
  const int64_t steps = walk->stepper().steps_left();
  walk->stepper().reset_lowest();
  std::vector<int32_t> tokens;
  for (uint32_t node : base.ends) {
    if (!walk->walk(node, {top.parent, 1}, &tokens, nullptr)) return nullptr;
  }
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  made->set = TokenSet(std::move(tokens), vocabulary_->size());
  if (steps - walk->stepper().steps_left() >= kKeepFromSteps) {
    const int32_t lowest = std::min(walk->stepper().lowest(), top.parent->depth);
    const auto n = static_cast<uint16_t>(top.depth - lowest + 1);
    key.words.clear();
    extend(n);
    keep(key, made);
    std::lock_guard lock(mutex_);
    std::vector<uint16_t>& kept = base.lengths;
    auto at = std::lower_bound(kept.begin(), kept.end(), n);
    if (at == kept.end() || *at != n) kept.insert(at, n);
  }
  return made;
}

std::shared_ptr<Masks::Entry> Masks::find(const Key& key) {
  std::lock_guard lock(mutex_);
  auto it = entries_.find(key);
  if (it == entries_.end()) return nullptr;
  used_.splice(used_.begin(), used_, it->second);
  return it->second->second;
}

void Masks::keep(const Key& key, const std::shared_ptr<Entry>& entry) {
  auto cost = [](const Key& k, const Entry& e) { return e.memory() + 2 * k.words.size() * sizeof(uint64_t) + 160; };
  std::lock_guard lock(mutex_);
  if (entries_.contains(key)) return;  // another thread was faster
  used_.emplace_front(key, entry);
  entries_.emplace(key, used_.begin());
  bytes_ += cost(key, *entry);
  while (bytes_ > budget_.max_mask_cache_bytes && used_.size() > 1) {
    bytes_ -= cost(used_.back().first, *used_.back().second);
    entries_.erase(used_.back().first);
    used_.pop_back();
  }
}

size_t Masks::memory() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace jaju::grammar
