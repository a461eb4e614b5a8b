// jaju tokenize: text to token ids and back, exactly as the model's tokenizer.json says.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/model_path.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  std::vector<std::string> words;
  bool decode = false;
  bool jsonl = false;
  bool json = false;
};

std::string dump(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<std::vector<TokenId>> ids_from(const nlohmann::json& line, const std::string& what) {
  if (!line.is_array()) return error("{}: expected a JSON array of token ids", what);
  std::vector<TokenId> ids;
  for (const nlohmann::json& id : line) {
    if (!id.is_number_integer() || id < INT32_MIN || id > INT32_MAX) {
      return error("{}: {} is not a token id", what, id.dump().substr(0, 40));
    }
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

Status check_known(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, const std::string& what) {
  for (const TokenId id : ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) {
      return error("{}: token {} is not in the vocabulary (ids 0 to {})", what, id,
                   tokenizer.vocab_size() - 1);
    }
  }
  return {};
}

// One JSON value per line in, one per line out.
Status run_lines(const Tokenizer& tokenizer, bool decode) {
  std::string line;
  for (int64_t number = 1; std::getline(std::cin, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::string what = fmt::format("stdin, line {}", number);
    JAJU_ASSIGN(const nlohmann::json value, parse_json(line, what));
    if (decode) {
      JAJU_ASSIGN(const std::vector<TokenId> ids, ids_from(value, what));
      JAJU_RETURN_IF_ERROR(check_known(tokenizer, ids, what));
      print(dump(tokenizer.decode(ids)) + "\n");
    } else {
      if (!value.is_string()) return error("{}: expected a JSON string", what);
      const std::vector<TokenId> ids = tokenizer.encode(value.get_ref<const std::string&>());
      print(fmt::format("[{}]\n", fmt::join(ids, ",")));
    }
  }
  return {};
}

void show_pieces(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool as_json) {
  if (as_json) {
    nlohmann::ordered_json pieces = nlohmann::ordered_json::array();
    for (const TokenId id : ids) pieces.push_back({{"id", id}, {"piece", readable(tokenizer.bytes_of(id))}});
    print(dump({{"ids", ids}, {"pieces", pieces}}) + "\n");
    return;
  }
  for (const TokenId id : ids) {
    print(fmt::format("{:>8}  \"{}\"{}\n", id, readable(tokenizer.bytes_of(id)),
                      tokenizer.is_added(id) ? "  added token" : ""));
  }
  note(fmt::format("{} token{}", ids.size(), ids.size() == 1 ? "" : "s"));
}

int run_tokenize(const TokenizeOptions& options) {
  const Result<std::unique_ptr<Tokenizer>> loaded = open_tokenizer(options.model);
  if (!loaded.ok()) return fail(loaded.status());
  const Tokenizer& tokenizer = **loaded;
  if (options.jsonl) {
    if (!options.words.empty()) return fail_usage(error("--jsonl reads stdin; it takes no TEXT"));
    const Status done = run_lines(tokenizer, options.decode);
    const Status written = flush_stdout();
    if (!done.ok()) return fail(done);
    return written.ok() ? kOk : fail(written);
  }
  std::string text = fmt::format("{}", fmt::join(options.words, " "));
  if (options.words.empty()) {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
    if (!text.empty() && text.back() == '\n') text.pop_back();
  }
  if (options.decode) {
    Result<std::vector<int32_t>> ids = parse_ids(text, "TEXT");
    if (!ids.ok()) return fail_usage(ids.status());
    if (const Status known = check_known(tokenizer, *ids, "TEXT"); !known.ok()) return fail_usage(known);
    const std::string decoded = tokenizer.decode(*ids);
    print(options.json ? dump({{"text", decoded}}) + "\n" : decoded + "\n");
  } else {
    show_pieces(tokenizer, tokenizer.encode(text), options.json);
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("tokenize", "Shows the tokens of a text, or turns ids back into text");
  auto options = std::make_shared<TokenizeOptions>();
  verb->add_option("MODEL", options->model, "A model, or a tokenizer.json")->required();
  verb->add_option(
      "TEXT", options->words,
      "The text (with --decode: ids like 1,2,3); without it, stdin is read, less one newline at its end");
  verb->add_flag("--decode", options->decode, "From ids to text");
  verb->add_flag(
      "--jsonl", options->jsonl,
      "stdin to stdout: a JSON string per line becomes a JSON array of ids; with --decode the reverse");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      R"(Nothing is added to the text (no begin or end token); the spelling of a special token becomes that token.

Examples
  jaju tokenize models/nano "안녕하세요"
  jaju tokenize models/nano --decode 1,2,3
  jaju tokenize tokenizer.json --jsonl < texts.jsonl > ids.jsonl)");
  verb->callback([&action, options] { action = [options] { return run_tokenize(*options); }; });
}

}  // namespace jaju::cli
