// Whole extents arrive as they were written, whatever reads them, in pieces of any size; what goes wrong with
// a drive is told, and a second drive makes up for it.
#include "memory/extent_loader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "memory/slot_pool.h"
#include "memory/store_test_tools.h"

namespace jaju {
namespace {

constexpr int64_t kBytes = 10 * kIoAlignment;

struct Fixture {
  Fixture(const TestExtents& extents, const LoaderOptions& options, ReaderKind kind, Fault fault = nullptr,
          const std::vector<std::string>& mirror = {})
      : pool(*SlotPool::map(kBytes, 8)) {
    std::vector<std::vector<DirectFile>> drives;
    for (const auto* paths : {&extents.catalog().files, &mirror}) {
      if (paths->empty()) continue;
      auto& drive = drives.emplace_back();
      for (const std::string& path : *paths) {
        auto file = DirectFile::open(path);
        EXPECT_TRUE(file.ok()) << file.message();
        drive.push_back(std::move(*file));
      }
    }
    loader = std::make_unique<ExtentLoader>(std::move(drives), options, 8);
    auto reader = open_extent_reader(kind, loader->max_in_flight(), pool.buffers());
    EXPECT_TRUE(reader.ok()) << reader.message();
    if (fault) *reader = std::make_unique<FaultyReader>(std::move(*reader), fault);
    EXPECT_TRUE(loader->start(std::move(*reader)).ok());
  }

  void submit(const Extent& e, int32_t id, Urgency urgency = Urgency::demand) {
    loader->submit({id, e, pool.slot(id), urgency, true});
  }
  LoadResult wait() {
    LoadResult result;
    EXPECT_EQ(loader->reap({&result, 1}, true), 1u);
    return result;
  }
  bool holds(int32_t id, const std::string& bytes) const {
    return std::memcmp(pool.slot(id), bytes.data(), bytes.size()) == 0;
  }

