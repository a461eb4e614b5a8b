#include "server/json_request.h"

#include <cmath>

#include <fmt/format.h>

#include "base/json.h"
#include "base/utf8.h"

namespace jaju::server {
namespace {

// Values of a document are counted before any of them is made: two for every comma, colon or bracket is more
// than there can be.
bool too_many_values(std::string_view text, size_t most) {
  size_t n = 1;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == ',' || c == '[' || c == '{') {
      if (++n > most) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<ApiError> parse_body(std::string_view body, const RequestLimits& limits, Json* out) {
  if (body.empty()) return bad_request("the body is empty; send a JSON object");
  if (too_many_values(body, limits.max_json_values)) {
    return bad_request(fmt::format("the body has more than {} JSON values", limits.max_json_values));
  }
  Result<Json> parsed = parse_ordered_json(body, "the body", limits.max_json_depth);
  if (!parsed.ok()) return bad_request(parsed.message());
  if (!parsed->is_object())
    return bad_request(fmt::format("the body must be a JSON object, not {}", kind_of(*parsed)));
  *out = *std::move(parsed);
  return std::nullopt;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return "a number";
    default:
      return "something else";
  }
}

Fields::Fields(const Json& object, std::string path, RequestErrors& errors)
    : object_(object.is_object() ? object : empty_), path_(std::move(path)), errors_(errors) {
  if (!object.is_object()) {
    errors_.add(path_, fmt::format("'{}' must be an object, not {}", path_, kind_of(object)));
  }
}

std::string Fields::at(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void Fields::wrong(std::string_view name, std::string message) {
  errors_.add(at(name), fmt::format("'{}' {}", at(name), message));
}

const Json* Fields::get(std::string_view name) {
  known_.emplace(name);
  const auto found = object_.find(std::string(name));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    wrong(name, fmt::format("must be true or false, not {}", kind_of(*value)));
    return std::nullopt;
  }
  return value->get<bool>();
}

std::optional<int64_t> Fields::integer(std::string_view name, int64_t least, int64_t most) {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  const auto refuse_it = [&]() -> std::optional<int64_t> {
    wrong(name, fmt::format("must be a whole number from {} to {}", least, most));
    return std::nullopt;
  };
  int64_t n = 0;
  if (value->is_number_unsigned()) {
    const auto u = value->get<uint64_t>();
    if (u > static_cast<uint64_t>(INT64_MAX)) return refuse_it();
    n = static_cast<int64_t>(u);
  } else if (value->is_number_integer()) {
    n = value->get<int64_t>();
  } else if (value->is_number_float()) {
    const double d = value->get<double>();
    if (!(std::fabs(d) < 9e15) || d != std::floor(d)) return refuse_it();
    n = static_cast<int64_t>(d);
  } else {
    return refuse_it();
  }
  if (n < least || n > most) return refuse_it();
  return n;
}

std::optional<double> Fields::number(std::string_view name, double least, double most) {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  const double d = value->is_number() ? value->get<double>() : std::nan("");
  if (!(d >= least && d <= most)) {  // NaN included
    wrong(name, fmt::format("must be a number from {} to {}", least, most));
    return std::nullopt;
  }
  return d;
}

std::optional<std::string> Fields::string(std::string_view name, size_t most_bytes) {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    wrong(name, fmt::format("must be a string, not {}", kind_of(*value)));
    return std::nullopt;
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > most_bytes) {
    wrong(name, fmt::format("is longer than {} bytes", most_bytes));
    return std::nullopt;
  }
  return text;
}

const Json* Fields::array(std::string_view name, size_t most) {
  const Json* value = get(name);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) {
    wrong(name, fmt::format("must be an array, not {}", kind_of(*value)));
    return nullptr;
  }
  if (value->size() > most) {
    wrong(name, fmt::format("has {} entries; at most {} are taken", value->size(), most));
    return nullptr;
  }
  return value;
}

const Json* Fields::object(std::string_view name) {
  const Json* value = get(name);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) {
    wrong(name, fmt::format("must be an object, not {}", kind_of(*value)));
    return nullptr;
  }
  return value;
}

std::optional<std::string> Fields::choice(std::string_view name,
                                          std::initializer_list<std::string_view> words) {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  std::string listed;
  for (const std::string_view word : words) {
    if (value->is_string() && value->get_ref<const std::string&>() == word) return std::string(word);
    listed += fmt::format("{}\"{}\"", listed.empty() ? "" : ", ", word);
  }
  wrong(name, fmt::format("must be one of {}", listed));
  return std::nullopt;
}

void Fields::ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) known_.emplace(name);
}

void Fields::refuse(std::string_view name, std::string_view why) {
  const Json* value = get(name);
  if (value == nullptr) return;
  const bool off = (value->is_boolean() && !value->get<bool>()) ||
                   (value->is_structured() && value->empty()) ||
                   (value->is_string() && value->get_ref<const std::string&>().empty());
  if (!off) wrong(name, fmt::format("is not supported: {}", why));
}

void Fields::finish() {
  for (const auto& [name, value] : object_.items()) {
    if (value.is_null() || known_.contains(name)) continue;
    const std::string shown = printable(name);
    errors_.add(at(shown),
                fmt::format("'{}' is not a field this server knows; docs/serve.md lists them", at(shown)));
    return;
  }
}

}  // namespace jaju::server
