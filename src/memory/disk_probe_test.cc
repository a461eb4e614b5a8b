#include "memory/disk_probe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

class DiskProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / ("jaju-disk-probe-" + std::to_string(::getpid()));
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  fs::path make(const char* name, size_t bytes) {
    EXPECT_TRUE(write_file_atomic(dir_ / name, std::string(bytes, 'x')).ok());
    return dir_ / name;
  }
  fs::path dir_;
};

TEST_F(DiskProbeTest, ReadsEveryWay) {
  const auto probe = DiskProbe::open({make("a", 1 << 20), make("b", 300'000), make("c", 10)}, 100'000);
  ASSERT_TRUE(probe.ok()) << probe.message();
  EXPECT_EQ((*probe)->extent_bytes(), 98'304);  // whole pages
  EXPECT_EQ((*probe)->extents(), 10 + 3);       // c is too small
  for (const bool direct : {false, true}) {
    if (direct && !(*probe)->direct_works()) continue;
    for (const int depth : {1, 4}) {
      for (const int64_t piece : {4096, 65'536, 10'000'000 / 4096 * 4096}) {
        const auto speed = (*probe)->measure(direct, piece, depth, 0.002);
        ASSERT_TRUE(speed.ok()) << speed.message();
        EXPECT_GT(speed->bytes_per_second, 0);
        EXPECT_EQ(speed->direct, direct);
        EXPECT_EQ(speed->depth, depth);
        EXPECT_EQ(speed->piece_bytes, std::min<int64_t>(piece, 98'304));
      }
    }
  }
}

TEST_F(DiskProbeTest, ANewFileLeavesNothingBehind) {
  const auto probe = DiskProbe::on_new_file(dir_, 1 << 20, 65'536);
  ASSERT_TRUE(probe.ok()) << probe.message();
  EXPECT_TRUE(fs::is_empty(dir_));
  EXPECT_EQ((*probe)->extents(), 16);
  EXPECT_TRUE((*probe)->measure(false, 16'384, 2, 0.001).ok());
}

TEST_F(DiskProbeTest, WhatCannotBe) {
  EXPECT_FALSE(DiskProbe::open({dir_ / "none"}, 4096).ok());
  EXPECT_FALSE(DiskProbe::open({make("small", 100)}, 4096).ok());
  EXPECT_FALSE(DiskProbe::open({}, 4096).ok());
  const auto full = DiskProbe::on_new_file(dir_, int64_t{1} << 50, 4096);
  ASSERT_FALSE(full.ok());
  EXPECT_NE(full.message().find("free"), std::string::npos);
  EXPECT_FALSE(DiskProbe::on_new_file("/proc/none", 4096, 4096).ok());
  const auto probe = DiskProbe::open({make("a", 1 << 16)}, 8192);
  ASSERT_TRUE(probe.ok());
  EXPECT_FALSE((*probe)->measure(false, 100, 1, 0.001).ok());
  EXPECT_FALSE((*probe)->measure(false, 0, 1, 0.001).ok());
  std::atomic<bool> cancel{true};
  EXPECT_FALSE((*probe)->measure(false, 4096, 1, 10, &cancel).ok());
  EXPECT_FALSE(DiskProbe::on_new_file(dir_, 1 << 20, 4096, &cancel).ok());
  // A file that is cut while it is measured is an error, not a fast drive.
  fs::resize_file(dir_ / "a", 0);
  EXPECT_FALSE((*probe)->measure(false, 4096, 1, 0.001).ok());
}

}  // namespace
}  // namespace jaju
