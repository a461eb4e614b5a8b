#include "train/recipe.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "base/toml.h"
#include "base/utf8.h"
#include "train/run_changes.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMaxRecipeBytes = 1'000'000;
constexpr size_t kMaxSteps = 1000;
constexpr int64_t kMaxHashedFile = 16'000'000;
constexpr std::string_view kKinds[] = {"synth", "tokenizer", "prepare", "train",
                                       "merge", "rl",        "eval",    "release"};

json to_json(const toml::node& node) {
  if (const toml::table* table = node.as_table()) {
    json object = json::object();
    for (const auto& [key, value] : *table) object[std::string(key.str())] = to_json(value);
    return object;
  }
  if (const toml::array* array = node.as_array()) {
    json list = json::array();
    for (const toml::node& value : *array) list.push_back(to_json(value));
    return list;
  }
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_boolean()) return value->get();
  std::ostringstream date;  // dates and times: no setting is one, so its reader refuses the text
  node.visit([&](const auto& value) { date << value; });
  return date.str();
}

bool good_name(std::string_view name) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), fine) &&
         name != "recipe";
}

// Calls on_text for every text in `value`, keys aside.
template <typename Json, typename OnText>
void each_text(Json& value, const OnText& on_text) {
  if (value.is_string()) {
    on_text(value);
  } else if (value.is_structured()) {
    for (auto& part : value) each_text(part, on_text);
  }
}

// "${name}" in `text`, one after the other: on_name(name) gives what stands there instead.
template <typename OnName>
std::string replace_names(const std::string& text, const OnName& on_name) {
  std::string out;
  size_t at = 0;
  while (true) {
    const size_t open = text.find("${", at);
    const size_t close = open == std::string::npos ? open : text.find('}', open);
    if (close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, open - at);
    out += on_name(text.substr(open + 2, close - open - 2));
    at = close + 1;
  }
}

Status find_needs(const std::vector<RecipeStep>& before, RecipeStep& step) {
  Status status;
  each_text(step.settings, [&](const json& text) {
    replace_names(text.get_ref<const std::string&>(), [&](const std::string& name) {
      if (name == "recipe") return std::string();
      for (size_t i = 0; i < before.size(); ++i) {
        if (before[i].name != name) continue;
        step.needs.push_back(i);
        return std::string();
      }
      if (status.ok()) {
        status =
            error("{}: '${{{}}}' names no step above this one", step.place, printable(name.substr(0, 80)));
      }
      return std::string();
    });
  });
  std::sort(step.needs.begin(), step.needs.end());
  step.needs.erase(std::unique(step.needs.begin(), step.needs.end()), step.needs.end());
  return status;
}

// "tokens" of an object, "2" or "decay" of a list; nullptr when there is none.
json* part_of(json& node, const std::string& key) {
  if (node.is_object()) return &node[key];
  if (!node.is_array()) return nullptr;
  for (size_t i = 0; i < node.size(); ++i) {
    if (std::to_string(i) == key) return &node[i];
    if (node[i].is_object() && node[i].contains("name") && node[i]["name"] == key) return &node[i];
  }
  return nullptr;
}

Status apply_override(std::vector<RecipeStep>& steps, const std::string& word) {
  const std::string what = "--set " + printable(word.substr(0, 200));
  const size_t equals = word.find('=');
  const size_t dot = word.find('.');
  if (equals == std::string::npos || dot > equals) {
    return error("{}: give STEP.key=value, like base.run.seed=7", what);
  }
  const auto step = std::find_if(steps.begin(), steps.end(),
                                 [&](const RecipeStep& s) { return s.name == word.substr(0, dot); });
  if (step == steps.end()) return error("{}: the recipe has no step of that name", what);
  JAJU_ASSIGN(const toml::table holder, parse_toml_value(word.substr(equals + 1), what));
  json value = to_json(*holder.get("v"));
  json* node = &step->settings;
  std::string path = word.substr(dot + 1, equals - dot - 1);
  if (std::count(path.begin(), path.end(), '.') >= kMaxKeyParts) {
    return error("{}: no setting of a step lies so deep", what);
  }
  while (true) {
    const size_t end = path.find('.');
    const std::string key = path.substr(0, end);
    if (node->is_null()) *node = json::object();
    node = key.empty() ? nullptr : part_of(*node, key);
    if (node == nullptr) return error("{}: '{}' leads nowhere in that step", what, printable(key));
    if (end == std::string::npos) break;
    path = path.substr(end + 1);
  }
  *node = std::move(value);
  return {};
}

