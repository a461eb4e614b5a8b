// The prefix cache across restarts, and what becomes of a file that is not as it was written.
#include "runtime/cache_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "runtime/scheduler_test_tools.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

fs::path fresh_dir(const std::string& name) {
  const fs::path dir = fs::path(testing::TempDir()) / ("jaju_cache_" + name);
  fs::remove_all(dir);
  return dir;
}

// A file of mode 0600, as the cache wants its own.
void write(const fs::path& path, std::string_view content) {
  ASSERT_TRUE(write_file_atomic(path, content, 0600).ok());
}

constexpr int64_t kLayers = 2, kWidth = 3;

CacheFileKey small_key() {
  CacheFileKey key;
  key.model[0] = 7;
  key.maker = 8;
  key.layout = {CacheType::f32, kWidth - 1, 1};
  key.layers = kLayers;
  key.vocab = 1000;
  return key;
}

std::vector<int32_t> count(int32_t from, int64_t n) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(from + static_cast<int32_t>(i));
  return ids;
}

// A page whose latents say which token they are of.
CachePage* page_of(PagePool& pool, const std::vector<int32_t>& tokens) {
  CachePage* const page = pool.take();
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    auto* const values = reinterpret_cast<float*>(pool.layer(*page, layer));
    for (size_t i = 0; i < tokens.size() * kWidth; ++i) {
      values[i] =
          static_cast<float>(layer * 10000 + tokens[i / kWidth] * 10) + static_cast<float>(i % kWidth);
    }
  }
  return page;
}

// Tokens 0 to 99 and, as a branch after 64, 500 to 509; another tenant has 200 to 219.
struct SmallCache {
  PagePool pool{kLayers, small_key().layout, 10};
  PrefixCache cache{pool};

  void fill() {
    auto place = cache.open("a");
    store(place, count(0, 64));
    auto branch = place;
    store(place, count(64, 36));
    store(branch, count(500, 10));
    cache.close(place);
    auto other = cache.open("b");
    store(other, count(200, 20));
    cache.close(other);
  }
  void store(PrefixCache::Place& place, const std::vector<int32_t>& tokens) {
    pool.release(cache.store(place, tokens, page_of(pool, tokens)));
  }
  int64_t known(const char* tenant, const std::vector<int32_t>& tokens) {
    return cache.peek(tenant, tokens, static_cast<int64_t>(tokens.size()));
  }
  void expect_latents(const char* tenant, const std::vector<int32_t>& tokens) {
    auto place = cache.open(tenant);
    std::vector<CachePage*> pages;
    const auto m = cache.match(place, tokens, static_cast<int64_t>(tokens.size()), pages);
    ASSERT_EQ(m.positions, static_cast<int64_t>(tokens.size()));
    if (m.part != nullptr) pages.push_back(m.part);
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      for (size_t i = 0; i < tokens.size(); ++i) {
        const auto* values =
            reinterpret_cast<const float*>(pool.layer(*pages[i / 64], layer)) + i % 64 * kWidth;
        EXPECT_EQ(values[2], static_cast<float>(layer * 10000 + tokens[i] * 10 + 2));
      }
    }
    if (m.part != nullptr) pages.pop_back();
    for (CachePage* page : pages) pool.release(page);
    cache.close(place);
  }
};

TEST(CacheFile, BringsBackWhatWasWritten) {
  const fs::path path = fresh_dir("round") / "cache.kv";
  SmallCache out;
  out.fill();
  auto saved = save_cache_file(path, small_key(), out.cache, out.pool, 1 << 20);
  ASSERT_TRUE(saved.ok()) << saved.message();
  EXPECT_NE(saved->find("wrote 4 pages"), std::string::npos) << *saved;
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator()), 1)
      << "no temporary file is left";

  SmallCache in;
  const auto loaded = load_cache_file(path, small_key(), in.cache, in.pool, 1 << 20);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_NE(loaded->find("read 4 pages"), std::string::npos) << *loaded;
  EXPECT_EQ(in.pool.in_use(), 4);
  EXPECT_EQ(in.pool.idle(), 4);
  in.expect_latents("a", count(0, 100));
  auto branch = count(0, 64);
  for (const int32_t id : count(500, 10)) branch.push_back(id);
  in.expect_latents("a", branch);
  in.expect_latents("b", count(200, 20));
  EXPECT_EQ(in.known("b", count(0, 64)), 0);
}

