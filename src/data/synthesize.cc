#include "data/synthesize.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "base/file.h"
#include "base/progress.h"
#include "base/thread_team.h"
#include "base/utf8.h"
#include "data/decontaminate.h"
#include "data/records.h"
#include "data/synth.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

// Candidates are drawn in batches of a fixed size, so that what one batch learns (a cell is exhausted)
// reaches the next one at the same place whatever the number of threads.
constexpr int64_t kBatch = 4096;
// A cell that gave nothing new in this many draws is exhausted. On the test side 49 of 50 draws belong to
// training.
constexpr int64_t kTrainMisses = 256;
constexpr int64_t kTestMisses = 50 * 64;

// A line-by-line output that becomes its name only when it is whole.
class Output {
 public:
  static Result<std::unique_ptr<Output>> create(const fs::path& path) {
    std::unique_ptr<Output> output(new Output);
    output->path_ = path;
    output->partial_ = path.string() + ".partial";
    output->file_ = std::fopen(output->partial_.c_str(), "wbe");
    if (output->file_ == nullptr) return error("cannot write {}: {}", path.string(), std::strerror(errno));
    return output;
  }
  ~Output() {
    if (file_ != nullptr) {
      std::fclose(file_);
      std::error_code ignored;
      fs::remove(partial_, ignored);
    }
  }

  Status line(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fputc('\n', file_) == EOF) {
      return error("cannot write {}: {}", path_.string(), std::strerror(errno));
    }
    return {};
  }

  Status finish() {
    const bool flushed = std::fflush(file_) == 0;
    const int reason = errno;
    const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
    std::error_code failed;
    if (flushed && closed) fs::rename(partial_, path_, failed);
    if (flushed && closed && !failed) return {};
    std::error_code ignored;
    fs::remove(partial_, ignored);
    return error("cannot write {}: {}", path_.string(), failed ? failed.message() : std::strerror(reason));
  }

 private:
  Output() = default;
  fs::path path_;
  std::string partial_;
  std::FILE* file_ = nullptr;
};

// One kind of problem: family, language, difficulty.
struct Cell {
  const Family* family = nullptr;
  Language language = Language::en;
  int difficulty = 1;
  double weight = 0;
  int64_t misses = 0;  // draws in a row that gave nothing new
  bool exhausted = false;
};

Result<std::vector<std::pair<Language, double>>> chosen_languages(const SynthOptions& options) {
  std::vector<std::pair<std::string, double>> wanted = options.languages;
  if (wanted.empty()) wanted = {{"ko", 4}, {"en", 4}, {"zh", 2.0 / 3}, {"ja", 2.0 / 3}, {"es", 2.0 / 3}};
  std::vector<std::pair<Language, double>> chosen;
  for (const auto& [code, weight] : wanted) {
    const std::string& name = code;  // clang 14 captures no structured binding
    const auto* found = std::find_if(std::begin(kLanguages), std::end(kLanguages),
                                     [&](Language language) { return code_of(language) == name; });
    if (found == std::end(kLanguages)) {
      return error("there is no language '{}'; problems exist in ko, en, zh, ja and es", printable(code));
    }
    if (!(weight > 0 && weight <= 1e6)) return error("the weight of language '{}' must be above 0", code);
    chosen.emplace_back(*found, weight);
  }
  return chosen;
}

Result<std::vector<const Family*>> chosen_families(const SynthOptions& options) {
  std::vector<const Family*> chosen;
  for (const std::string& name : options.tasks) {
    const bool known = std::any_of(families().begin(), families().end(), [&](const Family& family) {
      return family.task == name || family.group == name;
    });
    if (!known) {
      std::vector<std::string_view> tasks;
      for (const Family& family : families()) tasks.push_back(family.task);
      return error("there is no task or group '{}'; the tasks are {}", printable(name),
                   fmt::join(tasks, ", "));
    }
  }
  for (const Family& family : families()) {
    const bool named = std::any_of(options.tasks.begin(), options.tasks.end(), [&](const std::string& name) {
      return family.task == name || family.group == name;
    });
    if (options.tasks.empty() || named) chosen.push_back(&family);
  }
  if (chosen.empty()) return error("there is no family of problems to draw from");
  return chosen;
}

