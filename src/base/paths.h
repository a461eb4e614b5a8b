// Where jaju keeps its files: XDG directories, or everything under JAJU_HOME when that is set.
#pragma once

#include <filesystem>

namespace jaju {

std::filesystem::path config_dir();  // $JAJU_HOME/config, else $XDG_CONFIG_HOME/jaju, else ~/.config/jaju
std::filesystem::path state_dir();   // history: $JAJU_HOME/state, else $XDG_STATE_HOME/jaju, else ~/.local/state/jaju
std::filesystem::path cache_dir();   // $JAJU_HOME/cache, else $XDG_CACHE_HOME/jaju, else ~/.cache/jaju
std::filesystem::path data_dir();    // models: $JAJU_HOME/data, else $XDG_DATA_HOME/jaju, else ~/.local/share/jaju

// The running binary's own path, symlinks resolved.
std::filesystem::path executable_path();

}  // namespace jaju
