#include "train/toml_section.h"

#include <algorithm>
#include <sstream>

#include "base/utf8.h"

namespace jaju::train {
namespace {

// `--set a.b=value`: the value is TOML; what is no TOML is taken as a text.
Status apply_override(toml::table& root, const std::string& word) {
  const std::string what = "--set " + printable(word);
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    return error("{}: write it as key=value, like run.seed=7", what);
  std::vector<std::string> path;
  std::istringstream keys(word.substr(0, equals));
  for (std::string key; std::getline(keys, key, '.');) path.push_back(key);
  if (path.empty() || std::any_of(path.begin(), path.end(), [](const std::string& k) { return k.empty(); })) {
    return error("{}: the key has an empty part", what);
  }
  if (static_cast<int64_t>(path.size()) > kMaxKeyParts)
    return error("{}: no table of a recipe lies so deep", what);
  JAJU_ASSIGN(toml::table holder, parse_toml_value(word.substr(equals + 1), what));

  toml::node* node = &root;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    if (toml::table* table = node->as_table()) {
      if (!table->contains(path[i])) table->insert(path[i], toml::table{});
      node = table->get(path[i]);
    } else if (toml::array* array = node->as_array()) {
      toml::node* chosen = nullptr;
      for (size_t k = 0; k < array->size(); ++k) {
        const toml::table* element = (*array)[k].as_table();
        const bool named = element != nullptr && (*element)["name"].value<std::string>() == path[i];
        if (named || std::to_string(k) == path[i]) chosen = &(*array)[k];
      }
      if (chosen == nullptr) return error("{}: there is no stage '{}'", what, printable(path[i]));
      node = chosen;
    } else {
      return error("{}: '{}' holds a value, not a table", what, printable(path[i - 1]));
    }
  }
  toml::table* table = node->as_table();
  if (table == nullptr)
    return error("{}: '{}' is no table with keys", what, printable(path[path.size() - 2]));
  // Moved with its type, so that it keeps the place it came from.
  holder.get("v")->visit([&](auto& value) { table->insert_or_assign(path.back(), std::move(value)); });
  return {};
}

}  // namespace

Result<toml::table> parse_recipe_tables(std::string_view text, const std::string& what,
                                        const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(toml::table root, parse_toml(text, what));
  for (const std::string& word : overrides) JAJU_RETURN_IF_ERROR(apply_override(root, word));
  return root;
}

std::string toml_text(const toml::table& root) {
  std::ostringstream out;
  out << toml::default_formatter{root} << "\n";
  return out.str();
}

std::string place(const toml::node& node, const std::string& what) {
  const toml::source_region& region = node.source();
  if (region.path != nullptr) return *region.path;
  if (region.begin.line == 0) return what;
  return fmt::format("{} line {}", what, region.begin.line);
}

std::string shown(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_table<decltype(value)>) {
      out << "a table";
    } else {
      out << value;
    }
  });
  std::string text = printable(out.str());
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

Result<toml::table*> find_section(toml::table& root, const std::string& what, const char* name,
                                  toml::table& empty) {
  toml::node* node = root.get(name);
  if (node == nullptr) return &empty;
  if (node->as_table() == nullptr) return error("{}: '{}' must be a table", place(*node, what), name);
  return node->as_table();
}

void Section::integer(const char* key, int64_t low, int64_t high, int64_t& target) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const std::optional<int64_t> value = node->is_integer() ? node->value_exact<int64_t>() : std::nullopt;
  if (value && *value >= low && *value <= high) {
    target = *value;
  } else {
    fail(key, "is {}, it must be a whole number from {} to {}", shown(*node), low, high);
  }
}

void Section::small_integer(const char* key, int low, int high, int& target) {
  int64_t wide = target;
  integer(key, low, high, wide);
  target = static_cast<int>(wide);
}

void Section::number(const char* key, double low, double high, double& target) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const std::optional<double> value = node->is_number() ? node->value<double>() : std::nullopt;
  if (value && *value >= low && *value <= high) {
    target = *value;
  } else if (high == kInfinity) {
    fail(key, "is {}, it must be a number of at least {}", shown(*node), low);
  } else {
    fail(key, "is {}, it must be a number from {} to {}", shown(*node), low, high);
  }
}

void Section::boolean(const char* key, bool& target) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const std::optional<bool> value = node->value_exact<bool>();
  if (value) {
    target = *value;
  } else {
    fail(key, "is {}, it must be true or false", shown(*node));
  }
}

void Section::text(const char* key, std::string& target) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const std::optional<std::string> value = node->value_exact<std::string>();
  if (value && !value->empty() && value->size() <= 4096) {
    target = *value;
  } else {
    fail(key, "is {}, it must be a text in quotes", shown(*node));
  }
}

void Section::choice(const char* key, std::initializer_list<const char*> names, int& target) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const std::optional<std::string> value = node->value_exact<std::string>();
  int index = 0;
  for (const char* name : names) {
    if (value && *value == name) {
      target = index;
      return;
    }
    ++index;
  }
  fail(key, "is {}, it must be one of: {}", shown(*node), fmt::join(names, ", "));
}

Status Section::finish() {
  if (!status_.ok()) return status_;
  for (const auto& [key, node] : table_) {
    if (known_.contains(std::string(key.str()))) continue;
    return error("{}: '{}{}' is no key of a recipe; known here: {}", place(node, what_), name_,
                 printable(key.str()), fmt::join(known_, ", "));
  }
  return {};
}

const toml::node* Section::find(const char* key) {
  known_.insert(key);
  return table_.get(key);
}

std::filesystem::path absolute(const std::string& text) {
  std::error_code failure;
  const std::filesystem::path path = std::filesystem::absolute(text, failure);
  return (failure ? std::filesystem::path(text) : path).lexically_normal();
}

void read_path(Section& in, toml::table& table, const char* key, std::filesystem::path& target) {
  std::string text;
  in.text(key, text);
  if (text.empty()) return;
  target = absolute(text);
  if (auto* value = table.get_as<std::string>(key)) value->get() = target.string();
}

}  // namespace jaju::train
