#include "train/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace jaju::train {
namespace {

TEST(Parallel, EveryTaskOnceWhateverTheThreads) {
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 5, 3}) {
    at::set_num_threads(threads);
    for (int round = 0; round < 300; ++round) {
      const int64_t tasks = round % 37;
      std::vector<std::atomic<int>> seen(static_cast<size_t>(tasks));
      over_tasks(
          tasks, [&](int64_t task) { ++seen[static_cast<size_t>(task)]; }, round % 50 == 0);
      for (const auto& n : seen) ASSERT_EQ(n.load(), 1);
    }
    std::vector<int> rows(1000, 0);
    over_rows(1000, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) ++rows[static_cast<size_t>(i)];
    });
    EXPECT_EQ(rows, std::vector<int>(1000, 1));
  }
  at::set_num_threads(before);
}

TEST(Parallel, CallsInsideTasksAndFromManyThreads) {
  std::atomic<int64_t> sum{0};
  const auto nested = [&] {
    over_tasks(20, [&](int64_t) { over_tasks(5, [&](int64_t inner) { sum += inner; }); });
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int k = 0; k < 50; ++k) nested();
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(sum.load(), 4 * 50 * 20 * 10);
}

}  // namespace
}  // namespace jaju::train
