// Turns of the model that held tool calls, kept as the tokens that were sampled.
//
// A call comes back from its client as JSON that was parsed and written again: other spaces, other escapes,
// another order. Rendered, it would be other bytes, and everything behind it would be read again; its
// reasoning, which most clients drop, would be missing. So a turn that comes back with the ids and the
// meaning it was sent with is replaced by what the model really said.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chat/chat.h"

namespace jaju::server {

struct RememberedTurn {
  std::vector<int32_t> reasoning;  // in front of </think>; empty: none
  std::vector<int32_t> rest;       // behind </think> (or all), without the stop token
  std::string reasoning_text;
  std::string content;  // as the client was told
  std::vector<ToolCall> calls;
};

// Thread-safe; least recently used turns go first.
class TurnMemory {
 public:
  explicit TurnMemory(int64_t max_bytes) : max_bytes_(max_bytes) {}
  // Kept under the id of its first call.
  void remember(const std::string& tenant, RememberedTurn turn);
  // The turn `message` is, if its calls are the same in id, name and arguments (as values, in any order of
  // keys) and its content is, and it has the same reasoning or none.
  std::shared_ptr<const RememberedTurn> find(const std::string& tenant, const Message& message);
  int64_t bytes() const;

 private:
  struct Entry {
    std::shared_ptr<const RememberedTurn> turn;
    int64_t bytes = 0;
    std::list<std::string>::iterator age;
  };
  const int64_t max_bytes_;
  mutable std::mutex mutex_;
  int64_t bytes_ = 0;
  std::list<std::string> ages_;  // latest first
  std::unordered_map<std::string, Entry> turns_;
};

}  // namespace jaju::server
