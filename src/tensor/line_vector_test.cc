#include "tensor/line_vector.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace jaju {
namespace {

constexpr size_t kLargeFloats = LineAllocator<float>::kLarge / sizeof(float);

// Small ones start at a cache line, large ones at a huge page.
TEST(LineVector, StartsWhereItsSizeSays) {
  for (const size_t n : {size_t{1}, kLargeFloats - 1, kLargeFloats, 3 * kLargeFloats + 5}) {
    const LineVector<float> v(n);
    const size_t unit = n < kLargeFloats ? 64 : kHugePage;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(v.data()) % unit, 0u) << n;
  }
}

TEST(LineVector, KeepsValuesFromSmallToLarge) {
  LineVector<int32_t> v(1000, 7);
  v.resize(LineAllocator<int32_t>::kLarge / sizeof(int32_t) - 1);
  v.back() = 8;
  v.resize(2 * v.size());
  EXPECT_EQ(std::vector<int32_t>(v.begin(), v.begin() + 1000), std::vector<int32_t>(1000, 7));
  EXPECT_EQ(v[v.size() / 2 - 1], 8);
  const LineVector<int32_t> copy = v;
  EXPECT_EQ(copy[v.size() / 2 - 1], 8);
}

TEST(LineVector, SaysWhenThereIsNoMemory) {
  EXPECT_THROW(LineVector<float>(size_t{1} << 58), std::bad_alloc);
}

}  // namespace
}  // namespace jaju
