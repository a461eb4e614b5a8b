#include "base/mapped_file.h"

#include <gtest/gtest.h>

#include <fstream>

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

TEST(MappedFile, Errors) {
  EXPECT_NE(MappedFile::open("/nonexistent").message().find("cannot open /nonexistent"), std::string::npos);
  EXPECT_FALSE(MappedFile::open(testing::TempDir()).ok());
}

}  // namespace
}  // namespace jaju
