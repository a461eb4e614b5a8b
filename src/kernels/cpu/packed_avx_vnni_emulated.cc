// packed_avx_vnni.cc over AVX2, under a name of its own. Part of the tests only.
#define JAJU_EMULATED_AVX_VNNI
#define packed_avx_vnni packed_avx_vnni_emulated
#include "kernels/cpu/packed_avx_vnni.cc"
