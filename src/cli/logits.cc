// jaju logits: one forward pass over given tokens, for scripts that compare engines.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "cli/cli.h"
#include "cli/model_path.h"
#include "runtime/engine.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

struct LogitsOptions {
  std::string model;
  std::string tokens;
  bool all = false;
  bool json = false;
  int threads = 0;
};

// Floats as the shortest decimal that reads back to the same bits.
void append_row(std::string& out, const float* row, int64_t n) {
  out += '[';
  for (int64_t i = 0; i < n; ++i) fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : ",", row[i]);
  out += ']';
}

Status check_finite(const std::vector<float>& values) {
  for (const float value : values) {
    if (!std::isfinite(value)) {
      return error(
          "a logit is {}, which JSON cannot hold: the weights may be damaged (try `jaju run MODEL --check`)",
          value);
    }
  }
  return {};
}

Status print_json(const std::vector<int32_t>& tokens, const Evaluation& result, bool all) {
  JAJU_RETURN_IF_ERROR(check_finite(result.logits));
  JAJU_RETURN_IF_ERROR(check_finite(result.mtp_logits));
  std::string out = fmt::format("{{\"tokens\":[{}],\"logits\":", fmt::join(tokens, ","));
  if (all) {
    out += '[';
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) out += ',';
      append_row(out, result.logits.data() + i * result.vocab_size, result.vocab_size);
    }
    out += ']';
  } else {
    append_row(out, result.logits.data(), result.vocab_size);
  }
  out += ",\"experts\":[";
  for (size_t layer = 0; layer < result.experts.size(); ++layer) {
    out += layer == 0 ? "[" : ",[";
    for (size_t pos = 0; pos < result.experts[layer].size(); ++pos) {
      fmt::format_to(std::back_inserter(out), "{}[{}]", pos == 0 ? "" : ",",
                     fmt::join(result.experts[layer][pos], ","));
    }
    out += ']';
  }
  out += ']';
  if (!result.mtp_logits.empty()) {
    out += ",\"mtp_logits\":";
    append_row(out, result.mtp_logits.data(), result.vocab_size);
  }
  print(out + "}\n");
  return {};
}

void print_top(const std::vector<int32_t>& tokens, const Evaluation& result, const Tokenizer* tokenizer) {
  const int64_t vocab = result.vocab_size;
  const int64_t rows = static_cast<int64_t>(result.logits.size()) / vocab;
  const auto first = static_cast<int64_t>(tokens.size()) - rows;
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = result.logits.data() + r * vocab;
    std::vector<int32_t> ids(vocab);
    std::iota(ids.begin(), ids.end(), 0);
    const int64_t n = std::min<int64_t>(10, vocab);
    std::partial_sort(ids.begin(), ids.begin() + n, ids.end(),
                      [&](int32_t a, int32_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
    double total = 0;
    for (int64_t i = 0; i < vocab; ++i) total += std::exp(static_cast<double>(row[i]) - row[ids[0]]);
    print(fmt::format("{}after token {} (position {})\n", r == 0 ? "" : "\n", tokens[first + r], first + r));
    for (int64_t i = 0; i < n; ++i) {
      const std::string text =
          tokenizer == nullptr ? "" : "  \"" + readable(tokenizer->bytes_of(ids[i])) + "\"";
      print(fmt::format("  {:>8}  logit {:>10.5f}  p {:>7.4f}{}\n", ids[i], row[ids[i]],
                        std::exp(static_cast<double>(row[ids[i]]) - row[ids[0]]) / total, text));
    }
  }
}

int run_logits(const LogitsOptions& options) {
  const Result<std::vector<int32_t>> tokens = parse_ids(options.tokens, "--tokens");
  if (!tokens.ok()) return fail_usage(tokens.status());
  const Result<fs::path> dir = find_model(options.model);
  if (!dir.ok()) return fail(dir.status());
  EngineOptions engine_options;
  engine_options.threads = options.threads;
  Result<std::unique_ptr<Engine>> engine = Engine::open(*dir, engine_options);
  if (!engine.ok()) return fail(engine.status());
  const int64_t vocab = (*engine)->config().vocab_size;
  for (const int32_t id : *tokens) {
    if (id < 0 || id >= vocab) {
      return fail_usage(error("--tokens: token {} is not in the vocabulary (ids 0 to {})", id, vocab - 1));
    }
  }
  const Result<Evaluation> result = (*engine)->evaluate(*tokens, options.all);
  if (!result.ok()) return fail(result.status());
  if (options.json) {
    const Status printed = print_json(*tokens, *result, options.all);
    if (!printed.ok()) return fail(printed);
  } else {
    const Result<std::unique_ptr<Tokenizer>> tokenizer =
        Tokenizer::load(*dir);  // only to show the text of the ids
    print_top(*tokens, *result, tokenizer.ok() ? tokenizer->get() : nullptr);
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace

void add_logits(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("logits", "Runs given tokens once and prints the logits and the chosen experts");
  auto options = std::make_shared<LogitsOptions>();
  verb->add_option("MODEL", options->model, "A directory or a name")->required();
  verb->add_option("--tokens", options->tokens, "Token ids, like 1,2,3")->required();
  verb->add_flag("--all", options->all, "A row of logits for every position, not only the last");
  verb->add_option("--threads", options->threads, "CPU threads (default: every CPU)")
      ->check(CLI::Range(1, 4096));
  verb->add_flag(
      "--json", options->json,
      "One JSON object: tokens, logits, experts (per MoE layer, per position) and, where the model has an "
      "MTP layer, mtp_logits");
  verb->footer(R"(Examples
  jaju logits models/nano --tokens 1,2,3
  jaju logits models/nano --tokens 1,2,3 --all --json > logits.json)");
  verb->callback([&action, options] { action = [options] { return run_logits(*options); }; });
}

}  // namespace jaju::cli