TEST(CacheFile, KeepsTheLatestWhenThereIsNotRoomForAll) {
  const fs::path path = fresh_dir("bounded") / "cache.kv";
  SmallCache out;
  out.fill();
  out.expect_latents("a", count(0, 100));  // used last
  const int64_t page = page_record_bytes(small_key(), 64);
  ASSERT_TRUE(save_cache_file(path, small_key(), out.cache, out.pool, 3 * page).ok());
  EXPECT_LE(static_cast<int64_t>(fs::file_size(path)), 3 * page);
  SmallCache in;
  ASSERT_TRUE(load_cache_file(path, small_key(), in.cache, in.pool, 3 * page).ok());
  EXPECT_EQ(in.known("a", count(0, 100)), 100);

  // A pool of two pages: the latest two, and the older of them is the first to go.
  PagePool pool(kLayers, small_key().layout, 2);
  PrefixCache cache(pool);
  ASSERT_TRUE(load_cache_file(path, small_key(), cache, pool, 1 << 20).ok());
  EXPECT_EQ(pool.in_use(), 2);
  EXPECT_EQ(cache.peek("a", count(0, 100), 100), 100);
  ASSERT_TRUE(cache.evict());
  EXPECT_EQ(cache.peek("a", count(0, 100), 100), 64);
  EXPECT_FALSE(load_cache_file(path, small_key(), cache, pool, 100).ok()) << "too large a file";
}

// Every single byte, changed: nothing wrong comes in, and what stands before it does.
TEST(CacheFile, DamageIsSeen) {
  const fs::path dir = fresh_dir("damage");
  const fs::path path = dir / "cache.kv";
  SmallCache out;
  out.fill();
  ASSERT_TRUE(save_cache_file(path, small_key(), out.cache, out.pool, 1 << 20).ok());
  const auto good = read_file(path, 1 << 20);
  ASSERT_TRUE(good.ok());
  int64_t most = 0;
  const auto check = [&](const std::string& bytes) {
    int64_t pages = 0;
    const auto content =
        parse_cache_file(std::as_bytes(std::span(bytes)), small_key(), "it", [&](const CacheFilePage& p) {
          ++pages;
          float first = 0;
          std::memcpy(&first, p.latents.data(), sizeof first);
          EXPECT_EQ(first, static_cast<float>(p.tokens[0] * 10));
          return true;
        });
    if (content.ok()) {
      EXPECT_TRUE(content->damaged);
      EXPECT_EQ(content->pages, pages);
    }
    most = std::max(most, pages);
    return content.ok() ? pages : int64_t{-1};
  };
  int64_t last = -1;
  for (size_t i = 0; i < good->size(); ++i) {
    std::string bad = *good;
    bad[i] = static_cast<char>(bad[i] ^ 0x20);
    const int64_t pages = check(bad);
    EXPECT_GE(pages, last) << "damage further on costs no more";
    last = pages;
    if (i % 16 == 0 || i + 1 == good->size()) check(good->substr(0, i));  // cut short
  }
  EXPECT_EQ(most, 4) << "in the end record";
  check(*good + "x");

  // Through the door: a page of four.
  std::string bad = *good;
  bad[good->size() / 2] = static_cast<char>(bad[good->size() / 2] + 1);
  write(path, bad);
  SmallCache in;
  const auto loaded = load_cache_file(path, small_key(), in.cache, in.pool, 1 << 20);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_NE(loaded->find("damaged"), std::string::npos) << *loaded;
  EXPECT_GT(in.pool.in_use(), 0);
  EXPECT_LT(in.pool.in_use(), 4);
}

