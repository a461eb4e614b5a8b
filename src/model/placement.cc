#include "model/placement.h"

#include <algorithm>
#include <mutex>

#include "kernels/ops.h"

namespace jaju {
namespace {

std::vector<const Matrix*> matrices_of(const Weights& w) {
  std::vector<const Matrix*> all;
  const auto add = [&](std::initializer_list<const Matrix*> matrices) {
    for (const Matrix* m : matrices) {
      if (!m->empty()) all.push_back(m);
    }
  };
  const auto add_mlp = [&](const MlpWeights& mlp) { add({&mlp.gate, &mlp.up, &mlp.down}); };
  const auto add_layer = [&](const LayerWeights& layer) {
    const AttentionWeights& a = layer.attention;
    add({&a.q, &a.q_a, &a.q_b, &a.kv_a, &a.kv_b, &a.k_b, &a.o});
    if (!layer.is_moe) return add_mlp(layer.dense);
    for (const MlpWeights& expert : layer.moe.experts) add_mlp(expert);
    add_mlp(layer.moe.shared);
  };
  for (const LayerWeights& layer : w.layers) add_layer(layer);
  // The embedding is read a row a token: it may lie anywhere.
  add({&w.head});
  if (w.mtp) {
    add({&w.mtp->projection});
    add_layer(w.mtp->layer);
    if (w.mtp->head.data != w.head.data) add({&w.mtp->head});
  }
  return all;
}

}  // namespace

std::vector<PlacedRows> place_matrix(const Matrix& matrix, const NodeSplit& split) {
  const int64_t blocks = (matrix.rows + kRowsOfTask - 1) / kRowsOfTask;
  std::vector<PlacedRows> placed;
  for (int node = 0; node < split.n_nodes(); ++node) {
    const int64_t begin = split.first(node, blocks) * kRowsOfTask;
    const int64_t end = std::min(split.first(node + 1, blocks) * kRowsOfTask, matrix.rows);
    if (begin >= end) continue;
    const Matrix rows = matrix.slice_rows(begin, end - begin);
    placed.push_back({node, rows.data, rows.bytes()});
  }
  return placed;
}

Status place_weights(const Weights& weights, ThreadTeam& team, const Topology& topology) {
  const NodeSplit& split = team.split();
  if (split.n_nodes() == 1) return {};
  std::vector<PlacedRows> placed;
  int64_t bytes = 0;
  for (const Matrix* m : matrices_of(weights)) {
    bytes += m->bytes();
    for (const PlacedRows& rows : place_matrix(*m, split)) placed.push_back(rows);
  }
  int64_t memory = 0;
  for (int node = 0; node < topology.n_nodes(); ++node) memory += topology.memory_bytes(node);
  if (bytes > memory / 10 * 9) return {};
  std::mutex mutex;
  Status status;
  team.parallel_for(static_cast<int64_t>(placed.size()), [&](int64_t i, int) {
    const PlacedRows& rows = placed[static_cast<size_t>(i)];
    Status brought = topology.bring(rows.data, rows.bytes, split.topology_node(rows.node));
    if (brought.ok()) return;
    const std::lock_guard lock(mutex);
    if (status.ok()) status = std::move(brought);
  });
  return status;
}

}  // namespace jaju
