// The prefix cache against a plain list of everything that was stored.
#include "runtime/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "runtime/scheduler_test_tools.h"

namespace jaju {
namespace {

constexpr int64_t kPage = 64;

using Text = std::vector<int32_t>;

int64_t common(const Text& a, const Text& b) {
  return std::mismatch(a.begin(), a.begin() + static_cast<int64_t>(std::min(a.size(), b.size())), b.begin())
             .first -
         a.begin();
}

// What a sequence of the scheduler does with the cache.
class Reader {
 public:
  Reader(PrefixCache& cache, PagePool& pool, std::string_view tenant, Text text)
      : cache_(cache), pool_(pool), text_(std::move(text)), place_(cache.open(tenant)) {
    match_ = cache_.match(place_, text_, static_cast<int64_t>(text_.size()), pages_);
    stored_ = static_cast<int64_t>(pages_.size());
  }
  // Takes the pages for the rest and stores all of it. False: no page was left.
  bool store() {
    if (match_.part != nullptr) {  // to be copied to the first page taken
      pool_.hold(match_.part);
      const bool copied = take(match_.positions);
      pool_.release(match_.part);
      if (!copied) return false;
    }
    if (!take(static_cast<int64_t>(text_.size()))) return false;
    const auto n = static_cast<int64_t>(text_.size());
    for (; stored_ * kPage < n; ++stored_) {
      CachePage*& page = pages_[static_cast<size_t>(stored_)];
      page = cache_.store(place_,
                          std::span(text_).subspan(static_cast<size_t>(stored_ * kPage),
                                                   static_cast<size_t>(std::min(kPage, n - stored_ * kPage))),
                          page);
    }
    return true;
  }
  ~Reader() {
    for (CachePage* page : pages_) pool_.release(page);
    cache_.close(place_);
  }
  const PrefixCache::Match& match() const { return match_; }

 private:
  bool take(int64_t positions) {
    while (static_cast<int64_t>(pages_.size()) * kPage < positions) {
      CachePage* page = pool_.take();
      if (page == nullptr && cache_.evict()) page = pool_.take();
      if (page == nullptr) return false;
      pages_.push_back(page);
    }
    return true;
  }

