// jaju-train: the program behind `jaju train`. Its own binary, so that only it needs LibTorch.
#include <signal.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/paths.h"
#include "base/progress.h"
#include "cli/commit_info.h"
#include "cli/train_environment.h"
#include "train/config.h"
#include "train/metrics.h"
#include "train/run_dir.h"
#include "train/trainer.h"
#include "train/verbs.h"

namespace jaju::train {
namespace {

constexpr int kOk = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;

std::atomic<int> g_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch lock-free atomics only");

void on_signal(int number) {
  // The second one does not wait for the step: the newest checkpoint is whole anyway.
  if (g_signal.exchange(number) != 0) ::_exit(128 + number);
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes: the write fails and says so
  ::signal(SIGPIPE, SIG_IGN);
}

// One line that is redrawn on a terminal, and a plain line every half minute elsewhere.
class Console : public Observer {
 public:
  void step(const StepReport& report) override {
    const auto now = std::chrono::steady_clock::now();
    const std::string line = console_line(report);
    const double waited = std::chrono::duration<double>(now - last_).count();
    if (!report.held_out.empty() || (!terminal_ && (first_ || waited >= 30.0))) {
      clear();
      std::fprintf(stderr, "%s\n", line.c_str());
      last_ = now;
    } else if (terminal_ && (first_ || waited >= 0.2)) {
      // No wrap: a line longer than the window would leave pieces behind.
      std::fprintf(stderr, "\r\x1b[K\x1b[?7l%s\x1b[?7h", line.c_str());
      drawn_ = true;
      last_ = now;
    }
    std::fflush(stderr);
    first_ = false;
  }
  void note(const std::string& sentence) override {
    clear();
    std::fprintf(stderr, "jaju: %s\n", sentence.c_str());
  }
  void clear() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
  }

