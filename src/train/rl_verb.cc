// jaju train rl: GSPO with rollouts of our engine (rl.h).
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <memory>

#include "base/progress.h"
#include "cli/commit_info.h"
#include "train/rl.h"
#include "train/run_dir.h"
#include "train/verbs.h"

namespace jaju::train {
namespace {

struct RlArguments {
  std::string recipe;
  std::string out;
  std::vector<std::string> overrides;
  bool fresh = false;
  bool resume = false;
  int64_t steps = 0;
};

// A line for every step; on a terminal one more that is redrawn while answers are sampled.
class Console : public RlObserver {
 public:
  void step(const RlReport& report) override { print(console_line(report)); }
  void note(const std::string& sentence) override { print("jaju: " + sentence); }
  void sampling(int64_t step, int64_t round, int64_t done, int64_t total) override {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || (drawn_ && now - last_ < std::chrono::milliseconds(200))) return;
    std::fprintf(stderr, "\r\x1b[K\x1b[?7lstep %lld  sampling, round %lld: %lld of %lld answers\x1b[?7h",
                 static_cast<long long>(step), static_cast<long long>(round), static_cast<long long>(done),
                 static_cast<long long>(total));
    std::fflush(stderr);
    drawn_ = true;
    last_ = now;
  }
  void clear() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
  }

 private:
  void print(const std::string& line) {
    clear();
    std::fprintf(stderr, "%s\n", line.c_str());
    std::fflush(stderr);
  }
  bool terminal_ = stderr_is_terminal();
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

int fail(const Status& status, int code) {
  std::fprintf(stderr, "jaju: %s\n", status.message().c_str());
  return code;
}

int run(const RlArguments& arguments, const std::atomic<int>& signal) {
  const std::filesystem::path out = arguments.out;
  std::filesystem::path recipe = arguments.recipe;
  std::error_code ignored;
  if (recipe.empty()) {
    recipe = out / "config.toml";
    if (!std::filesystem::exists(recipe, ignored)) {
      return fail(error("give a recipe: {} holds no run to go on with", out.string()), 2);
    }
  }
  const Result<RlRecipe> config = load_rl_recipe(recipe, arguments.overrides);
  if (!config.ok()) return fail(config.status(), 2);
  if (arguments.resume && list_checkpoints(out).empty()) {
    return fail(error("{} has no checkpoint to go on from; leave --resume out to start", out.string()), 1);
  }
  prepare_process(config->run.threads);
  Console console;
  TrainOptions options;
  options.run_dir = out;
  options.fresh = arguments.fresh;
  options.stop = &signal;
  options.stop_after_steps = arguments.steps;
  options.commit = kCommit;
  const Result<TrainResult> result = train_rl(*config, options, console);
  console.clear();
  if (!result.ok()) return fail(result.status(), 1);
  if (result->end == TrainEnd::finished) {
    std::fprintf(stderr, "jaju: finished at step %lld; `jaju train export %s --to DIR` makes a model of it\n",
                 static_cast<long long>(result->step), out.c_str());
    return 0;
  }
  std::fprintf(stderr, "jaju: stopped at step %lld%s; `jaju train rl --out %s` goes on from there\n",
               static_cast<long long>(result->step), result->step > 0 ? ", checkpoint written" : "",
               out.c_str());
  return signal.load() != 0 ? 128 + signal.load() : 0;
}

}  // namespace

void add_rl_verb(CLI::App& app, VerbAction& action, const std::atomic<int>& signal, void (*catch_signals)()) {
  CLI::App* verb =
      app.add_subcommand("rl", "Reinforcement learning (GSPO) on problems with checkable answers");
  auto arguments = std::make_shared<RlArguments>();
  verb->add_option("recipe", arguments->recipe, "The recipe (TOML); left out: RUN/config.toml");
  verb->add_option("--out", arguments->out, "RUN, the directory of this run")->required();
  verb->add_option("--set", arguments->overrides,
                   "key=value: overrides one key of the recipe, like rl.lr=1e-5")
      ->allow_extra_args(false);
  CLI::Option* resume =
      verb->add_flag("--resume", arguments->resume, "Insist on going on with an earlier run");
  verb->add_flag("--fresh", arguments->fresh, "Insist on a new run")->excludes(resume);
  verb->add_option("--steps", arguments->steps, "Stop after so many steps, with a checkpoint")
      ->check(CLI::PositiveNumber);
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
  verb->callback([&action, &signal, catch_signals, arguments] {
    action = [&signal, catch_signals, arguments] {
      catch_signals();
      return run(*arguments, signal);
    };
  });
}

}  // namespace jaju::train
