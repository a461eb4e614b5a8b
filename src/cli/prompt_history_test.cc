#include "cli/prompt_history.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

class PromptHistory : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_ = fs::temp_directory_path() / ("jaju-history-" + std::to_string(::getpid()));
  fs::path path_ = dir_ / "deeper" / "history";
};

TEST_F(PromptHistory, KeepsEntriesPrivateAndWhole) {
  EXPECT_TRUE(load_history(path_).empty());
  ASSERT_TRUE(append_history(path_, "안녕").ok());
  ASSERT_TRUE(append_history(path_, "two\nlines \"quoted\" \\ \t end").ok());
  EXPECT_EQ(load_history(path_), (std::vector<std::string>{"안녕", "two\nlines \"quoted\" \\ \t end"}));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(path_.parent_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077, 0u);
}

TEST_F(PromptHistory, SkipsDamageAndForgetsTheOldest) {
  fs::create_directories(path_.parent_path());
  {
    std::ofstream file(path_);
    file << "not json\n\"good\"\n{\"an\": \"object\"}\n\n\"cut";
  }
  EXPECT_EQ(load_history(path_), (std::vector<std::string>{"good"}));
  {
    std::ofstream file(path_);
    for (size_t i = 0; i < 3 * kHistoryEntries; ++i) file << "\"" << i << "\"\n";
  }
  const std::vector<std::string> entries = load_history(path_);
  ASSERT_EQ(entries.size(), kHistoryEntries);
  EXPECT_EQ(entries.front(), std::to_string(2 * kHistoryEntries));
  EXPECT_EQ(load_history(path_), entries);  // and the file is shorter now
  EXPECT_LT(fs::file_size(path_), 10 * kHistoryEntries);
}

}  // namespace
}  // namespace jaju::cli
