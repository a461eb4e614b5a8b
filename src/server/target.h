// One reading of a request's path, so that the gate and the routes can not disagree about it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jaju::server {

struct Target {
  std::string path;   // percent-decoded once, as it is: nothing is collapsed
  std::string query;  // as sent
};

// Splits and decodes an origin-form target. nullopt for what has more than one reading: broken or doubly
// encoded percents, an encoded '/', '\\', NUL or control byte, empty segments ("//"), "." and ".." segments,
// a backslash, a '#', bytes that are not UTF-8. Upper and lower case are different paths, and so are "/a" and
// "/a/".
std::optional<Target> read_target(std::string_view target);

}  // namespace jaju::server
