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
#include "tokenizer/tokenizer.h"
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
// --------------------------------------------------------------------------------------------------------

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

void add_train(CLI::App& parent, Action& action) {
  CLI::App* verb = parent.add_subcommand("train", "Learns a vocabulary from text and writes tokenizer.json");
  auto options = std::make_shared<TrainOptions>();
  TokenizerTrainOptions& trainer = options->trainer;
  verb->add_option("FILE", options->files, "Text, or JSONL (.jsonl) with text, messages or problems")
      ->required();
  verb->add_option("--to", options->to, "The directory to write into")->required();
  verb->add_option("--vocab-size", trainer.vocab_size, "Tokens in all: bytes, joined ones, special ones")
      ->capture_default_str();
  verb->add_option("--multiple-of", trainer.multiple_of,
                   "Adds reserved tokens until the size is a multiple of this (A.X K1: 128)")
      ->capture_default_str();
  verb->add_option("--min-frequency", trainer.min_frequency, "Pairs that occur less often are not joined")
      ->capture_default_str();
  verb->add_option("--max-token-bytes", trainer.max_token_bytes, "No token is longer")->capture_default_str();
  verb->add_option("--sample", options->sample,
                   "Learns from about this much of the files, evenly drawn (200MB)")
      ->transform(CLI::AsSizeValue(true));
  verb->add_option("--threads", options->threads, "Default: one per CPU");
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

}  // namespace

void add_tokenizer(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("tokenizer", "Learns vocabularies from text, and compares them");
  verb->require_subcommand(1);
  add_train(*verb, action);
  verb->footer(R"(Examples
  jaju tokenizer train corpus.jsonl --vocab-size 4096 --to tokenizers/nano
  jaju tokenizer stats models/nano corpus.jsonl)");
}

}  // namespace jaju::cli
