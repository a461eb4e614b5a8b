#define JAJU_LOOPS avx2_loops
#define JAJU_LOOPS_NAME "avx2"
#define JAJU_LOOPS_LANES 8
#define JAJU_LOOPS_ROWS 4
#define JAJU_LOOPS_VECTORS 2
#include "train/loops_impl.h"
