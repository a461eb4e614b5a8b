#define JAJU_LOOPS avx512_loops
#define JAJU_LOOPS_NAME "avx512"
#define JAJU_LOOPS_LANES 16
#define JAJU_LOOPS_ROWS 8
#define JAJU_LOOPS_VECTORS 2
#include "train/loops_impl.h"
