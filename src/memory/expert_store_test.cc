// The store as a step sees it: every expert asked for is given out once, with its bytes, at any number of
// slots; failures name what failed and are forgotten with the step; prefetches and pins do what they say.
#include "memory/expert_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/split_mix.h"
#include "memory/store_test_tools.h"

namespace jaju {
namespace {

constexpr int64_t kLayers = 3;
constexpr int64_t kExperts = 16;
constexpr int64_t kBytes = 5 * kIoAlignment;

StoreOptions with_slots(int64_t slots) {
  StoreOptions o;
  o.slots = slots;
  o.loader.piece_bytes = 2 * kIoAlignment;
  o.loader.queue_depth = 4;
  return o;
}

std::unique_ptr<ExpertStore> open_store(const TestExtents& extents, const StoreOptions& options) {
  auto store = ExpertStore::open(extents.catalog(), options);
  EXPECT_TRUE(store.ok()) << store.message();
  return store.ok() ? std::move(*store) : nullptr;
}

std::vector<int32_t> rows_of(const std::set<int32_t>& experts) {
  std::vector<int32_t> rows(kExperts, 0);
  for (const int32_t e : experts) rows[static_cast<size_t>(e)] = 1;
  return rows;
}

// Takes all of a demand, comparing bytes. Returns the experts it got.
std::set<int32_t> take_all(ExpertStore& store, const TestExtents& extents, int64_t layer) {
  std::set<int32_t> got;
  for (bool wait = false;; wait = true) {
    const auto wave = store.take(wait);
    EXPECT_TRUE(wave.ok()) << wave.message();
    if (!wave.ok() || (wait && wave->empty())) return got;
    for (const LoadedExpert& e : *wave) {
      EXPECT_TRUE(got.insert(e.expert).second) << "twice";
      const std::string& want = extents.bytes(layer, e.expert);
      EXPECT_EQ(std::memcmp(e.data, want.data(), want.size()), 0) << "expert " << e.expert;
    }
  }
}

TEST(ExpertStore, GivesOutEveryExpertOnceAtAnyNumberOfSlots) {
  const TestExtents extents("any", kLayers, kExperts, kBytes);
  for (const int64_t slots : {2, 3, 7, 16, 47, 48, 1000}) {
    SCOPED_TRACE(slots);
    auto store = open_store(extents, with_slots(slots));
    EXPECT_LE(store->slots(), kLayers * kExperts);
    uint64_t state = 1, asked = 0;
    for (int step = 0; step < 60; ++step) {
      const bool prompt = step % 10 == 0;
      ASSERT_TRUE(store->begin_step(prompt ? 20 : 1).ok());
      for (int64_t layer = 0; layer < kLayers; ++layer) {
        std::set<int32_t> want;
        for (int i = 0; i < (prompt ? 60 : 4); ++i)
          want.insert(static_cast<int32_t>(split_mix64(state) % kExperts));
        asked += want.size();
        store->demand(layer, rows_of(want));
        if (layer + 1 < kLayers) {  // guesses, right and wrong
          std::vector<int32_t> guess;
          for (int i = 0; i < 3; ++i)
            guess.push_back(static_cast<int32_t>((split_mix64(state) + i * 5) % kExperts));
          std::sort(guess.begin(), guess.end());
          guess.erase(std::unique(guess.begin(), guess.end()), guess.end());
          store->announce(layer + 1, guess);
          if (step % 3 == 0) {  // another look
            guess.front() = (guess.back() + 1) % kExperts;
            store->announce(layer + 1, guess, Ahead::attention);
          }
        }
        ASSERT_EQ(take_all(*store, extents, layer), want);
      }
    }
    const StoreFigures f = store->figures();
    EXPECT_EQ(f.asked(), asked);
    EXPECT_EQ(f.failures, 0u);
    if (slots >= kLayers * kExperts) {
      // Everything fits: nothing is read twice.
      EXPECT_EQ(f.evictions, 0u);
      EXPECT_LE(f.bytes, static_cast<uint64_t>(kLayers * kExperts * kBytes));
    }
  }
}

TEST(ExpertStore, WithoutPrefetchItReadsWhatWasNotThereAndNoMore) {
  const TestExtents extents("exact", kLayers, kExperts, kBytes);
  StoreOptions options = with_slots(20);
  options.prefetch = false;
  auto store = open_store(extents, options);
  uint64_t state = 5;
  for (int step = 0; step < 100; ++step) {
    ASSERT_TRUE(store->begin_step(1).ok());
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      std::set<int32_t> want;
      for (int i = 0; i < 4; ++i) want.insert(static_cast<int32_t>(split_mix64(state) % kExperts));
      store->demand(layer, rows_of(want));
      EXPECT_EQ(take_all(*store, extents, layer), want);
    }
  }
  const StoreFigures f = store->figures();
  EXPECT_EQ(f.bytes, f.read * static_cast<uint64_t>(kBytes));
  EXPECT_EQ(f.prefetches, 0u);
  // Even routing: as often there as the cache's share.
  EXPECT_NEAR(f.hit_rate(), 20.0 / (kLayers * kExperts), 0.08);
  EXPECT_GT(f.wait_seconds, 0);
}

TEST(ExpertStore, RightPrefetchesAreThereWrongOnesAreSwitchedOff) {
  const TestExtents extents("prefetch", kLayers, kExperts, kBytes);
  for (const bool right : {true, false}) {
    auto store = open_store(extents, with_slots(24));
    uint64_t state = 9;
    std::set<int32_t> next;
    for (int step = 0; step < 200; ++step) {
      ASSERT_TRUE(store->begin_step(1).ok());
      for (int64_t layer = 0; layer < kLayers; ++layer) {
        std::set<int32_t> want = next;
        if (layer == 0) {
          want = {static_cast<int32_t>(split_mix64(state) % kExperts)};
        }
        next.clear();
        for (int i = 0; i < 3; ++i) next.insert(static_cast<int32_t>(split_mix64(state) % kExperts));
        store->demand(layer, rows_of(want));
        if (layer + 1 < kLayers && store->wants_prediction()) {
          std::vector<int32_t> guess;
          for (int32_t e = 0; e < kExperts; ++e) {
            if (next.contains(e) == right) guess.push_back(e);
          }
          guess.resize(std::min<size_t>(guess.size(), 3));
          store->announce(layer + 1, guess);
        }
        EXPECT_EQ(take_all(*store, extents, layer), want);
      }
    }
    const StoreFigures f = store->figures();
    EXPECT_EQ(f.prefetch_on, right);
    if (right) {
      EXPECT_EQ(f.precision(), 1.0);
      EXPECT_GT(f.recall(), 0.5);
      EXPECT_GT(f.prefetched, 50u);
    } else {
      EXPECT_LT(f.precision(), 0.1);
      EXPECT_LT(f.prefetches, 60u) << "went on reading what nobody wants";
      EXPECT_EQ(f.prefetched, 0u);
    }
  }
}

TEST(ExpertStore, ASecondLookEndsReadsOfWhatIsNoLongerGuessed) {
  const TestExtents extents("second_look", kLayers, kExperts, kBytes);
  std::atomic<bool> held{true};
  StoreOptions options = with_slots(8);
  options.make_reader = faulty([&](const PieceRead&, int64_t&) {
    while (held) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  auto store = open_store(extents, options);
  ASSERT_TRUE(store->begin_step(1).ok());
  const std::vector<int32_t> first = {4, 5}, second = {5, 6};
  store->announce(1, first);
  store->announce(1, second, Ahead::attention);
  held = false;
  store->demand(1, rows_of({5, 6, 7}));
  EXPECT_EQ(take_all(*store, extents, 1), (std::set<int32_t>{5, 6, 7}));
  StoreFigures f = store->figures();
  EXPECT_EQ(f.prefetches, 3u);
  EXPECT_EQ(f.prefetched, 2u);
  EXPECT_EQ(f.read, 1u);
  EXPECT_EQ(f.predicted, 3u) << "what is on its way is not guessed again";
  EXPECT_EQ(f.predicted_right, 2u);
  EXPECT_LT(f.bytes, static_cast<uint64_t>(4 * kBytes)) << "4 was read to its end";
  ASSERT_TRUE(store->begin_step(1).ok());
  store->demand(1, rows_of({4}));
  EXPECT_EQ(take_all(*store, extents, 1), (std::set<int32_t>{4}));
  EXPECT_EQ(store->figures().read, 2u);
}

TEST(ExpertStore, GuessesOfAStepThatNeverAskedAreNotJudgedByTheNext) {
  const TestExtents extents("stale", kLayers, kExperts, kBytes);
  auto store = open_store(extents, with_slots(8));
  const std::vector<int32_t> stale = {4, 5}, fresh = {6};
  ASSERT_TRUE(store->begin_step(1).ok());
  store->announce(1, stale);
  ASSERT_TRUE(store->begin_step(1).ok());
  store->announce(1, fresh);
  store->demand(1, rows_of({6}));
  EXPECT_EQ(take_all(*store, extents, 1), (std::set<int32_t>{6}));
  EXPECT_EQ(store->figures().predicted, 1u);
  EXPECT_EQ(store->figures().predicted_right, 1u);
}

TEST(ExpertStore, PinsStayWhateverComes) {
  const TestExtents extents("pins", kLayers, kExperts, kBytes);
  auto store = open_store(extents, with_slots(6));
  const std::vector<ExpertName> wanted = {{0, 3}, {1, 5}, {2, 7}, {2, 8}};
  EXPECT_EQ(store->pin(wanted), 3) << "half of the slots";
  for (int step = 0; step < 20; ++step) {
    ASSERT_TRUE(store->begin_step(20).ok());
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      std::set<int32_t> all;
      for (int32_t e = 0; e < kExperts; ++e) all.insert(e);
      store->demand(layer, rows_of(all));
      EXPECT_EQ(take_all(*store, extents, layer), all);
    }
  }
  const StoreFigures f = store->figures();
  EXPECT_EQ(f.pinned, 60u);
  EXPECT_EQ(f.slots_pinned, 3);
}

TEST(ExpertStore, AFailedReadNamesFileAndExpertAndTheNextStepTriesAgain) {
  const TestExtents extents("failed", kLayers, kExperts, kBytes);
  bool broken = true;
  StoreOptions options = with_slots(8);
  const Extent& bad = extents.catalog().extents[kExperts + 4];  // layer 1, called 2
  int bad_fd = -1;
  options.make_reader = faulty([&](const PieceRead& p, int64_t& result) {
    if (broken && p.offset >= bad.offset && p.offset < bad.offset + bad.bytes && p.fd == bad_fd)
      result = -EIO;
  });
  // The descriptor behind the file is the store's own: found by its number in /proc.
  auto store = open_store(extents, options);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry.path(), ignored) ==
        extents.catalog().files[static_cast<size_t>(bad.file)])
      bad_fd = std::stoi(entry.path().filename().string());
  }
  ASSERT_GE(bad_fd, 0);
  for (int attempt = 0; attempt < 3; ++attempt) {
    broken = attempt < 2;
    ASSERT_TRUE(store->begin_step(1).ok());
    store->demand(1, rows_of({2, 4, 9}));
    if (!broken) {
      EXPECT_EQ(take_all(*store, extents, 1), (std::set<int32_t>{2, 4, 9}));
      continue;
    }
    Status failed;
    while (failed.ok()) {
      const auto wave = store->take(true);
      ASSERT_TRUE(!wave.ok() || !wave->empty()) << "all were given out";
      if (!wave.ok()) failed = wave.status();
    }
    EXPECT_EQ(store->failed_expert(), 4);
    EXPECT_NE(failed.message().find("expert 4 of layer 2"), std::string::npos) << failed.message();
    EXPECT_NE(failed.message().find(extents.catalog().files[static_cast<size_t>(bad.file)]),
              std::string::npos);
  }
  EXPECT_EQ(store->figures().failures, 2u);
}

