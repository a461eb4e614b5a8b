#include "cli/message_reader.h"

#include <cstdio>

#include "cli/cli.h"
#include "cli/prompt_history.h"

namespace jaju::cli {
namespace {

constexpr char kPrompt[] = ">>> ";
constexpr char kMore[] = "... ";
constexpr char kBlock[] = "\"\"\"";

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

}  // namespace

MessageReader::MessageReader() {
  for (const std::string& entry : load_history(history_path())) editor_.add_history(entry);
}

Typed MessageReader::read(std::string* message, bool keep) {
  const Typed typed = read_one(message);
  if (typed != Typed::message && typed != Typed::command) return typed;
  editor_.add_history(*message);
  if (keep && history_works_) {
    const Status kept = append_history(history_path(), *message);
    if (!kept.ok()) note(kept.message());
    history_works_ = kept.ok();
  }
  return typed;
}

Typed MessageReader::read_one(std::string* message) {
  std::string line;
  LineEditor::Outcome outcome = editor_.read(kPrompt, &line);
  if (outcome == LineEditor::Outcome::end) return Typed::end;
  if (outcome == LineEditor::Outcome::interrupted) {
    std::fputs("\nUse Ctrl + d or /bye to exit.\n", stderr);
    return Typed::nothing;
  }
  const std::string start = trimmed(line);
  if (start.empty()) return Typed::nothing;
  if (start.compare(0, 3, kBlock) != 0) {
    // Pasted lines are a message, whatever they begin with.
    const bool command = start[0] == '/' && start.find('\n') == std::string::npos;
    *message = command ? start : line;
    return command ? Typed::command : Typed::message;
  }
  std::string text = start.substr(3);
  size_t close = 0;
  while ((close = text.find(kBlock)) == std::string::npos) {
    outcome = editor_.read(kMore, &line);
    if (outcome == LineEditor::Outcome::end) return Typed::end;
    if (outcome == LineEditor::Outcome::interrupted) {
      std::fputs("\n", stderr);
      return Typed::nothing;
    }
    text += (text.empty() ? "" : "\n") + line;
  }
  *message = text.erase(close, 3);  // what stands behind belongs to it
  return trimmed(*message).empty() ? Typed::nothing : Typed::message;
}

}  // namespace jaju::cli
