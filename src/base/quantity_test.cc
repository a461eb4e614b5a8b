#include "base/quantity.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

TEST(Quantity, NumbersPrefixesAndUnits) {
  const std::pair<const char*, double> good[] = {{"4096", 4096},
                                                 {"64G", 64e9},
                                                 {"64GB", 64e9},
                                                 {"64GiB", 64.0 * (1 << 30)},
                                                 {"7GB/s", 7e9},
                                                 {"3.5 GB/s", 3.5e9},
                                                 {"2TOPS", 2e12},
                                                 {"0.98 TFLOP/s", 0.98e12},
                                                 {"512Mi", 512.0 * (1 << 20)},
                                                 {"1k", 1000},
                                                 {"1K", 1000},
                                                 {"1e9", 1e9},
                                                 {" 5 ", 5}};
  for (const auto& [text, value] : good) {
    const auto result = parse_quantity(text);
    ASSERT_TRUE(result.ok()) << text << ": " << result.message();
    EXPECT_DOUBLE_EQ(*result, value) << text;
  }
  for (const char* text :
       {"", "G", "-5", "0", "nan", "inf", "64X", "64GG", "64 G x", "1e400", "1e18k", "7GB/h", "64,5", "5m"})
    EXPECT_FALSE(parse_quantity(text).ok()) << text;
}

TEST(Quantity, SizesAreDecimalUnlessTheySayOtherwise) {
  const std::pair<const char*, int64_t> good[] = {{"16G", 16'000'000'000},
                                                  {"16g", 16'000'000'000},
                                                  {"16GB", 16'000'000'000},
                                                  {"16Gi", int64_t{16} << 30},
                                                  {"16 GiB", int64_t{16} << 30},
                                                  {"6.3G", 6'300'000'000},
                                                  {"0.5k", 500},
                                                  {"512M", 512'000'000},
                                                  {"1T", 1'000'000'000'000},
                                                  {"4096", 4096},
                                                  {"0", 0}};
  for (const auto& [text, bytes] : good) {
    const auto result = parse_size(text);
    ASSERT_TRUE(result.ok()) << text << ": " << result.message();
    EXPECT_EQ(*result, bytes) << text;
  }
  for (const char* text : {"", "G", "-1", "16X", "16GB/s", "2TOPS", "nan", "inf", "2P", "16Gii", "1e99"})
    EXPECT_FALSE(parse_size(text).ok()) << text;
}

}  // namespace
}  // namespace jaju
