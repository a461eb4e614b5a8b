// The session on a terminal: `jaju run` without a prompt.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/status.h"
#include "cli/answer_printer.h"
#include "cli/cli.h"
#include "cli/conversation.h"

namespace jaju::cli {

// What `run` was told; the session starts from it and /set changes it.
struct RunSettings {
  EngineOptions engine;
  AskOptions ask;
  PrinterOptions printer;
  std::string save_routing{};  // at the end; empty: not asked for
  bool verbose = false;
  bool history = true;
};

// Lines "prompt tokens ...", as --verbose shows them after an answer (on stderr); of a model read from the
// disk also what its store did, and the plan's prediction beside it.
std::string describe_answer(const Conversation& conversation, const Answer& answer,
                            const AskOptions& options);
// A word on stderr when an answer ended for want of room, nothing otherwise.
void note_reason(const Answer& answer);

// Asks once and prints the answer as it comes. Ctrl-C ends the answer; *interrupted says so.
Status ask_and_print(Conversation& conversation, const std::string& prompt, const RunSettings& settings,
                     bool second_interrupt_ends, bool* interrupted);

// Reads messages until Ctrl-D or /bye; returns the exit code.
int run_repl(std::unique_ptr<Conversation> conversation, RunSettings settings);

// The session's slash commands; what the loop does after one.
class ReplCommands {
 public:
  ReplCommands(std::unique_ptr<Conversation>& conversation, RunSettings& settings)
      : conversation_(conversation), settings_(settings) {}
  // `line` starts with '/'. Returns false when the session should end.
  bool run(const std::string& line);

 private:
  void set(const std::vector<std::string>& words, const std::string& rest);
  void set_parameter(const std::vector<std::string>& words);
  void show(const std::vector<std::string>& words);
  void load(const std::string& name);
  void save(const std::string& name);

  std::unique_ptr<Conversation>& conversation_;
  RunSettings& settings_;
};

// Sets one sampling parameter by its name ("temperature", "top_k", ...; Ollama's num_predict and
// repeat_penalty too).
Status set_parameter(const std::string& name, const std::vector<std::string>& values, int64_t vocab_size,
                     AskOptions* options);

// Saved conversations: state_dir()/sessions/NAME.json, readable for their owner only.
Status save_session(const std::string& name, const Conversation& conversation, const AskOptions& options);
struct SavedSession {
  std::string model;
  std::string system;
  bool think = false;
  std::vector<Message> messages;
};
bool session_exists(const std::string& name);
Result<SavedSession> load_session(const std::string& name);

}  // namespace jaju::cli
