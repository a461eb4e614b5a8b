#include "runtime/prefix_cache.h"

#include <algorithm>

#include "base/check.h"

namespace jaju {
namespace {

constexpr int64_t kPage = LatentCache::kPositions;

int64_t common(std::span<const int32_t> a, std::span<const int32_t> b) {
  const size_t n = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<int64_t>(n), b.begin()).first - a.begin();
}

}  // namespace

struct PrefixCache::Node {
  Node* parent = nullptr;  // null: a root, which has no page
  std::vector<int32_t> tokens;
  CachePage* page = nullptr;
  std::vector<std::unique_ptr<Node>>
      children;        // sorted by tokens; no two begin alike unless both go on apart
  bool lost = false;   // something that hung here was given up
  int64_t places = 0;  // of a root: how many stand in its tree
  std::string tenant;  // of a root
  Links age;

  bool whole() const { return parent == nullptr || static_cast<int64_t>(tokens.size()) == kPage; }
};

// Among a node's children the one that shares most with `tokens`, and how much.
struct PrefixCache::Nearest {
  size_t at = 0;  // where `tokens` would be inserted
  Node* child = nullptr;
  size_t child_at = 0;
  int64_t shared = 0;
};

PrefixCache::PrefixCache(PagePool& pool) : pool_(pool) {}

PrefixCache::~PrefixCache() {
  clear();
}

PrefixCache::Nearest PrefixCache::nearest(const Node& node, std::span<const int32_t> tokens) {
  const auto before = [](const std::unique_ptr<Node>& child, std::span<const int32_t> t) {
    return std::lexicographical_compare(child->tokens.begin(), child->tokens.end(), t.begin(), t.end());
  };
  const auto& children = node.children;
  const auto page = tokens.first(std::min(tokens.size(), static_cast<size_t>(kPage)));
  Nearest n;
  n.at = static_cast<size_t>(std::lower_bound(children.begin(), children.end(), page, before) -
                             children.begin());
  for (const size_t i : {n.at, n.at - 1}) {  // n.at - 1 wraps where there is nothing before
    if (i >= children.size()) continue;
    const int64_t shared = common(children[i]->tokens, page);
    if (n.child != nullptr && shared <= n.shared) continue;
    n.child = children[i].get();
    n.child_at = i;
    n.shared = shared;
  }
  return n;
}

PrefixCache::Place PrefixCache::open(std::string_view tenant) {
  auto found = roots_.find(tenant);
  if (found == roots_.end()) {
    found = roots_.emplace(std::string(tenant), std::make_unique<Node>()).first;
    found->second->tenant = tenant;
  }
  Place place;
  place.node_ = found->second.get();
  ++place.node_->places;
  return place;
}

void PrefixCache::close(Place& place) {
  if (place.node_ == nullptr) return;
  Node* root = place.node_;
  while (root->parent != nullptr) root = root->parent;
  place.node_ = nullptr;
  --root->places;
  drop_root_if_unused(root);
}

void PrefixCache::drop_root_if_unused(Node* root) {
  if (root->places == 0 && root->children.empty()) roots_.erase(roots_.find(root->tenant));
}

PrefixCache::Match PrefixCache::match(Place& place, std::span<const int32_t> tokens, int64_t limit,
                                      std::vector<CachePage*>& pages) {
  Match m;
  limit = std::min(limit, static_cast<int64_t>(tokens.size()));
  Node* node = place.node_;
  for (;;) {
    const auto rest = tokens.subspan(static_cast<size_t>(m.positions));
    const Nearest n = nearest(*node, rest);
    const int64_t wanted = std::min(n.shared, limit - m.positions);
    if (n.child != nullptr && wanted == kPage) {
      node = n.child;
      pool_.hold(node->page);
      pages.push_back(node->page);
      m.positions += kPage;
      continue;
    }
    Node* touched = node;
    if (wanted > 0) {
      m.part = n.child->page;
      m.part_positions = wanted;
      touched = n.child;
    }
    const int64_t at = m.positions + wanted;
    const bool child_ends = n.child != nullptr && n.shared == static_cast<int64_t>(n.child->tokens.size());
    if (at == limit) {
      m.stop = CacheStop::whole_prompt;
    } else if (n.child != nullptr && !child_ends && at > 0) {
      m.stop = CacheStop::prompt_differs;
      m.stored_token = n.child->tokens[static_cast<size_t>(n.shared)];
    } else if ((child_ends ? n.child : node)->lost) {
      m.stop = CacheStop::evicted;
    } else {
      m.stop = at > 0 ? CacheStop::end_of_stored : CacheStop::nothing_stored;
    }
    m.positions = at;
    if (touched->parent != nullptr) touch(touched);
    place.node_ = node;
    return m;
  }
}