// A text as TOML: JSON's escapes are TOML's, but TOML wants one for DEL, too.
std::string escaped(const json& text) {
  std::string out = text.dump(-1, ' ', false, json::error_handler_t::replace);
  for (size_t at = 0; (at = out.find('\x7f', at)) != std::string::npos;) out.replace(at, 1, "\\u007f");
  return out;
}

void write_value(const json& value, std::string& out) {
  if (value.is_object()) {
    out += "{";
    for (auto it = value.begin(); it != value.end(); ++it) {
      out += (it == value.begin() ? " " : ", ") + escaped(it.key()) + " = ";
      write_value(it.value(), out);
    }
    out += " }";
  } else if (value.is_array()) {
    out += "[";
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ", ";
      write_value(value[i], out);
    }
    out += "]";
  } else if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    out += fmt::format("{}", value.get<double>());  // inf, -inf, nan: JSON has no word for them
  } else {
    out += escaped(value);
  }
}

bool plain_key(const std::string& key) {
  return good_name(key) || key == "recipe";  // the one word that is no step's name
}

void write_table(const json& table, std::string& out) {
  for (const auto& [key, value] : table.items()) {
    out += (plain_key(key) ? key : escaped(key)) + " = ";
    write_value(value, out);
    out += "\n";
  }
}

std::string hash_of(const std::string& text) {
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

// What a step depends on, except for the steps it uses: settings, and files that lie beside the recipe.
std::string own_content(const Recipe& recipe, const RecipeStep& step) {
  json settings = step.settings;
  settings.erase("threads");  // of the steps that have no [run]
  if (const auto run = settings.find("run"); run != settings.end() && run->is_object()) {
    for (auto it = run->begin(); it != run->end();) {
      it = only_keeps_the_run(it.key()) ? run->erase(it) : std::next(it);
    }
    if (run->empty()) settings.erase(run);
  }
  std::string content = fmt::format("jaju recipe 1\n{}\n{}\n", name_of(step.kind),
                                    settings.dump(-1, ' ', false, json::error_handler_t::replace));
  each_text(step.settings, [&](const json& text) {
    const std::string prefix = "${recipe}";
    const std::string& path = text.get_ref<const std::string&>();
    if (!path.starts_with(prefix)) return;
    const Result<std::string> file =
        read_file(recipe.dir.string() + path.substr(prefix.size()), kMaxHashedFile);
    if (file.ok()) content += hash_of(*file) + "\n";
  });
  return content;
}

fs::path whole_path(const fs::path& path) {
  std::error_code failure;
  const fs::path whole = fs::absolute(path, failure);
  return (failure ? path : whole).lexically_normal();
}

}  // namespace