// A number from the seed and three more: independent streams for every candidate.
uint64_t mix_seed(uint64_t seed, uint64_t stream, uint64_t index) {
  const uint64_t parts[3] = {seed, stream, index};
  return XXH3_64bits(parts, sizeof(parts));
}

bool at_ends_clean(std::string_view text) {
  return !text.empty() && static_cast<unsigned char>(text.front()) > ' ' &&
         static_cast<unsigned char>(text.back()) > ' ';
}

// A family that breaks its promise (problem.h) gets its problem counted and left out, not trained on.
bool keeps_promises(const Problem& p) {
  return at_ends_clean(p.question) && at_ends_clean(p.answer) && at_ends_clean(p.thinking) &&
         !p.expected.empty() && utf8_valid(p.question) && utf8_valid(p.answer) && utf8_valid(p.thinking) &&
         utf8_valid(p.expected) && answer_matches(p.answer, p.expected);
}

struct Candidate {
  size_t cell = 0;
  bool broken = false;
  bool wanted = false;  // on this side of the split
  uint64_t id = 0;
  uint64_t question = 0;  // question_key
  std::optional<uint64_t> numbers;
  Problem problem;
};

class Synthesis {
 public:
  Synthesis(const SynthOptions& options, std::vector<Cell> cells)
      : options_(options), cells_(std::move(cells)), team_(options.threads) {}

  // Test problems first: training then keeps away from them.
  Status problems(bool test, int64_t count, const fs::path& path) {
    JAJU_ASSIGN(const std::unique_ptr<Output> output, Output::create(path));
    Progress progress(test ? "drawing test problems" : "drawing problems", "problems", count, options_.quiet);
    for (Cell& cell : cells_) {
      cell.misses = 0;
      cell.exhausted = false;
    }
    ProblemCounts& counts = test ? test_counts : train_counts;
    std::vector<Candidate> batch(kBatch);
    for (int64_t first = 0; counts.problems < count; first += kBatch) {
      if (cancelled()) return error("stopped; nothing was written to {}", path.string());
      if (!choose_cells(test, first, batch)) break;
      team_.parallel_for(kBatch,
                         [&](int64_t i, int) { draw(test, first + i, batch[static_cast<size_t>(i)]); });
      for (Candidate& candidate : batch) {
        if (counts.problems == count) break;
        Cell& cell = cells_[candidate.cell];
        if (candidate.broken) ++broken[std::string(cell.family->task)];
        if (!accept(test, candidate)) {
          cell.exhausted = cell.exhausted || ++cell.misses >= (test ? kTestMisses : kTrainMisses);
          continue;
        }
        cell.misses = 0;
        counts.add(candidate.problem);
        JAJU_RETURN_IF_ERROR(output->line(to_json_line(candidate.problem)));
      }
      progress.update(counts.problems);
    }
    return output->finish();
  }

  Status texts(const std::vector<std::pair<Language, double>>& languages, const fs::path& path) {
    JAJU_ASSIGN(const std::unique_ptr<Output> output, Output::create(path));
    Progress progress("drawing texts", "texts", options_.texts, options_.quiet);
    double total = 0;
    for (const auto& [language, weight] : languages) total += weight;
    std::unordered_set<uint64_t> seen;
    std::vector<std::pair<Language, std::string>> batch(kBatch);
    int64_t empty_batches = 0;
    for (int64_t first = 0; text_count < options_.texts && empty_batches < 4; first += kBatch) {
      if (cancelled()) return error("stopped; nothing was written to {}", path.string());
      team_.parallel_for(kBatch, [&](int64_t i, int) {
        Dice dice(mix_seed(options_.seed, 3, static_cast<uint64_t>(first + i)));
        double at = static_cast<double>(dice.next() >> 11) * 0x1p-53 * total;
        size_t l = 0;
        while (l + 1 < languages.size() && at >= languages[l].second) at -= languages[l++].second;
        batch[static_cast<size_t>(i)] = {languages[l].first, make_text(dice, languages[l].first)};
      });
      const int64_t before = text_count;
      for (const auto& [language, text] : batch) {
        if (text_count == options_.texts) break;
        if (!at_ends_clean(text) || !utf8_valid(text)) continue;
        if (!seen.insert(XXH3_64bits(text.data(), text.size())).second) continue;
        ++text_count;
        text_bytes += static_cast<int64_t>(text.size());
        ++texts_by_language[std::string(code_of(language))];
        const nlohmann::ordered_json object = {{"text", text}, {"language", std::string(code_of(language))}};
        JAJU_RETURN_IF_ERROR(output->line(object.dump()));
      }
      // Grammars repeat themselves in the end; four batches without one new text are that end.
      empty_batches = text_count == before ? empty_batches + 1 : 0;
      progress.update(text_count);
    }
    return output->finish();
  }

