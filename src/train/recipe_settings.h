// Reading the settings of one step: JSON made of TOML, checked key by key.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/utf8.h"

namespace jaju::train {

// Remembers the first error, so that the reading code stays a list of keys; a key that is absent leaves its
// target as it is. finish() refuses keys nobody asked for.
class Settings {
 public:
  Settings(const nlohmann::json& object, std::string place) : object_(object), place_(std::move(place)) {
    if (!object_.is_object()) status_ = error("{}: a table is expected, not {}", place_, shown(object_));
  }

  const nlohmann::json* find(const char* key) {
    known_.insert(key);
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  void need(const char* key) {
    if (find(key) == nullptr) fail("{}: '{}' is missing", place_, key);
  }
  template <typename Int>
  void integer(const char* key, int64_t low, int64_t high, Int& target) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    if (value->is_number_integer() && *value >= low && *value <= high) {
      target = static_cast<Int>(value->get<int64_t>());
    } else {
      fail("{}: '{}' is {}, it must be a whole number from {} to {}", place_, key, shown(*value), low, high);
    }
  }
  template <typename Float>
  void number(const char* key, double low, double high, Float& target) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    if (value->is_number() && *value >= low && *value <= high) {
      target = static_cast<Float>(value->get<double>());
    } else {
      fail("{}: '{}' is {}, it must be a number from {} to {}", place_, key, shown(*value), low, high);
    }
  }
  void boolean(const char* key, bool& target) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    if (value->is_boolean()) {
      target = value->get<bool>();
    } else {
      fail("{}: '{}' is {}, it must be true or false", place_, key, shown(*value));
    }
  }
  template <typename Text>  // a std::string or a path
  void text(const char* key, Text& target) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    if (value->is_string() && !value->get_ref<const std::string&>().empty()) {
      target = value->get<std::string>();
    } else {
      fail("{}: '{}' is {}, it must be a text in quotes", place_, key, shown(*value));
    }
  }
  // One text or a list of them.
  template <typename Text>
  void texts(const char* key, std::vector<Text>& target) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    const nlohmann::json list = value->is_array() ? *value : nlohmann::json::array({*value});
    for (const nlohmann::json& item : list) {
      if (!item.is_string()) {
        return fail("{}: '{}' holds {}, it must be a list of texts in quotes", place_, key, shown(item));
      }
      target.emplace_back(item.get<std::string>());
    }
  }

  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (status_.ok()) status_ = error(format, std::forward<Args>(args)...);
  }
  void take(const Status& status) {
    if (status_.ok()) status_ = status;
  }
  Status finish() {
    if (!status_.ok()) return status_;
    for (const auto& [key, value] : object_.items()) {
      if (known_.contains(key)) continue;
      return error("{}: '{}' is no key of this step; known here: {}", place_, printable(key),
                   fmt::join(known_, ", "));
    }
    return {};
  }
  const std::string& place() const { return place_; }

  static std::string shown(const nlohmann::json& value) {
    const std::string text = printable(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return text.size() > 60 ? text.substr(0, 60) + "..." : text;
  }

 private:
  const nlohmann::json& object_;
  std::string place_;
  std::set<std::string> known_;
  Status status_;
};

}  // namespace jaju::train
