// What this machine is, in the words of run.json, and how much memory a run may take.
#pragma once

#include <string>

namespace jaju::train {

struct Machine {
  std::string cpu;     // "Intel(R) Xeon(R) ...", empty where the kernel does not say
  int cpus = 0;        // that this process may use
  std::string memory;  // "16384 kB", as /proc/meminfo has it
  std::string system;  // "Linux 6.1.0"
};
Machine this_machine();

// Bytes that can be taken without swapping; 0 where the kernel does not say.
double available_memory();

}  // namespace jaju::train
