// Splitting work over threads so that no result depends on how many there are.
//
// The threads are ours, as many as at::get_num_threads() says. OpenMP's would wait for every one of them at
// the end of every loop, also for those the system never let run; here whoever runs takes the next task, so
// training beside other work on the same CPUs keeps the share it gets.
#pragma once

#include <algorithm>
#include <cstdint>

namespace jaju::train {

// run(context, task) for every task of [0, tasks), each once; returns when all are done. A call from inside a
// task, or while another thread is in such a call, does its tasks alone.
void run_tasks(int64_t tasks, void (*run)(void* context, int64_t task), void* context);
// The same on LibTorch's own threads: for tasks that call its matrix products, which then stay on one thread
// each.
void run_library_tasks(int64_t tasks, void (*run)(void* context, int64_t task), void* context);

// body(task) for tasks of unequal size.
template <typename Body>
void over_tasks(int64_t tasks, const Body& body, bool library_products = false) {
  const auto run = [](void* context, int64_t task) { (*static_cast<const Body*>(context))(task); };
  void* const context = const_cast<Body*>(&body);  // only to pass it on: run() reads it as const again
  library_products ? run_library_tasks(tasks, run, context) : run_tasks(tasks, run, context);
}

// body(first, last) over pieces of [0, rows).
template <typename Body>
void over_rows(int64_t rows, const Body& body) {
  constexpr int64_t kPiece = 256;
  over_tasks((rows + kPiece - 1) / kPiece,
             [&](int64_t task) { body(task * kPiece, std::min((task + 1) * kPiece, rows)); });
}

}  // namespace jaju::train
