// What /metrics says about experts from the disk: nothing while there are none, and counters that only grow.
#include "server/metrics.h"

#include <gtest/gtest.h>

namespace jaju::server {
namespace {

TEST(ServerMetrics, TheExpertStoreIsThereWhenThereIsOne) {
  ServerMetrics metrics("test");
  SchedulerSnapshot now;
  EXPECT_EQ(metrics.text(now, {}, 0, 0).find("jaju_store"), std::string::npos);
  StoreFigures f;
  f.slots = 40;
  f.slot_bytes = 4096;
  f.prefetch_on = true;
  f.pinned = 1;
  f.cached = 20;
  f.prefetched = 3;
  f.read = 7;
  f.bytes = 123456;
  f.wait_seconds = 2.5;
  f.failures = 1;
  now.store = f;
  std::string text = metrics.text(now, {}, 0, 0);
  for (const char* line :
       {"jaju_store_experts_total{from=\"pinned\"} 1\n", "jaju_store_experts_total{from=\"cached\"} 20\n",
        "jaju_store_experts_total{from=\"prefetched\"} 3\n", "jaju_store_experts_total{from=\"read\"} 7\n",
        "jaju_store_read_bytes_total 123456\n", "jaju_store_wait_seconds_total 2.5\n",
        "jaju_store_failures_total 1\n", "jaju_store_slots 40\n", "jaju_store_prefetch_on 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  f.read = 9;
  f.prefetch_on = false;
  now.store = f;
  text = metrics.text(now, {}, 0, 0);
  EXPECT_NE(text.find("jaju_store_experts_total{from=\"read\"} 9\n"), std::string::npos);
  EXPECT_NE(text.find("jaju_store_prefetch_on 0\n"), std::string::npos);
}

}  // namespace
}  // namespace jaju::server
