// jaju train merge: the weighted sum of models (merge.h).
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "train/config.h"
#include "train/console.h"
#include "train/merge.h"
#include "train/verbs.h"

namespace jaju::train {
namespace {

struct MergeArguments {
  std::vector<std::string> models;
  double ratio = 0;
  bool has_ratio = false;
  std::string to;
  std::string tokenizer;
};

// A run's checkpoint has no tokenizer; its recipe may say where it is.
std::string tokenizer_of_runs(const std::vector<MergeSource>& sources) {
  for (const MergeSource& s : sources) {
    std::error_code ignored;
    if (std::filesystem::exists(s.dir / "tokenizer.json", ignored)) return "";
    const std::filesystem::path recipe = s.dir / "config.toml";
    if (!std::filesystem::exists(recipe, ignored)) continue;
    const Result<RunConfig> config = load_run_config(recipe);
    if (config.ok() && !config->tokenizer.empty()) return config->tokenizer.string();
  }
  return "";
}

Status merge(const MergeArguments& arguments) {
  std::vector<MergeSource> sources;
  for (const std::string& word : arguments.models) {
    JAJU_ASSIGN(MergeSource source, parse_merge_source(word));
    sources.push_back(std::move(source));
  }
  if (arguments.has_ratio) {
    if (sources.size() != 2) {
      return error(
          "--ratio is for two models, {} are given: write their weights behind them, like A:0.5 B:0.3 C:0.2",
          sources.size());
    }
    sources[0].weight = arguments.ratio;
    sources[1].weight = 1 - arguments.ratio;
  }
  const std::string tokenizer =
      arguments.tokenizer.empty() ? tokenizer_of_runs(sources) : arguments.tokenizer;
  JAJU_RETURN_IF_ERROR(merge_models(sources, arguments.to, tokenizer));
  double sum = 0;
  for (const MergeSource& s : sources) sum += s.weight;
  std::string formula;
  for (const MergeSource& s : sources) {
    formula += fmt::format("{}{:.4g} x {}", formula.empty() ? "" : " + ", s.weight / sum, s.dir.string());
  }
  std::fprintf(stderr, "jaju: wrote %s = %s\n", arguments.to.c_str(), formula.c_str());
  return {};
}

}  // namespace

void add_merge_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = app.add_subcommand("merge", "Writes the weighted sum of models");
  auto arguments = std::make_shared<MergeArguments>();
  verb->add_option("model", arguments->models, "Models or runs, each with its weight behind a colon: DIR:0.8")
      ->required()
      ->expected(2, 1000);
  CLI::Option* ratio = verb->add_option("--ratio", arguments->ratio,
                                        "Share of the first of two models; the second gets the rest");
  verb->add_option("--to", arguments->to, "Directory to write")->required();
  verb->add_option("--tokenizer", arguments->tokenizer, "Directory with tokenizer.json to copy along");
  verb->footer(
      R"(Every tensor is summed, the router's selection biases too; shapes and configs must agree.
Weights are divided by their sum.

Examples
  jaju train merge runs/think runs/direct --ratio 0.8 --to models/merged
  jaju train merge a:0.5 b:0.3 c:0.2 --to models/merged)");
  verb->callback([&action, arguments, ratio] {
    arguments->has_ratio = ratio->count() > 0;
    action = [arguments] {
      const Status done = merge(*arguments);
      return done.ok() ? 0 : fail(done);
    };
  });
}

}  // namespace jaju::train