std::string_view name_of(StepKind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

std::string_view name_of(StepState::Kind kind) {
  switch (kind) {
    case StepState::Kind::waiting:
      return "to do";
    case StepState::Kind::interrupted:
      return "interrupted";
    case StepState::Kind::changed:
      return "changed";
    case StepState::Kind::done:
      return "done";
  }
  return "";
}

Result<Recipe> parse_recipe(std::string_view text, const std::string& what, const fs::path& dir,
                            const fs::path& out, const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(const toml::table root, parse_toml(text, what));
  Recipe recipe;
  recipe.dir = whole_path(dir);
  for (const auto& [key, node] : root) {
    if (key.str() == "out" && node.is_string() && !node.as_string()->get().empty()) {
      recipe.out = node.as_string()->get();
    } else if (key.str() != "step" || !node.is_array()) {
      return error("{} line {}: '{}' does not belong here; a recipe has out = \"DIR\" and [[step]] tables",
                   what, node.source().begin.line, printable(key.str()));
    }
  }
  if (!out.empty()) recipe.out = out;
  if (recipe.out.empty()) return error("{}: it does not say where to write; give out, or --out DIR", what);
  recipe.out = whole_path(recipe.out);
  const toml::array* steps = root["step"].as_array();
  if (steps == nullptr || steps->empty() || steps->size() > kMaxSteps) {
    return error("{}: it needs [[step]] tables, from 1 to {} of them", what, kMaxSteps);
  }
  for (const toml::node& node : *steps) {
    RecipeStep step;
    step.place = fmt::format("{} line {}", what, node.source().begin.line);
    step.settings = to_json(node);
    const auto text_of = [&](const char* key) -> std::string {
      if (!step.settings.is_object()) return "";
      const auto found = step.settings.find(key);
      return found != step.settings.end() && found->is_string() ? found->get<std::string>() : "";
    };
    step.name = text_of("name");
    if (!good_name(step.name)) {
      return error(
          "{}: a step needs a name of letters, digits, - and _, up to 64 of them, and not \"recipe\"",
          step.place);
    }
    step.place += fmt::format(" (step '{}')", step.name);
    for (const RecipeStep& other : recipe.steps) {
      if (other.name == step.name) return error("{}: an earlier step has this name", step.place);
    }
    const std::string kind = text_of("kind");
    const auto* found = std::find(std::begin(kKinds), std::end(kKinds), kind);
    if (found == std::end(kKinds)) {
      return error("{}: kind is '{}', it must be one of: {}", step.place, printable(kind.substr(0, 60)),
                   fmt::join(kKinds, ", "));
    }
    step.kind = static_cast<StepKind>(found - std::begin(kKinds));
    step.settings.erase("name");
    step.settings.erase("kind");
    recipe.steps.push_back(std::move(step));
  }
  for (const std::string& word : overrides) JAJU_RETURN_IF_ERROR(apply_override(recipe.steps, word));
  std::vector<RecipeStep> before;
  for (RecipeStep& step : recipe.steps) {
    JAJU_RETURN_IF_ERROR(find_needs(before, step));
    before.push_back(step);
  }
  return recipe;
}

Result<Recipe> load_recipe(const fs::path& file, const fs::path& out,
                           const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(const std::string text, read_file(file, kMaxRecipeBytes));
  return parse_recipe(text, file.string(), whole_path(file).parent_path(), out, overrides);
}

json resolved_settings(const Recipe& recipe, const RecipeStep& step) {
  json settings = step.settings;
  each_text(settings, [&](json& text) {
    text = replace_names(text.get_ref<const std::string&>(), [&](const std::string& name) {
      return (name == "recipe" ? recipe.dir : recipe.out / name).string();
    });
  });
  return settings;
}

std::string to_toml(const json& settings) {
  std::string out;
  json top = json::object();
  for (const auto& [key, value] : settings.items()) {
    const bool tables = value.is_array() && !value.empty() &&
                        std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_object(); });
    if (!value.is_object() && !tables) top[key] = value;
  }
  write_table(top, out);
  for (const auto& [key, value] : settings.items()) {
    if (top.contains(key)) continue;
    const std::string name = plain_key(key) ? key : escaped(key);
    if (value.is_object()) {
      out += fmt::format("\n[{}]\n", name);
      write_table(value, out);
      continue;
    }
    for (const json& table : value) {
      out += fmt::format("\n[[{}]]\n", name);
      write_table(table, out);
    }
  }
  return out;
}

std::vector<StepState> read_states(const Recipe& recipe) {
  std::vector<StepState> states;
  for (const RecipeStep& step : recipe.steps) {
    StepState& state = states.emplace_back();
    std::string content = own_content(recipe, step);
    for (const size_t need : step.needs) content += states[need].hash + "\n";
    state.hash = hash_of(content);
    const Result<json> marker = read_json(recipe.out / ".recipe" / (step.name + ".json"), kMaxRecipeBytes);
    if (!marker.ok() || !marker->is_object()) continue;
    const auto has = [&](const char* key, const std::string& value) {
      const auto found = marker->find(key);
      return found != marker->end() && *found == value;
    };
    std::error_code ignored;
    if (!fs::exists(recipe.out / step.name, ignored)) continue;
    if (!has("hash", state.hash)) {
      state.kind = StepState::Kind::changed;
    } else if (!has("state", "done")) {
      state.kind = StepState::Kind::interrupted;
    } else {
      // An input that was lost is made again with the same content, so this one stays.
      state.kind = StepState::Kind::done;
      const auto seconds = marker->find("seconds");
      if (seconds != marker->end() && seconds->is_number()) state.seconds = seconds->get<double>();
      const auto summary = marker->find("summary");
      if (summary != marker->end() && summary->is_string())
        state.summary = printable(summary->get<std::string>());
      state.facts = marker->value("facts", json::object());
    }
  }
  return states;
}

Result<RecipeLock> RecipeLock::take(const fs::path& out) {
  std::error_code failure;
  fs::create_directories(out / ".recipe", failure);
  if (failure)
    return error("cannot make the directory {}: {}", (out / ".recipe").string(), failure.message());
  const fs::path file = out / ".recipe" / "lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return error("cannot open {}: {}", file.string(), std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return error("another process works on {}; wait for it, or give another --out", out.string());
  }
  return RecipeLock(fd);
}

RecipeLock::~RecipeLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace jaju::train
