#include "base/thread_team.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
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
}

TEST(ThreadTeam, CpusFollowAffinityAndQuota) {
  cpu_set_t all, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cpus(), 1);
  ::sched_setaffinity(0, sizeof all, &all);

  EXPECT_EQ(cpus_of_quota("150000 100000\n"), 2);
  EXPECT_EQ(cpus_of_quota("10000 100000"), 1);
  for (const char* no_limit : {"max 100000", "", "50000", "0 100000", "-1 100000", "100000 0", "1e300 1e-5",
                               "nan 100000", "100000 nan", "\xff\xfe"}) {
    EXPECT_EQ(cpus_of_quota(no_limit), 0) << no_limit;
  }
}

// Leaves the process with 0 when a team that is refused most of its threads still works.
[[noreturn]] void use_a_refused_team() {
  const rlimit limit = {rlim_t{1} << 30, rlim_t{1} << 30};  // address space for some stacks only
  ::setrlimit(RLIMIT_AS, &limit);
  bool right = false;
  {
    ThreadTeam team(4000);
    std::atomic<int> done = 0;
    team.parallel_for(100, [&](int64_t, int) { ++done; });
    right = team.size() >= 1 && team.size() < 4000 && done == 100;
  }
  std::_Exit(right ? 0 : 1);
}

// The constructor must neither throw nor wait for threads that never came.
TEST(ThreadTeam, StaysSmallWhereThreadsAreRefused) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need the address space";
#endif
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(use_a_refused_team(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace jaju
