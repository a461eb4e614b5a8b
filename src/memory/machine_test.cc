#include "memory/machine.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

TEST(Machine, InWords) {
  const auto m = parse_machine("ram=64G, disk=7GB/s,cores=16,membw=80GB/s,int8=2TOPS,bf16=1TFLOPS");
  ASSERT_TRUE(m.ok()) << m.message();
  EXPECT_EQ(m->memory_bytes, 64'000'000'000);
  EXPECT_EQ(m->free_bytes, 64'000'000'000);
  EXPECT_EQ(m->threads, 16);
  EXPECT_EQ(m->drive_bytes, 7e9);
  EXPECT_DOUBLE_EQ(m->decode_bytes, 80e9 * kStreamShare);
  EXPECT_DOUBLE_EQ(m->int8_ops, 2e12 * kInt8Share);
  EXPECT_DOUBLE_EQ(m->bf16_ops, 1e12 * kBf16Share);
  EXPECT_EQ(m->drive_from, "as said");
  const auto least = parse_machine("ram=16GiB");
  ASSERT_TRUE(least.ok());
  EXPECT_EQ(least->drive_bytes, kAssumedDrive);
  EXPECT_EQ(least->drive_from, "assumed");
  EXPECT_EQ(least->threads, 8);
}

TEST(Machine, WordsThatSayNothing) {
  const std::pair<const char*, const char*> bad[] = {{"", "says nothing"},
                                                     {"64G", "64G"},
                                                     {"ram", "ram"},
                                                     {"ram=", "ram"},
                                                     {"disk=7GB/s", "ram=64G"},
                                                     {"ram=64G,gpu=2", "gpu"},
                                                     {"ram=64G,", "''"},
                                                     {"ram=64G,ram=32G", "twice"},
                                                     {"ram=64G,cores=2.5", "cores"},
                                                     {"ram=64G,cores=1e9", "cores"},
                                                     {"ram=1e17", "ram"},
                                                     {"ram=.6", "0.6 bytes"},
                                                     {"ram=64", "ram=64G"},
                                                     {"ram=64G,disk=fast", "disk"}};
  for (const auto& [words, says] : bad) {
    const auto m = parse_machine(words);
    ASSERT_FALSE(m.ok()) << words;
    EXPECT_NE(m.message().find(says), std::string::npos) << words << " -> " << m.message();
  }
}

// Kernels that were measured count for more than shares of loops.
TEST(Machine, FromMeasurements) {
  Machine m;
  ThreadSpeeds s{4, 50e9, 1e12, 2e12, 4e12, 0, 0};
  set_speeds(s, "here", &m);
  EXPECT_DOUBLE_EQ(m.decode_bytes, 40e9);
  EXPECT_DOUBLE_EQ(m.int8_ops, 1.6e12);
  s.decode_bytes = 45e9;
  s.prompt_ops = 2e12;
  set_speeds(s, "here", &m);
  EXPECT_EQ(m.decode_bytes, 45e9);
  EXPECT_EQ(m.int8_ops, 2e12);
  set_speeds({2, 20e9, 1e11, 0, 0, 0, 0}, "here", &m);  // AVX2
  EXPECT_DOUBLE_EQ(m.int8_ops, 2e11 * kInt8Share);
  EXPECT_DOUBLE_EQ(m.bf16_ops, 1e11 * kBf16Share);
}

}  // namespace
}  // namespace jaju
