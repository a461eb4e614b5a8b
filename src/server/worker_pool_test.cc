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
  const auto wait = [&] {
    started.set_value();
    gate.get_future().wait();
  };
  EXPECT_TRUE(pool.try_post_request(wait, 2));
  started.get_future().wait();
  EXPECT_TRUE(pool.try_post_request([] {}, 2));
  EXPECT_TRUE(pool.try_post_request([] {}, 2));
  EXPECT_FALSE(pool.try_post_request([] {}, 2));
  gate.set_value();
}

TEST(WorkerPool, ShortJobsDoNotWaitForRequests) {
  WorkerPool pool(2);
  std::promise<void> gate;
  const std::shared_future<void> opened = gate.get_future().share();
  std::atomic<int> requests{0};
  for (int i = 0; i < 5; ++i) {
    pool.try_post_request([&] { opened.wait(), ++requests; }, 10);
  }
  for (int i = 0; i < 100; ++i) {
    std::promise<void> done;
    pool.post([&] { done.set_value(); });
    done.get_future().wait();
  }
  EXPECT_EQ(requests, 0);
  gate.set_value();
  pool.finish();
  EXPECT_EQ(requests, 5);
}

}  // namespace
}  // namespace jaju::server
