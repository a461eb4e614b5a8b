#include "memory/kernel_probe.h"

#include <gtest/gtest.h>

#include "kernels/ops.h"

namespace jaju {
namespace {

// That the kernels really multiply shows in that they are no faster than loops that do nothing else. Another
// program may slow the loops down for a moment, so there is room.
TEST(KernelProbe, KernelsStayBelowTheLoops) {
  const auto speeds = measure_threads(1, /*quick=*/true);
  ASSERT_TRUE(speeds.ok()) << speeds.message();
  EXPECT_EQ(speeds->threads, 1);
  EXPECT_GT(speeds->stream, 1e8);
  const Result<const Ops*> ops = select_ops();
  ASSERT_TRUE(ops.ok());
  if (std::string((*ops)->name) == "ref") GTEST_SKIP() << "no vector kernels here";
  EXPECT_GT(speeds->f32, 0);
  EXPECT_GT(speeds->decode_bytes, 0);
  EXPECT_LT(speeds->decode_bytes, 3 * speeds->stream);
  EXPECT_GT(speeds->prompt_ops, 0);
  EXPECT_LT(speeds->prompt_ops, 3 * std::max(speeds->int8, 2 * speeds->f32));
}

TEST(KernelProbe, AtLeastOneThread) {
  EXPECT_FALSE(measure_threads(0, true).ok());
  EXPECT_FALSE(measure_threads(5000, true).ok());
}

}  // namespace
}  // namespace jaju