  ProblemCounts train_counts;
  ProblemCounts test_counts;
  std::map<std::string, int64_t> broken;  // by task
  int64_t twins = 0;                      // candidates for training left out as twins of test problems
  int64_t text_count = 0;
  int64_t text_bytes = 0;
  std::map<std::string, int64_t> texts_by_language;

 private:
  bool cancelled() const { return options_.cancel != nullptr && options_.cancel->load(); }

  // Assigns a cell to each candidate; false when every cell is exhausted.
  bool choose_cells(bool test, int64_t first, std::vector<Candidate>& batch) {
    std::vector<double> sums;
    std::vector<size_t> open;
    double total = 0;
    for (size_t c = 0; c < cells_.size(); ++c) {
      if (cells_[c].exhausted) continue;
      total += cells_[c].weight;
      sums.push_back(total);
      open.push_back(c);
    }
    if (open.empty()) return false;
    for (int64_t i = 0; i < kBatch; ++i) {
      Dice dice(mix_seed(options_.seed, test ? 11 : 10, static_cast<uint64_t>(first + i)));
      const double at = static_cast<double>(dice.next() >> 11) * 0x1p-53 * total;
      const auto slot = static_cast<size_t>(std::upper_bound(sums.begin(), sums.end(), at) - sums.begin());
      batch[static_cast<size_t>(i)].cell = open[std::min(slot, open.size() - 1)];
    }
    return true;
  }

  void draw(bool test, int64_t index, Candidate& candidate) const {
    const Cell& cell = cells_[candidate.cell];
    Dice dice(mix_seed(options_.seed, test ? 2 : 1, static_cast<uint64_t>(index)));
    Problem& problem = candidate.problem;
    problem = cell.family->make(dice, cell.language, cell.difficulty);
    problem.task = cell.family->task;
    problem.language = code_of(cell.language);
    problem.difficulty = cell.difficulty;
    problem.id = problem_id(problem.language, problem.question);
    candidate.wanted = is_test_problem(problem.id) == test;
    candidate.broken = false;
    if (!candidate.wanted) return;
    candidate.broken = !keeps_promises(problem);
    candidate.id = std::strtoull(problem.id.c_str(), nullptr, 16);
    candidate.question = question_key(problem.question);
    candidate.numbers = numbers_key(problem);
  }

  bool accept(bool test, const Candidate& candidate) {
    if (!candidate.wanted || candidate.broken) return false;
    if (test) {
      if (!test_ids_.insert(candidate.id).second) return false;
      test_questions_.insert(candidate.question);
      if (candidate.numbers) test_numbers_.insert(*candidate.numbers);
      return true;
    }
    if (test_questions_.count(candidate.question) > 0 ||
        (candidate.numbers && test_numbers_.count(*candidate.numbers) > 0)) {
      ++twins;
      return false;
    }
    return train_ids_.insert(candidate.id).second;
  }

  const SynthOptions& options_;
  std::vector<Cell> cells_;
  ThreadTeam team_;
  std::unordered_set<uint64_t> train_ids_;
  std::unordered_set<uint64_t> test_ids_;
  std::unordered_set<uint64_t> test_questions_;
  std::unordered_set<uint64_t> test_numbers_;
};

}  // namespace

void ProblemCounts::add(const Problem& problem) {
  ++problems;
  question_bytes += static_cast<int64_t>(problem.question.size());
  thinking_bytes += static_cast<int64_t>(problem.thinking.size());
  answer_bytes += static_cast<int64_t>(problem.answer.size());
  ++by_task[problem.task];
  ++by_language[problem.language];
  ++by_difficulty[problem.difficulty];
  ++cells[problem.task][problem.language][problem.difficulty];
}

