// jaju data: problems with checkable answers, and the way from text to token shards.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/size_value.h"
#include "data/decontaminate.h"
#include "data/prepare.h"
#include "data/records.h"
#include "data/shards.h"
#include "data/synth.h"
#include "data/synthesize.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using data::ProblemCounts;

std::vector<fs::path> paths_of(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<double> parse_weight(std::string_view text, const std::string& what) {
  double weight = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (failure != std::errc() || end != text.data() + text.size() || !(weight > 0)) {
    return error("{}: '{}' is not a weight; give a number above 0, like 2 or 0.5", what, printable(text));
  }
  return weight;
}

int finish(const Status& done, const InterruptScope& interrupt) {
  const Status written = flush_stdout();
  if (!done.ok()) {
    note(done.message());
    return interrupt.hit() ? kInterrupted : kFailure;
  }
  return written.ok() ? kOk : fail(written);
}

// --- counts as a table

std::string row(std::string_view name, int64_t n, int64_t total) {
  const double share = total > 0 ? 100.0 * static_cast<double>(n) / static_cast<double>(total) : 0;
  return fmt::format("  {:<20} {:>12} {:>6.1f} %\n", name, with_commas(n), share);
}

void print_counts(const std::string& title, const ProblemCounts& counts) {
  const auto mean = [&](int64_t bytes) {
    return counts.problems > 0 ? static_cast<double>(bytes) / static_cast<double>(counts.problems) : 0.0;
  };
  print(fmt::format("{}: {} problems; bytes on average: question {:.0f}, thinking {:.0f}, answer {:.0f}\n",
                    title, with_commas(counts.problems), mean(counts.question_bytes),
                    mean(counts.thinking_bytes), mean(counts.answer_bytes)));
  print(" by task\n");
  for (const auto& [task, n] : counts.by_task) print(row(task, n, counts.problems));
  print(" by language\n");
  for (const auto& [language, n] : counts.by_language) print(row(language, n, counts.problems));
  print(" by difficulty\n");
  for (const auto& [difficulty, n] : counts.by_difficulty)
    print(row(std::to_string(difficulty), n, counts.problems));
}

// --- synth

struct SynthArguments {
  data::SynthOptions options;
  std::string to;
  std::string tasks;
  std::string languages;
  bool quiet = false;
  bool force = false;
};

Status synth(SynthArguments& arguments, const std::atomic<bool>* cancel) {
  data::SynthOptions& options = arguments.options;
  options.to = arguments.to;
  options.cancel = cancel;
  options.quiet = arguments.quiet;
  if (!arguments.tasks.empty()) options.tasks = split(arguments.tasks, ',');
  if (!arguments.languages.empty()) {
    for (const std::string& part : split(arguments.languages, ',')) {
      const size_t equals = part.find('=');
      double weight = 1;
      if (equals != std::string::npos) {
        JAJU_ASSIGN(weight, parse_weight(std::string_view(part).substr(equals + 1), "--languages"));
      }
      options.languages.emplace_back(part.substr(0, equals), weight);
    }
  }
  for (const char* name : {"train.jsonl", "test.jsonl", "text.jsonl", "manifest.json"}) {
    std::error_code ignored;
    if (!arguments.force && fs::exists(options.to / name, ignored))
      return error("{} is there already; --force replaces it", (options.to / name).string());
  }
  JAJU_RETURN_IF_ERROR(data::synthesize(options));
  JAJU_ASSIGN(const nlohmann::json manifest, read_json(options.to / "manifest.json", 64 << 20));
  const int64_t train = manifest["train"]["problems"];
  const int64_t test = manifest["test"]["problems"];
  const int64_t texts = manifest["texts"]["texts"];
  print(fmt::format("{}: {} problems to train on, {} to test with, {} texts\n", arguments.to,
                    with_commas(train), with_commas(test), with_commas(texts)));
  if (train < options.train || test < options.test || texts < options.texts) {
    note("that is fewer than asked for: the chosen tasks have no more distinct ones");
  }
  for (const auto& [task, n] : manifest["left_out"]["broken"].items()) {
    note(fmt::format(
        "{} problems of {} were left out: their answer does not match what they expect; please report this",
        n.get<int64_t>(), task));
  }
  return {};
}

void add_synth(CLI::App& data_verb, Action& action) {
  CLI::App* verb = data_verb.add_subcommand("synth", "Draws problems with exact answers, and plain text");
  auto arguments = std::make_shared<SynthArguments>();
  data::SynthOptions& options = arguments->options;
  verb->add_option("--to", arguments->to, "The directory to write")->required();
  const auto count = CLI::Range(int64_t{0}, int64_t{1'000'000'000});
  verb->add_option("--train", options.train, "Problems to train on")->check(count)->capture_default_str();
  verb->add_option("--test", options.test, "Problems to test with")->check(count)->capture_default_str();
  verb->add_option("--texts", options.texts, "Plain texts for pre-training")
      ->check(count)
      ->capture_default_str();
  verb->add_option("--seed", options.seed, "The same seed gives the same files")
      ->check(seed_value())
      ->capture_default_str();
  verb->add_option("--tasks", arguments->tasks, "Tasks or groups, like add,mul or word (default: all)");
  verb->add_option("--languages", arguments->languages,
                   "Like ko,en or ko=4,en=4,zh=1 (default: ko and en 40 % each)");
  verb->add_option("--max-difficulty", options.max_difficulty, "1 (easiest) to 5")
      ->check(CLI::Range(1, 5))
      ->capture_default_str();
  verb->add_flag("--force", arguments->force, "Replaces files that are there");
  verb->add_option("--threads", options.threads, "0: all of this machine")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  verb->add_flag("--quiet", arguments->quiet, "No progress bar");
  verb->footer(
      R"(Writes train.jsonl, test.jsonl, text.jsonl and manifest.json. Whether a question may be trained on or is for tests
is decided by its hash, so no seed puts a test question into training.

Example
  jaju data synth --to problems --train 200000 --test 2000 --texts 50000)");
  verb->callback([&action, arguments] {
    action = [arguments] {
      const InterruptScope interrupt(true);
      return finish(synth(*arguments, interrupt.flag()), interrupt);
    };
  });
}

// A directory of problems has train.jsonl and test.jsonl.
std::vector<fs::path> problem_files(const std::string& name) {
  std::error_code ignored;
  if (!fs::is_directory(name, ignored)) return {name};
  std::vector<fs::path> files;
  for (const char* part : {"train.jsonl", "test.jsonl"}) {
    if (fs::exists(fs::path(name) / part, ignored)) files.push_back(fs::path(name) / part);
  }
  return files;
}

// --- check

struct CheckArguments {
  std::vector<std::string> files;
  std::vector<std::string> against;
  bool json = false;
};

Status check_shards(const std::string& dir, bool json) {
  JAJU_ASSIGN(const std::unique_ptr<data::ShardSet> set, data::ShardSet::open(dir, true));
  if (json) {
    print(nlohmann::ordered_json{
              {"file", dir}, {"documents", set->documents()}, {"tokens", set->tokens()}, {"ok", true}}
              .dump() +
          "\n");
    return {};
  }
  print(fmt::format("{}: {} documents, {} tokens, every hash right\n", dir, with_commas(set->documents()),
                    with_commas(set->tokens())));
  return {};
}

// Every line a problem, and every answer right by its own `expected`.
Status check_problems(const std::string& file, bool json) {
  JAJU_ASSIGN(const std::unique_ptr<data::RecordReader> reader,
              data::RecordReader::open(file, data::RecordKind::line));
  std::string record;
  int64_t problems = 0;
  while (true) {
    JAJU_ASSIGN(const bool found, reader->next(record));
    if (!found) break;
    JAJU_ASSIGN(const data::Problem problem, data::problem_from_json(record, reader->place()));
    if (problem.id != data::problem_id(problem.language, problem.question)) {
      return error("{}: the id {} is not the hash of the question", reader->place(), printable(problem.id));
    }
    if (!data::answer_matches(problem.answer, problem.expected)) {
      return error("{}: the answer '{}' does not say what is expected, '{}'", reader->place(),
                   printable(problem.answer), printable(problem.expected));
    }
    ++problems;
  }
  if (json) {
    print(nlohmann::ordered_json{{"file", file}, {"problems", problems}, {"ok", true}}.dump() + "\n");
    return {};
  }
  print(fmt::format("{}: {} problems, every answer says what is expected\n", file, with_commas(problems)));
  return {};
}

Status check_against(const CheckArguments& arguments, bool* clean) {
  JAJU_ASSIGN(const data::ContaminationReport report,
              data::check_contamination(paths_of(arguments.files), paths_of(arguments.against)));
  *clean = report.same_question == 0;
  if (arguments.json) {
    const nlohmann::ordered_json object = {
        {"test_questions", report.test_questions},   {"train_records", report.train_records},
        {"same_question", report.same_question},     {"same_numbers", report.same_numbers},
        {"shared_13_gram", report.shared_ngram},     {"covered_by_13_grams", report.covered},
        {"too_short_for_13_grams", report.too_short}};
    print(object.dump() + "\n");
    return {};
  }
  print(fmt::format("{} test questions against {} training records\n", with_commas(report.test_questions),
                    with_commas(report.train_records)));
  const auto line = [&](std::string_view what, int64_t n) {
    print(fmt::format("  {:<58} {:>10}\n", what, with_commas(n)));
  };
  line("the same question (case, spacing, punctuation aside)", report.same_question);
  line("the same numbers and answer in other words", report.same_numbers);
  line("share a 13-gram with training", report.shared_ngram);
  line("all their 13-grams are in training", report.covered);
  line("too short to have a 13-gram", report.too_short);
  for (const std::string& example : report.examples) print("  " + example + "\n");
  return {};
}

int run_check(const CheckArguments& arguments) {
  if (!arguments.against.empty()) {
    bool clean = false;
    const Status done = check_against(arguments, &clean);
    if (!done.ok()) return fail(done);
    const Status written = flush_stdout();
    if (!written.ok()) return fail(written);
    if (!clean) note("test questions are in the training data: take them out of one of the two");
    return clean ? kOk : kFailure;
  }
  for (const std::string& name : arguments.files) {
    const std::vector<fs::path> files = problem_files(name);
    Status done = files.empty() ? check_shards(name, arguments.json) : Status();
    for (const fs::path& file : files) {
      if (done.ok()) done = check_problems(file.string(), arguments.json);
    }
    if (!done.ok()) return fail(done);
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

void add_check(CLI::App& data_verb, Action& action) {
  CLI::App* verb =
      data_verb.add_subcommand("check", "Checks shards or problems, or training data against tests");
  auto arguments = std::make_shared<CheckArguments>();
  verb->add_option("FILE", arguments->files,
                   "Shard directories or problem files; with --against: the training data")
      ->required();
  verb->add_option("--against", arguments->against, "Test files: is one of their questions in FILE?");
  verb->add_flag("--json", arguments->json, "One JSON object, of each file where there are several");
  verb->footer(
      R"(Exit code 1 when a test question is in the training data. A 13-gram is 13 words in a row, the usual measure;
sentences of synthetic problems recur with other numbers, so for them a shared one is no proof.

Examples
  jaju data check shards/book
  jaju data check problems/train.jsonl --against problems/test.jsonl)");
  verb->callback([&action, arguments] { action = [arguments] { return run_check(*arguments); }; });
}

// --- stats and show

struct StatsArguments {
  std::vector<std::string> files;
  bool json = false;
};

Result<ProblemCounts> count_problems(const fs::path& file) {
  JAJU_ASSIGN(const std::unique_ptr<data::RecordReader> reader,
              data::RecordReader::open(file, data::RecordKind::line));
  ProblemCounts counts;
  std::string record;
  while (true) {
    JAJU_ASSIGN(const bool found, reader->next(record));
    if (!found) return counts;
    JAJU_ASSIGN(const data::Problem problem, data::problem_from_json(record, reader->place()));
    counts.add(problem);
  }
}

Status stats_of_shards(const std::string& name, bool json) {
  JAJU_ASSIGN(const std::unique_ptr<data::ShardSet> set, data::ShardSet::open(name));
  JAJU_ASSIGN(const nlohmann::json manifest, read_json(fs::path(name) / "manifest.json", 64 << 20));
  if (json) {
    nlohmann::ordered_json object = {{"file", name}};
    object.update(manifest);
    print(object.dump() + "\n");
    return {};
  }
  print(fmt::format("{}: {} documents, {} tokens in {} shards, vocabulary {}\n", name,
                    with_commas(set->documents()), with_commas(set->tokens()), manifest["shards"].size(),
                    with_commas(set->vocab_size())));
  const auto sources = manifest.find("sources");
  if (sources == manifest.end() || !sources->is_array()) return {};
  print(fmt::format("  {:<28} {:<9} {:>7} {:>12} {:>14} {:>14} {:>9}\n", "source", "format", "weight",
                    "documents", "tokens", "with loss", "too long"));
  for (const nlohmann::json& source : *sources) {
    print(fmt::format("  {:<28} {:<9} {:>7} {:>12} {:>14} {:>14} {:>9}\n", source.value("file", ""),
                      source.value("format", ""), source.value("weight", 0.0),
                      with_commas(source.value("documents", int64_t{0})),
                      with_commas(source.value("tokens", int64_t{0})),
                      with_commas(source.value("loss_tokens", int64_t{0})),
                      with_commas(source.value("too_long", int64_t{0}))));
  }
  return {};
}

Status stats(const StatsArguments& arguments) {
  for (const std::string& name : arguments.files) {
    const std::vector<fs::path> files = problem_files(name);
    if (files.empty()) {
      JAJU_RETURN_IF_ERROR(stats_of_shards(name, arguments.json));
      continue;
    }
    for (const fs::path& file : files) {
      JAJU_ASSIGN(const ProblemCounts counts, count_problems(file));
      if (arguments.json) {
        nlohmann::ordered_json object = {{"file", file.string()}};
        object.update(to_json(counts));
        print(object.dump() + "\n");
      } else {
        print_counts(file.string(), counts);
      }
    }
  }
  return {};
}

void add_stats(CLI::App& data_verb, Action& action) {
  CLI::App* verb =
      data_verb.add_subcommand("stats", "Counts problems by task, language and difficulty, or shards");
  auto arguments = std::make_shared<StatsArguments>();
  verb->add_option("FILE", arguments->files, "Problem files, their directory, or shard directories")
      ->required();
  verb->add_flag("--json", arguments->json, "One JSON object per file");
  verb->footer(R"(Examples
  jaju data stats problems
  jaju data stats shards/book --json)");
  verb->callback([&action, arguments] {
    action = [arguments] {
      const Status done = stats(*arguments);
      const Status written = flush_stdout();
      return !done.ok() ? fail(done) : written.ok() ? kOk : fail(written);
    };
  });
}

struct ShowArguments {
  std::string file;
  int64_t count = 5;
  std::string task;
  std::string language;
  int difficulty = 0;
  uint64_t seed = 1;
};

// Drawn evenly from the whole file in one pass (reservoir sampling).
Status show(const ShowArguments& arguments) {
  JAJU_ASSIGN(const std::unique_ptr<data::RecordReader> reader,
              data::RecordReader::open(arguments.file, data::RecordKind::line));
  std::vector<data::Problem> shown;
  std::set<std::string> tasks, languages;
  std::string record;
  int64_t matching = 0;
  data::Dice dice(mix64(arguments.seed));
  while (true) {
    JAJU_ASSIGN(const bool found, reader->next(record));
    if (!found) break;
    JAJU_ASSIGN(data::Problem problem, data::problem_from_json(record, reader->place()));
    tasks.insert(problem.task);
    languages.insert(problem.language);
    if (!arguments.task.empty() && problem.task != arguments.task) continue;
    if (!arguments.language.empty() && problem.language != arguments.language) continue;
    if (arguments.difficulty != 0 && problem.difficulty != arguments.difficulty) continue;
    ++matching;
    if (static_cast<int64_t>(shown.size()) < arguments.count) {
      shown.push_back(std::move(problem));
    } else {
      const int64_t slot = dice.between(0, matching - 1);
      if (slot < arguments.count) shown[static_cast<size_t>(slot)] = std::move(problem);
    }
  }
  for (const data::Problem& problem : shown) {
    print(fmt::format("--- {} · {} · difficulty {} · {}\nQ: {}\nT: {}\nA: {}\nexpected: {}\n", problem.task,
                      problem.language, problem.difficulty, problem.id, problem.question, problem.thinking,
                      problem.answer, problem.expected));
  }
  if (matching == 0) {
    return error("{} has no such problem; its tasks are {}, its languages {}", arguments.file,
                 fmt::join(tasks, ", "), fmt::join(languages, ", "));
  }
  note(fmt::format("{} of {} problems", shown.size(), with_commas(matching)));
  return {};
}

void add_show_problems(CLI::App& data_verb, Action& action) {
  CLI::App* verb = data_verb.add_subcommand("show", "Shows some problems of a file");
  auto arguments = std::make_shared<ShowArguments>();
  verb->add_option("FILE", arguments->file, "A file of problems")->required();
  verb->add_option("-n,--count", arguments->count, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  verb->add_option("--task", arguments->task, "Only this task");
  verb->add_option("--language", arguments->language, "Only this language");
  verb->add_option("--difficulty", arguments->difficulty, "Only this difficulty")->check(CLI::Range(1, 5));
  verb->add_option("--seed", arguments->seed, "Other ones")->check(seed_value())->capture_default_str();
  verb->footer(R"(Example
  jaju data show problems/train.jsonl --task mul -n 3)");
  verb->callback([&action, arguments] {
    action = [arguments] {
      const Status done = show(*arguments);
      const Status written = flush_stdout();
      return !done.ok() ? fail(done) : written.ok() ? kOk : fail(written);
    };
  });
}

// --- prepare

struct PrepareArguments {
  data::PrepareOptions options;
  std::vector<std::string> files;
  std::string format = "text";
  std::string tokenizer;
  std::string to;
  std::string by = "paragraph";
  std::vector<std::string> weights;  // FILE=W
  std::vector<std::string> sources;  // FILE:FORMAT[:W]
  std::string tasks;
  bool quiet = false;
};

// FILE:FORMAT or FILE:FORMAT:WEIGHT; a file's name may hold colons.
Result<data::PrepareSource> parse_source(const std::string& text) {
  const auto usage = [&] {
    return error("--source '{}': give FILE:FORMAT or FILE:FORMAT:WEIGHT", printable(text));
  };
  data::PrepareSource source;
  const size_t last = text.rfind(':');
  if (last == std::string::npos || last == 0) return usage();
  std::string name = text.substr(0, last);
  std::string format = text.substr(last + 1);
  if (!data::parse_document_format(format).ok()) {
    const size_t middle = name.rfind(':');
    const Result<double> weight = parse_weight(format, "--source '" + printable(text) + "'");
    if (middle == std::string::npos || middle == 0) return usage();
    if (!weight.ok()) return weight.status();
    source.weight = *weight;
    format = name.substr(middle + 1);
    name.resize(middle);
  }
  JAJU_ASSIGN(source.format, data::parse_document_format(format));
  source.file = name;
  return source;
}

Status read_sources(PrepareArguments& arguments) {
  std::vector<data::PrepareSource>& sources = arguments.options.sources;
  JAJU_ASSIGN(const data::DocumentFormat format, data::parse_document_format(arguments.format));
  for (const std::string& file : arguments.files) sources.push_back({.file = file, .format = format});
  for (const std::string& text : arguments.sources) {
    JAJU_ASSIGN(const data::PrepareSource source, parse_source(text));
    sources.push_back(source);
  }
  if (sources.empty()) return error("nothing to prepare: give a FILE, or --source FILE:FORMAT");
  for (const std::string& text : arguments.weights) {
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos) return error("--weight '{}': give FILE=WEIGHT", printable(text));
    JAJU_ASSIGN(const double weight, parse_weight(std::string_view(text).substr(equals + 1), "--weight"));
    bool found = false;
    for (data::PrepareSource& source : sources) {
      if (source.file != text.substr(0, equals)) continue;
      source.weight = weight;
      found = true;
    }
    if (!found) return error("--weight: '{}' is not one of the files", printable(text.substr(0, equals)));
  }
  if (arguments.by != "paragraph" && arguments.by != "file") return error("--by must be paragraph or file");
  for (data::PrepareSource& source : sources) {
    source.whole_file = arguments.by == "file";
    if (!arguments.tasks.empty()) source.tasks = split(arguments.tasks, ',');
  }
  return {};
}

int run_prepare(PrepareArguments& arguments) {
  if (const Status read = read_sources(arguments); !read.ok()) return fail_usage(read);
  arguments.options.to = arguments.to;
  std::error_code ignored;
  arguments.options.tokenizer = arguments.tokenizer;
  if (!fs::exists(arguments.tokenizer, ignored)) {  // a model's name, as every verb takes it
    const Result<fs::path> dir = find_model(arguments.tokenizer);
    if (!dir.ok()) return fail(dir.status());
    arguments.options.tokenizer = *dir;
  }
  arguments.options.quiet = arguments.quiet;
  const InterruptScope interrupt(true);
  arguments.options.cancel = interrupt.flag();
  Status done = data::prepare(arguments.options);
  if (done.ok()) done = stats_of_shards(arguments.to, false);
  return finish(done, interrupt);
}

void add_prepare(CLI::App& data_verb, Action& action) {
  CLI::App* verb = data_verb.add_subcommand("prepare", "Turns JSONL or text into token shards to train on");
  auto arguments = std::make_shared<PrepareArguments>();
  data::PrepareOptions& options = arguments->options;
  verb->add_option("FILE", arguments->files, "Sources: .jsonl or .txt");
  verb->add_option("--tokenizer", arguments->tokenizer, "A model, its name, or a tokenizer's directory")
      ->required();
  verb->add_option("--to", arguments->to, "The directory to write")->required();
  verb->add_option("--format", arguments->format, "text, book, think, direct, both or messages")
      ->capture_default_str();
  verb->add_option("--weight,--repeat", arguments->weights,
                   "FILE=2 reads it twice, FILE=0.5 every second record");
  verb->add_option("--source", arguments->sources, "FILE:FORMAT[:WEIGHT], for sources of several formats");
  verb->add_option("--tasks", arguments->tasks, "Only problems of these tasks, like add,sub (default: all)");
  verb->add_option("--by", arguments->by, "A .txt document is a paragraph or the whole file")
      ->capture_default_str();
  verb->add_option("--max-tokens", options.max_tokens, "Longer documents are left out")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 30));
  verb->add_option("--shard-tokens", options.tokens_per_shard, "Tokens per shard")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 33));
  verb->add_option("--threads", options.threads, "0: all of this machine")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  verb->add_flag("--quiet", arguments->quiet, "No progress bar");
  verb->footer(R"(Formats
  text      {"text"} or plain text; loss on every token
  book      a problem as question, thinking, answer; loss on every token
  think     a problem in the chat template, thinking on; loss on thinking and answer
  direct    the same with thinking off; loss on the answer
  both      think, then direct
  messages  {"messages": [...]}; loss on what the assistant says

Stopped at any moment, the same command goes on behind the last finished shard.

Examples
  jaju data prepare problems/train.jsonl --format both --tokenizer nano --to shards/sft
  jaju data prepare --source problems/text.jsonl:text:2 --source problems/train.jsonl:book \
    --tokenizer nano --to shards/pretrain)");
  verb->callback([&action, arguments] { action = [arguments] { return run_prepare(*arguments); }; });
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("data", "Makes, checks and prepares training data");
  verb->require_subcommand(1);
  verb->footer(R"(Examples
  jaju data synth --to problems --train 200000 --test 2000
  jaju data show problems/train.jsonl
  jaju data prepare problems/train.jsonl --format both --tokenizer nano --to shards/sft

`jaju data VERB --help` tells more.)");
  add_synth(*verb, action);
  add_prepare(*verb, action);
  add_stats(*verb, action);
  add_show_problems(*verb, action);
  add_check(*verb, action);
}

}  // namespace jaju::cli
