#include "cli/repl.h"

#include <cstdio>

#include "cli/message_reader.h"
#include "cli/predicted.h"
#include "cli/printed_turn.h"
#include "runtime/describe_store.h"

namespace jaju::cli {
namespace {

void say(const std::string& text) {
  std::fputs((text + "\n").c_str(), stderr);
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
  MessageReader reader;
  ReplCommands commands(conversation, settings);
  say("Send a message (/? for help)");
  while (true) {
    std::string message;
    const Typed typed = reader.read(&message, settings.history);
    if (typed == Typed::end) {
      say("");
      break;
    }
    if (typed == Typed::nothing) continue;
    if (typed == Typed::command) {
      if (!commands.run(message)) break;
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
