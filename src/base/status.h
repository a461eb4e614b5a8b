// Status and Result<T>: errors as values at every door (files, arguments, requests, allocation).
//
// An error is one sentence for a person: it names the file, tensor or field and says what to do.
// Nothing in the library throws across a room's boundary, prints, or exits; our own mistakes hit
// JAJU_CHECK (check.h) instead.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

namespace jaju {

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  static Status error(std::string message) {
    Status s;
    s.message_ = std::move(message);
    s.ok_ = false;
    return s;
  }

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  // Empty when ok.
  const std::string& message() const { return message_; }

 private:
  bool ok_ = true;
  std::string message_;
};

// Builds an error with fmt: `return error("{}: field '{}' is missing", path, field);`
template <typename... Args>
Status error(fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(fmt::format(format, std::forward<Args>(args)...));
}

// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: implicit by design; must be an error

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const { return status_; }
  const std::string& message() const { return status_.message(); }

  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace jaju

#define JAJU_CONCAT_(a, b) a##b
#define JAJU_CONCAT(a, b) JAJU_CONCAT_(a, b)

// JAJU_RETURN_IF_ERROR(expr): leaves the function with expr's Status unless it is OK.
#define JAJU_RETURN_IF_ERROR(expr)                                  \
  do {                                                              \
    if (::jaju::Status jaju_status_ = (expr); !jaju_status_.ok()) { \
      return jaju_status_;                                          \
    }                                                               \
  } while (0)

// JAJU_ASSIGN(auto x, expr): unwraps a Result or leaves the function with its Status.
#define JAJU_ASSIGN(lhs, expr) JAJU_ASSIGN_(JAJU_CONCAT(jaju_result_, __LINE__), lhs, expr)
#define JAJU_ASSIGN_(result, lhs, expr) \
  auto result = (expr);                 \
  if (!result.ok()) {                   \
    return result.status();             \
  }                                     \
  lhs = std::move(*result)
