// Scoring a model: every question in either mode through the engine in batches, and what came of it by task,
// language and difficulty.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "chat/chat.h"
#include "eval/dataset.h"
#include "eval/score.h"
#include "runtime/engine.h"
#include "tokenizer/tokenizer.h"

namespace jaju::eval {

struct EvalOptions {
  std::vector<Mode> modes = {Mode::think, Mode::direct};
  int64_t slots = 32;        // answers side by side
  int64_t max_tokens = 400;  // of one answer, thinking included
  float temperature = 0;
  float top_p = 1;
  uint64_t seed = 0;  // answer i of a mode is drawn with a seed of its own, made of this and its place
  std::string system;
  // Tokens that stop an answer besides <|im_end|> and <|endoftext|>.
  std::vector<int32_t> stop_tokens;
  // Multiple choice: the likeliest letter after the prompt, instead of an answer that is generated. Counts as
  // one token, and never as badly formed.
  bool choice_logprob = false;
  std::function<void(int64_t done, int64_t total)> on_done;  // answers of all modes
  const std::atomic<bool>* cancel = nullptr;
};

// Counts over some of the answers of one mode.
struct Tally {
  int64_t n = 0;
  int64_t correct = 0;
  std::array<int64_t, 7> formats{};  // by FormatError
  std::vector<int64_t> tokens;       // of every answer, ascending
  double accuracy() const { return n == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(n); }
  int64_t format_errors() const { return n - formats[0]; }
  double mean_tokens() const;
  // The nearest rank: the smallest count that `share` of the answers do not exceed; 0 without answers.
  int64_t tokens_at(double share) const;
};

struct ModeReport {
  Mode mode = Mode::think;
  Tally all;
  // "" (language) and 0 (difficulty) hold the questions that name none.
  std::map<std::string, Tally> by_task, by_language;
  std::map<int, Tally> by_difficulty;
};

struct ScoredAnswer {
  size_t item = 0;
  Mode mode = Mode::think;
  Scored scored;
};

struct EvalReport {
  int64_t items = 0;
  std::vector<ModeReport> modes;
  std::vector<ScoredAnswer> answers;  // by mode, then item
  int64_t tokens = 0;                 // generated in all
  double seconds = 0;
  bool cancelled = false;  // the answers that were finished are counted
};

// Errors: a model without the tokens of a chat, a template that fails, damaged weights.
Result<EvalReport> evaluate(Engine& engine, const Tokenizer& tokenizer, const ChatTemplate& chat,
                            std::span<const Item> items, const EvalOptions& options);
Result<EvalReport> evaluate(Engine& engine, const Tokenizer& tokenizer, const ChatTemplate& chat,
                            std::span<const data::Problem> problems, const EvalOptions& options);

// Tables for a terminal, at most 100 columns wide.
std::string to_text(const EvalReport& report);
std::string to_markdown(const EvalReport& report, const std::string& title);
// {"items", "seconds", "tokens", "modes": {"think": {"all": TALLY, "by_task": {...}, "by_language",
// "by_difficulty"}}}, TALLY = {"n", "correct", "accuracy", "low", "high", "format_errors",
// "format_error_rate", "formats": {...}, "tokens": {"mean", "p50", "p95"}}.
nlohmann::ordered_json to_json(const EvalReport& report);
// One JSON object a line for every answer that is wrong or badly formed.
std::string wrong_answers(const EvalReport& report, std::span<const Item> items);

}  // namespace jaju::eval
