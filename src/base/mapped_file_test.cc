#include "base/mapped_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace jaju {
namespace {

namespace fs = std::filesystem;

TEST(MappedFile, ShrinkingFileIsReportedNotFatal) {
  const fs::path path = fs::path(testing::TempDir()) / "jaju_mapped";
  std::ofstream(path) << std::string(1 << 20, 'x');
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_EQ(static_cast<char>((*file)->data()[1 << 19]), 'x');
  EXPECT_TRUE((*file)->intact().ok());
  fs::resize_file(path, 100);
  // Without the handler this read is a SIGBUS.
  const auto* volatile data = (*file)->data();
  EXPECT_EQ(static_cast<char>(data[1 << 19]), '\0');
  EXPECT_NE((*file)->intact().message().find("became shorter"), std::string::npos);
  fs::remove(path);
}

// While somebody reads: the same bytes all the time, in memory that no longer depends on the file.
TEST(MappedFile, MovesToHugePagesUnderAReader) {
  const fs::path path = fs::path(testing::TempDir()) / "jaju_huge";
  constexpr size_t kBytes = (size_t{5} << 20) + 12345;
  std::string text(kBytes, '\0');
  for (size_t i = 0; i < kBytes; ++i) text[i] = static_cast<char>(i * 7 + i / 4096);
  std::ofstream(path) << text;
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok()) << file.message();
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  std::atomic<int> differences{0};
  std::jthread reader([&] {
    for (; !stop; ++reads) differences += std::memcmp((*file)->data(), text.data(), kBytes) != 0;
  });
  while (reads == 0) std::this_thread::yield();
  const int64_t moved = (*file)->move_to_huge_pages([] { return true; });
  const int reads_before = reads;
  while (reads < reads_before + 2) std::this_thread::yield();
  stop = true;
  reader.join();
  EXPECT_EQ(differences, 0);
  (*file)->forget_pages();
  EXPECT_EQ(std::memcmp((*file)->data(), text.data(), kBytes), 0);
  EXPECT_TRUE((*file)->intact().ok());

  // What did not move are the pieces before the first and behind the last huge page: only they follow the
  // file.
  const auto before =
      static_cast<size_t>(-reinterpret_cast<uintptr_t>((*file)->data()) % (uintptr_t{2} << 20));
  EXPECT_EQ(moved, static_cast<int64_t>((kBytes - before) >> 21 << 21));
  ASSERT_GE(moved, int64_t{2} << 20);
  std::fstream(path, std::ios::in | std::ios::out) << std::string(kBytes, 'x');
  EXPECT_EQ(std::memcmp((*file)->data() + before, text.data() + before, static_cast<size_t>(moved)), 0);
  EXPECT_EQ(static_cast<char>((*file)->data()[kBytes - 1]), 'x');
  fs::remove(path);
}

TEST(MappedFile, StaysMappedWhenToldNotToMove) {
  const fs::path path = fs::path(testing::TempDir()) / "jaju_not_huge";
  std::ofstream(path) << std::string(size_t{5} << 20, 'x');
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_EQ((*file)->move_to_huge_pages([] { return false; }), 0);
  EXPECT_EQ(static_cast<char>((*file)->data()[1 << 20]), 'x');
  fs::remove(path);
}

TEST(MappedFile, Errors) {
  EXPECT_NE(MappedFile::open("/nonexistent").message().find("cannot open /nonexistent"), std::string::npos);
  EXPECT_FALSE(MappedFile::open(testing::TempDir()).ok());
}

}  // namespace
}  // namespace jaju
