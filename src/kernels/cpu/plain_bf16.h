// The backend of plain_bf16.cc.
#pragma once

#include "kernels/ops.h"

namespace jaju::plain_bf16 {

const Ops& ops();
extern bool with_tiles;  // whether its attention goes to tiles; set while nothing runs

}  // namespace jaju::plain_bf16
