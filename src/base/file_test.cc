#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "base/mapped_file.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

TEST(File, LinksAreFollowedToWhatIsNotThereYet) {
  const fs::path dir = fs::path(testing::TempDir()) / ("jaju_links_" + std::to_string(::getpid()));
  fs::create_directories(dir / "b" / "c");
  fs::create_directory_symlink(dir / "b" / "c", dir / "link");
  fs::create_symlink("../y", dir / "b" / "c" / "x");
  fs::create_symlink(dir / "b" / "new/", dir / "slash");
  EXPECT_EQ(follow_links(dir / "plain"), dir / "plain");
  const fs::path through = follow_links(dir / "link" / "x");
  ASSERT_TRUE(write_file_atomic(through, "here").ok());
  EXPECT_TRUE(fs::exists(dir / "b" / "y")) << "'..' is of the folder behind the link";
  EXPECT_EQ(follow_links(dir / "slash").filename(), "new");
  fs::remove_all(dir);
}

TEST(File, WhatCannotBeWrittenIsToldBefore) {
  const fs::path dir = testing::TempDir();
  EXPECT_TRUE(check_writable(dir / "jaju_new_file").ok());
  EXPECT_FALSE(fs::exists(dir / "jaju_new_file"));
  EXPECT_NE(check_writable(dir / "nowhere" / "x").message().find("cannot write"), std::string::npos);
  EXPECT_NE(check_writable(dir).message().find("is a directory"), std::string::npos);
  EXPECT_TRUE(check_room(dir, 1, "a byte").ok());
  EXPECT_NE(check_room(dir, INT64_MAX, "all of it").message().find("all of it needs"), std::string::npos);
}

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
  // A folder of that name: the rename fails after everything was written.
  const fs::path dir = fs::path(testing::TempDir()) / "jaju_failed_write";
  fs::create_directories(dir / "name");
  EXPECT_NE(write_file_atomic(dir / "name", "text").message().find("cannot write"), std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
  fs::remove_all(dir);
}

// A blocking open would wait for a writer for ever.
TEST(File, PipesAreRefusedAtOnce) {
  const fs::path path = fs::path(testing::TempDir()) / "jaju_pipe";
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_NE(read_file(path, 100).message().find("not a regular file"), std::string::npos);
  EXPECT_NE(MappedFile::open(path).message().find("not a regular file"), std::string::npos);
  fs::remove(path);
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
