#include "model/placement.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jaju {
namespace {

// On machines of several kinds: the pieces of a matrix are the matrix, each node's within a task of its share
// of the threads, and whole panels where it is packed.
TEST(Placement, EveryMatrixIsSplitByThreads) {
  for (const char* machine : {"numa:1 pu:4", "numa:2 pu:16", "pack:2 numa:4 pu:8"}) {
    const auto topology = Topology::synthetic(machine);
    ASSERT_TRUE(topology.ok()) << topology.message();
    for (const int threads : {1, 3, 8, 32}) {
      const NodeSplit split(topology->spread(threads));
      for (const int64_t rows : {1, 31, 32, 2048, 7168, 163840}) {
        for (const Scheme scheme : {Scheme::none, Scheme::q4}) {
          Matrix m;
          m.data = reinterpret_cast<const void*>(uintptr_t{1} << 40);
          m.dtype = scheme == Scheme::none ? DType::bf16 : DType::u8;
          m.rows = rows;
          m.cols = 512;
          m.scheme = scheme;
          const char* next = static_cast<const char*>(m.data);
          const double row_bytes = static_cast<double>(m.bytes()) / static_cast<double>(rows);
          for (const PlacedRows& placed : place_matrix(m, split)) {
            EXPECT_EQ(placed.data, next) << machine << ' ' << threads << ' ' << rows;
            next += placed.bytes;
            const double share = static_cast<double>(m.bytes()) *
                                 (split.first_thread(placed.node + 1) - split.first_thread(placed.node)) /
                                 threads;
            EXPECT_LE(static_cast<double>(placed.bytes), share + 32 * row_bytes);
            if (rows % 32 == 0) {
              EXPECT_GE(static_cast<double>(placed.bytes), share - 32 * row_bytes);
            }
          }
          EXPECT_EQ(next, static_cast<const char*>(m.data) + m.bytes());
        }
      }
    }
  }
}

}  // namespace
}  // namespace jaju
