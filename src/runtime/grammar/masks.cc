#include "runtime/grammar/masks.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <unordered_set>
#include <utility>

namespace jaju::grammar {
namespace {

// Continuations that took fewer steps than this are not worth remembering.
constexpr int64_t kKeepFromSteps = 1'000;
constexpr int64_t kClockEvery = 1 << 15;  // steps
constexpr size_t kMaxWarm = 2'000;        // masks made ahead

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
  for (int32_t t : tokens)
    mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (static_cast<uint32_t>(t) % 64);
}

size_t Masks::KeyHash::operator()(const Key& key) const {
  uint64_t h = key.words.size();
  for (uint64_t w : key.words) {
    h = (h ^ w) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
  }
  return h;
}

// Nodes of the trie: a list, or bits where that is smaller.
class NodeSet {
 public:
  NodeSet() = default;
  NodeSet(std::vector<uint32_t> nodes, size_t n_nodes) : size_(nodes.size()) {
    if (nodes.size() * 32 < n_nodes) {
      list_ = std::move(nodes);
      list_.shrink_to_fit();
      return;
    }
    bits_.assign((n_nodes + 63) / 64, 0);
    for (uint32_t i : nodes) bits_[i / 64] |= uint64_t{1} << (i % 64);
  }
  size_t size() const { return size_; }
  bool contains(uint32_t i) const {
    return bits_.empty() ? std::binary_search(list_.begin(), list_.end(), i)
                         : (bits_[i / 64] >> (i % 64) & 1) != 0;
  }
  // Ascending; stops when `f` returns false.
  template <typename F>
  bool each(F&& f) const {
    for (uint32_t i : list_) {
      if (!f(i)) return false;
    }
    for (size_t w = 0; w < bits_.size(); ++w) {
      for (uint64_t word = bits_[w]; word != 0; word &= word - 1) {
        if (!f(static_cast<uint32_t>(w * 64 + static_cast<size_t>(std::countr_zero(word))))) return false;
      }
    }
    return true;
  }
  size_t memory() const { return list_.capacity() * sizeof(uint32_t) + bits_.capacity() * sizeof(uint64_t); }

 private:
  size_t size_ = 0;
  std::vector<uint32_t> list_;
  std::vector<uint64_t> bits_;
};

struct Masks::Entry {
  TokenSet set;
  // Of a base mask: the trie's nodes after which the frame below would go on, and whether it may do so at
  // once.
  NodeSet ends;
  bool ends_at_once = false;
  // Frames above the top that its moves need. Where the limit is nearer, this does not hold.
  int32_t reach = 0;
  // Frames in the keys of the continuations kept for this top, ascending; under the cache's lock.
  mutable std::vector<uint16_t> lengths;

  size_t memory() const {
    return sizeof(Entry) + set.memory() + ends.memory() + lengths.capacity() * sizeof(uint16_t);
  }
};

// One call of allowed(): its budget and its scratch memory.
class Masks::Walk {
 public:
  Walk(const Masks& masks, int32_t max_depth)
      : masks_(masks),
        max_depth_(max_depth),
        stepper_(masks.automaton_, masks.budget_.max_mask_steps, masks.budget_.max_stacks, max_depth),
        deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(masks.budget_.max_mask_ms)) {
    const Automaton& a = masks.automaton_;
    for (size_t b = 0; b < 256; ++b) class_of_[b] = a.class_of(static_cast<uint8_t>(b));
  }

