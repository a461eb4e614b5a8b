// Splitting work over LibTorch's threads so that no result depends on how many there are.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace jaju::train {

// body(first, last) over pieces of [0, rows).
template <typename Body>
void over_rows(int64_t rows, const Body& body) {
  at::parallel_for(0, rows, 64, [&](int64_t first, int64_t last) { body(first, last); });
}

// body(task) for tasks of unequal size, handed out one by one.
template <typename Body>
void over_tasks(int64_t tasks, const Body& body) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), tasks), 1, [&](int64_t first, int64_t last) {
    for (int64_t worker = first; worker < last; ++worker) {
      for (int64_t task = next++; task < tasks; task = next++) body(task);
    }
  });
}

}  // namespace jaju::train
