// JAJU_CHECK: stops the process on a mistake of ours (never on bad input, which gets a Status).
// Always on: at function entry it is free beside a matmul.
#pragma once

#include <cstdio>
#include <cstdlib>

#define JAJU_CHECK(condition)                                                                      \
  do {                                                                                             \
    if (!(condition)) [[unlikely]] {                                                               \
      std::fprintf(stderr, "jaju: internal error: %s is false at %s:%d; please report this\n",     \
                   #condition, __FILE__, __LINE__);                                                \
      std::abort();                                                                                \
    }                                                                                              \
  } while (0)
