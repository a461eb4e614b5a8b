// Reading a recipe's tables: key by key, each with its range; every message names the file, the line and the
// key.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/toml.h"

namespace jaju::train {

constexpr int64_t kManyTokens = int64_t{1} << 50;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The tables of a recipe with every `--set a.b=value` applied. Errors: parse_toml()'s, and an override that
// leads nowhere.
Result<toml::table> parse_recipe_tables(std::string_view text, const std::string& what,
                                        const std::vector<std::string>& overrides);
// What RUN/config.toml holds.
std::string toml_text(const toml::table& root);

// Where a node stands: "recipe.toml line 12", or "--set run.seed=x".
std::string place(const toml::node& node, const std::string& what);
// A value for a message, cut at 60 bytes.
std::string shown(const toml::node& node);
// A table of the root, `empty` when it is not there.
Result<toml::table*> find_section(toml::table& root, const std::string& what, const char* name,
                                  toml::table& empty);

// Reads the keys of one table and remembers the first error, so that the reading code stays a list of keys. A
// key that is absent leaves its target as it is; finish() refuses keys nobody asked for.
class Section {
 public:
  // `name` stands before keys in messages ("run.", "stage 'decay': ").
  Section(const toml::table& table, std::string what, std::string name)
      : table_(table), what_(std::move(what)), name_(std::move(name)) {}

  const toml::node* find(const char* key);

  template <typename... Args>
  void fail(const char* key, fmt::format_string<Args...> format, Args&&... args) {
    if (!status_.ok()) return;
    const toml::node* node = table_.get(key);
    status_ = error("{}: '{}{}' {}", place(node != nullptr ? *node : table_, what_), name_, key,
                    fmt::format(format, std::forward<Args>(args)...));
  }

  void integer(const char* key, int64_t low, int64_t high, int64_t& target);
  void small_integer(const char* key, int low, int high, int& target);
  // low <= value <= high; a whole number is fine too.
  void number(const char* key, double low, double high, double& target);
  void boolean(const char* key, bool& target);
  void text(const char* key, std::string& target);
  // The index of the value in `names`.
  void choice(const char* key, std::initializer_list<const char*> names, int& target);
  Status finish();
  const std::string& what() const { return what_; }

 private:
  const toml::table& table_;
  std::string what_;
  std::string name_;
  std::set<std::string> known_;
  Status status_;
};

std::filesystem::path absolute(const std::string& text);
// Reads a path and writes it back as absolute, so that the copy in the run's directory means the same
// anywhere.
void read_path(Section& in, toml::table& table, const char* key, std::filesystem::path& target);

}  // namespace jaju::train
