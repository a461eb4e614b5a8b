// `jaju run http://host:port`: question, pipe and session with a running server instead of a model.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/answer_printer.h"

namespace jaju::cli {

struct RemoteRun {
  std::string url;
  std::optional<std::string> prompt;  // none: talk on the terminal
  std::string system;
  std::optional<bool> think;      // not said: the server decides
  nlohmann::ordered_json fields;  // sampling, as the API spells it
  PrinterOptions printer;
  bool verbose = false;
};

// The key comes from JAJU_API_KEY. Returns the exit code.
int run_remote(const RemoteRun& run);

}  // namespace jaju::cli
