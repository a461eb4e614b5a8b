// Reading a request's JSON: every field is asked for by name, checked for type and range, and what was never
// asked for is an error that names it. The first error wins.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "server/api_error.h"
#include "server/limits.h"

namespace jaju::server {

using Json = nlohmann::ordered_json;

// The body of a request: an object, within the limits. Errors (400): not JSON, too deep, too many values, a
// key twice, a lone surrogate, a number that is no finite double.
std::optional<ApiError> parse_body(std::string_view body, const RequestLimits& limits, Json* out);

// JSON text; invalid UTF-8 (an unfinished answer) becomes U+FFFD.
std::string dump(const Json& json);

// Collects the first error of a request.
class RequestErrors {
 public:
  void add(std::string param, std::string message) {
    if (!first_) first_ = bad_request(std::move(message), std::move(param));
  }
  void add(ApiError error) {
    if (!first_) first_ = std::move(error);
  }
  bool any() const { return first_.has_value(); }
  const std::optional<ApiError>& first() const { return first_; }

 private:
  std::optional<ApiError> first_;
};

// One object of a request. null counts as absent. `path` is its place: "" or "messages[2]".
class Fields {
 public:
  Fields(const Json& object, std::string path, RequestErrors& errors);

  // The value, or nullptr when absent or null; the name is then known.
  const Json* get(std::string_view name);
  bool has(std::string_view name) { return get(name) != nullptr; }
  std::optional<bool> boolean(std::string_view name);
  // Whole numbers; 3.0 is one.
  std::optional<int64_t> integer(std::string_view name, int64_t least, int64_t most);
  std::optional<double> number(std::string_view name, double least, double most);
  std::optional<std::string> string(std::string_view name, size_t most_bytes);
  const Json* array(std::string_view name, size_t most);
  const Json* object(std::string_view name);
  // One of the words.
  std::optional<std::string> choice(std::string_view name, std::initializer_list<std::string_view> words);

  // Taken and not acted on: documented in docs/serve.md.
  void ignore(std::initializer_list<std::string_view> names);
  // Known, and not offered: an error unless absent, null, false, "" or empty.
  void refuse(std::string_view name, std::string_view why);
  // An error for the first field nobody asked for.
  void finish();

  void wrong(std::string_view name, std::string message);
  std::string at(std::string_view name) const;
  const std::string& path() const { return path_; }
  RequestErrors& errors() { return errors_; }

 private:
  const Json empty_ = Json::object();
  const Json& object_;
  const std::string path_;
  RequestErrors& errors_;
  std::unordered_set<std::string> known_;
};

// "a string", "a number": for messages.
std::string_view kind_of(const Json& value);

}  // namespace jaju::server