 private:
  bool terminal_ = stderr_is_terminal();
  bool drawn_ = false;
  bool first_ = true;
  std::chrono::steady_clock::time_point last_{};
};

int fail(const Status& status, int code = kFailure) {
  std::fflush(stdout);
  std::fprintf(stderr, "jaju: %s\n", status.message().c_str());
  return code;
}

struct RunArguments {
  std::string recipe;
  std::string out;
  std::vector<std::string> overrides;
  bool fresh = false;
  bool resume = false;
  int64_t steps = 0;
};

int run_recipe(const RunArguments& arguments) {
  const std::filesystem::path run = arguments.out;
  std::filesystem::path recipe = arguments.recipe;
  std::error_code ignored;
  if (recipe.empty()) {
    recipe = run / "config.toml";
    if (!std::filesystem::exists(recipe, ignored)) {
      return fail(error("give a recipe: {} holds no run to go on with", run.string()), kUsage);
    }
  }
  const Result<TrainConfig> config = load_train_config(recipe, arguments.overrides);
  if (!config.ok()) return fail(config.status(), kUsage);
  if (arguments.resume && list_checkpoints(run).empty()) {
    return fail(error("{} has no checkpoint to go on from; leave --resume out to start", run.string()));
  }
  catch_signals();
  prepare_process(config->run.threads);
  Console console;
  TrainOptions options;
  options.run_dir = run;
  options.fresh = arguments.fresh;
  options.stop = &g_signal;
  options.stop_after_steps = arguments.steps;
  options.commit = kCommit;
  const Result<TrainResult> result = train(*config, options, console);
  console.clear();
  if (!result.ok()) return fail(result.status());
  if (result->end == TrainEnd::finished) {
    std::fprintf(
        stderr,
        "jaju: finished at step %lld, %s tokens; `jaju train export %s --to DIR` makes a model of it\n",
        static_cast<long long>(result->step), short_tokens(static_cast<double>(result->tokens)).c_str(),
        run.c_str());
    return kOk;
  }
  std::fprintf(
      stderr,
      "jaju: stopped at step %lld, checkpoint written; `jaju train run --out %s` goes on from there\n",
      static_cast<long long>(result->step), run.c_str());
  const int signal = g_signal.load();
  return signal != 0 ? 128 + signal : kOk;
}

int export_run(const std::string& run, const std::string& to, std::string dtype, std::string tokenizer) {
  // What the recipe says, unless the command line does.
  const Result<RunConfig> config = load_run_config(std::filesystem::path(run) / "config.toml");
  if (dtype.empty()) dtype = config.ok() ? config->export_dtype : "bfloat16";
  if (tokenizer.empty() && config.ok()) tokenizer = config->tokenizer.string();
  prepare_process(0);
  const Status done = export_model(run, to, dtype, tokenizer);
  if (!done.ok()) return fail(done);
  std::fprintf(stderr, "jaju: wrote %s (%s)%s\n", to.c_str(), dtype.c_str(),
               tokenizer.empty() ? "; it has no tokenizer yet, give one with --tokenizer" : "");
  return kOk;
}

int show_status(const std::string& run) {
  const Result<std::string> text = describe_run(run);
  if (!text.ok()) return fail(text.status());
  std::fputs(text->c_str(), stdout);
  return std::fflush(stdout) == 0 ? kOk : kFailure;
}

int run_program(int argc, char** argv) {
  CLI::App app("Trains models of the A.X K1 architecture by a recipe.", "jaju train");
  app.require_subcommand(1, 1);
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("Subcommands", "Verbs");
  app.footer(
      "Examples\n"
      "  jaju train run recipe.toml --out runs/first     starts, or goes on where it stopped\n"
      "  jaju train status runs/first                    how far it is\n"
      "  jaju train report runs/first                    a page with its curves\n"
      "  jaju train recipe recipes/tiny.toml             every step from data to a model\n"
      "  jaju train merge A B --ratio 0.8 --to DIR       their weighted sum\n"
      "  jaju train rl rl.toml --out runs/rl             reinforcement learning with checkable answers\n"
      "  jaju train export runs/first --to models/mine   the model, ready for `jaju run`\n\n"
      "Ctrl-C finishes the step, writes a checkpoint and stops; the same command goes on.\n"
      "Exit codes: 0 fine, 1 it failed, 2 the command line or the recipe is wrong, 130 and 143 stopped by a "
      "signal.");

  RunArguments arguments;
  CLI::App* run = app.add_subcommand("run", "Trains by a recipe, from the newest checkpoint if there is one");
  run->add_option("recipe", arguments.recipe, "The recipe (TOML); left out: RUN/config.toml");
  run->add_option("--out", arguments.out, "RUN, the directory of this run")->required();
  run->add_option("--set", arguments.overrides, "key=value: overrides one key of the recipe, like run.seed=7")
      ->allow_extra_args(false);
  CLI::Option* resume = run->add_flag("--resume", arguments.resume, "Insist on going on with an earlier run");
  run->add_flag("--fresh", arguments.fresh, "Insist on a new run")->excludes(resume);
  run->add_option("--steps", arguments.steps, "Stop after so many steps, with a checkpoint")
      ->check(CLI::PositiveNumber);

  std::string status_run;
  CLI::App* status = app.add_subcommand("status", "How far a run is");
  status->add_option("run", status_run, "RUN")->required();

  std::string export_from;
  std::string export_to;
  std::string dtype;
  std::string tokenizer;
  CLI::App* exporting = app.add_subcommand("export", "Writes the newest checkpoint as a model");
  exporting->add_option("run", export_from, "RUN, or a model directory")->required();
  exporting->add_option("--to", export_to, "Directory to write")->required();
  exporting->add_option("--dtype", dtype, "bfloat16 or float32")
      ->check(CLI::IsMember({"bfloat16", "float32"}));
  exporting->add_option("--tokenizer", tokenizer, "Directory with tokenizer.json to copy along");

  VerbAction action;
  add_report_verb(app, action);
  add_recipe_verb(app, action);
  add_merge_verb(app, action);
  add_rl_verb(app, action, g_signal, catch_signals);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    std::fputs((chosen.empty() ? app.help() : chosen.front()->help("jaju train")).c_str(), stdout);
    return kOk;
  } catch (const CLI::ParseError& problem) {
    return fail(error("{}; see `jaju train --help`", problem.what()), kUsage);
  }
  if (action) return action();
  if (run->parsed()) return run_recipe(arguments);
  if (status->parsed()) return show_status(status_run);
  return export_run(export_from, export_to, dtype, tokenizer);
}

}  // namespace
}  // namespace jaju::train

int main(int argc, char** argv) {
  // The libraries are loaded already; a second start reads the corrected environment. `jaju train` did it
  // before. Comes back only when it failed: then slower, not wrong.
  if (jaju::cli::set_train_environment()) ::execv("/proc/self/exe", argv);
  try {
    return jaju::train::run_program(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "jaju: internal error: %s; please report this\n", problem.what());
  }
  return 1;
}