  // Walks the trie below `node` from these stacks, appending the tokens they can read. With `ends`: also the
  // nodes where a stack may end (not `node` itself) and has more trie below it. False: a budget ran out.
  bool walk(uint32_t node, std::span<const Frame> tops, std::vector<int32_t>* tokens,
            std::vector<uint32_t>* ends) {
    const TokenVocabulary& vocabulary = *masks_.vocabulary_;
    const TokenVocabulary::Node* nodes = vocabulary.nodes().data();
    const uint32_t end = nodes[node].end;
    const int root_depth = nodes[node].depth;
    const size_t arena_start = stepper_.arena().size();
    levels_.resize(static_cast<size_t>(vocabulary.longest_token()) + 2);
    frames_.assign(tops.begin(), tops.end());
    levels_[0] = {0, frames_.size(), arena_start};
    for (uint32_t i = node + 1; i < end;) {
      const TokenVocabulary::Node& n = nodes[i];
      const auto level = static_cast<size_t>(n.depth - root_depth - 1);
      const Level from = levels_[level];
      if (from.end + 1 > frames_.size()) frames_.resize(from.end + 64);
      bool may_end_here = false, moved = false;
      size_t to_end = from.end;
      const uint8_t c = class_of_[n.byte];
      if (from.end - from.begin == 1 &&
          stepper_.step_inside(frames_[from.begin], c, &frames_[from.end], &moved)) {
        if (moved) {
          may_end_here = ends != nullptr && frames_[from.end].position->accepts && may_end(frames_[from.end]);
          ++to_end;
        }
      } else {
        frames_.resize(from.end);
        stepper_.arena().shrink(from.arena);
        for (size_t k = from.begin; k < from.end; ++k) {
          const Frame top = frames_[k];
          stepper_.step(top, c, &frames_, from.end);
        }
        if (stepper_.stopped() != Stepper::Stop::none) return false;
        to_end = frames_.size();
        for (size_t k = from.end; k < to_end && ends != nullptr && !may_end_here; ++k)
          may_end_here = may_end(frames_[k]);
      }
      if (stepper_.steps_left() < next_clock_ && !on_time()) return false;
      if (to_end == from.end) {
        i = n.end;
        continue;
      }
      for (int32_t t = n.token; t >= 0; t = vocabulary.next_same(t)) tokens->push_back(t);
      levels_[level + 1] = {from.end, to_end, stepper_.arena().size()};
      ++i;
      if (may_end_here && n.end > i) ends->push_back(i - 1);
    }
    stepper_.arena().shrink(arena_start);
    return true;
  }

  // As walk from each of `nodes` with the one stack `top`.
  bool continue_at(const NodeSet& nodes, const Frame& top, std::vector<int32_t>* tokens) {
    const TokenVocabulary& vocabulary = *masks_.vocabulary_;
    // A frame that is popped to usually reads few bytes: then those bytes' nodes are fewer than `nodes`.
    std::vector<std::vector<Frame>> after(static_cast<size_t>(masks_.automaton_.n_classes()));
    for (size_t c = 0; c < after.size(); ++c) stepper_.step(top, static_cast<uint8_t>(c), &after[c], 0);
    if (stepper_.stopped() != Stepper::Stop::none) return false;
    size_t candidates = 0;
    for (size_t b = 0; b < 256; ++b) {
      if (!after[class_of_[b]].empty()) candidates += vocabulary.nodes_of(static_cast<uint8_t>(b)).size();
    }
    if (candidates > nodes.size()) {
      return nodes.each([&](uint32_t node) { return walk(node, {&top, 1}, tokens, nullptr); });
    }
    stepper_.spend(static_cast<int64_t>(candidates));
    for (size_t b = 0; b < 256; ++b) {
      const std::vector<Frame>& tops = after[class_of_[b]];
      if (tops.empty()) continue;
      for (uint32_t node : vocabulary.nodes_of(static_cast<uint8_t>(b))) {
        if (!nodes.contains(vocabulary.parent(node))) continue;
        const TokenVocabulary::Node& n = vocabulary.nodes()[node];
        for (int32_t t = n.token; t >= 0; t = vocabulary.next_same(t)) tokens->push_back(t);
        if (n.end > node + 1 && !walk(node, tops, tokens, nullptr)) return false;
      }
    }
    return true;
  }

  Stepper& stepper() { return stepper_; }
  int32_t max_depth() const { return max_depth_; }
  Status status() const {
    if (late_)
      return error("one token mask took longer than {} ms (max_mask_ms)", masks_.budget_.max_mask_ms);
    return stopped_error(stepper_.stopped(), masks_.budget_);
  }

 private:
  bool on_time() {
    next_clock_ = stepper_.steps_left() - kClockEvery;
    late_ |= std::chrono::steady_clock::now() > deadline_;
    return !late_ && stepper_.steps_left() >= 0;
  }

  struct Level {
    size_t begin, end;  // in frames_
    size_t arena;       // its size when the level was complete
  };

  const Masks& masks_;
  const int32_t max_depth_;
  Stepper stepper_;
  std::chrono::steady_clock::time_point deadline_;
  bool late_ = false;
  int64_t next_clock_ = INT64_MAX;  // looked at when no more steps than this are left
  uint8_t class_of_[256];
  std::vector<Frame> frames_;
  std::vector<Level> levels_;
};

