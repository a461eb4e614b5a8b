// Ctrl-C and SIGTERM, for verbs that work long: the first asks for an end, the second does not wait for it.
#pragma once

#include <atomic>

namespace jaju::train {

// From now on SIGINT and SIGTERM only set the two flags below; a second one ends the process at once, since
// checkpoints are whole at any time and what is half done is made again. A write beyond a limit on file sizes
// or into a closed pipe fails instead of ending the process.
void catch_signals();

const std::atomic<int>& caught_signal();      // its number; 0: none yet
const std::atomic<bool>& cancel_by_signal();  // true together with it, for work that takes such a flag

}  // namespace jaju::train