int64_t PrefixCache::peek(std::string_view tenant, std::span<const int32_t> tokens, int64_t limit) const {
  const auto root = roots_.find(tenant);
  if (root == roots_.end()) return 0;
  limit = std::min(limit, static_cast<int64_t>(tokens.size()));
  const Node* node = root->second.get();
  for (int64_t at = 0;;) {
    const Nearest n = nearest(*node, tokens.subspan(static_cast<size_t>(at)));
    at = std::min(at + n.shared, limit);
    if (n.child == nullptr || n.shared < kPage || at == limit) return at;
    node = n.child;
  }
}

CachePage* PrefixCache::store(Place& place, std::span<const int32_t> tokens, CachePage* page) {
  JAJU_CHECK(!tokens.empty() && static_cast<int64_t>(tokens.size()) <= kPage);
  Node* const parent = place.node_;
  const auto size = static_cast<int64_t>(tokens.size());
  const Nearest n = nearest(*parent, tokens);
  Node* node = n.child;
  const bool inside = node != nullptr && n.shared == size;  // all of it is stored, perhaps more
  const bool extends = node != nullptr && !inside && n.shared == static_cast<int64_t>(node->tokens.size());
  if (inside) {
    if (size == kPage && node->page != page) {
      pool_.hold(node->page);
      pool_.release(page);
      page = node->page;
    }
  } else if (extends) {  // in its place; nothing can hang on it, for it was not whole
    JAJU_CHECK(node->children.empty());
    node->tokens.assign(tokens.begin(), tokens.end());
    if (node->page != page) {
      pool_.set_stored(node->page, false);
      pool_.release(node->page);
      node->page = page;
      pool_.hold(page);
      pool_.set_stored(page, true);
    }
  } else {
    auto fresh = std::make_unique<Node>();
    node = fresh.get();
    node->parent = parent;
    node->tokens.assign(tokens.begin(), tokens.end());
    node->page = page;
    parent->children.insert(parent->children.begin() + static_cast<int64_t>(n.at), std::move(fresh));
    pool_.hold(page);
    pool_.set_stored(page, true);
    ++n_nodes_;
  }
  touch(node);
  if (size == kPage) place.node_ = node;
  return page;
}

void PrefixCache::unlink(Node* node) {
  (node->age.newer != nullptr ? node->age.newer->age.older : newest_) = node->age.older;
  (node->age.older != nullptr ? node->age.older->age.newer : oldest_) = node->age.newer;
  node->age = {};
}

void PrefixCache::touch(Node* node) {
  for (; node->parent != nullptr; node = node->parent) {
    if (newest_ == node) continue;
    if (node->age.newer != nullptr || node->age.older != nullptr) unlink(node);
    node->age.older = newest_;
    if (newest_ != nullptr) newest_->age.newer = node;
    newest_ = node;
    if (oldest_ == nullptr) oldest_ = node;
  }
}

void PrefixCache::erase(Node* leaf) {
  JAJU_CHECK(leaf->children.empty());
  unlink(leaf);
  pool_.set_stored(leaf->page, false);
  pool_.release(leaf->page);
  Node* const parent = leaf->parent;
  parent->lost = true;
  const auto at = std::find_if(parent->children.begin(), parent->children.end(),
                               [&](const auto& child) { return child.get() == leaf; });
  parent->children.erase(at);
  --n_nodes_;
  if (parent->parent == nullptr) drop_root_if_unused(parent);
}

// What a running sequence holds hangs on pages it holds too, so where a page is idle some leaf is. A leaf in
// use that has become the oldest is made young: it will be in use for a while.
bool PrefixCache::evict() {
  if (pool_.idle() == 0) return false;
  for (int64_t looks = n_nodes_; looks >= 0; --looks) {
    Node* const leaf = oldest_;
    if (leaf->page->holders == 1) {
      erase(leaf);
      ++evictions_;
      return true;
    }
    touch(leaf);
  }
  return false;
}

void PrefixCache::clear() {
  while (evict()) {
  }
}

PrefixCache::Place PrefixCache::load(const Place& parent, std::span<const int32_t> tokens, CachePage* page) {
  Place place = parent;
  pool_.release(store(place, tokens, page));
  place.node_ = nearest(*parent.node_, tokens).child;
  return place;
}

void PrefixCache::renew(const Place& place) {
  touch(place.node_);
}

void PrefixCache::visit(const std::function<bool(const Visit&)>& visitor) const {
  // From new to old every node comes after its parent: the order of ages is what is wanted.
  std::map<const Node*, int64_t> numbers;
  int64_t next = 0;
  for (const Node* node = newest_; node != nullptr; node = node->age.older) {
    const Node* root = node->parent;
    while (root->parent != nullptr) root = root->parent;
    const int64_t parent = node->parent == root ? -1 : numbers.at(node->parent);
    if (!visitor({root->tenant, parent, node->tokens, node->page})) return;
    numbers.emplace(node, next++);
  }
}

}  // namespace jaju
