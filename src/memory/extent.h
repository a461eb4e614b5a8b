// Experts as the store knows them: (layer, expert) and where its bytes lie. No routers, no requests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace jaju {

constexpr int64_t kIoAlignment = 4096;  // of offsets, sizes and addresses: what direct I/O asks of any drive

constexpr int64_t align_up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

// One expert in its file, aligned (model/packed_names.h).
struct Extent {
  int32_t file = 0;  // of ExpertCatalog::files
  int64_t offset = 0;
  int64_t bytes = 0;
  uint64_t checksum = 0;  // XXH3-64 of the bytes
};

// Every expert of a model.
struct ExpertCatalog {
  std::vector<std::string> files;
  std::vector<int64_t> layer_numbers;  // of each layer here: its number in the model, for messages
  int64_t n_experts = 0;               // of a layer
  std::vector<Extent> extents;         // (layers, n_experts)

  int64_t n_layers() const { return static_cast<int64_t>(layer_numbers.size()); }
  int64_t largest() const {
    int64_t most = 0;
    for (const Extent& e : extents) most = e.bytes > most ? e.bytes : most;
    return most;
  }
};

}  // namespace jaju
