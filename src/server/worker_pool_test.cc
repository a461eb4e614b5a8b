#include "server/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace jaju::server {
namespace {

TEST(WorkerPool, AStrandKeepsTheOrder) {
  std::vector<int> seen;
  {
    WorkerPool pool(3);
    auto strand = std::make_shared<Strand>(pool);
    for (int i = 0; i < 1000; ++i) strand->post([&seen, i] { seen.push_back(i); });
  }
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(WorkerPool, RefusesMoreThanItMayHold) {
  WorkerPool pool(1);
  std::promise<void> gate;
  std::promise<void> started;
  pool.post([&] {
    started.set_value();
    gate.get_future().wait();
  });
  started.get_future().wait();
  EXPECT_TRUE(pool.try_post([] {}, 2));
  EXPECT_TRUE(pool.try_post([] {}, 2));
  EXPECT_FALSE(pool.try_post([] {}, 2));
  gate.set_value();
}

}  // namespace
}  // namespace jaju::server
