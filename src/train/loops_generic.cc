#define JAJU_LOOPS generic_loops
#define JAJU_LOOPS_NAME "generic"
#define JAJU_LOOPS_LANES 4
#define JAJU_LOOPS_ROWS 2
#define JAJU_LOOPS_VECTORS 4
#include "train/loops_impl.h"