TEST(ExpertStore, DamageIsFoundWhenFirstReadAndAfterAWrite) {
  TestExtents extents("damage", kLayers, kExperts, kBytes);
  StoreOptions options = with_slots(2);
  const auto ask = [&](ExpertStore& store, int32_t expert) -> Status {
    JAJU_RETURN_IF_ERROR(store.begin_step(1));
    store.demand(0, rows_of({expert}));
    JAJU_ASSIGN(const auto wave, store.take(true));
    EXPECT_EQ(wave.size(), 1u);
    return {};
  };
  auto store = open_store(extents, options);
  auto trusting = [&] {
    StoreOptions never = options;
    never.verify = Verify::never;
    return open_store(extents, never);
  }();
  for (const int32_t e : {1, 2, 3}) EXPECT_TRUE(ask(*store, e).ok());
  extents.damage(0, 1);
  const Status found = ask(*store, 1);  // verified before, but the file was written to
  EXPECT_FALSE(found.ok());
  EXPECT_NE(found.message().find("expert 1 of layer 1"), std::string::npos) << found.message();
  EXPECT_NE(found.message().find("--verify"), std::string::npos) << found.message();
  EXPECT_TRUE(ask(*store, 2).ok());
  EXPECT_TRUE(ask(*trusting, 1).ok()) << "was told not to look";
}

