#include "base/paths.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace jaju {
namespace {

namespace fs = std::filesystem;

fs::path home() {
  if (const char* value = std::getenv("HOME"); value != nullptr && *value != '\0') return value;
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr && entry->pw_dir != nullptr ? fs::path(entry->pw_dir) : fs::path("/");
}

// XDG ignores relative values (Base Directory Specification 0.8).
fs::path place(const char* kind, const char* xdg_variable, const char* below_home) {
  if (const char* own = std::getenv("JAJU_HOME"); own != nullptr && *own != '\0') return fs::path(own) / kind;
  const char* xdg = std::getenv(xdg_variable);
  const fs::path base = xdg != nullptr && *xdg == '/' ? fs::path(xdg) : home() / below_home;
  return base / "jaju";
}

}  // namespace

fs::path config_dir() {
  return place("config", "XDG_CONFIG_HOME", ".config");
}
fs::path state_dir() {
  return place("state", "XDG_STATE_HOME", ".local/state");
}
fs::path cache_dir() {
  return place("cache", "XDG_CACHE_HOME", ".cache");
}
fs::path data_dir() {
  return place("data", "XDG_DATA_HOME", ".local/share");
}

fs::path executable_path() {
  std::error_code failure;
  fs::path self = fs::read_symlink("/proc/self/exe", failure);
  return failure ? fs::path() : self;
}

}  // namespace jaju
