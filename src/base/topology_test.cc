#include "base/topology.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace jaju {
namespace {

Topology described(const std::string& description) {
  auto topology = Topology::synthetic(description);
  EXPECT_TRUE(topology.ok()) << topology.message();
  return std::move(*topology);
}

TEST(Topology, ThisMachine) {
  const auto topology = Topology::of_this_machine();
  ASSERT_TRUE(topology.ok()) << topology.message();
  ASSERT_GE(topology->n_nodes(), 1);
  EXPECT_GE(topology->n_cpus(0), 1);
  EXPECT_GT(topology->memory_bytes(0), 0);
  EXPECT_NE(topology->in_words().find("CPU"), std::string::npos);
  EXPECT_TRUE(topology->bind_this_thread(0).ok());
  const std::vector<char> memory(1 << 20);
  EXPECT_TRUE(topology->bring(memory.data(), static_cast<int64_t>(memory.size()), 0).ok());
}

// As under taskset or numactl: nothing spreads to CPUs a process was kept from.
TEST(Topology, CpusOutsideTheAffinityAreNotThere) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  if (CPU_COUNT(&before) < 2) GTEST_SKIP() << "this process has one CPU only";
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const auto topology = Topology::of_this_machine();
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  ASSERT_TRUE(topology.ok()) << topology.message();
  EXPECT_EQ(topology->n_nodes(), 1);
  EXPECT_EQ(topology->n_cpus(0), 1);
}

TEST(Topology, DescribedMachines) {
  const Topology two = described("numa:2(memory=64GiB) core:16 pu:2");
  EXPECT_EQ(two.n_nodes(), 2);
  EXPECT_EQ(two.n_cpus(1), 32);
  EXPECT_EQ(two.in_words(), "2 nodes: 32 CPUs, 68.7 GB; 32 CPUs, 68.7 GB");
  EXPECT_EQ(described("pack:2 numa:4 core:8 pu:1").n_nodes(), 8);
  EXPECT_EQ(described("core:4 pu:1").n_nodes(), 1);
  EXPECT_EQ(described("pack:4 numa:4 core:8 pu:1").n_nodes(), 1) << "more nodes than queues";
  EXPECT_EQ(described("pack:4 numa:4 core:8 pu:1").n_cpus(0), 128);
  // Fast memory beside the usual, for the same CPUs.
  EXPECT_EQ(described("pack:2 [numa] [numa] core:8 pu:1").n_nodes(), 2);
  EXPECT_FALSE(Topology::synthetic("numa:0").ok());
}

// A node's threads are within one of its share of the CPUs, and neighbours.
TEST(Topology, ThreadsAreSpreadByCpus) {
  for (const char* machine : {"numa:1 pu:5", "numa:2 pu:16", "pack:2 numa:4 pu:6", "numa:3 pu:7"}) {
    const Topology topology = described(machine);
    int64_t cpus = 0;
    for (int k = 0; k < topology.n_nodes(); ++k) cpus += topology.n_cpus(k);
    for (int n = 1; n <= 2 * cpus; ++n) {
      const std::vector<int> nodes = topology.spread(n);
      ASSERT_EQ(nodes.size(), static_cast<size_t>(n));
      EXPECT_TRUE(std::is_sorted(nodes.begin(), nodes.end()));
      for (int k = 0; k < topology.n_nodes(); ++k) {
        const double share = static_cast<double>(n) * topology.n_cpus(k) / static_cast<double>(cpus);
        const auto threads = static_cast<double>(std::count(nodes.begin(), nodes.end(), k));
        EXPECT_LE(std::abs(threads - share), 1) << machine << ", " << n << " threads, node " << k;
      }
    }
  }
}

// The rows of a matrix, in blocks: every block on one node, as many as its share of the threads.
TEST(NodeSplit, ThingsFollowThreads) {
  for (const std::vector<int>& nodes :
       {std::vector<int>{0}, {0, 0, 1, 1}, {0, 1, 2, 3}, {1, 1, 1, 3}, {0, 0, 0, 1, 1, 1, 2}}) {
    const NodeSplit split(nodes);
    EXPECT_EQ(split.n_threads(), static_cast<int>(nodes.size()));
    for (const int64_t n : {0, 1, 2, 7, 64, 448, 5120}) {
      EXPECT_EQ(split.first(0, n), 0);
      EXPECT_EQ(split.first(split.n_nodes(), n), n);
      for (int k = 0; k < split.n_nodes(); ++k) {
        const double threads = split.first_thread(k + 1) - split.first_thread(k);
        const double share = static_cast<double>(n) * threads / split.n_threads();
        EXPECT_LT(std::abs(static_cast<double>(split.first(k + 1, n) - split.first(k, n)) - share), 1);
      }
    }
  }
  EXPECT_EQ(NodeSplit({1, 1, 1, 3}).n_nodes(), 2) << "nodes without threads do not count";
  EXPECT_EQ(NodeSplit({1, 1, 1, 3}).topology_node(1), 3);
  EXPECT_EQ(NodeSplit().n_nodes(), 1);
}

}  // namespace
}  // namespace jaju
