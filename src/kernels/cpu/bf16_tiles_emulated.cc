// bf16_tiles.cc over tiles in plain code, under a name of its own. Part of the tests only.
#define JAJU_EMULATED_TILES
#define bf16tiles bf16tiles_emulated
#include "kernels/cpu/bf16_tiles.cc"