// A load that began when its expert was still trusted, and ends after the file was written to.
TEST(ExpertStore, OnlyALoadThatComparedMakesAnExpertTrusted) {
  TestExtents extents("trust", kLayers, kExperts, kBytes);
  std::atomic<bool> held{false};
  StoreOptions options = with_slots(2);
  options.make_reader = faulty([&](const PieceRead&, int64_t&) {
    while (held) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  auto store = open_store(extents, options);
  const auto ask = [&] {
    store->demand(1, rows_of({1}));
    return store->take(true).ok();
  };
  const auto fill_with_others = [&] {
    store->demand(0, rows_of({2, 3}));
    EXPECT_EQ(take_all(*store, extents, 0), (std::set<int32_t>{2, 3}));
  };
  ASSERT_TRUE(store->begin_step(1).ok());
  ASSERT_TRUE(ask());  // verified
  fill_with_others();
  ASSERT_TRUE(store->begin_step(1).ok());
  held = true;
  const std::vector<int32_t> guess = {1};
  store->announce(1, guess);
  extents.damage(1, 1);
  ASSERT_TRUE(store->begin_step(1).ok());
  held = false;
  ASSERT_TRUE(ask()) << "this load was not to compare";
  ASSERT_EQ(store->figures().prefetches, 1u);
  fill_with_others();
  EXPECT_FALSE(ask()) << "the file was written to and never compared since";
}

TEST(ExpertStore, DamageIsBlamedOnTheCopyThatHasIt) {
  for (const bool mirror : {false, true}) {
    TestExtents extents(mirror ? "blame_mirror" : "blame", kLayers, kExperts, kBytes);
    StoreOptions options = with_slots(4);
    options.mirror = extents.copy("mirror");
    const std::vector<std::string>& bad = mirror ? options.mirror : extents.catalog().files;
    const std::vector<std::string>& good = mirror ? extents.catalog().files : options.mirror;
    extents.damage_all_of(1, 6, bad);
    auto store = open_store(extents, options);
    ASSERT_TRUE(store->begin_step(1).ok());
    store->demand(1, rows_of({6}));
    const auto wave = store->take(true);
    ASSERT_FALSE(wave.ok());
    const auto file = static_cast<size_t>(extents.catalog().extents[kExperts + 6].file);
    EXPECT_NE(wave.message().find(bad[file] + ": expert 6 of layer 2"), std::string::npos) << wave.message();
    EXPECT_EQ(wave.message().find(good[file]), std::string::npos) << wave.message();
    // Both damaged: both are named.
    extents.damage_all_of(1, 6, good);
    ASSERT_TRUE(store->begin_step(1).ok());
    store->demand(1, rows_of({6}));
    const auto both = store->take(true);
    ASSERT_FALSE(both.ok());
    EXPECT_NE(both.message().find(bad[file]), std::string::npos) << both.message();
    EXPECT_NE(both.message().find(good[file]), std::string::npos) << both.message();
  }
}

TEST(ExpertStore, AFileThatIsCutFailsTheStep) {
  const TestExtents extents("cut", kLayers, kExperts, kBytes);
  auto store = open_store(extents, with_slots(4));
  ASSERT_TRUE(store->begin_step(1).ok());
  const std::string& file = extents.catalog().files[1];
  const auto size = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, size / 2);
  const Status cut = store->begin_step(1);
  ASSERT_FALSE(cut.ok());
  EXPECT_NE(cut.message().find(file), std::string::npos) << cut.message();
}

// A file that is cut between the look at it and the read.
TEST(ExpertStore, AFileThatEndsEarlyFailsTheRead) {
  const TestExtents extents("early", kLayers, kExperts, kBytes);
  auto store = open_store(extents, with_slots(4));
  ASSERT_TRUE(store->begin_step(1).ok());
  for (const std::string& file : extents.catalog().files)
    std::filesystem::resize_file(file, 2 * kIoAlignment);
  store->demand(2, rows_of({15}));
  const auto wave = store->take(true);
  ASSERT_FALSE(wave.ok());
  EXPECT_NE(wave.message().find("was cut"), std::string::npos) << wave.message();
}

TEST(ExpertStore, FilesThatCannotHoldTheirExpertsAreRefused) {
  const TestExtents extents("refused", kLayers, kExperts, kBytes);
  std::filesystem::resize_file(extents.catalog().files[0], kIoAlignment);
  EXPECT_FALSE(ExpertStore::open(extents.catalog(), with_slots(4)).ok());
  std::filesystem::remove(extents.catalog().files[0]);
  const auto missing = ExpertStore::open(extents.catalog(), with_slots(4));
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.message().find(extents.catalog().files[0]), std::string::npos);
  EXPECT_FALSE(SlotPool::map(int64_t{1} << 50, 4).ok());
}

}  // namespace
}  // namespace jaju
