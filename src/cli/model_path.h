// Which directory a MODEL on the command line means.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {

// The checkout this program was built in, or empty when it is installed elsewhere.
std::filesystem::path repository_root();

// A path to a directory with config.json (or to that file), or a name under data_dir()/models, the checkout's
// models/, or the installed share/jaju/models. Errors list what was looked for.
Result<std::filesystem::path> find_model(const std::string& model);

// What a model's directory is called: its last part, also of "x/" and ".".
std::string name_of_directory(const std::filesystem::path& dir);

// The tokenizer of a model (find_model), or the one a path to tokenizer.json or to its directory names.
Result<std::unique_ptr<Tokenizer>> open_tokenizer(const std::string& name);

// True when `word` names a model that is there.
bool is_model(const std::string& word);

// True for a word that can hardly be meant as a prompt: it has a slash and only characters file names have.
bool looks_like_path(const std::string& word);

// True for a word that reads like a model's name: "s3", "A.X-K1", "nano_q4", not "what" or "17".
bool looks_like_name(const std::string& word);

struct DefaultModel {
  std::filesystem::path dir;
  bool noise = false;  // the random test model: its answers mean nothing
};
// models/nano, and until that is there the tests' tiny random model.
Result<DefaultModel> default_model();

}  // namespace jaju::cli
