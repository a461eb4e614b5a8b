// jaju compare: how far one model's next-token probabilities are from another's, token by token over a text.
#include <CLI/CLI.hpp>

#include <memory>

#include "base/file.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "data/token_text.h"
#include "eval/divergence.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

struct CompareWords {
  std::string model, reference, text, json;
  int64_t tokens = 32'768;
  int64_t window = 512;
  int threads = 0;
};

Result<std::unique_ptr<Engine>> open(const fs::path& dir, const CompareWords& words) {
  EngineOptions options;
  options.precision = Precision::f32;
  options.threads = words.threads;
  options.prefill_chunk = words.window;
  JAJU_ASSIGN(std::unique_ptr<Engine> engine, Engine::open(dir, options));
  if (engine->options().prefill_chunk < words.window) {
    return error(
        "{}: sequences of {} tokens are more than it or this machine takes; give a --window of at most {}",
        dir.string(), words.window, engine->options().prefill_chunk);
  }
  return engine;
}

Status print_result(const CompareWords& words, const eval::Divergence& d, int64_t tokens) {
  Status failed;  // to write the file: the table is shown all the same
  if (!words.json.empty()) {
    nlohmann::ordered_json out = {{"model", words.model},
                                  {"reference", words.reference},
                                  {"text", words.text},
                                  {"tokens", tokens},
                                  {"window", words.window}};
    out.update(eval::to_json(d));
    const std::string text = out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    if (words.json == "-") {
      print(text);
      return flush_stdout();
    }
    if (const Status written = write_file_atomic(words.json, text); !written.ok()) failed = written;
  }
  print(fmt::format("{} against {}: {} tokens of {} in {} sequences\n\n{}", words.model, words.reference,
                    with_commas(d.positions), words.text, with_commas(d.sequences), eval::to_text(d)));
  JAJU_RETURN_IF_ERROR(flush_stdout());
  return failed;
}

int run_compare(const CompareWords& words) {
  const Result<fs::path> dir = find_model(words.model);
  if (!dir.ok()) return fail(dir.status());
  const Result<fs::path> reference_dir = find_model(words.reference);
  if (!reference_dir.ok()) return fail(reference_dir.status());
  if (!words.json.empty() && words.json != "-") {
    if (const Status writable = check_writable(words.json); !writable.ok()) return fail(writable);
  }
  // The text first: a mistake in it should not cost the wait for the weights.
  const Result<std::vector<TokenSequence>> sequences =
      data::read_token_text(words.text, *reference_dir, {.window = words.window, .max_tokens = words.tokens});
  if (!sequences.ok()) return fail(sequences.status());
  int64_t tokens = 0;
  for (const TokenSequence& s : *sequences) tokens += static_cast<int64_t>(s.size());
  const Result<std::unique_ptr<Engine>> model = open(*dir, words);
  if (!model.ok()) return fail(model.status());
  const Result<std::unique_ptr<Engine>> reference = open(*reference_dir, words);
  if (!reference.ok()) return fail(reference.status());

  const Result<eval::Divergence> result = [&] {
    const InterruptScope interrupt(/*second_ends=*/true);
    Progress bar("comparing", "tokens", tokens);
    eval::CompareOptions options;
    options.cancel = interrupt.flag();
    options.on_tokens = [&](int64_t done) { bar.update(done); };
    return eval::compare(**model, **reference, *sequences, options);
  }();
  if (!result.ok()) return fail(result.status());
  if (const Status printed = print_result(words, *result, tokens); !printed.ok()) return fail(printed);
  if (!result->cancelled) return kOk;
  note("stopped early: the figures are of the sequences that were read");
  return kInterrupted;
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "compare", "How far a model's probabilities are from another's: what quantising costs");
  auto words = std::make_shared<CompareWords>();
  verb->add_option("MODEL", words->model, "A directory or a name")->required();
  verb->add_option("REFERENCE", words->reference, "The model it was made from")->required();
  verb->add_option("--text", words->text, "A text, or JSON lines, that neither was made for")->required();
  verb->add_option("--tokens", words->tokens, "How much of it is read")
      ->check(CLI::Range(int64_t{2}, int64_t{100'000'000}))
      ->capture_default_str();
  verb->add_option("--window", words->window, "Longer texts are cut into pieces of so many tokens")
      ->check(CLI::Range(int64_t{2}, int64_t{65'536}))
      ->capture_default_str();
  verb->add_option("--threads", words->threads, "CPU threads (default: every CPU)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--json", words->json, "Write every figure here; - for stdout, in place of the table");
  verb->footer(
      R"(For every token of the text both models say how likely each next token is. Shown are the KL divergence (0: no
difference), how often both hold the same token for the likeliest, and the perplexity of both. Lines of --text with
{"messages"} or {"question", "answer"} are written by the chat template, {"text"} and plain files are read as they are.

Examples
  jaju pack models/nano --to nano-q4
  jaju compare nano-q4 models/nano --text held-out.jsonl
  jaju compare nano-q4 models/nano --text book.txt --tokens 100000 --json result.json)");
  verb->callback([&action, words] { action = [words] { return run_compare(*words); }; });
}

}  // namespace jaju::cli
