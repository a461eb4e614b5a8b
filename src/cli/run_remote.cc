#include "cli/run_remote.h"

#include <cstdlib>
#include <memory>

#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/message_reader.h"
#include "cli/printed_turn.h"
#include "cli/remote.h"

namespace jaju::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kRemoteHelp[] =
    R"(Commands of a session with a server (one with a model of this machine has more)
  /set think      reason before answering; /set nothink: not
  /clear          forget what was said
  /bye            leave (also Ctrl + d)
"""              begins and ends a message of several lines)";

void say(const std::string& line) {
  std::fputs((line + "\n").c_str(), stderr);
}

std::string figures(const RemoteAnswer& answer) {
  const auto number = [](const nlohmann::json& object, const char* name) {
    return object.is_object() && object.contains(name) && object[name].is_number()
               ? object[name].get<double>()
               : 0.0;
  };
  const nlohmann::json details = answer.usage.is_object() && answer.usage.contains("prompt_tokens_details")
                                     ? answer.usage["prompt_tokens_details"]
                                     : nlohmann::json();
  return fmt::format(
      "\nprompt tokens        {}\ncached tokens        {}\ntime to first token  {:.3f} s\ngenerated tokens   "
      "  {}\n"
      "decode               {:.1f} tokens/s\n",
      number(answer.usage, "prompt_tokens"), number(details, "cached_tokens"),
      number(answer.timings, "time_to_first_token_ms") / 1000, number(answer.usage, "completion_tokens"),
      number(answer.timings, "predicted_per_second"));
}

class Session {
 public:
  Session(RemoteServer& server, const RemoteRun& run) : server_(server), run_(run), think_(run.think) {
    clear();
  }

  void clear() {
    messages_ = Json::array();
    if (!run_.system.empty()) messages_.push_back({{"role", "system"}, {"content", run_.system}});
  }
  void set_think(bool on) { think_ = on; }

  Status ask(const std::string& prompt, bool second_interrupt_ends, bool* interrupted) {
    PrintedTurn printed(run_.printer, second_interrupt_ends);
    const auto hooks = printed.hooks<RemoteHooks>();
    messages_.push_back({{"role", "user"}, {"content", prompt}});
    Json body = run_.fields.is_object() ? run_.fields : Json::object();
    body["messages"] = messages_;
    if (think_) body["chat_template_kwargs"] = {{"enable_thinking", *think_}};
    const Result<RemoteAnswer> answer = server_.chat(std::move(body), hooks);
    *interrupted = printed.finish();
    if (!answer.ok()) {
      messages_.erase(messages_.size() - 1);
      return answer.status();
    }
    Json turn = {{"role", "assistant"}, {"content", answer->text}};
    if (!answer->reasoning.empty()) turn["reasoning_content"] = answer->reasoning;
    messages_.push_back(std::move(turn));
    if (answer->finish == "length" && !*interrupted)
      note("the answer was cut: its limit of tokens, or the context, is full");
    if (run_.verbose) std::fputs(figures(*answer).c_str(), stderr);
    return {};
  }

 private:
  RemoteServer& server_;
  const RemoteRun& run_;
  std::optional<bool> think_;
  Json messages_;
};

int talk(Session& session, const std::string& model) {
  MessageReader reader;
  say(fmt::format("{} at the other end. Send a message (/? for help)", printable(model)));
  for (;;) {
    std::string message;
    const Typed typed = reader.read(&message, /*keep=*/true);
    if (typed == Typed::end) {
      say("");
      break;
    }
    if (typed == Typed::nothing) continue;
    if (typed == Typed::message) {
      bool interrupted = false;
      const Status done = session.ask(message, /*second_interrupt_ends=*/false, &interrupted);
      if (!done.ok()) note(done.message());
      say("");
    } else if (message == "/bye" || message == "/exit" || message == "/quit") {
      break;
    } else if (message == "/clear") {
      session.clear();
      say("forgotten what was said");
    } else if (message == "/set think" || message == "/set nothink") {
      session.set_think(message == "/set think");
      say("set: " + message.substr(5));
    } else {
      if (message != "/?" && message != "/help") say(fmt::format("there is no command {} here", message));
      say(kRemoteHelp);
    }
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace

int run_remote(const RemoteRun& run) {
  const char* key = std::getenv("JAJU_API_KEY");
  Result<std::unique_ptr<RemoteServer>> server = RemoteServer::open(run.url, key != nullptr ? key : "");
  if (!server.ok()) return fail_usage(server.status());
  Session session(**server, run);
  if (!run.prompt) {
    const Result<std::string> model = (*server)->model();
    if (!model.ok()) return fail(model.status());
    return talk(session, *model);
  }
  bool interrupted = false;
  const Status done = session.ask(*run.prompt, /*second_interrupt_ends=*/true, &interrupted);
  if (!done.ok()) return fail(done);
  const Status written = flush_stdout();
  if (!written.ok()) return fail(written);
  return interrupted ? kInterrupted : kOk;
}

}  // namespace jaju::cli
