// The settings of `jaju serve`: one table, read from a file, the environment and the command line.
//
// A setting NAME is `name = value` in the file (TOML), JAJU_SERVE_NAME in the environment (upper case), and
// --name (with dashes) on the command line. The command line wins over the environment, the environment over
// the file, the file over the default.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "server/api_server.h"

namespace jaju::server {

struct ServeConfig {
  std::string model;               // a directory or a name; empty: the small model that comes with jaju
  std::vector<std::string> names;  // more names the model answers to
  ApiServerOptions server;
  std::string keys;      // the key file; empty: config_dir()/serve-keys when it is there
  KeyLimits key_limits;  // for keys that do not name their own
  std::string access_log = "-";
  std::optional<bool> think;  // not said: off, as A.X K1; on where no model is named, as `jaju run`
  // Engine and scheduler
  int64_t context = 0;
  int threads = 0;
  std::string kv = "auto", numa = "auto", huge_pages = "auto", precision = "auto";
  int64_t max_sequences = 32;
  int64_t cache_bytes = 0;  // cache pages, prefix cache included; 0: chosen from the memory there is
  int64_t queue = 256;
  bool prefix_cache = true;
  std::string cache_dir;  // keeps the prefix cache across restarts
  bool speculation = true;
  bool exact_cache = true;  // cached and uncached answers equal to the bit; false: faster prompts
  int64_t grammar_cache_bytes = int64_t{128} << 20;
  double drain_seconds = 30;
  // A packed model larger than memory
  int64_t memory = 0;  // most bytes to take; 0: what is free, less a margin
  std::string mirror, pin, save_routing;
  bool prefetch = true;
  std::string verify = "first";
  std::string reader = "auto";
  int64_t read_size = 0;  // of one read, in bytes, and so many under way; 0: as `jaju tune` measured
  int read_depth = 0;
};

struct Setting {
  enum class Kind { text, texts, flag, count, bytes, seconds, number };
  std::string_view name;  // "tls_certificate"
  Kind kind;
  std::string_view group;  // of --help and of the documentation
  std::string_view help;
  // Takes the value as text ("true" for a flag, "a,b" for texts). Errors say what was expected.
  std::function<Status(ServeConfig&, const std::string&)> set;
};

std::span<const Setting> settings();
std::string flag_of(const Setting& setting);         // "--tls-certificate"
std::string environment_of(const Setting& setting);  // "JAJU_SERVE_TLS_CERTIFICATE"

// Applies the file's settings. Errors name file, line and setting; unknown names are errors.
Status apply_config_text(std::string_view toml, const std::string& what, ServeConfig* config);
Status apply_config_file(const std::filesystem::path& file, ServeConfig* config);
// Applies JAJU_SERVE_...; a variable of that beginning that names no setting is an error.
Status apply_environment(char** environment, ServeConfig* config);

}  // namespace jaju::server
