#include "train/run_changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>

#include "base/file.h"
#include "base/utf8.h"
#include "train/config_tables.h"
#include "train/toml_section.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using Note = std::function<void(const std::string&)>;

constexpr std::string_view kKeeping[] = {
    "threads",     "device",          "keep",       "checkpoint_minutes", "checkpoint_tokens",
    "eval_tokens", "held_out_tokens", "load_every", "export_dtype"};

std::string text_of(const toml::node& value) {
  if (const auto* number = value.as_floating_point())
    return fmt::format("{}", number->get());  // 0.004, not 17 digits
  std::ostringstream out;
  value.visit([&](const auto& v) {
    if constexpr (!toml::is_table<decltype(v)>) out << v;
  });
  return out.str();
}

// A value as a message shows it: at most 60 bytes from about `from` on, where it begins to differ from
// another.
std::string excerpt(const std::string& value, size_t from = 0) {
  constexpr size_t kShown = 60;
  constexpr size_t kBefore = 20;
  std::string text = value;
  std::replace(text.begin(), text.end(), '\n', ' ');
  const size_t begin =
      text.size() > kShown && from > kBefore ? std::min(from - kBefore, text.size() - kShown) : 0;
  return (begin > 0 ? "..." : "") + printable(text.substr(begin, kShown)) +
         (begin + kShown < text.size() ? "..." : "");
}

// "stage.decay.lr" -> its value as text, for every value below `node`.
void flatten(const toml::node& node, const std::string& key, std::map<std::string, std::string>& out) {
  const auto below = [&](std::string_view part) {
    return key.empty() ? std::string(part) : fmt::format("{}.{}", key, part);
  };
  if (const toml::table* table = node.as_table()) {
    for (const auto& [name, value] : *table) flatten(value, below(name.str()), out);
    return;
  }
  const toml::array* array = node.as_array();
  if (array == nullptr || array->empty() || !array->is_homogeneous<toml::table>()) {
    out[key] = text_of(node);
    return;
  }
  for (size_t i = 0; i < array->size(); ++i) {
    const auto name = (*array)[i].as_table()->get_as<std::string>("name");
    flatten((*array)[i], below(name != nullptr ? name->get() : std::to_string(i)), out);
  }
}

Result<std::map<std::string, std::string>> flat(std::string_view text, const std::string& what) {
  JAJU_ASSIGN(const toml::table root, parse_toml(text, what));
  std::map<std::string, std::string> values;
  flatten(root, "", values);
  constexpr std::string_view kRun = "run.";
  std::erase_if(values, [&](const auto& entry) {
    return entry.first.starts_with(kRun) &&
           only_keeps_the_run(std::string_view(entry.first).substr(kRun.size()));
  });
  return values;
}

// The recipe of the run's last start; empty: it has none.
Result<std::string> recipe_before(const fs::path& run) {
  std::error_code failure;
  if (!fs::exists(run / "config.toml", failure)) return std::string();
  return read_file(run / "config.toml", kMaxRecipeBytes);
}

void tell_changes(const fs::path& run, std::string_view before, std::string_view now, const Note& note) {
  constexpr size_t kShown = 8;
  const Result<std::vector<std::string>> changes = changed_settings(before, now);
  if (!changes.ok() || changes->empty()) return;
  const size_t n = std::min(changes->size(), kShown);
  std::string text =
      fmt::format("{}", fmt::join(changes->begin(), changes->begin() + static_cast<ptrdiff_t>(n), "; "));
  if (n < changes->size()) text += fmt::format("; and {} more", changes->size() - n);
  note(fmt::format("the recipe has changed since {} was written: {}. What is over is not done again",
                   (run / "config.toml").string(), text));
}

Status seed_changed(const fs::path& run, uint64_t before, uint64_t now) {
  return error(
      "'run.seed' is {} and was {} when {} was begun: documents would come in another order, some twice and "
      "some never. Set it as it was, or choose another --out",
      now, before, run.string());
}