Status stopped_error(Stepper::Stop stop, const GrammarBudget& budget) {
  switch (stop) {
    case Stepper::Stop::none:
      return {};
    case Stepper::Stop::steps:
      return error("one token mask took more than {} steps (max_mask_steps); simplify the grammar",
                   budget.max_mask_steps);
    case Stepper::Stop::stacks:
      return error(
          "the text can be read in more than {} ways at once (max_stacks); make the grammar less ambiguous",
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
    for (const Frame* f = &top; f != nullptr;) {
      const std::shared_ptr<const Entry> b = base(*f, &walk);
      if (b == nullptr) return walk.status();
      if (f->depth + b->reach > max_depth) {
        // So near the limit that moves are missing: this stack is for itself.
        std::vector<int32_t> tokens;
        if (!walk.walk(0, {f, 1}, &tokens, nullptr)) return walk.status();
        for (int32_t t : tokens)
          mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (static_cast<uint32_t>(t) % 64);
        break;
      }
      b->set.add_to(mask);
      if (f->parent == nullptr) break;
      if (b->ends.size() > 0) {
        const std::shared_ptr<const Entry> more = below(*f, *b, &walk);
        if (more == nullptr) return walk.status();
        more->set.add_to(mask);
      }
      f = b->ends_at_once ? f->parent : nullptr;
    }
  }
  return {};
}

void Masks::warm() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(budget_.max_warm_ms);
  std::vector<const Position*> queue{automaton_.start()};
  std::unordered_set<const Position*> seen{automaton_.start()};
  auto meet = [&](const Position* p) {
    if (seen.insert(p).second) queue.push_back(p);
  };
  for (size_t i = 0; i < queue.size() && i < kMaxWarm; ++i) {
    if (std::chrono::steady_clock::now() >= deadline) return;
    // What is made ahead must not use up what answers will need.
    if (automaton_.memory() > budget_.max_automaton_bytes / 4 || memory() > budget_.max_mask_cache_bytes / 2)
      return;
    const Position* p = queue[i];
    Walk walk(*this, budget_.max_output_depth);
    if (base({nullptr, p, p->counted ? p->min : 0, 0}, &walk) == nullptr) return;
    for (int c = 0; c < automaton_.n_classes(); ++c) {
      const uintptr_t e = automaton_.entry(p, static_cast<uint8_t>(c));
      if (e < Automaton::kFirstEntry) continue;
      if ((e & Automaton::kIsMoves) == 0) {
        meet(Automaton::target(e));
        continue;
      }
      for (const Move& m : Automaton::moves(e)->alternatives) {
        meet(m.to);
        for (const Push& push : m.pushes) meet(push.position);
      }
    }
  }
}

std::shared_ptr<const Masks::Entry> Masks::base(const Frame& top, Walk* walk) {
  const Key key{{reinterpret_cast<uintptr_t>(top.position), key_of(top)}};
  if (auto found = find(key)) return found;
  auto made = std::make_shared<Entry>();
  const Frame unknown{nullptr, nullptr, 0, 0};
  const Frame start{&unknown, top.position, top.count, 1};
  std::vector<int32_t> tokens;
  walk->stepper().reset_extent();
  walk->stepper().set_max_depth(INT32_MAX);
  std::vector<uint32_t> ends;
  const bool done = walk->walk(0, {&start, 1}, &tokens, &ends);
  walk->stepper().set_max_depth(walk->max_depth());
  if (!done) return nullptr;
  made->reach = walk->stepper().highest() - start.depth;
  made->ends = NodeSet(std::move(ends), vocabulary_->nodes().size());
  made->ends_at_once = may_end(start);
  made->set = TokenSet(std::move(tokens), vocabulary_->size());
  keep(key, made);
  return made;
}

std::shared_ptr<const Masks::Entry> Masks::below(const Frame& top, const Entry& base, Walk* walk) {
  const int32_t max_depth = walk->max_depth();
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
    if (auto found = find(key); found != nullptr && top.depth + found->reach <= max_depth) return found;
  }

  auto made = std::make_shared<Entry>();
  const int64_t steps = walk->stepper().steps_left();
  walk->stepper().reset_extent();
  std::vector<int32_t> tokens;
  if (!walk->continue_at(base.ends, *top.parent, &tokens)) return nullptr;
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  made->set = TokenSet(std::move(tokens), vocabulary_->size());
  made->reach = walk->stepper().highest() - top.depth;
  if (steps - walk->stepper().steps_left() >= kKeepFromSteps && walk->stepper().highest() <= max_depth) {
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
  auto cost = [](const Key& k, const Entry& e) {
    return e.memory() + 2 * k.words.size() * sizeof(uint64_t) + 160;
  };
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
