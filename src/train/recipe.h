// `jaju train recipe`: from nothing to a released model, in steps that one TOML file lists.
//
//   out = "runs/nano"                 where the steps write, from the current directory
//   [[step]]
//   name = "problems"                 the step writes to OUT/problems
//   kind = "synth"                    synth, tokenizer, prepare, train, merge, rl, eval or release
//   train = 400_000                   the settings of `jaju data synth`
//   [[step]]
//   name = "base"
//   kind = "train"
//   [step.run]                        the tables of `jaju train run`
//   [step.data]
//   book = "${book}"                  OUT/book, and a promise that the step "book" is done before
//
// "${recipe}" is the directory of the file itself. A step's settings are those of its verb; recipes/nano.toml
// shows each kind. OUT/.recipe/NAME.json says how far a step is, with a hash of its settings and of the steps
// it uses: a finished step is skipped, a changed one is done again with all that depends on it, an
// interrupted one goes on where its verb can.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "train/rl.h"
#include "train/trainer.h"

namespace jaju::train {

enum class StepKind { synth, tokenizer, prepare, train, merge, rl, eval, release };
std::string_view name_of(StepKind kind);

struct RecipeStep {
  std::string name;
  StepKind kind = StepKind::synth;
  nlohmann::json settings;    // an object, without name and kind; "${...}" as written
  std::vector<size_t> needs;  // earlier steps that it names, ascending
  std::string place;          // "nano.toml line 12 (step 'base')", for messages
};

struct Recipe {
  std::filesystem::path out;  // absolute
  std::filesystem::path dir;  // of the file, absolute
  std::vector<RecipeStep> steps;
};

// `overrides`: "STEP.key=value" with a TOML value (a bare word is text); elements of lists are named by their
// number or their name (base.stage.decay.tokens=1000). `out`: instead of the file's, when not empty. Errors:
// one sentence with file, line and key; the settings themselves are check_step()'s.
Result<Recipe> parse_recipe(std::string_view text, const std::string& what, const std::filesystem::path& dir,
                            const std::filesystem::path& out = {},
                            const std::vector<std::string>& overrides = {});
Result<Recipe> load_recipe(const std::filesystem::path& file, const std::filesystem::path& out = {},
                           const std::vector<std::string>& overrides = {});

// The settings with every "${...}" replaced by a path.
nlohmann::json resolved_settings(const Recipe& recipe, const RecipeStep& step);
// Settings of a "train" or "rl" step as the TOML its verb reads.
std::string to_toml(const nlohmann::json& settings);

// How far a step is.
struct StepState {
  enum class Kind {
    waiting,      // not begun
    interrupted,  // begun with these settings
    changed,      // done or begun with other settings, or with other inputs
    done,
  };
  Kind kind = Kind::waiting;
  std::string hash;     // of what should be
  double seconds = 0;   // spent on it, when done
  std::string summary;  // "4,096 tokens", when done
  nlohmann::json facts;
};
std::string_view name_of(StepState::Kind kind);
std::vector<StepState> read_states(const Recipe& recipe);

// Reads the settings of a step without doing anything. Errors: an unknown or missing key, a wrong value.
Status check_step(const Recipe& recipe, size_t index);

struct StepWatch {
  Observer* training = nullptr;
  RlObserver* rl = nullptr;
  const std::atomic<int>* signal = nullptr;   // a signal's number: stop soon
  const std::atomic<bool>* cancel = nullptr;  // set together with it
  bool quiet = false;                         // no progress bars
  std::string commit;
};

struct StepResult {
  bool finished = true;  // false: stopped by the signal
  std::string summary;
  nlohmann::json facts = nlohmann::json::object();
};

// Does a step and records it. Files of an earlier version of the step are removed first. Errors: a directory
// of its name that no recipe made, an input that is not done, and those of its verb.
Result<StepResult> run_step(const Recipe& recipe, size_t index, const StepWatch& watch);

// Holds OUT for this process until it is destroyed. Errors: another process holds it, it cannot be made.
class RecipeLock {
 public:
  static Result<RecipeLock> take(const std::filesystem::path& out);
  ~RecipeLock();
  RecipeLock(RecipeLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RecipeLock& operator=(RecipeLock&&) = delete;

 private:
  explicit RecipeLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace jaju::train
