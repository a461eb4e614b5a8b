// jaju train: hands over to jaju-train, the program beside this one that is linked with LibTorch.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>

#include "base/paths.h"
#include "cli/cli.h"
#include "cli/train_environment.h"

namespace jaju::cli {
namespace {

// Comes back only when it failed.
int hand_over(const std::vector<std::string>& words) {
  const std::filesystem::path program = executable_path().parent_path() / "jaju-train";
  std::error_code ignored;
  if (!std::filesystem::exists(program, ignored)) {
    return fail(error("{} is not there; `./jaju train` in a checkout installs LibTorch and builds it",
                      program.string()));
  }
  std::vector<std::string> owned = {program.string()};
  owned.insert(owned.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : owned) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  set_train_environment();
  ::execv(program.c_str(), arguments.data());
  return fail(error("{} could not be started: {}", program.string(), std::strerror(errno)));
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "train", "Trains a model by a recipe; run, status, export, merge, rl, report, recipe");
  verb->prefix_command();  // everything behind the verb belongs to jaju-train, its options too
  verb->footer(
      R"(Trains models of the A.X K1 architecture. `./jaju train` builds what it needs on its first call.

Examples
  jaju train run recipe.toml --out runs/first     starts, or goes on where it stopped
  jaju train status runs/first                    how far it is
  jaju train report runs/first                    a page with its curves
  jaju train recipe recipes/tiny.toml             every step from data to a model
  jaju train merge A B --ratio 0.8 --to DIR       their weighted sum
  jaju train rl rl.toml --out runs/rl             reinforcement learning with checkable answers
  jaju train export runs/first --to models/mine   the model, ready for `jaju run`
  jaju train run --help                           every option; likewise for the other verbs)");
  verb->callback([&action, verb] {
    const std::vector<std::string> words = verb->remaining();
    action = [words] { return hand_over(words); };
  });
}

}  // namespace jaju::cli
