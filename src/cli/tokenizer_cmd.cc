// jaju tokenizer: learns a vocabulary from text, and measures how well vocabularies fit a text.
#include <CLI/CLI.hpp>

#include <sys/stat.h>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/model_path.h"
#include "cli/size_value.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_stats.h"
#include "tokenizer/tokenizer_trainer.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

int64_t total_bytes(const std::vector<CorpusFile>& files) {
  int64_t bytes = 0;
  for (const CorpusFile& file : files) bytes += file.bytes;
  return bytes;
}

// --- train

struct TrainOptions {
  std::vector<std::string> files;
  std::string to;
  int threads = 0;
  bool force = false;
  bool json = false;
  TokenizerTrainOptions trainer;
  uint64_t sample = 0;
};

Status write_files(const TrainOptions& options, const TrainedTokenizer& trained) {
  const fs::path dir = options.to;
  std::error_code failure;
  fs::create_directories(dir, failure);
  if (failure) return error("{}: the directory cannot be made: {}", options.to, failure.message());
  // The one that programs look for comes last.
  JAJU_RETURN_IF_ERROR(write_file_atomic(dir / "tokenizer_config.json", trained.tokenizer_config_json));
  return write_file_atomic(dir / "tokenizer.json", trained.tokenizer_json);
}

Result<TrainedTokenizer> train(const TrainOptions& options, double* seconds) {
  const fs::path target = fs::path(options.to) / "tokenizer.json";
  std::error_code failure;
  if (!options.force && fs::exists(target, failure)) {
    return error("{} exists; --force replaces it", target.string());
  }
  std::vector<fs::path> paths(options.files.begin(), options.files.end());
  JAJU_ASSIGN(const std::vector<CorpusFile> files, open_corpus(paths));
  ThreadTeam team(options.threads);
  const auto start = std::chrono::steady_clock::now();
  TokenizerTrainProgress progress;
  auto reading = std::make_unique<Progress>("counting words", "B", total_bytes(files));
  std::unique_ptr<Progress> learning;
  progress.read = [&](int64_t bytes) { reading->update(bytes); };
  progress.learned = [&](int64_t tokens) {
    if (!learning) {
      reading.reset();
      learning = std::make_unique<Progress>("learning", "tokens", options.trainer.vocab_size);
    }
    learning->update(tokens);
  };
  JAJU_ASSIGN(TrainedTokenizer trained, train_tokenizer(files, options.trainer, team, progress));
  reading.reset();
  learning.reset();
  *seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  JAJU_RETURN_IF_ERROR(write_files(options, trained));
  return trained;
}

