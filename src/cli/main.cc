// jaju: reads the command line, finds the verb, runs it.
#include <CLI/CLI.hpp>

#include <langinfo.h>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/cli.h"

namespace jaju::cli {
namespace {

constexpr const char* kFooter = R"(Examples
  jaju run "사과 12개에서 5개를 먹으면?"   one question, one answer
  jaju run                              talk; /? inside lists the commands
  jaju run ~/models/A.X-K1 --think      another model, thinking before it answers
  jaju serve ~/models/A.X-K1            for a team: web page, OpenAI, Anthropic and Ollama APIs
  jaju show ~/models/A.X-K1             what is in a model
  jaju plan ~/models/A.X-K1             what fits here, and how fast it will be
  jaju pack ~/models/A.X-K1 --to ~/models/A.X-K1-q4   quantised; runs with less memory than it takes
  jaju doctor                           is this machine ready, and what would make it faster

From a checkout, `./jaju test` runs every test and `./jaju fuzz` the fuzzers.

A MODEL is a directory (config.json, *.safetensors, tokenizer.json), or the name of one under
~/.local/share/jaju/models or a checkout's models/. Exit codes: 0 fine, 1 it failed, 2 the command line is wrong,
130 stopped by Ctrl-C.

Environment: JAJU_HOME (everything jaju keeps, in one folder), JAJU_ISA (ref, avx2, avxvnni, avx512 or amx:
forces the kernels), JAJU_API_KEY (key of the server that `jaju run URL` asks), JAJU_SERVE_... (settings of
`jaju serve`), NO_COLOR (no colours).)";

// Text from and to terminals is UTF-8; numbers keep the C locale's point.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  return names;
}

const CLI::App* find_verb(const CLI::App& app, std::string_view name) {
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (verb->get_name() == name) return verb;
  }
  return nullptr;
}

// The verb the command line names, and the verb within it ("tokenizer train"); null when there is none.
const CLI::App* find_verb(const CLI::App& app, int argc, char** argv) {
  const CLI::App* found = nullptr;
  for (int i = 1; i < argc; ++i) {
    const CLI::App* verb = find_verb(found != nullptr ? *found : app, argv[i]);
    if (verb == nullptr) break;
    found = verb;
  }
  return found;
}

// "jaju tokenizer train"
std::string full_name(const CLI::App& verb) {
  const CLI::App* parent = verb.get_parent();
  return parent == nullptr ? verb.get_name() : full_name(*parent) + " " + verb.get_name();
}

// A word that stands where a verb belongs, and is none.
Status check_verb(const CLI::App& app, int argc, char** argv) {
  const CLI::App* verb = find_verb(app, argc, argv);
  const CLI::App& at = verb != nullptr ? *verb : app;
  const std::vector<std::string> names = verb_names(at);
  int depth = 1;
  for (const CLI::App* a = verb; a != nullptr && a->get_parent() != nullptr; a = a->get_parent()) ++depth;
  if (names.empty() || depth >= argc || argv[depth][0] == '-') return {};
  const std::string word = argv[depth];
  const std::string meant = nearest(word, names);
  const std::string name = full_name(at);
  if (!meant.empty()) return error("there is no verb '{}'; did you mean '{}'?", word, meant);
  return error("there is no verb '{}'; `{} --help` lists them", word, name);
}

// CLI11's messages are fine for a missing value; a misspelt option deserves the right spelling.
std::string explain(const CLI::App& app, const CLI::ParseError& problem, int argc, char** argv) {
  const CLI::App* verb = find_verb(app, argc, argv);
  const std::string help = full_name(verb != nullptr ? *verb : app) + " --help";
  if (problem.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    std::vector<std::string> options;
    for (const CLI::Option* option : (verb != nullptr ? *verb : app).get_options()) {
      for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
    }
    for (int i = 1; i < argc; ++i) {
      const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
      if (word == "--") break;
      if (word.size() < 2 || word[0] != '-' ||
          std::find(options.begin(), options.end(), word) != options.end())
        continue;
      if (word[1] != '-' && verb != nullptr && verb->get_option_no_throw(word.substr(0, 2)) != nullptr)
        continue;
      const std::string meant = nearest(word, options);
      if (!meant.empty()) return fmt::format("there is no option {}; did you mean {}?", word, meant);
      return fmt::format("there is no option {}; `{}` lists them", word, help);
    }
  }
  std::string message = problem.what();
  // "Could not convert: --temperature = abc"
  constexpr std::string_view kConvert = "Could not convert: ";
  if (const size_t equals = message.find(" = ");
      message.starts_with(kConvert) && equals != std::string::npos) {
    return fmt::format("{}: '{}' is not a number it takes; see `{}`",
                       message.substr(kConvert.size(), equals - kConvert.size()), message.substr(equals + 3),
                       help);
  }
  for (char& c : message) {
    if (c == '\n') c = ' ';
  }
  return fmt::format("{}; see `{}`", message, help);
}

int run_program(int argc, char** argv) {
  use_utf8();
  CLI::App app("Runs A.X K1, SK Telecom's open 519B-A33B model, and its small siblings, on this machine.",
               "jaju");
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("Subcommands", "Verbs");
  Action action;
  add_run(app, action);
  add_serve(app, action);
  add_show(app, action);
  add_tokenize(app, action);
  add_tokenizer(app, action);
  add_logits(app, action);
  add_eval(app, action);
  add_compare(app, action);
  add_bench(app, action);
  add_plan(app, action);
  add_tune(app, action);
  add_data(app, action);
  add_gguf(app, action);
  add_pack(app, action);
  add_train(app, action);
  add_doctor(app, action);
  add_version(app, action);
  bool show_version = false;
  app.add_flag("--version", show_version, "Same as `jaju version`");

  if (argc > 1 && std::string_view(argv[1]) == "help") {
    print(app.help());
    return kOk;
  }
  if (const Status known = check_verb(app, argc, argv); !known.ok()) return fail_usage(known);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* verb = find_verb(app, argc, argv);
    const CLI::App* parent = verb != nullptr ? verb->get_parent() : nullptr;
    print(verb != nullptr ? verb->help(parent != nullptr ? full_name(*parent) : "jaju") : app.help());
    return flush_stdout().ok() ? kOk : kFailure;
  } catch (const CLI::ParseError& problem) {
    return fail_usage(Status::error(explain(app, problem, argc, argv)));
  }
  if (show_version) {
    char verb[] = "version";
    char* words[] = {argv[0], verb, nullptr};
    return run_program(2, words);
  }
  if (!action) {
    std::fputs(app.help().c_str(), stderr);
    return kUsage;
  }
  return action();
}

}  // namespace
}  // namespace jaju::cli

int main(int argc, char** argv) {
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file that grows past `ulimit -f` is an error of its write, with a sentence
  // CLI11 and the standard library may throw; nothing else does. The last door.
  try {
    return jaju::cli::run_program(argc, argv);
  } catch (const std::bad_alloc&) {
    jaju::cli::note("out of memory: close other programs, or use a smaller model or --context");
  } catch (const std::exception& problem) {
    jaju::cli::note(std::string("internal error: ") + problem.what() + "; please report this");
  }
  return jaju::cli::kFailure;
}
