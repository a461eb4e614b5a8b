// Where weights lie on a machine with several NUMA nodes: of every matrix, and so of every expert, each node
// has the rows its own threads multiply (kernels/cpu/matmul.h: for_row_blocks). Whatever experts a token
// visits, every node reads its share of them, from its own memory.
#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_team.h"
#include "model/weights.h"

namespace jaju {

struct PlacedRows {
  int node = 0;
  const void* data = nullptr;
  int64_t bytes = 0;
};

// Of one matrix, by node ascending; together they are the whole matrix.
std::vector<PlacedRows> place_matrix(const Matrix& matrix, const NodeSplit& split);

// Brings the rows of every matrix to their nodes, which reads a model that is not in memory yet. Does nothing
// where there is one node, or where the model does not fit in the memory of all of them.
Status place_weights(const Weights& weights, ThreadTeam& team, const Topology& topology);

}  // namespace jaju
