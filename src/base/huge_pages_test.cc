#include "base/huge_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace jaju {
namespace {

size_t pages_in_memory(std::byte* data, size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> there((bytes + page - 1) / page);
  if (::mincore(data, bytes, there.data()) != 0) return 0;
  return static_cast<size_t>(
      std::count_if(there.begin(), there.end(), [](unsigned char c) { return c & 1; }));
}

// Sizes that end within a page, at one, and at a huge one: zeros from the first byte to the last.
TEST(HugePages, MemoryOfAnySize) {
  for (const size_t bytes : {size_t{1}, size_t{4096}, 3 * kHugePage, 4 * kHugePage + 4097}) {
    HugePageMemory memory(bytes);
    ASSERT_NE(memory.data(), nullptr);
    EXPECT_EQ(memory.size(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % kHugePage, 0u);
    EXPECT_TRUE(
        std::all_of(memory.data(), memory.data() + bytes, [](std::byte b) { return b == std::byte{0}; }));
    std::fill(memory.data(), memory.data() + bytes, std::byte{7});
    HugePageMemory other(std::move(memory));
    EXPECT_EQ(memory.data(), nullptr);
    EXPECT_EQ(other.data()[bytes - 1], std::byte{7});
  }
}

TEST(HugePages, RefusesWhatNoMachineHas) {
  EXPECT_EQ(HugePageMemory(size_t{1} << 60).data(), nullptr);
}

TEST(HugePages, PagesAreTakenUnderWhoFillsThem) {
  constexpr size_t kBytes = 40 * kHugePage + 4096;
  HugePageMemory memory(kBytes);
  ASSERT_NE(memory.data(), nullptr);
  ASSERT_EQ(pages_in_memory(memory.data(), kBytes), 0u);
  {
    std::jthread taker = take_pages(memory.data(), kBytes);
    for (size_t i = 0; i < 10 * kHugePage; i += 512) memory.data()[i] = std::byte{9};
    if (taker.joinable()) taker.join();
  }
  // Older systems than Linux 5.14 do not take pages ahead.
  const size_t there = pages_in_memory(memory.data(), kBytes);
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  EXPECT_TRUE(there == (kBytes + page - 1) / page || there == 10 * kHugePage / page) << there;
  for (size_t i = 0; i < 10 * kHugePage; i += 512) ASSERT_EQ(memory.data()[i], std::byte{9}) << i;
  EXPECT_EQ(memory.data()[kBytes - 1], std::byte{0});
}

TEST(HugePages, TakingEndsWhenTold) {
  HugePageMemory memory(2048 * kHugePage);  // seconds of clearing
  ASSERT_NE(memory.data(), nullptr);
  std::jthread taker = take_pages(memory.data(), memory.size());
  taker.request_stop();
  if (taker.joinable()) taker.join();
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  EXPECT_LT(pages_in_memory(memory.data(), memory.size()), memory.size() / page);
}

}  // namespace
}  // namespace jaju