TEST(CacheFile, RefusesWhatIsNotItsOwn) {
  const fs::path dir = fresh_dir("foreign");
  const fs::path path = dir / "cache.kv";
  SmallCache out;
  out.fill();
  ASSERT_TRUE(save_cache_file(path, small_key(), out.cache, out.pool, 1 << 20).ok());
  SmallCache in;
  const auto refused = [&](const CacheFileKey& key, const char* why) {
    const auto loaded = load_cache_file(path, key, in.cache, in.pool, 1 << 20);
    EXPECT_FALSE(loaded.ok());
    EXPECT_NE(loaded.message().find(why), std::string::npos) << loaded.message();
    EXPECT_EQ(in.pool.in_use(), 0);
  };
  const auto changed = [](auto change) {
    CacheFileKey key = small_key();
    change(key);
    return key;
  };
  refused(changed([](auto& k) { k.model[1] = 1; }), "another model");
  refused(changed([](auto& k) { k.maker = 1; }), "another model");
  refused(changed([](auto& k) { k.layout.type = CacheType::bf16; }), "another model");
  refused(changed([](auto& k) { k.layout.type = CacheType::q8; }), "another model");
  refused(changed([](auto& k) { k.layers = 1; }), "another model");
  fs::permissions(path, fs::perms::group_read, fs::perm_options::add);
  refused(small_key(), "by others");
  fs::permissions(path, fs::perms::group_read, fs::perm_options::remove);
  write(path, "JAJUKV is not all of it");
  refused(small_key(), "not a prefix-cache file");
  fs::remove(path);
  fs::create_symlink("/dev/zero", path);
  refused(small_key(), "not a regular file");
  fs::remove(path);
  EXPECT_TRUE(load_cache_file(path, small_key(), in.cache, in.pool, 1 << 20).ok()) << "the first start";
  // Pages that contradict each other, with every checksum right.
  const auto file_with = [&](int64_t parent, const std::vector<int32_t>& second, uint32_t tenant) {
    std::string bytes;
    append_cache_header(small_key(), bytes);
    append_tenant_record("a", bytes);
    append_tenant_record("b", bytes);
    const auto page = [&](uint32_t t, int64_t p, const std::vector<int32_t>& ids) {
      const std::string latents(ids.size() * kWidth * sizeof(float), '\1');
      append_page_record(
          t, p, ids, kLayers, [&](int64_t) { return std::string_view(latents); }, bytes);
    };
    page(0, -1, count(0, 64));
    page(tenant, parent, second);
    append_end_record(2, bytes);
    int64_t pages = 0;
    const auto content = parse_cache_file(std::as_bytes(std::span(bytes)), small_key(), "it",
                                          [&](const CacheFilePage&) { return ++pages > 0; });
    EXPECT_TRUE(content.ok());
    EXPECT_EQ(content->damaged, pages == 1);
    return pages;
  };
  EXPECT_EQ(file_with(0, count(64, 64), 0), 2);
  EXPECT_EQ(file_with(1, count(64, 64), 0), 1) << "hangs on itself";
  EXPECT_EQ(file_with(0, count(64, 64), 1), 1) << "hangs on another tenant's";
  EXPECT_EQ(file_with(0, count(64, 64), 2), 1) << "of no tenant";
  EXPECT_EQ(file_with(-2, count(64, 64), 0), 1);
  EXPECT_EQ(file_with(0, count(990, 64), 0), 1) << "tokens outside the vocabulary";
  EXPECT_EQ(file_with(0, count(64, 65), 0), 1) << "more than a page";
  EXPECT_EQ(file_with(0, {}, 0), 1);
}

// A restart: the same answers, nothing read again.
TEST(CacheFile, ARestartedSchedulerGoesOn) {
  for (const auto& [name, kv] :
       {std::pair{"nano", KvType::automatic}, {"mtp-f32", KvType::automatic}, {"nano", KvType::q8}}) {
    SCOPED_TRACE(std::string(name) + " " + std::string(name_of(kv)));
    const auto engine = open_model(name, {.kv_type = kv});
    const fs::path dir = fresh_dir("restart");
    const auto prompt = made_up_prompt(1, 150, *engine);
    const auto quiet = quiet_answer(*engine, greedy(prompt, 30));
    std::string saved;
    SchedulerOptions options;
    options.cache_dir = dir;
    options.on_saved = [&](const std::string& sentence) { saved = sentence; };
    for (int run = 0; run < 3; ++run) {
      {
        const auto scheduler = start_by_hand(*engine, options);
        const std::string file = scheduler->snapshot().cache_file;
        EXPECT_NE(file.find(run == 0 ? "not there yet" : "read 3 pages"), std::string::npos) << file;
        const auto sink = submit(*scheduler, greedy(prompt, 30));
        run_until_idle(*scheduler);
        EXPECT_EQ(sink->tokens, quiet);
        EXPECT_EQ(sink->finish.stats.cached_tokens, run == 0 ? 0 : 149);
        const auto turn = submit(*scheduler, greedy(join(join(prompt, quiet), {1, 2, 3}), 10));
        run_until_idle(*scheduler);
        EXPECT_EQ(turn->tokens, quiet_answer(*engine, greedy(join(join(prompt, quiet), {1, 2, 3}), 10)));
        EXPECT_EQ(turn->finish.stats.cached_tokens, run == 0 ? 179 : 182) << "all but the last";
      }
      EXPECT_NE(saved.find("wrote 3 pages"), std::string::npos) << saved;
    }
    // A model with other weights, or pages made otherwise, know nothing of it.
    options.prompt_attention = PromptAttention::fast;
    const auto other = start_by_hand(*engine, options);
    EXPECT_NE(other->snapshot().cache_file.find("not used"), std::string::npos);
    EXPECT_EQ(other->snapshot().pages_cached, 0);
  }
}

}  // namespace
}  // namespace jaju
