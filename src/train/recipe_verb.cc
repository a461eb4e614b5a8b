// jaju train recipe: works through the steps of recipe.h and says how far it is.
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/commit_info.h"
#include "train/console.h"
#include "train/recipe.h"
#include "train/signals.h"
#include "train/verbs.h"

namespace jaju::train {
namespace {

struct RecipeArguments {
  std::string file;
  std::string out;
  std::string from;
  std::string to;
  std::vector<std::string> overrides;
  bool list = false;
  bool dry_run = false;
  bool quiet = false;
};

std::string clock_of(double seconds) {
  return seconds < 9.95 ? fmt::format("{:.1f} s", seconds) : short_duration(seconds);
}

size_t widest_name(const Recipe& recipe) {
  size_t width = 4;
  for (const RecipeStep& step : recipe.steps) width = std::max(width, step.name.size());
  return width;
}

// Every step with its state; `will_run` marks what a run would do.
void print_list(const Recipe& recipe, const std::vector<StepState>& states,
                const std::vector<bool>& will_run) {
  const size_t width = widest_name(recipe);
  for (size_t i = 0; i < recipe.steps.size(); ++i) {
    const StepState& state = states[i];
    const bool done = state.kind == StepState::Kind::done;
    fmt::print("{:>3}  {:<{}}  {:<9}  {:<11}  {:>10}  {}{}\n", i + 1, recipe.steps[i].name, width,
               name_of(recipe.steps[i].kind), name_of(state.kind), done ? clock_of(state.seconds) : "",
               state.summary, will_run.empty() || !will_run[i] ? "" : "-> to be done");
  }
}

Result<size_t> find_step(const Recipe& recipe, const std::string& name, size_t otherwise) {
  if (name.empty()) return otherwise;
  for (size_t i = 0; i < recipe.steps.size(); ++i) {
    if (recipe.steps[i].name == name) return i;
  }
  return error("the recipe has no step '{}'; --list names them", name);
}

int run(const RecipeArguments& arguments) {
  const Result<Recipe> loaded = load_recipe(arguments.file, arguments.out, arguments.overrides);
  if (!loaded.ok()) return fail(loaded.status(), 2);
  const Recipe& recipe = *loaded;
  const size_t n = recipe.steps.size();
  const Result<size_t> from = find_step(recipe, arguments.from, 0);
  const Result<size_t> to = find_step(recipe, arguments.to, n - 1);
  if (!from.ok()) return fail(from.status(), 2);
  if (!to.ok()) return fail(to.status(), 2);
  // Every setting of every step first: a mistake in the last one should not show after an hour.
  for (size_t i = 0; i < n; ++i) {
    const Status fine = check_step(recipe, i);
    if (!fine.ok()) return fail(fine, 2);
  }
  std::vector<StepState> states = read_states(recipe);
  if (arguments.list || arguments.dry_run) {
    std::vector<bool> will_run(n);
    for (size_t i = *from; i <= *to && arguments.dry_run; ++i) {
      will_run[i] = states[i].kind != StepState::Kind::done;
    }
    print_list(recipe, states, will_run);
    return std::fflush(stdout) == 0 ? 0 : 1;
  }

  const Result<RecipeLock> lock = RecipeLock::take(recipe.out);
  if (!lock.ok()) return fail(lock.status());
  catch_signals();
  Console console;
  StepWatch watch;
  watch.training = &console;
  watch.rl = &console;
  watch.signal = &caught_signal();
  watch.cancel = &cancel_by_signal();
  watch.quiet = arguments.quiet;
  watch.commit = kCommit;
  const auto start = std::chrono::steady_clock::now();
  const auto so_far = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (size_t i = *from; i <= *to; ++i) {
    const RecipeStep& step = recipe.steps[i];
    const StepState state = read_states(recipe)[i];
    const std::string label = fmt::format("[{}/{}] {}", i + 1, n, step.name);
    if (state.kind == StepState::Kind::done) {
      std::fprintf(stderr, "%s: done before (%s)\n", label.c_str(), state.summary.c_str());
      continue;
    }
    const char* why = state.kind == StepState::Kind::interrupted ? ", goes on"
                      : state.kind == StepState::Kind::changed   ? ", changed, again"
                                                                 : "";
    std::fprintf(stderr, "%s: %s%s; %s so far\n", label.c_str(), std::string(name_of(step.kind)).c_str(), why,
                 clock_of(so_far()).c_str());
    console = Console(label, arguments.quiet);
    const double before = so_far();
    const Result<StepResult> result = run_step(recipe, i, watch);
    console.clear();
    if (!result.ok()) return fail(result.status());
    if (!result->finished) {
      std::fprintf(stderr, "jaju: stopped in the step '%s'; the same command goes on from there\n",
                   step.name.c_str());
      return 128 + caught_signal().load();
    }
    std::fprintf(stderr, "%s: %s, %s\n", label.c_str(), result->summary.c_str(),
                 clock_of(so_far() - before).c_str());
    if (caught_signal().load() != 0 && i < *to) {
      std::fprintf(stderr, "jaju: stopped behind the step '%s'; the same command goes on\n",
                   step.name.c_str());
      return 128 + caught_signal().load();
    }
  }
  states = read_states(recipe);
  print_list(recipe, states, {});
  double all = 0;
  for (const StepState& state : states) all += state.seconds;
  fmt::print("all steps {}, now {}; in {}\n", clock_of(all), clock_of(so_far()), recipe.out.string());
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

void add_recipe_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = app.add_subcommand("recipe", "Works through a recipe: data, tokenizer, training, release");
  auto arguments = std::make_shared<RecipeArguments>();
  verb->add_option("file", arguments->file, "The recipe (TOML)")->required();
  verb->add_option("--out", arguments->out, "Where the steps write (default: what the recipe says)");
  verb->add_option("--from", arguments->from, "Begin at this step; those before must be done");
  verb->add_option("--to", arguments->to, "End with this step");
  verb->add_option("--set", arguments->overrides, "STEP.key=value: overrides one setting")
      ->allow_extra_args(false);
  verb->add_flag("--list", arguments->list, "How far every step is");
  verb->add_flag("--dry-run", arguments->dry_run, "Check every setting and say what would be done");
  verb->add_flag("--quiet", arguments->quiet, "No progress inside a step");
  verb->footer(
      R"(A step that is done is skipped; one whose settings changed is done again with all that depends on it; one that
was stopped, however hard, goes on. Each step writes to OUT/NAME; training that is done again leaves what it was
in OUT/NAME.before1.

Examples
  jaju train recipe recipes/tiny.toml             everything in about a minute, to see it work
  jaju train recipe recipes/nano.toml             the model in models/nano
  jaju train recipe recipes/nano.toml --list      how far it is
  jaju train recipe recipes/nano.toml --to base --set base.run.seed=7 --out runs/seed7)");
  verb->callback([&action, arguments] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace jaju::train