  PrefixCache& cache_;
  PagePool& pool_;
  Text text_;
  PrefixCache::Place place_;
  PrefixCache::Match match_;
  std::vector<CachePage*> pages_;
  int64_t stored_ = 0;
};

// Texts of two words in long runs, so that many begin alike and part anywhere.
Text random_text(Dice& dice) {
  Text text;
  const auto n = 1 + static_cast<int64_t>(dice.next() % 300);
  while (static_cast<int64_t>(text.size()) < n) {
    text.insert(text.end(), 1 + dice.next() % 40, static_cast<int32_t>(dice.next() % 2));
  }
  text.resize(static_cast<size_t>(n));
  return text;
}

TEST(PagePool, AFailedAllocationIsOfTheMoment) {
  if (heap_allocations() < 0) GTEST_SKIP() << "this build has a heap of its own";
  PagePool pool(1, {CacheType::f32, 1, 0}, 3);
  fail_allocation(0);
  EXPECT_EQ(pool.take(), nullptr);
  fail_allocation(-1);
  EXPECT_EQ(pool.capacity(), 3);
  CachePage* const page = pool.take();
  ASSERT_NE(page, nullptr);
  pool.release(page);
}

TEST(PrefixCache, FindsTheLongestBeginningOfAll) {
  PagePool pool(1, {CacheType::f32, 1, 0}, 100000);
  PrefixCache cache(pool);
  std::map<std::string, std::vector<Text>> stored;
  Dice dice(3);
  int64_t hits = 0;
  for (int i = 0; i < 1500; ++i) {
    const std::string tenant(1, static_cast<char>('a' + dice.next() % 3));
    Text text = random_text(dice);
    auto& texts = stored[tenant];
    if (!texts.empty() && dice.next() % 2 == 0) {  // goes on from one of before
      Text before = texts[dice.next() % texts.size()];
      before.resize(1 + dice.next() % before.size());
      text.insert(text.begin(), before.begin(), before.end());
    }
    int64_t longest = 0;
    for (const Text& t : texts) longest = std::max(longest, common(t, text));
    ASSERT_EQ(cache.peek(tenant, text, static_cast<int64_t>(text.size())), longest);
    ASSERT_EQ(cache.peek(tenant, text, 10), std::min<int64_t>(longest, 10));
    Reader reader(cache, pool, tenant, text);
    ASSERT_EQ(reader.match().positions, longest);
    ASSERT_EQ(reader.match().part_positions, longest % kPage);
    hits += longest > 0 ? 1 : 0;
    ASSERT_TRUE(reader.store());
    texts.push_back(std::move(text));
  }
  EXPECT_GT(hits, 1000);
  EXPECT_EQ(pool.in_use(), pool.idle());
  EXPECT_EQ(pool.in_use(), cache.pages());
  cache.clear();
  EXPECT_EQ(pool.in_use(), 0);
  EXPECT_EQ(cache.peek("a", {{0, 1, 2}}, 3), 0);
}

// With few pages, never a wrong one, never one lost; whoever runs keeps his.
TEST(PrefixCache, GivesUpOnlyWhatNobodyUses) {
  PagePool pool(1, {CacheType::f32, 1, 0}, 40);
  PrefixCache cache(pool);
  Dice dice(4);
  std::vector<Text> texts;
  std::vector<std::unique_ptr<Reader>> running;
  int64_t refused = 0;
  for (int i = 0; i < 5000; ++i) {
    Text text = random_text(dice);
    if (!texts.empty() && dice.next() % 2 == 0) text = texts[dice.next() % texts.size()];
    auto reader = std::make_unique<Reader>(cache, pool, "t", text);
    if (reader->store()) {
      running.push_back(std::move(reader));
      ASSERT_EQ(cache.peek("t", text, static_cast<int64_t>(text.size())), static_cast<int64_t>(text.size()));
      texts.push_back(std::move(text));
    } else {
      ++refused;
      reader.reset();
    }
    while (running.size() > 6 || (refused > 0 && !running.empty() && dice.next() % 2 == 0)) {
      running.erase(running.begin() + static_cast<int64_t>(dice.next() % running.size()));
    }
    ASSERT_LE(pool.in_use(), 40);
    ASSERT_GE(pool.idle(), 0);
  }
  EXPECT_GT(cache.evictions(), 100u);
  running.clear();
  EXPECT_EQ(pool.in_use(), pool.idle());
  EXPECT_EQ(pool.in_use(), cache.pages());
}

TEST(PrefixCache, TheLeastRecentlyUsedGoesFirst) {
  PagePool pool(1, {CacheType::f32, 1, 0}, 4);
  PrefixCache cache(pool);
  const auto text = [](int32_t id) { return Text(30, id); };
  const auto use = [&](int32_t id) { ASSERT_TRUE(Reader(cache, pool, "t", text(id)).store()); };
  for (const int32_t id : {1, 2, 3, 4}) use(id);
  use(1);
  use(5);  // in the place of 2
  for (const int32_t id : {1, 3, 4, 5}) EXPECT_EQ(cache.peek("t", text(id), 30), 30) << id;
  EXPECT_EQ(cache.peek("t", text(2), 30), 0);
  // And says so to whoever asks again.
  Text longer = text(1);
  longer.resize(200, 9);
  EXPECT_EQ(Reader(cache, pool, "t", longer).match().stop, CacheStop::end_of_stored);
  ASSERT_TRUE(Reader(cache, pool, "t", longer).store());  // four pages: everything else went
  for (const int32_t id : {6, 7, 8}) use(id);             // and three of those
  EXPECT_EQ(Reader(cache, pool, "t", longer).match().stop, CacheStop::evicted);
  EXPECT_EQ(Reader(cache, pool, "t", longer).match().positions, 64);
}

// Two that read the same text at once end with one set of pages.
TEST(PrefixCache, EqualPagesAreKeptOnce) {
  PagePool pool(1, {CacheType::f32, 1, 0}, 100);
  PrefixCache cache(pool);
  const Text text(200, 1);
  {
    Reader a(cache, pool, "t", text);
    Reader b(cache, pool, "t", text);
    EXPECT_EQ(b.match().positions, 0);
    ASSERT_TRUE(a.store());
    ASSERT_TRUE(b.store());
    EXPECT_EQ(pool.in_use(), 4 + 1) << "three whole ones, and the last page of each";
  }
  EXPECT_EQ(pool.in_use(), 4);
  EXPECT_EQ(cache.pages(), 4);
}

}  // namespace
}  // namespace jaju
