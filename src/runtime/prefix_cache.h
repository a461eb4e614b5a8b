// Prompts and answers read before, found again by their tokens: a tree of cache pages.
//
// A node is one page: 64 tokens, or fewer at the end of a branch. Its children are sorted by their tokens, so
// the one that shares the longest beginning with a prompt is a neighbour of the place where the prompt would
// be inserted. A prompt may share a whole page (held by both) or a part of one (the caller copies those
// positions). Each tenant has a tree of its own: nobody can learn from timing what others asked.
//
// Pages the cache alone holds are given up least recently used first, leaves before what they hang on. Not
// thread-safe: the scheduler's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/page_pool.h"
#include "runtime/scheduler.h"

namespace jaju {

class PrefixCache {
 public:
  struct Node;

  explicit PrefixCache(PagePool& pool);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // A sequence's place in its tenant's tree: the last whole page it shares. Hold one while the sequence runs.
  class Place {
   public:
    Place() = default;
    explicit operator bool() const { return node_ != nullptr; }

   private:
    friend class PrefixCache;
    Node* node_ = nullptr;
  };
  Place open(std::string_view tenant);
  void close(Place& place);

  struct Match {
    int64_t positions = 0;      // whole pages and the part
    CachePage* part = nullptr;  // holds the positions after the whole pages; not held for the caller
    int64_t part_positions = 0;
    CacheStop stop = CacheStop::nothing_stored;
    int32_t stored_token = -1;  // where stop is prompt_differs
  };
  // Longest stored beginning of `tokens`, at most `limit` positions. Appends its whole pages, held for the
  // caller, to `pages` and moves `place` (fresh from open()) behind them.
  Match match(Place& place, std::span<const int32_t> tokens, int64_t limit, std::vector<CachePage*>& pages);
  // The length match() would find, nothing held or touched.
  int64_t peek(std::string_view tenant, std::span<const int32_t> tokens, int64_t limit) const;

  // Stores the page after `place`: `tokens` (1 to 64) are what its first positions hold. Positions behind
  // them may still be written by its owner. Returns the page the caller should go on with: the same, or,
  // where equal tokens were stored before, that older page, held for the caller instead of his (which is
  // released). Whole pages move `place`.
  CachePage* store(Place& place, std::span<const int32_t> tokens, CachePage* page);

  // Gives up the least recently used page that only the cache holds. False: there is none.
  bool evict();
  void clear();  // every page nobody else holds

  int64_t pages() const { return n_nodes_; }
  uint64_t evictions() const { return evictions_; }

  // For the cache file: every node after the one it hangs on, branches in order of last use, latest first.
  // `parent` is the number of an earlier visit, -1 for a tenant's first page. Return false to stop.
  struct Visit {
    std::string_view tenant;
    int64_t parent;
    std::span<const int32_t> tokens;
    const CachePage* page;
  };
  void visit(const std::function<bool(const Visit&)>& visitor) const;
  // Back from the file: stores a page of the caller's behind `parent` and takes it from him; where it was
  // stored.
  Place load(const Place& parent, std::span<const int32_t> tokens, CachePage* page);
  // As if it had just been used.
  void renew(const Place& place);

 private:
  struct Links {  // in the list of ages
    Node* newer = nullptr;
    Node* older = nullptr;
  };
  struct Nearest;
  static Nearest nearest(const Node& node, std::span<const int32_t> tokens);
  void touch(Node* node);  // and all it hangs on
  void unlink(Node* node);
  void erase(Node* leaf);
  void drop_root_if_unused(Node* root);

  PagePool& pool_;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> roots_;
  // Every node is newer than what hangs on it, so the oldest is a leaf.
  Node* newest_ = nullptr;
  Node* oldest_ = nullptr;
  int64_t n_nodes_ = 0;
  uint64_t evictions_ = 0;
};

}  // namespace jaju
