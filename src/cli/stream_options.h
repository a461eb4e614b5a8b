// --memory and what goes with it, the same for every verb that opens a model.
#pragma once

#include <string>

#include "runtime/engine.h"

namespace CLI {
class App;
}

namespace jaju::cli {

struct StreamWords {
  int64_t memory = 0;
  std::string mirror, pin, save_routing;
  bool no_prefetch = false;
  std::string verify = "first";
  std::string reader = "auto";
  int64_t read_size = 0;
  int read_depth = 0;

  void apply(EngineOptions* options) const;
  // That --save-routing can be kept, before the work. Errors name the file.
  Status check() const;
  // --save-routing, once the work is done; OK when it was not asked for.
  Status save(const Engine& engine) const;
};

void add_stream_options(CLI::App& verb, StreamWords& words, const std::string& group);

}  // namespace jaju::cli