  SlotPool pool;
  std::unique_ptr<ExtentLoader> loader;
};

class Loaders : public testing::TestWithParam<ReaderKind> {
 protected:
  void SetUp() override {
    if (GetParam() == ReaderKind::uring && open_uring_reader(1, {}) == nullptr)
      GTEST_SKIP() << "no io_uring here";
  }
};

TEST_P(Loaders, BytesArriveAsTheyWereWritten) {
  const TestExtents extents("bytes", 2, 8, kBytes);
  for (const int64_t piece : {kIoAlignment, 3 * kIoAlignment, int64_t{1} << 20}) {
    for (const int depth : {1, 3, 32}) {
      Fixture f(extents, {.piece_bytes = piece, .queue_depth = depth}, GetParam());
      for (int64_t layer = 0; layer < 2; ++layer) {
        for (int32_t e = 0; e < 8; ++e)
          f.submit(extents.catalog().extents[static_cast<size_t>(layer * 8 + e)], e,
                   static_cast<Urgency>(e % 3));
        for (int i = 0; i < 8; ++i) {
          const LoadResult r = f.wait();
          EXPECT_EQ(r.kind, LoadResult::Kind::whole);
          EXPECT_TRUE(f.holds(r.id, extents.bytes(layer, r.id)));
        }
      }
      const LoadFigures figures = f.loader->figures();
      EXPECT_EQ(figures.reads, 16u);
      EXPECT_EQ(figures.bytes, static_cast<uint64_t>(16 * kBytes));
      EXPECT_GT(figures.busy_seconds, 0);
    }
  }
}

TEST_P(Loaders, CancelledJobsEndAndMayBeTakenBack) {
  const TestExtents extents("cancel", 1, 8, kBytes);
  Fixture f(extents, {.piece_bytes = kIoAlignment, .queue_depth = 1}, GetParam());
  for (int round = 0; round < 200; ++round) {
    for (int32_t e = 0; e < 8; ++e)
      f.submit(extents.catalog().extents[static_cast<size_t>(e)], e,
               e < 2 ? Urgency::demand : Urgency::prefetch);
    for (int32_t e = 2; e < 8; ++e) f.loader->cancel(e);
    f.loader->promote(5);
    for (int i = 0; i < 8; ++i) {
      const LoadResult r = f.wait();
      if (r.kind == LoadResult::Kind::whole) {
        EXPECT_TRUE(f.holds(r.id, extents.bytes(0, r.id)));
      } else {
        EXPECT_EQ(r.kind, LoadResult::Kind::cancelled);
        EXPECT_GE(r.id, 2);
      }
    }
  }
}

TEST_P(Loaders, WorkLeftBehindDoesNotHoldUpTheEnd) {
  const TestExtents extents("end", 1, 8, kBytes);
  for (int round = 0; round < 20; ++round) {
    Fixture f(extents, {.piece_bytes = kIoAlignment, .queue_depth = 2}, GetParam());
    for (int32_t e = 0; e < 8; ++e) f.submit(extents.catalog().extents[static_cast<size_t>(e)], e);
  }
}

TEST_P(Loaders, WhatAShortReadLeftIsReadAnew) {
  const TestExtents extents("short", 1, 8, kBytes);
  int shortened = 0;
  Fixture f(extents, {.piece_bytes = 2 * kIoAlignment, .queue_depth = 4}, GetParam(),
            [&](const PieceRead& p, int64_t& result) {
              if (p.bytes < 2 * kIoAlignment || result <= 0) return;
              ++shortened;
              std::memset(p.to + kIoAlignment, 0, static_cast<size_t>(kIoAlignment));
              result = kIoAlignment;
            });
  f.submit(extents.catalog().extents[3], 3);
  EXPECT_EQ(f.wait().kind, LoadResult::Kind::whole);
  EXPECT_TRUE(f.holds(3, extents.bytes(0, 3)));
  EXPECT_EQ(shortened, 5);
}

TEST_P(Loaders, EachKindOfFaultHasItsName) {
  TestExtents extents("kinds", 1, 8, kBytes);
  int64_t outcome = 0;
  Fixture f(extents, {.piece_bytes = 2 * kIoAlignment, .queue_depth = 4}, GetParam(),
            [&](const PieceRead& p, int64_t& result) {
              if (p.offset >= extents.catalog().extents[3].offset + 4 * kIoAlignment && outcome <= 0)
                result = outcome;
            });
  outcome = -EIO;
  f.submit(extents.catalog().extents[3], 3);
  LoadResult r = f.wait();
  EXPECT_EQ(r.kind, LoadResult::Kind::failed);
  EXPECT_EQ(r.error, EIO);
  outcome = 0;
  f.submit(extents.catalog().extents[3], 3);
  EXPECT_EQ(f.wait().kind, LoadResult::Kind::too_short);
  outcome = 1;  // no fault
  f.submit(extents.catalog().extents[3], 3);
  EXPECT_EQ(f.wait().kind, LoadResult::Kind::whole);
  extents.damage(0, 3);
  f.submit(extents.catalog().extents[3], 3);
  EXPECT_EQ(f.wait().kind, LoadResult::Kind::damaged);
}

TEST_P(Loaders, TwoDrivesShareEveryExtentAndCoverForEachOther) {
  const TestExtents extents("mirror", 1, 8, kBytes);
  const auto copy = extents.copy("other");
  std::map<int, int64_t> bytes_of;  // by file
  bool broken = false;
  int first_fd = -1;
  Fixture f(
      extents, {.piece_bytes = kIoAlignment, .queue_depth = 2}, GetParam(),
      [&](const PieceRead& p, int64_t& result) {
        if (broken && p.fd == first_fd) result = -EIO;
        if (result > 0) bytes_of[p.fd] += result;
      },
      copy);
  first_fd = f.loader->file(0, 1).fd();
  f.submit(extents.catalog().extents[3], 3);  // in part 1
  EXPECT_EQ(f.wait().kind, LoadResult::Kind::whole);
  EXPECT_TRUE(f.holds(3, extents.bytes(0, 3)));
  EXPECT_GT(bytes_of[first_fd], 0);
  EXPECT_GT(bytes_of[f.loader->file(1, 1).fd()], 0);
  broken = true;
  f.submit(extents.catalog().extents[5], 5);
  EXPECT_EQ(f.wait().kind, LoadResult::Kind::whole);
  EXPECT_TRUE(f.holds(5, extents.bytes(0, 5)));
}

INSTANTIATE_TEST_SUITE_P(All, Loaders, testing::Values(ReaderKind::uring, ReaderKind::threads),
                         [](const auto& p) { return p.param == ReaderKind::uring ? "uring" : "threads"; });

}  // namespace
}  // namespace jaju
