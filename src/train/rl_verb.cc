// jaju train rl: GSPO with rollouts of our engine (rl.h).
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "train/console.h"
#include "train/rl.h"
#include "train/run_arguments.h"
#include "train/signals.h"
#include "train/verbs.h"

namespace jaju::train {
namespace {

int run(const RunArguments& arguments) {
  const Result<std::filesystem::path> recipe = arguments.find_recipe();
  if (!recipe.ok()) return fail(recipe.status(), 2);
  const Result<RlRecipe> config = load_rl_recipe(*recipe, arguments.overrides);
  if (!config.ok()) return fail(config.status(), 2);
  const Status resumable = arguments.check_resume();
  if (!resumable.ok()) return fail(resumable);
  catch_signals();
  prepare_process(config->run.threads);
  Console console;
  const Result<TrainResult> result = train_rl(*config, arguments.options(caught_signal()), console);
  console.clear();
  if (!result.ok()) return fail(result.status());
  if (result->end == TrainEnd::finished) {
    std::fprintf(stderr, "jaju: finished at step %lld; `jaju train export %s --to DIR` makes a model of it\n",
                 static_cast<long long>(result->step), arguments.out.c_str());
    return 0;
  }
  std::fprintf(stderr, "jaju: stopped at step %lld%s; `jaju train rl --out %s` goes on from there\n",
               static_cast<long long>(result->step), result->step > 0 ? ", checkpoint written" : "",
               arguments.out.c_str());
  const int signal = caught_signal().load();
  return signal != 0 ? 128 + signal : 0;
}

}  // namespace

void add_rl_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      app.add_subcommand("rl", "Reinforcement learning (GSPO) on problems with checkable answers");
  auto arguments = std::make_shared<RunArguments>();
  arguments->add_to(*verb, "rl.lr=1e-5");
  verb->footer(
      R"(Every problem is asked in both modes; answers are sampled by the engine with the current weights. The
recipe has [run], [model] init_from, [optimizer] and [rl]. The smallest one:

  [model]
  init_from = "runs/mod"
  [run]
  tokenizer = "data/tokenizer"
  [rl]
  problems = "data/synth"

Examples
  jaju train rl rl.toml --out runs/rl          starts, or goes on where it stopped
  jaju train report runs/rl                    rewards, accuracy and lengths as curves)");
  verb->callback([&action, arguments] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace jaju::train
