#include "base/file.h"

#include <gtest/gtest.h>

#include <fstream>

namespace jaju {
namespace {

namespace fs = std::filesystem;

TEST(File, AtomicWriteReplacesAndReads) {
  const fs::path path = fs::path(testing::TempDir()) / "jaju_file_test";
  ASSERT_TRUE(write_file_atomic(path, "one", 0600).ok());
  ASSERT_TRUE(write_file_atomic(path, "two", 0600).ok());
  const Result<std::string> text = read_file(path, 100);
  ASSERT_TRUE(text.ok()) << text.message();
  EXPECT_EQ(*text, "two");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_NE(read_file(path, 2).message().find("more than the 2 B allowed"), std::string::npos);
  fs::remove(path);
  EXPECT_NE(read_file(path, 100).message().find("cannot open"), std::string::npos);
  EXPECT_NE(read_file(testing::TempDir(), 1 << 20).message().find("not a regular file"), std::string::npos);
}

TEST(File, FailedWriteLeavesNothing) {
  EXPECT_FALSE(write_file_atomic("/nonexistent-folder/x", "text").ok());
}

TEST(File, HumanBytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(70272), "70.3 kB");
  EXPECT_EQ(human_bytes(1.03797e12), "1.04 TB");
  EXPECT_EQ(human_bytes(999.7e6), "1.00 GB");
}

}  // namespace
}  // namespace jaju
