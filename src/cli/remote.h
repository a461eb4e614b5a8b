// A conversation with a running server: `jaju run http://host:port`.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/status.h"

namespace jaju::cli {

// "http://host:port", "https://host" and so on; a path in front of /v1 is kept ("https://host/llm").
bool is_url(std::string_view word);

struct RemoteHooks {
  std::function<void(std::string_view text)> on_reasoning;
  std::function<void(std::string_view text)> on_answer;
  std::function<void(int64_t done, int64_t total)> on_prefill;
  const std::atomic<bool>* cancel = nullptr;
};

struct RemoteAnswer {
  std::string text, reasoning, finish;
  nlohmann::json usage, timings;  // as the server said, or null
};

class RemoteServer {
 public:
  // `key` may be empty. Errors: a URL that is none.
  static Result<std::unique_ptr<RemoteServer>> open(const std::string& url, const std::string& key);
  virtual ~RemoteServer() = default;
  // The name of the first model the server serves.
  virtual Result<std::string> model() = 0;
  // Sends a chat request as a stream; `body` without stream. Errors: the server's sentence, or what the
  // network says.
  virtual Result<RemoteAnswer> chat(nlohmann::ordered_json body, const RemoteHooks& hooks) = 0;
};

}  // namespace jaju::cli