int run_train(const TrainOptions& options) {
  double seconds = 0;
  const Result<TrainedTokenizer> trained = train(options, &seconds);
  if (!trained.ok()) return fail(trained.status());
  const TrainedTokenizer& t = *trained;
  if (options.json) {
    const nlohmann::ordered_json report = {{"vocab_size", t.vocab_size},
                                           {"merges", t.merges},
                                           {"special_tokens", t.special_tokens},
                                           {"reserved_tokens", t.reserved_tokens},
                                           {"documents", t.documents},
                                           {"bytes", t.bytes},
                                           {"words", t.words},
                                           {"dropped_words", t.dropped_words},
                                           {"last_count", t.last_count},
                                           {"seconds", seconds}};
    print(report.dump() + "\n");
  } else {
    print(fmt::format(
        "{}/tokenizer.json: {} tokens ({} merges, {} special) from {} in {} document{}, {:.1f} s\n",
        options.to, with_commas(t.vocab_size), with_commas(t.merges), t.special_tokens,
        human_bytes(static_cast<double>(t.bytes)), with_commas(t.documents), t.documents == 1 ? "" : "s",
        seconds));
    print(fmt::format("{} distinct words; the last pair joined occurs {} times\n", with_commas(t.words),
                      with_commas(t.last_count)));
  }
  if (t.dropped_words > 0) {
    note(fmt::format("{} rare words were forgotten to stay within the memory for words",
                     with_commas(t.dropped_words)));
  }
  if (t.vocab_size < options.trainer.vocab_size) {
    note(fmt::format(
        "the text has no more pairs that occur {} times: the vocabulary is smaller than asked for",
        options.trainer.min_frequency));
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

void add_train_verb(CLI::App& parent, Action& action) {
  CLI::App* verb = parent.add_subcommand("train", "Learns a vocabulary from text and writes tokenizer.json");
  auto options = std::make_shared<TrainOptions>();
  TokenizerTrainOptions& trainer = options->trainer;
  verb->add_option("FILE", options->files, "Text, or JSONL (.jsonl) with text, messages or problems")
      ->required();
  verb->add_option("--to", options->to, "The directory to write into")->required();
  verb->add_option("--vocab-size", trainer.vocab_size, "Tokens in all: bytes, joined ones, special ones")
      ->check(CLI::Range(257, 10'000'000))
      ->capture_default_str();
  verb->add_option("--multiple-of", trainer.multiple_of,
                   "Adds reserved tokens until the size is a multiple of this (A.X K1: 128)")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_option("--min-frequency", trainer.min_frequency, "Pairs that occur less often are not joined")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  verb->add_option("--max-token-bytes", trainer.max_token_bytes, "No token is longer")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_option("--sample", options->sample,
                   "Learns from about this much of the files, evenly drawn (200MB)")
      ->transform(size_value(1));
  verb->add_option("--threads", options->threads, "Default: one per CPU")->check(CLI::Range(1, 4096));
  verb->add_flag("--force", options->force, "Replaces a tokenizer.json that is there");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      R"(Byte-level BPE with A.X K1's pre-tokenizer: digits stay single, Han and kana stand apart. The special tokens of
the chat get the last ids. The same files and options give the same tokenizer, whatever the number of threads.

Examples
  jaju tokenizer train corpus/*.jsonl --vocab-size 4096 --to tokenizers/nano
  jaju tokenizer train wiki.txt code.txt --vocab-size 32768 --multiple-of 128 --sample 500MB --to tokenizers/32k)");
  verb->callback([&action, options] {
    action = [options] {
      options->trainer.sample_bytes = static_cast<int64_t>(std::min<uint64_t>(options->sample, INT64_MAX));
      return run_train(*options);
    };
  });
}

// --- stats

struct StatsOptions {
  std::string tokenizer;
  std::vector<std::string> files;
  std::vector<std::string> others;
  std::vector<std::string> labels;
  std::string by = "language";
  uint64_t sample = 0;
  int threads = 0;
  bool json = false;
};

struct Measured {
  std::vector<std::string> names;  // as given
  std::vector<int64_t> vocab_sizes;
  std::vector<FitRow> rows;  // the total last, when there is more than one
};

double ratio(int64_t a, int64_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

Result<Measured> measure(const StatsOptions& options) {
  std::vector<fs::path> paths(options.files.begin(), options.files.end());
  JAJU_ASSIGN(const std::vector<CorpusFile> files, open_corpus(paths));
  FitOptions fit;
  fit.group_key = options.by;
  fit.sample_bytes = static_cast<int64_t>(std::min<uint64_t>(options.sample, INT64_MAX));
  for (size_t i = 0; i < files.size(); ++i) {
    fit.labels.push_back(options.labels.empty() ? default_label(files[i].path)
                                                : options.labels[options.labels.size() == 1 ? 0 : i]);
  }
  Measured measured;
  measured.names.push_back(options.tokenizer);
  measured.names.insert(measured.names.end(), options.others.begin(), options.others.end());
  std::vector<std::unique_ptr<Tokenizer>> loaded;
  std::vector<const Tokenizer*> tokenizers;
  for (const std::string& name : measured.names) {
    JAJU_ASSIGN(std::unique_ptr<Tokenizer> tokenizer, open_tokenizer(name));
    measured.vocab_sizes.push_back(tokenizer->vocab_size());
    tokenizers.push_back(tokenizer.get());
    loaded.push_back(std::move(tokenizer));
  }
  ThreadTeam team(options.threads);
  Progress progress("counting tokens", "B", total_bytes(files));
  JAJU_ASSIGN(measured.rows,
              measure_fit(files, tokenizers, fit, team, [&](int64_t bytes) { progress.update(bytes); }));
  if (measured.rows.empty()) return error("the files hold no text to count tokens in");
  if (measured.rows.size() > 1) measured.rows.push_back(total_fit(measured.rows));
  return measured;
}

nlohmann::ordered_json stats_json(const Measured& measured) {
  nlohmann::ordered_json tokenizers = nlohmann::ordered_json::array();
  for (size_t i = 0; i < measured.names.size(); ++i) {
    tokenizers.push_back({{"tokenizer", measured.names[i]}, {"vocab_size", measured.vocab_sizes[i]}});
  }
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  for (const FitRow& row : measured.rows) {
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (const int64_t tokens : row.tokens) {
      results.push_back({{"tokens", tokens},
                         {"tokens_per_document", ratio(tokens, row.documents)},
                         {"tokens_per_byte", ratio(tokens, row.bytes)},
                         {"bytes_per_token", ratio(row.bytes, tokens)},
                         {"tokens_per_character", ratio(tokens, row.characters)}});
    }
    groups.push_back({{"group", row.group},
                      {"documents", row.documents},
                      {"bytes", row.bytes},
                      {"characters", row.characters},
                      {"results", results}});
  }
  return {{"tokenizers", tokenizers}, {"groups", groups}};
}

// One block of columns per measure, a column per tokenizer in it; then the first against each other, in
// tokens.
std::string stats_table(const Measured& measured) {
  const size_t n = measured.names.size();
  std::string out;
  const auto letter = [&](size_t i) { return n == 1 ? std::string() : fmt::format(" {}", i + 1); };
  for (size_t i = 0; i < n && n > 1; ++i) {
    out +=
        fmt::format("{}  {} ({} tokens)\n", i + 1, measured.names[i], with_commas(measured.vocab_sizes[i]));
  }
  size_t width = 8;
  for (const FitRow& row : measured.rows) width = std::max(width, row.group.size());
  out += fmt::format("{:<{}}  {:>9}  {:>8}", "", width, "documents", "bytes");
  for (size_t i = 0; i < n; ++i) out += fmt::format("  {:>12}", "tokens/doc" + letter(i));
  for (size_t i = 0; i < n; ++i) out += fmt::format("  {:>13}", "tokens/byte" + letter(i));
  for (size_t i = 0; i < n; ++i) out += fmt::format("  {:>13}", "bytes/token" + letter(i));
  for (size_t i = 1; i < n; ++i) out += fmt::format("  {:>8}", fmt::format("1 vs {}", i + 1));
  out += '\n';
  for (const FitRow& row : measured.rows) {
    out += fmt::format("{:<{}}  {:>9}  {:>8}", readable(row.group), width, with_commas(row.documents),
                       human_bytes(static_cast<double>(row.bytes)));
    for (const int64_t t : row.tokens) {
      // A sample of a text file may hold none of its beginning.
      out +=
          fmt::format("  {:>12}", row.documents == 0 ? "-" : fmt::format("{:.2f}", ratio(t, row.documents)));
    }
    for (const int64_t t : row.tokens) out += fmt::format("  {:>13.4f}", ratio(t, row.bytes));
    for (const int64_t t : row.tokens) out += fmt::format("  {:>13.3f}", ratio(row.bytes, t));
    for (size_t i = 1; i < n; ++i) {
      const std::string change =
          row.tokens[i] == 0 ? "-"
                             : fmt::format("{:+.1f} %", 100 * (ratio(row.tokens[0], row.tokens[i]) - 1));
      out += fmt::format("  {:>8}", change);
    }
    out += '\n';
  }
  return out;
}

int run_stats(const StatsOptions& options) {
  if (options.labels.size() > 1 && options.labels.size() != options.files.size()) {
    return fail_usage(
        error("--label needs one name for all files, or one per FILE: there are {} for {} files",
              options.labels.size(), options.files.size()));
  }
  const Result<Measured> measured = measure(options);
  if (!measured.ok()) return fail(measured.status());
  print(options.json
            ? stats_json(*measured).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                  "\n"
            : stats_table(*measured));
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

void add_stats_verb(CLI::App& parent, Action& action) {
  CLI::App* verb =
      parent.add_subcommand("stats", "Counts tokens per byte and document, by language and code");
  auto options = std::make_shared<StatsOptions>();
  verb->add_option("TOKENIZER", options->tokenizer, "A model, or a tokenizer.json")->required();
  verb->add_option("FILE", options->files, "Text, or JSONL (.jsonl) with text, messages or problems")
      ->required();
  verb->add_option("--against", options->others, "Another tokenizer to compare with; may be repeated")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  verb->add_option("--by", options->by, "The JSONL key whose values are the groups (task, difficulty)")
      ->capture_default_str();
  verb->add_option("--label", options->labels,
                   "The group of text that says none: one for all files, or repeated, one per FILE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  verb->add_option("--sample", options->sample,
                   "Counts in about this much of the files, evenly drawn (200MB)")
      ->transform(size_value(1));
  verb->add_option("--threads", options->threads, "Default: one per CPU")->check(CLI::Range(1, 4096));
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      R"(A group is the "language" of a JSONL line; else the file's --label; else "code" for a program's source, or the
file's name. Only text is counted: no special tokens, no turn's role. Fewer tokens per byte are better.

Examples
  jaju tokenizer stats models/nano ko.txt en.txt main.py
  jaju tokenizer stats models/nano test.jsonl --by task
  jaju tokenizer stats tokenizers/32k ko.txt en.txt --against ~/models/A.X-K1 --against ~/models/other)");
  verb->callback([&action, options] { action = [options] { return run_stats(*options); }; });
}

}  // namespace

void add_tokenizer(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("tokenizer", "Learns vocabularies from text, and compares them");
  verb->require_subcommand(1);
  add_train_verb(*verb, action);
  add_stats_verb(*verb, action);
  verb->footer(R"(Examples
  jaju tokenizer train corpus.jsonl --vocab-size 4096 --to tokenizers/nano
  jaju tokenizer stats models/nano corpus.jsonl)");
}

}  // namespace jaju::cli
