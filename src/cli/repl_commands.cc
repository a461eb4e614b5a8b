// The slash commands of the session, with Ollama's names and meanings.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "base/file.h"
#include "cli/model_path.h"
#include "cli/repl.h"

namespace jaju::cli {
namespace {

constexpr char kHelp[] = R"(Commands
  /set            change a setting (/set alone lists them)
  /show           show what is set (/show alone lists what)
  /load NAME      load a saved conversation, or another model
  /save NAME      save this conversation
  /clear          forget what was said
  /bye            leave (also Ctrl + d)
  /?, /help       this list; /? shortcuts lists the keys
"""              begins and ends a message of several lines
)";

constexpr char kShortcuts[] = R"(Keys
  Ctrl + a, e     to the beginning, the end of the line
  Alt + b, f      a word back, forward
  Ctrl + k, u     delete to the end, to the beginning
  Ctrl + w        delete the word before the cursor
  Ctrl + l        clear the screen
  Ctrl + r        search what was typed before
  Ctrl + g        write the message in $EDITOR
  Ctrl + c        stop the answer; leave the line
  Ctrl + d        leave the session
)";

constexpr char kSetHelp[] =
    R"(/set parameter NAME VALUE   temperature, top_k, top_p, min_p, repetition_penalty, presence_penalty,
                            frequency_penalty, seed, max_tokens, stop (one or more, "with spaces"; none)
/set system TEXT            the system message, from the next message on
/set think | nothink        reason before answering, or not
/set hidethinking | showthinking
/set verbose | quiet        numbers after each answer
/set history | nohistory    keep what is typed for the next session
/set wordwrap | nowordwrap
)";

constexpr char kShowHelp[] = R"(/show info         the model
/show license      its licence
/show parameters   how it is sampled
/show system       the system message
/show template     its chat template
)";

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  if (text.empty() || text.back() != '\n') std::fputc('\n', stderr);
}

std::vector<std::string> spaced(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// Words are parted by spaces; between quotes a space is part of a word. Nothing: a quote is not closed.
std::optional<std::vector<std::string>> split_quoted(const std::string& line) {
  std::vector<std::string> words;
  for (size_t at = line.find_first_not_of(" \t"); at != std::string::npos;
       at = line.find_first_not_of(" \t", at)) {
    const bool quoted = line[at] == '"';
    const size_t end = quoted ? line.find('"', at + 1) : line.find_first_of(" \t", at);
    if (quoted && end == std::string::npos) return std::nullopt;
    words.push_back(quoted ? line.substr(at + 1, end - at - 1) : line.substr(at, end - at));
    if (end == std::string::npos) break;
    at = quoted ? end + 1 : end;
  }
  return words;
}

// The text after the first `n` words of the line; one pair of quotes around it is taken off.
std::string after_words(const std::string& line, int n) {
  size_t at = 0;
  for (int i = 0; i < n; ++i) {
    at = line.find_first_not_of(" \t", at);
    at = at == std::string::npos ? at : line.find_first_of(" \t", at);
    if (at == std::string::npos) return {};
  }
  at = line.find_first_not_of(" \t", at);
  if (at == std::string::npos) return {};
  std::string rest = line.substr(at);
  if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') rest = rest.substr(1, rest.size() - 2);
  return rest;
}

Result<double> to_double(const std::string& name, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') return error("{}: '{}' is not a number", name, text);
  return value;
}

Result<int64_t> to_int(const std::string& name, const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0) return error("{}: '{}' is not a whole number", name, text);
  return static_cast<int64_t>(value);
}

}  // namespace

Status set_parameter(const std::string& name, const std::vector<std::string>& values, int64_t vocab_size,
                     AskOptions* options) {
  if (values.empty()) return error("{}: a value is missing", name);
  if (values.size() > 1 && name != "stop")
    return error("{} takes one value, not {}", name, fmt::join(values, " "));
  AskOptions next = *options;
  SamplingParams& s = next.sampling;
  const std::pair<const char*, float*> floats[] = {{"temperature", &s.temperature},
                                                   {"top_p", &s.top_p},
                                                   {"min_p", &s.min_p},
                                                   {"repetition_penalty", &s.repetition_penalty},
                                                   {"repeat_penalty", &s.repetition_penalty},
                                                   {"presence_penalty", &s.presence_penalty},
                                                   {"frequency_penalty", &s.frequency_penalty}};
  bool known = false;
  for (const auto& [field, value] : floats) {
    if (name != field) continue;
    JAJU_ASSIGN(const double number, to_double(name, values[0]));
    *value = static_cast<float>(number);
    known = true;
  }
  if (name == "top_k") {
    JAJU_ASSIGN(const int64_t k, to_int(name, values[0]));
    if (k > INT32_MAX) return error("top_k: {} is too large", k);
    s.top_k = static_cast<int>(k);
  } else if (name == "seed") {
    JAJU_ASSIGN(const int64_t seed, to_int(name, values[0]));
    if (seed < 0) return error("seed: {} is below 0; without a seed every answer has another", seed);
    s.seed = static_cast<uint64_t>(seed);
    next.fixed_seed = true;
  } else if (name == "max_tokens" || name == "num_predict") {
    JAJU_ASSIGN(s.max_tokens, to_int(name, values[0]));
  } else if (name == "stop") {
    next.stop = values == std::vector<std::string>{"none"} ? std::vector<std::string>() : values;
  } else if (!known) {
    return error("there is no parameter '{}'; /set lists them", name);
  }
  JAJU_RETURN_IF_ERROR(s.validate(vocab_size));
  *options = next;
  return {};
}

bool ReplCommands::run(const std::string& line) {
  const std::optional<std::vector<std::string>> parted =
      line.starts_with("/set parameter") ? split_quoted(line) : spaced(line);
  if (!parted) {
    say("a quote is not closed");
    return true;
  }
  const std::vector<std::string>& words = *parted;
  const std::string& verb = words[0];
  if (verb == "/bye" || verb == "/exit" || verb == "/quit") return false;
  if (verb == "/?" || verb == "/help") {
    const bool keys = words.size() > 1 && words[1] == "shortcuts";
    say(keys ? kShortcuts : words.size() > 1 && words[1].find("set") != std::string::npos ? kSetHelp : kHelp);
  } else if (verb == "/set") {
    set(words, after_words(line, 2));
  } else if (verb == "/show") {
    show(words);
  } else if (verb == "/clear") {
    conversation_->clear();
    say("forgotten what was said");
  } else if (verb == "/load" || verb == "/save") {
    const std::string name = after_words(line, 1);
    if (name.empty()) {
      say(verb + " needs a name");
    } else if (verb == "/load") {
      load(name);
    } else {
      save(name);
    }
  } else if (verb == "/think" || verb == "/nothink") {
    set({"/set", verb.substr(1)}, "");
  } else {
    const std::string meant = nearest(verb, {"/set", "/show", "/load", "/save", "/clear", "/bye", "/help"});
    say(fmt::format("there is no command {}; {}", verb,
                    meant.empty() ? "/? lists them" : "did you mean " + meant + "?"));
  }
  return true;
}

void ReplCommands::set(const std::vector<std::string>& words, const std::string& rest) {
  if (words.size() < 2) return say(kSetHelp);
  const std::string& what = words[1];
  struct Switch {
    const char* on;
    const char* off;
    bool* value;
  };
  const Switch switches[] = {{"think", "nothink", &settings_.ask.think},
                             {"verbose", "quiet", &settings_.verbose},
                             {"history", "nohistory", &settings_.history},
                             {"wordwrap", "nowordwrap", &settings_.printer.word_wrap},
                             {"hidethinking", "showthinking", &settings_.printer.hide_thinking}};
  for (const Switch& s : switches) {
    if (what == s.on || what == s.off) {
      *s.value = what == s.on;
      return say(fmt::format("set: {}", what));
    }
  }
  if (what == "parameter") return set_parameter(words);
  if (what == "system") {
    settings_.ask.system = rest;
    return say(rest.empty() ? "no system message" : "set the system message");
  }
  std::vector<std::string> names = {"parameter", "system"};
  for (const Switch& s : switches) {
    names.emplace_back(s.on);
    names.emplace_back(s.off);
  }
  const std::string meant = nearest(what, names);
  say(fmt::format("there is nothing '{}' to set; {}", what,
                  meant.empty() ? "/set lists what there is" : "did you mean " + meant + "?"));
}

void ReplCommands::set_parameter(const std::vector<std::string>& words) {
  if (words.size() < 4) return say("/set parameter NAME VALUE");
  const std::vector<std::string> values(words.begin() + 3, words.end());
  const Status done =
      cli::set_parameter(words[2], values, conversation_->engine().config().vocab_size, &settings_.ask);
  say(done.ok() ? fmt::format("set {} to {}", words[2], fmt::join(values, " ")) : done.message());
}

void ReplCommands::show(const std::vector<std::string>& words) {
  const std::string what = words.size() > 1 ? words[1] : "";
  const Engine& engine = conversation_->engine();
  if (what == "info") {
    const ParameterCount& p = engine.weights().parameters;
    say(fmt::format(
        "model         {}\narchitecture  {}, {} layers\nparameters    {} total, {} active\ncontext       {} "
        "tokens, {} bytes of cache each\nkernels       {}, {} threads",
        conversation_->dir().string(), engine.config().model_type, engine.config().n_layers,
        short_count(p.total()), short_count(p.active), with_commas(engine.options().context),
        with_commas(engine.kv_bytes_per_token()), engine.kernels(), engine.options().threads));
  } else if (what == "license") {
    for (const char* name : {"LICENSE", "LICENSE.txt", "LICENSE.md"}) {
      const Result<std::string> text = read_file(conversation_->dir() / name, 1'000'000);
      if (text.ok()) return say(*text);
    }
    say("the model's directory holds no licence text");
  } else if (what == "parameters") {
    const AskOptions& a = settings_.ask;
    const SamplingParams& s = a.sampling;
    say(fmt::format(
        "temperature         {}\ntop_k               {}\ntop_p               {}\nmin_p               {}\n"
        "repetition_penalty  {}\npresence_penalty    {}\nfrequency_penalty   {}\nmax_tokens          {}\n"
        "seed                {}\nthink               {}",
        s.temperature, s.top_k, s.top_p, s.min_p, s.repetition_penalty, s.presence_penalty,
        s.frequency_penalty, s.max_tokens < 0 ? "no limit" : std::to_string(s.max_tokens),
        a.fixed_seed ? std::to_string(s.seed) : "random", a.think ? "yes" : "no"));
    for (const std::string& stop : a.stop) say(fmt::format("stop                \"{}\"", stop));
  } else if (what == "system") {
    say(settings_.ask.system.empty() ? "no system message" : settings_.ask.system);
  } else if (what == "template") {
    say(conversation_->chat_template().text());
  } else {
    say(kShowHelp);
  }
}

void ReplCommands::save(const std::string& name) {
  const bool replaced = session_exists(name);
  const Status saved = save_session(name, *conversation_, settings_.ask);
  say(saved.ok() ? fmt::format("saved '{}'{}; /load {} brings it back", name,
                               replaced ? ", in place of the one of that name" : "", name)
                 : saved.message());
}

void ReplCommands::load(const std::string& name) {
  std::string model = name;
  SavedSession session;
  const bool saved = session_exists(name);
  if (saved) {
    Result<SavedSession> loaded = load_session(name);
    if (!loaded.ok()) return say(loaded.message());
    session = *std::move(loaded);
    model = session.model;
  }
  const Result<std::filesystem::path> dir = find_model(model);
  if (!dir.ok())
    return say(saved ? dir.message() : "there is no saved conversation of that name, and " + dir.message());
  std::error_code failure;
  if (!saved || !std::filesystem::equivalent(*dir, conversation_->dir(), failure)) {
    Result<std::unique_ptr<Conversation>> opened = Conversation::open(*dir, settings_.engine);
    if (!opened.ok()) return say(opened.message());
    conversation_ = *std::move(opened);
    settings_.ask.sampling = conversation_->defaults().sampling;
    settings_.ask.fixed_seed = false;
  }
  if (saved) {
    settings_.ask.system = session.system;
    settings_.ask.think = session.think;
    say(fmt::format("loaded '{}', {} messages", name, session.messages.size()));
    conversation_->set_messages(std::move(session.messages));
  } else {
    say(fmt::format("loaded the model {}", dir->string()));
  }
}

}  // namespace jaju::cli
