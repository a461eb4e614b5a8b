// Feeds arbitrary TOML to the readers of recipes (`train recipe`, `train run`, `train rl`): parsed and
// checked, no file opened. What follows the first zero byte is one `--set`.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/toml.h"
#include "train/config.h"
#include "train/recipe.h"
#include "train/run_changes.h"

namespace {

using namespace jaju::train;  // NOLINT

void check_message(const jaju::Status& status) {
  const std::string& message = status.message();
  JAJU_CHECK((message.starts_with("fuzz") || message.starts_with("--set")) &&
             message.find('\n') == std::string::npos);
}

// What RUN/config.toml holds says the same as the recipe.
void train_recipe(std::string_view text, const std::vector<std::string>& overrides) {
  const auto config = parse_train_config(text, "fuzz", overrides);
  if (!config.ok()) return check_message(config.status());
  JAJU_CHECK(!config->stages.empty() && config->total_tokens() > 0 && config->peak_lr() >= 0);
  for (const StageConfig& stage : config->stages) {
    for (const MixPart& part : stage.mix) JAJU_CHECK(config->find_source(part.source) != nullptr);
  }
  const auto again = parse_train_config(config->toml, "fuzz");
  JAJU_CHECK(again.ok() && again->toml == config->toml);
  const auto none = changed_settings(config->toml, config->toml);
  JAJU_CHECK(none.ok() && none->empty());
  const auto some = changed_settings(text, config->toml);  // what the overrides and absolute paths changed
  JAJU_CHECK(some.ok());
  for (const std::string& change : *some) JAJU_CHECK(change.find('\n') == std::string::npos);
}

void rl_recipe(std::string_view text, const std::vector<std::string>& overrides) {
  const auto recipe = parse_rl_recipe(text, "fuzz", overrides);
  if (!recipe.ok()) return check_message(recipe.status());
  JAJU_CHECK(recipe->rl.samples >= 2 && !recipe->rl.problems.empty() && !recipe->init_from.empty());
  const auto again = parse_rl_recipe(recipe->toml, "fuzz");
  JAJU_CHECK(again.ok() && again->toml == recipe->toml);
}

size_t depth_of(const nlohmann::json& value) {
  size_t below = 0;
  for (const auto& part : value) {
    if (part.is_structured()) below = std::max(below, depth_of(part));
  }
  return 1 + below;
}

void steps(std::string_view text, const std::vector<std::string>& overrides) {
  const auto recipe = parse_recipe(text, "fuzz", "/recipes", "/out", overrides);
  if (!recipe.ok()) return check_message(recipe.status());
  for (size_t i = 0; i < recipe->steps.size(); ++i) {
    const RecipeStep& step = recipe->steps[i];
    for (const size_t need : step.needs) JAJU_CHECK(need < i);
    if (step.kind != StepKind::train && step.kind != StepKind::rl) continue;
    // What the step hands to its verb is TOML, whatever its settings are.
    const nlohmann::json settings = resolved_settings(*recipe, step);
    const std::string toml = to_toml(settings);
    JAJU_CHECK(depth_of(settings) > 8 || jaju::parse_toml(toml, "fuzz").ok());
    train_recipe(toml, {});
    rl_recipe(toml, {});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const std::string_view text = input.substr(0, zero);
  std::vector<std::string> overrides;
  if (zero != std::string_view::npos) overrides.emplace_back(input.substr(zero + 1));
  train_recipe(text, overrides);
  rl_recipe(text, overrides);
  steps(text, overrides);
  return 0;
}
