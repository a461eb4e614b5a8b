// Recipes for reinforcement learning: what [rl] means.
#include "base/file.h"
#include "train/config_tables.h"

namespace jaju::train {
namespace {

void read_names(Section& in, const char* key, std::vector<std::string>& target) {
  const toml::node* node = in.find(key);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const std::optional<std::string> name = (*list)[i].value_exact<std::string>();
    if (!name || name->empty()) list = nullptr;
    if (list != nullptr) target.push_back(*name);
  }
  if (list == nullptr) in.fail(key, "is {}, it must be a list of names in quotes", shown(*node));
}

Status read_rl(toml::table& table, const std::string& what, RlConfig& rl) {
  constexpr int64_t kMany = 1'000'000'000;
  Section in(table, what, "rl.");
  read_path(in, table, "problems", rl.problems);
  if (rl.problems.empty())
    in.fail("problems", "is missing: give JSON lines, or a directory of `jaju data synth`");
  read_names(in, "tasks", rl.tasks);
  read_names(in, "languages", rl.languages);
  in.integer("min_difficulty", 0, 100, rl.min_difficulty);
  in.integer("max_difficulty", rl.min_difficulty, 100, rl.max_difficulty);
  in.integer("steps", 1, kMany, rl.steps);
  in.integer("prompts", 1, 100'000, rl.prompts);
  in.integer("samples", 2, 10'000, rl.samples);
  int modes = 0;
  in.choice("modes", {"both", "think", "direct"}, modes);
  rl.modes = modes == 0 ? "both" : modes == 1 ? "think" : "direct";
  in.number("temperature", 0.05, 10.0, rl.temperature);
  in.integer("max_tokens", 1, kMany, rl.max_tokens);
  in.integer("max_rounds", 1, 1000, rl.max_rounds);
  int overlong = 0;
  in.choice("overlong", {"keep", "filter", "soft"}, overlong);
  rl.overlong = static_cast<Overlong>(overlong);
  in.integer("overlong_buffer", 1, kMany, rl.overlong_buffer);
  in.number("lr", 0.0, 10.0, rl.lr);
  in.integer("warmup", 0, kMany, rl.warmup);
  in.integer("minibatches", 1, 100'000, rl.minibatches);
  in.integer("epochs", 1, 1000, rl.epochs);
  in.number("clip_low", 0.0, 1.0, rl.clip_low);
  in.number("clip_high", 0.0, 1e6, rl.clip_high);
  in.integer("batch_tokens", 1, kMany, rl.batch_tokens);
  in.integer("slots", 1, 4096, rl.slots);
  int dtype = 0;
  in.choice("rollout_dtype", {"float32", "bfloat16"}, dtype);
  rl.rollout_dtype = dtype == 0 ? "float32" : "bfloat16";
  return in.finish();
}

Status read_rl_root(toml::table& root, const std::string& what, RlRecipe& recipe) {
  toml::table empty;
  Section known(root, what, "");
  for (const char* name : {"run", "model", "optimizer", "rl"}) known.find(name);
  JAJU_RETURN_IF_ERROR(known.finish());
  JAJU_ASSIGN(toml::table* const run, find_section(root, what, "run", empty));
  JAJU_RETURN_IF_ERROR(read_run(*run, what, recipe.run));
  JAJU_ASSIGN(toml::table* const model, find_section(root, what, "model", empty));
  Section from(*model, what, "model.");
  read_path(from, *model, "init_from", recipe.init_from);
  JAJU_RETURN_IF_ERROR(from.finish());
  if (recipe.init_from.empty()) {
    return error(
        "{}: 'model.init_from' is missing: reinforcement learning goes on from a model that can answer",
        what);
  }
  JAJU_ASSIGN(toml::table* const optimizer, find_section(root, what, "optimizer", empty));
  recipe.optimizer.weight_decay = 0;
  JAJU_RETURN_IF_ERROR(read_optimizer(*optimizer, what, recipe.optimizer));
  if (recipe.optimizer.kind != OptimizerKind::adamw) {
    return error("{}: 'optimizer.kind' must be \"adamw\" for reinforcement learning", what);
  }
  JAJU_ASSIGN(toml::table* const rl, find_section(root, what, "rl", empty));
  return read_rl(*rl, what, recipe.rl);
}

}  // namespace

Result<RlRecipe> parse_rl_recipe(std::string_view text, const std::string& what,
                                 const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(toml::table root, parse_recipe_tables(text, what, overrides));
  RlRecipe recipe;
  JAJU_RETURN_IF_ERROR(read_rl_root(root, what, recipe));
  recipe.toml = toml_text(root);
  return recipe;
}

Result<RlRecipe> load_rl_recipe(const std::filesystem::path& path,
                                const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(const std::string text, read_file(path, kMaxRecipeBytes));
  return parse_rl_recipe(text, path.string(), overrides);
}

}  // namespace jaju::train
