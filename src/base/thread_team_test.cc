#include "base/thread_team.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace jaju {
namespace {

TEST(ThreadTeam, EveryTaskRunsOnceInEveryRegion) {
  for (const int n_threads : {1, 2, 3, 8}) {
    ThreadTeam team(n_threads);
    std::vector<int> seen(97);
    for (int round = 1; round <= 2000; ++round) {
      team.parallel_for(97, [&](int64_t i, int thread) {
        EXPECT_LT(thread, n_threads);
        ++seen[static_cast<size_t>(i)];
      });
      if (round % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // members fall asleep
    }
    for (const int n : seen) EXPECT_EQ(n, 2000);
  }
}

TEST(ThreadTeam, EmptyRegion) {
  ThreadTeam team(2);
  team.parallel_for(0, [](int64_t, int) { FAIL(); });
  EXPECT_GE(usable_cpus(), 1);
}

}  // namespace
}  // namespace jaju
