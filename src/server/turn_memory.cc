#include "server/turn_memory.h"

namespace jaju::server {
namespace {

std::string key_of(const std::string& tenant, const std::string& id) {
  return std::to_string(tenant.size()) + ":" + tenant + id;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Equal as values: the order of keys does not matter.
bool same_value(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b) {
  return nlohmann::json(a) == nlohmann::json(b);
}

int64_t cost(const RememberedTurn& turn) {
  size_t bytes =
      256 + 4 * (turn.reasoning.size() + turn.rest.size()) + turn.reasoning_text.size() + turn.content.size();
  // Arguments are a part of what was sampled; a parsed value takes a few times its text.
  bytes += 8 * turn.rest.size();
  for (const ToolCall& call : turn.calls) bytes += 128 + call.id.size() + call.name.size();
  return static_cast<int64_t>(bytes);
}

}  // namespace

void TurnMemory::remember(const std::string& tenant, RememberedTurn turn) {
  if (turn.calls.empty()) return;
  const std::string key = key_of(tenant, turn.calls[0].id);
  const int64_t bytes = cost(turn);
  if (bytes > max_bytes_) return;
  const std::lock_guard lock(mutex_);
  if (turns_.contains(key)) return;  // ids are random: only a client that makes them up gets here
  while (bytes_ + bytes > max_bytes_ && !ages_.empty()) {
    const auto oldest = turns_.find(ages_.back());
    bytes_ -= oldest->second.bytes;
    turns_.erase(oldest);
    ages_.pop_back();
  }
  ages_.push_front(key);
  turns_[key] = {std::make_shared<const RememberedTurn>(std::move(turn)), bytes, ages_.begin()};
  bytes_ += bytes;
}

std::shared_ptr<const RememberedTurn> TurnMemory::find(const std::string& tenant, const Message& message) {
  if (message.tool_calls.empty()) return nullptr;
  std::shared_ptr<const RememberedTurn> turn;
  {
    const std::lock_guard lock(mutex_);
    const auto found = turns_.find(key_of(tenant, message.tool_calls[0].id));
    if (found == turns_.end()) return nullptr;
    ages_.splice(ages_.begin(), ages_, found->second.age);
    turn = found->second.turn;
  }
  if (turn->calls.size() != message.tool_calls.size() || trim(turn->content) != trim(message.content))
    return nullptr;
  if (!trim(message.reasoning).empty() && trim(message.reasoning) != trim(turn->reasoning_text))
    return nullptr;
  for (size_t i = 0; i < turn->calls.size(); ++i) {
    const ToolCall& a = turn->calls[i];
    const ToolCall& b = message.tool_calls[i];
    if (a.id != b.id || a.name != b.name || !same_value(a.arguments, b.arguments)) return nullptr;
  }
  return turn;
}

int64_t TurnMemory::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace jaju::server
