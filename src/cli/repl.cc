#include "cli/repl.h"

#include <cstdio>

#include "cli/line_editor.h"
#include "cli/predicted.h"
#include "cli/printed_turn.h"
#include "cli/prompt_history.h"
#include "runtime/describe_store.h"

namespace jaju::cli {
namespace {

constexpr char kPrompt[] = ">>> ";
constexpr char kMore[] = "... ";
constexpr char kBlock[] = "\"\"\"";

void say(const std::string& text) {
  std::fputs((text + "\n").c_str(), stderr);
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

enum class Read { message, nothing, end };

// One message: a line, or the lines between two """.
Read read_message(LineEditor& editor, std::string* message) {
  std::string line;
  LineEditor::Outcome outcome = editor.read(kPrompt, &line);
  if (outcome == LineEditor::Outcome::end) return Read::end;
  if (outcome == LineEditor::Outcome::interrupted) {
    say("\nUse Ctrl + d or /bye to exit.");
    return Read::nothing;
  }
  *message = line;
  const std::string start = trimmed(line);
  if (start.compare(0, 3, kBlock) != 0) return Read::message;
  std::string text = start.substr(3);
  while (true) {
    const size_t close = text.find(kBlock);
    if (close != std::string::npos) {
      text.resize(close);
      break;
    }
    outcome = editor.read(kMore, &line);
    if (outcome == LineEditor::Outcome::end) return Read::end;
    if (outcome == LineEditor::Outcome::interrupted) {
      say("");
      return Read::nothing;
    }
    text += (text.empty() ? "" : "\n") + line;
  }
  *message = text;
  return Read::message;
}

}  // namespace

std::string describe_answer(const Conversation& conversation, const Answer& answer,
                            const AskOptions& options) {
  const GenerationStats& s = answer.stats;
  const int64_t read = s.prompt_tokens - s.cached_tokens;
  const auto rate = [](int64_t tokens, double seconds) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
  };
  // The first token comes out of the prefill; the rest are decoded one by one.
  const int64_t decoded = s.generated_tokens > 0 ? s.generated_tokens - 1 : 0;
  constexpr int kWidth = 21;
  std::string text = fmt::format(
      "prompt tokens        {}\n"
      "cached tokens        {}\n"
      "prefill              {:.1f} tokens/s ({} tokens in {:.3f} s)\n"
      "time to first token  {:.3f} s\n"
      "generated tokens     {}\n"
      "decode               {:.1f} tokens/s ({:.3f} s)\n"
      "seed                 {}{}\n",
      s.prompt_tokens, s.cached_tokens, rate(read, s.prefill_seconds), read, s.prefill_seconds,
      s.first_token_seconds, s.generated_tokens, rate(decoded, s.decode_seconds), s.decode_seconds,
      answer.seed, options.sampling.temperature == 0.0f ? " (not used at temperature 0)" : "");
  if (s.store) {
    text += describe_store(*s.store, s.prefill_seconds + s.decode_seconds, read + decoded, kWidth);
    text += describe_predicted(conversation.engine(), conversation.dir(), 1,
                               {rate(decoded, s.decode_seconds), decoded, *s.decode_store}, kWidth);
  }
  return text;
}

void note_reason(const Answer& answer) {
  if (answer.stop_string) return;
  if (answer.reason == StopReason::length)
    note(fmt::format("the answer was cut after {} tokens (--max-tokens)", answer.stats.generated_tokens));
  if (answer.reason == StopReason::context_full)
    note("the context is full; start again with /clear, or use a larger --context");
}

Status ask_and_print(Conversation& conversation, const std::string& prompt, const RunSettings& settings,
                     bool second_interrupt_ends, bool* interrupted) {
  PrintedTurn printed(settings.printer, second_interrupt_ends);
  const auto hooks = printed.hooks<AskHooks>();
  const Result<Answer> answer = conversation.ask(prompt, settings.ask, hooks);
  *interrupted = printed.finish();
  if (!answer.ok()) return answer.status();
  if (!*interrupted) note_reason(*answer);
  if (settings.verbose)
    std::fputs(("\n" + describe_answer(conversation, *answer, settings.ask)).c_str(), stderr);
  return {};
}

int run_repl(std::unique_ptr<Conversation> conversation, RunSettings settings) {
  LineEditor editor;
  for (const std::string& entry : load_history(history_path())) editor.add_history(entry);
  ReplCommands commands(conversation, settings);
  say("Send a message (/? for help)");
  bool history_works = true;
  while (true) {
    std::string message;
    const Read read = read_message(editor, &message);
    if (read == Read::end) {
      say("");
      break;
    }
    if (read == Read::nothing || trimmed(message).empty()) continue;
    editor.add_history(message);
    if (settings.history && history_works) {
      const Status kept = append_history(history_path(), message);
      if (!kept.ok()) note(kept.message());
      history_works = kept.ok();
    }
    const std::string start = trimmed(message);
    if (start[0] == '/' && start.find('\n') == std::string::npos) {
      if (!commands.run(start)) break;
      continue;
    }
    bool interrupted = false;
    const Status done =
        ask_and_print(*conversation, message, settings, /*second_interrupt_ends=*/false, &interrupted);
    if (!done.ok()) note(done.message());
    say("");
  }
  if (!settings.save_routing.empty()) {
    const Status saved = conversation->engine().save_routing(settings.save_routing);
    if (!saved.ok()) return fail(saved);
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace jaju::cli
