// Settings of the process that must come before LibTorch does any work.
#pragma once

namespace jaju::train {

// OpenMP's threads spin between LibTorch's loops and burn the CPU that the next step needs; how they wait is
// read from OMP_WAIT_POLICY before main starts. Where the variable is not set, this sets it to PASSIVE and
// starts the program again with the same arguments; call it first thing in main. Returns when there is
// nothing to do, or the restart failed.
void restart_with_passive_waiting(char** argv);

}  // namespace jaju::train
