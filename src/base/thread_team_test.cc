#include "base/thread_team.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
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

// The same on machines with nodes, whatever share of the tasks is whose.
TEST(ThreadTeam, EveryTaskRunsOnceOnSeveralNodes) {
  for (const char* machine : {"numa:2 pu:4", "numa:3 pu:1", "pack:2 numa:4 pu:2"}) {
    const auto topology = Topology::synthetic(machine);
    ASSERT_TRUE(topology.ok()) << topology.message();
    for (const int n_threads : {1, 2, 3, 9}) {
      ThreadTeam team(n_threads, &*topology);
      EXPECT_EQ(team.split().n_nodes(), std::min(n_threads, topology->n_nodes()));
      std::vector<int> seen(97);
      const auto count = [&](int64_t i, int) { ++seen[static_cast<size_t>(i)]; };
      for (int round = 0; round < 200; ++round) team.parallel_for(97, count);
      for (int64_t first : {0, 1, 50, 97}) {  // the first node's tasks; the last node has the others
        std::vector<int64_t> starts(static_cast<size_t>(team.split().n_nodes()) + 1, first);
        starts.front() = 0;
        starts.back() = 97;
        team.parallel_for(97, count, starts.data());
      }
      for (const int n : seen) EXPECT_EQ(n, 204) << machine << ' ' << n_threads;
    }
  }
}

TEST(ThreadTeam, EmptyRegion) {
  ThreadTeam team(2);
  team.parallel_for(0, [](int64_t, int) { FAIL(); });
}

// Regions so short that members often come when they are over.
TEST(ThreadTeam, LateMembersTouchNothing) {
  ThreadTeam team(6);
  for (int round = 0; round < 20000; ++round) {
    // A new frame each time: a task run for an earlier region would write where nobody lives any more.
    auto counts = std::make_unique<std::array<int, 3>>();
    team.parallel_for(3, [&counts](int64_t i, int) { ++(*counts)[static_cast<size_t>(i)]; });
    ASSERT_EQ(*counts, (std::array<int, 3>{1, 1, 1})) << round;
  }
}

// A member the system does not let run, which a signal handler plays here, holds up no region.
std::atomic<bool> held, let_go;
void hold(int) {
  held = true;
  while (!let_go) ::usleep(1000);
}

TEST(ThreadTeam, RegionsEndWithoutAMemberThatDoesNotCome) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer puts signals off";
#endif
  held = let_go = false;
  ThreadTeam team(2);
  pthread_t member{};
  const auto meet = [&] {
    std::atomic<int> here = 0;
    team.parallel_for(2, [&](int64_t, int thread) {
      if (thread == 1) member = ::pthread_self();
      for (++here; here < 2;) std::this_thread::yield();
    });
  };
  meet();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it falls asleep
  struct sigaction action = {}, before = {};
  action.sa_handler = hold;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  ASSERT_EQ(::pthread_kill(member, SIGUSR1), 0);
  while (!held) std::this_thread::yield();
  std::jthread watchdog([](const std::stop_token& stop) {  // or a team that waits would hang
    for (int i = 0; i < 1000 && !stop.stop_requested(); ++i) ::usleep(10000);
    let_go = true;
  });
  for (int round = 0; round < 100; ++round) {
    int tasks = 0;
    team.parallel_for(50, [&](int64_t, int thread) {
      EXPECT_EQ(thread, 0);
      ++tasks;
    });
    EXPECT_EQ(tasks, 50);
  }
  EXPECT_FALSE(let_go) << "the team waited for it";
  watchdog.request_stop();
  watchdog.join();
  meet();  // back again
  ::sigaction(SIGUSR1, &before, nullptr);
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