nlohmann::ordered_json to_json(const ProblemCounts& counts) {
  nlohmann::ordered_json by_difficulty = nlohmann::ordered_json::object();
  for (const auto& [difficulty, n] : counts.by_difficulty) by_difficulty[std::to_string(difficulty)] = n;
  nlohmann::ordered_json cells = nlohmann::ordered_json::object();
  for (const auto& [task, languages] : counts.cells) {
    for (const auto& [language, levels] : languages) {
      nlohmann::ordered_json& cell = cells[task][language];
      for (const auto& [difficulty, n] : levels) cell[std::to_string(difficulty)] = n;
    }
  }
  return {{"problems", counts.problems},
          {"question_bytes", counts.question_bytes},
          {"thinking_bytes", counts.thinking_bytes},
          {"answer_bytes", counts.answer_bytes},
          {"by_task", counts.by_task},
          {"by_language", counts.by_language},
          {"by_difficulty", by_difficulty},
          {"cells", cells}};
}

Status synthesize(const SynthOptions& options) {
  if (options.train < 0 || options.test < 0 || options.texts < 0) return error("counts must be at least 0");
  if (options.max_difficulty < 1 || options.max_difficulty > 5) return error("the difficulty must be 1 to 5");
  JAJU_ASSIGN(const auto languages, chosen_languages(options));
  JAJU_ASSIGN(const auto chosen, chosen_families(options));
  std::vector<Cell> cells;
  for (const Family* family : chosen) {
    const int levels = std::min(family->levels, options.max_difficulty);
    for (const auto& [language, weight] : languages) {
      for (int difficulty = 1; difficulty <= levels; ++difficulty) {
        cells.push_back({family, language, difficulty, family->weight * weight / levels});
      }
    }
  }
  std::error_code failed;
  fs::create_directories(options.to, failed);
  if (failed) return error("cannot create {}: {}", options.to.string(), failed.message());
  // Whatever stood there is no longer described by its manifest.
  fs::remove(options.to / "manifest.json", failed);
  if (failed) return error("cannot write in {}: {}", options.to.string(), failed.message());

  Synthesis synthesis(options, std::move(cells));
  JAJU_RETURN_IF_ERROR(synthesis.problems(true, options.test, options.to / "test.jsonl"));
  JAJU_RETURN_IF_ERROR(synthesis.problems(false, options.train, options.to / "train.jsonl"));
  JAJU_RETURN_IF_ERROR(synthesis.texts(languages, options.to / "text.jsonl"));

  JAJU_ASSIGN(const ContaminationReport check,
              check_contamination({options.to / "train.jsonl"}, {options.to / "test.jsonl"}));
  if (check.same_question > 0 || check.same_numbers > 0) {
    return error(
        "{} test questions are in the training set ({}); this is a mistake in jaju, please report it",
        check.same_question + check.same_numbers, fmt::join(check.examples, "; "));
  }
  nlohmann::ordered_json files = nlohmann::ordered_json::object();
  for (const char* name : {"train.jsonl", "test.jsonl", "text.jsonl"}) {
    JAJU_ASSIGN(const std::string hash, hash_file(options.to / name));
    files[name] = {{"bytes", static_cast<int64_t>(fs::file_size(options.to / name, failed))},
                   {"xxh3_64", hash}};
  }
  nlohmann::ordered_json mix = nlohmann::ordered_json::object();
  for (const auto& [language, weight] : languages) mix[std::string(code_of(language))] = weight;
  std::vector<std::string> tasks;
  for (const Family* family : chosen) tasks.emplace_back(family->task);
  const nlohmann::ordered_json manifest = {
      {"format", "jaju-problems-1"},
      {"seed", options.seed},
      {"asked", {{"train", options.train}, {"test", options.test}, {"texts", options.texts}}},
      {"tasks", tasks},
      {"languages", mix},
      {"max_difficulty", options.max_difficulty},
      {"train", to_json(synthesis.train_counts)},
      {"test", to_json(synthesis.test_counts)},
      {"texts",
       {{"texts", synthesis.text_count},
        {"bytes", synthesis.text_bytes},
        {"by_language", synthesis.texts_by_language}}},
      {"left_out", {{"broken", synthesis.broken}, {"twins_of_test_problems", synthesis.twins}}},
      {"decontamination",
       {{"same_question", check.same_question},
        {"same_numbers", check.same_numbers},
        {"shared_13_gram", check.shared_ngram},
        {"covered_by_13_grams", check.covered},
        {"too_short_for_13_grams", check.too_short}}},
      {"files", files}};
  return write_file_atomic(options.to / "manifest.json", manifest.dump(1) + "\n");
}

}  // namespace jaju::data
