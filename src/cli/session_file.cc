// Saved conversations of the session on a terminal.
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "cli/repl.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// A name is one file name, never a path.
bool is_session_name(const std::string& name) {
  return !name.empty() && name.size() <= 100 && name[0] != '.' && name.find('/') == std::string::npos;
}

fs::path session_path(const std::string& name) {
  return state_dir() / "sessions" / (name + ".json");
}

Result<std::string> text_field(const Json& object, const char* field, const std::string& what) {
  const auto at = object.find(field);
  if (at == object.end() || !at->is_string()) return error("{}: field '{}' must be a text", what, field);
  return at->get<std::string>();
}

}  // namespace

Status save_session(const std::string& name, const Conversation& conversation, const AskOptions& options) {
  if (!is_session_name(name))
    return error("'{}' cannot be a session's name; use a plain word of at most 100 bytes, without '/'", name);
  Json messages = Json::array();
  for (const Message& message : conversation.messages()) {
    Json entry = {{"role", message.role}, {"content", message.content}};
    if (!message.reasoning.empty()) entry["reasoning"] = message.reasoning;
    messages.push_back(entry);
  }
  const Json file = {{"model", fs::absolute(conversation.dir()).string()},
                     {"system", options.system},
                     {"think", options.think},
                     {"messages", messages}};
  std::error_code failure;
  if (fs::create_directories(session_path(name).parent_path(), failure)) {
    fs::permissions(session_path(name).parent_path(), fs::perms::owner_all, failure);
  }
  return write_file_atomic(session_path(name), file.dump(1, ' ', false, Json::error_handler_t::replace),
                           0600);
}

bool session_exists(const std::string& name) {
  std::error_code failure;
  return is_session_name(name) && fs::exists(session_path(name), failure);
}

Result<SavedSession> load_session(const std::string& name) {
  const std::string what = session_path(name).string();
  JAJU_ASSIGN(const std::string text, read_file(session_path(name), 256'000'000));
  JAJU_ASSIGN(const Json file, parse_ordered_json(text, what));
  if (!file.is_object()) return error("{}: expected a JSON object", what);
  SavedSession session;
  JAJU_ASSIGN(session.model, text_field(file, "model", what));
  JAJU_ASSIGN(session.system, text_field(file, "system", what));
  const auto think = file.find("think");
  session.think = think != file.end() && think->is_boolean() && think->get<bool>();
  const auto messages = file.find("messages");
  if (messages == file.end() || !messages->is_array())
    return error("{}: field 'messages' must be a list", what);
  for (const Json& entry : *messages) {
    if (!entry.is_object()) return error("{}: field 'messages' must hold objects", what);
    Message message;
    JAJU_ASSIGN(message.role, text_field(entry, "role", what));
    JAJU_ASSIGN(message.content, text_field(entry, "content", what));
    if (entry.contains("reasoning")) {
      JAJU_ASSIGN(message.reasoning, text_field(entry, "reasoning", what));
    }
    session.messages.push_back(std::move(message));
  }
  return session;
}

}  // namespace jaju::cli
