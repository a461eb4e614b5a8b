// jaju-train: the program behind `jaju train`. Its own binary, so that only it needs LibTorch.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>

#include "cli/train_environment.h"
#include "train/config.h"
#include "train/console.h"
#include "train/metrics.h"
#include "train/run_arguments.h"
#include "train/run_status.h"
#include "train/signals.h"
#include "train/trainer.h"
#include "train/verbs.h"

namespace jaju::train {
namespace {

constexpr int kOk = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;

int run_recipe(const RunArguments& arguments) {
  const Result<std::filesystem::path> recipe = arguments.find_recipe();
  if (!recipe.ok()) return fail(recipe.status(), kUsage);
  const Result<TrainConfig> config = load_train_config(*recipe, arguments.overrides);
  if (!config.ok()) return fail(config.status(), kUsage);
  const Status resumable = arguments.check_resume();
  if (!resumable.ok()) return fail(resumable);
  catch_signals();
  prepare_process(config->run.threads);
  Console console;
  const Result<TrainResult> result = train(*config, arguments.options(caught_signal()), console);
  console.clear();
  if (!result.ok()) return fail(result.status());
  if (result->end == TrainEnd::finished) {
    std::fprintf(
        stderr,
        "jaju: finished at step %lld, %s tokens; `jaju train export %s --to DIR` makes a model of it\n",
        static_cast<long long>(result->step), short_tokens(static_cast<double>(result->tokens)).c_str(),
        arguments.out.c_str());
    return kOk;
  }
  std::fprintf(
      stderr,
      "jaju: stopped at step %lld, checkpoint written; `jaju train run --out %s` goes on from there\n",
      static_cast<long long>(result->step), arguments.out.c_str());
  const int signal = caught_signal().load();
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
      "Ctrl-C finishes the step, writes a checkpoint and stops; the same command goes on. What the recipe says\n"
      "otherwise by then is told; [model], seed and the order of stages already begun must stay as they were.\n"
      "Exit codes: 0 fine, 1 it failed, 2 the command line or the recipe is wrong, 130 and 143 stopped by a "
      "signal.");

  RunArguments arguments;
  CLI::App* run = app.add_subcommand("run", "Trains by a recipe, from the newest checkpoint if there is one");
  arguments.add_to(*run, "run.seed=7");

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
  add_rl_verb(app, action);

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
  jaju::cli::restart_with_train_environment(argv);
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file that grows past `ulimit -f` is an error of its write, with a sentence
  try {
    return jaju::train::run_program(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "jaju: internal error: %s; please report this\n", problem.what());
  }
  return 1;
}
