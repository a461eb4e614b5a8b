// Intel AMX: matrix tiles of the CPU. A process must ask the system for their registers before it touches
// one.
#pragma once

namespace jaju {

// What the CPU has and the system grants this process.
struct Amx {
  bool bf16 = false;  // products of bf16 pairs
  bool int8 = false;  // products of four bytes
};
// Asks once, for the whole process: threads that are already there may use tiles as well.
Amx amx();

}  // namespace jaju
