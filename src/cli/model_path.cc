#include "cli/model_path.h"

#include <cstdlib>
#include <vector>

#include "base/paths.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code failure;
  return fs::exists(path, failure);
}

bool is_folder(const fs::path& path) {
  std::error_code failure;
  return fs::is_directory(path, failure);
}

bool is_model_dir(const fs::path& path) {
  return is_folder(path) && is_there(path / "config.json");
}

bool is_repository(const fs::path& path) {
  return is_there(path / "CMakeLists.txt") && is_there(path / "src" / "cli" / "main.cc");
}

// The folders that hold models by name.
std::vector<fs::path> shelves() {
  std::vector<fs::path> places = {data_dir() / "models"};
  if (const fs::path root = repository_root(); !root.empty()) places.push_back(root / "models");
  places.push_back(executable_path().parent_path().parent_path() / "share" / "jaju" / "models");
  return places;
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name.size() <= 200;
}

}  // namespace

fs::path repository_root() {
  if (const char* root = std::getenv("JAJU_ROOT"); root != nullptr && is_repository(root)) return root;
  fs::path at = executable_path().parent_path();
  for (int up = 0; up < 6 && !at.empty(); ++up, at = at.parent_path()) {
    if (is_repository(at)) return at;
    if (at == at.root_path()) break;
  }
  return {};
}

Result<fs::path> find_model(const std::string& model) {
  if (model.empty()) return error("the model's name is empty; give a directory or a name");
  const fs::path path = model;
  if (is_model_dir(path)) return path;
  if (path.filename() == "config.json" && is_there(path))
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string looked = fmt::format("'{}'", (path / "config.json").string());
  if (is_plain_name(model)) {
    for (const fs::path& shelf : shelves()) {
      if (is_model_dir(shelf / model)) return shelf / model;
      looked += fmt::format(", '{}'", (shelf / model).string());
    }
  }
  if (is_folder(path)) {
    return error("'{}' is a directory without config.json, so it is not a model; looked for {}", model,
                 looked);
  }
  if (is_there(path))
    return error("'{}' is a file; give the model's directory, the one that holds config.json", model);
  return error("there is no model '{}'; looked for {}", model, looked);
}

std::string name_of_directory(const fs::path& dir) {
  const fs::path whole = fs::absolute(dir).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

Result<std::unique_ptr<Tokenizer>> open_tokenizer(const std::string& name) {
  std::error_code failure;
  if (fs::is_regular_file(name, failure) || fs::exists(fs::path(name) / "tokenizer.json", failure)) {
    return Tokenizer::load(name);
  }
  JAJU_ASSIGN(const fs::path dir, find_model(name));
  return Tokenizer::load(dir);
}

bool is_model(const std::string& word) {
  // A prompt may be longer than any path, and is_directory on it is then just false.
  return !word.empty() && find_model(word).ok();
}

bool looks_like_path(const std::string& word) {
  if (word.find('/') == std::string::npos) return false;
  bool letter = false;
  for (const char c : word) {
    const auto u = static_cast<unsigned char>(c);
    const bool alphabetic = (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u >= 0x80;
    const bool other = (u >= '0' && u <= '9') || u == '/' || u == '.' || u == '_' || u == '-' || u == '~';
    if (!alphabetic && !other) return false;
    letter = letter || alphabetic;
  }
  return letter || word[0] == '/' || word[0] == '.' || word[0] == '~';
}

bool looks_like_name(const std::string& word) {
  if (!is_plain_name(word)) return false;
  const std::string_view stem = std::string_view(word).substr(0, word.find_last_not_of('.') + 1);
  bool letter = false, mark = false;
  for (const char c : stem) {
    const bool alphabetic = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!alphabetic && !other) return false;
    letter = letter || alphabetic;
    mark = mark || other;
  }
  return letter && mark;
}

Result<DefaultModel> default_model() {
  std::string looked;
  for (const fs::path& shelf : shelves()) {
    if (is_model_dir(shelf / "nano")) return DefaultModel{shelf / "nano", false};
    looked += fmt::format("{}'{}'", looked.empty() ? "" : ", ", (shelf / "nano").string());
  }
  if (const fs::path root = repository_root(); !root.empty()) {
    const fs::path noise = root / "tests" / "golden" / "tiny-chat";
    if (is_model_dir(noise)) return DefaultModel{noise, true};
  }
  return error("no model was named and the small one is not there (looked for {}); use `jaju run MODEL`",
               looked);
}

}  // namespace jaju::cli