// Reads what the last start said with the reader of its kind. False: there is nothing to compare with.
template <typename Recipe, typename Parse>
Result<bool> parse_before(const fs::path& run, const Parse& parse, Recipe& before, const Note& note) {
  const std::string what = (run / "config.toml").string();
  const Result<std::string> text = recipe_before(run);
  if (text.ok() && text->empty()) return false;
  Result<Recipe> parsed = text.ok() ? parse(*text, what) : Result<Recipe>(text.status());
  if (!parsed.ok()) {
    note(fmt::format("{}; so nobody can tell whether the recipe has changed", parsed.message()));
    return false;
  }
  before = std::move(*parsed);
  return true;
}

}  // namespace

bool only_keeps_the_run(std::string_view key) {
  return std::find(std::begin(kKeeping), std::end(kKeeping), key) != std::end(kKeeping);
}

Result<std::vector<std::string>> changed_settings(std::string_view before, std::string_view now) {
  JAJU_ASSIGN(const auto old_values, flat(before, "the recipe before"));
  JAJU_ASSIGN(const auto new_values, flat(now, "the recipe now"));
  std::vector<std::string> changes;
  for (const auto& [key, value] : old_values) {
    const auto found = new_values.find(key);
    if (found == new_values.end()) {
      changes.push_back(fmt::format("{} was {} and is left out", printable(key), excerpt(value)));
    } else if (found->second != value) {
      const std::string& after = found->second;
      const auto differ = std::mismatch(value.begin(), value.end(), after.begin(), after.end()).first;
      const auto from = static_cast<size_t>(differ - value.begin());
      changes.push_back(
          fmt::format("{} was {} and is {}", printable(key), excerpt(value, from), excerpt(after, from)));
    }
  }
  for (const auto& [key, value] : new_values) {
    if (!old_values.contains(key))
      changes.push_back(fmt::format("{} is new: {}", printable(key), excerpt(value)));
  }
  return changes;
}

Status check_changes(const fs::path& run, const TrainConfig& now, size_t begun, const Note& note) {
  TrainConfig before;
  JAJU_ASSIGN(const bool known, parse_before(
                                    run,
                                    [](const std::string& text, const std::string& what) {
                                      return parse_train_config(text, what);
                                    },
                                    before, note));
  if (!known) return {};
  if (before.run.seed != now.run.seed) return seed_changed(run, before.run.seed, now.run.seed);
  if (before.init_from.empty() != now.init_from.empty() || before.model != now.model) {
    return error(
        "[model] is not what it was when {} was begun (its config.toml): a run keeps its model. Set it as it "
        "was, or choose another --out",
        run.string());
  }
  for (size_t i = 0; i < begun && i < before.stages.size(); ++i) {
    const StageConfig& was = before.stages[i];
    const StageConfig* const is = i < now.stages.size() ? &now.stages[i] : nullptr;
    if (is == nullptr || is->name != was.name) {
      return error(
          "stage {} was '{}' when {} last went on, and {}: stages that were begun must stay in their order; "
          "new ones can follow behind them",
          i + 1, was.name, run.string(),
          is != nullptr ? fmt::format("is '{}' now", is->name) : "is not there now");
    }
    if (is->yarn_factor != was.yarn_factor) {
      return error(
          "stage '{}' began with yarn_factor {}, which has changed the model: it cannot be {} any more",
          was.name, was.yarn_factor, is->yarn_factor);
    }
  }
  tell_changes(run, before.toml, now.toml, note);
  return {};
}

Status check_changes(const fs::path& run, const RlRecipe& now, const Note& note) {
  RlRecipe before;
  JAJU_ASSIGN(
      const bool known,
      parse_before(
          run, [](const std::string& text, const std::string& what) { return parse_rl_recipe(text, what); },
          before, note));
  if (!known) return {};
  if (before.run.seed != now.run.seed) return seed_changed(run, before.run.seed, now.run.seed);
  tell_changes(run, before.toml, now.toml, note);
  return {};
}

}  // namespace jaju::train
