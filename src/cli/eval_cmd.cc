// jaju eval: how many questions a model answers right, in which mode, in what form and for how many tokens.
#include <CLI/CLI.hpp>

#include <memory>

#include "base/file.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/generation_defaults.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/size_value.h"
#include "eval/report.h"
#include "runtime/engine.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

struct EvalWords {
  std::string model;
  std::vector<std::string> data;
  std::string mode = "both";
  eval::ItemOptions items;
  eval::EvalOptions eval;
  int64_t context = 0;
  int threads = 0;
  std::string kv = "auto";
  std::string json, markdown, wrong;
};

Result<std::vector<eval::Item>> read_all(const EvalWords& words) {
  std::vector<eval::Item> items;
  for (const std::string& file : words.data) {
    JAJU_ASSIGN(std::vector<eval::Item> more, eval::read_items(file, {}));
    std::move(more.begin(), more.end(), std::back_inserter(items));
  }
  return eval::select_items(std::move(items), words.items);
}

Status write_results(const EvalWords& words, const eval::EvalReport& report,
                     const std::vector<eval::Item>& items) {
  const std::string name = fs::path(words.model).filename().string();
  if (!words.json.empty()) {
    nlohmann::ordered_json out = {{"model", words.model}, {"data", words.data}};
    out["options"] = {{"max_tokens", words.eval.max_tokens},
                      {"temperature", words.eval.temperature},
                      {"seed", words.eval.seed},
                      {"choice_logprob", words.eval.choice_logprob}};
    out.update(eval::to_json(report));
    const std::string text = out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    if (words.json == "-") {
      print(text);
    } else {
      JAJU_RETURN_IF_ERROR(write_file_atomic(words.json, text));
    }
  }
  if (!words.markdown.empty())
    JAJU_RETURN_IF_ERROR(write_file_atomic(words.markdown, eval::to_markdown(report, name)));
  if (!words.wrong.empty())
    JAJU_RETURN_IF_ERROR(write_file_atomic(words.wrong, eval::wrong_answers(report, items)));
  return {};
}

int run_eval(EvalWords words) {
  const Result<fs::path> dir = find_model(words.model);
  if (!dir.ok()) return fail(dir.status());
  for (const std::string& file : {words.json, words.markdown, words.wrong}) {
    if (file.empty() || file == "-") continue;
    if (const Status writable = check_writable(file); !writable.ok()) return fail(writable);
  }
  // The questions and the small files first: a mistake in them should not cost the wait for the weights.
  const Result<std::vector<eval::Item>> items = read_all(words);
  if (!items.ok()) return fail(items.status());
  const Result<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::load(*dir);
  if (!tokenizer.ok()) return fail(tokenizer.status());
  const Result<std::unique_ptr<ChatTemplate>> chat = ChatTemplate::load(*dir);
  if (!chat.ok()) return fail(chat.status());
  EngineOptions engine_options;
  engine_options.threads = words.threads;
  engine_options.context = words.context;
  engine_options.kv_type = *kv_type_from_name(words.kv);
  const Result<std::unique_ptr<Engine>> engine = Engine::open(*dir, engine_options);
  if (!engine.ok()) return fail(engine.status());
  const int64_t vocab = (*engine)->config().vocab_size;
  if ((*tokenizer)->vocab_size() > vocab) {
    return fail(error(
        "{}: tokenizer.json has {} tokens, but the model's vocabulary has {}; use the tokenizer.json that "
        "belongs to it",
        dir->string(), (*tokenizer)->vocab_size(), vocab));
  }
  const Result<GenerationDefaults> defaults =
      load_generation_defaults(*dir, (*engine)->config(), **tokenizer);
  if (!defaults.ok()) return fail(defaults.status());
  words.eval.stop_tokens = defaults->sampling.stop_tokens;
  if (words.mode != "both")
    words.eval.modes = {words.mode == "think" ? eval::Mode::think : eval::Mode::direct};

  Result<eval::EvalReport> report = [&] {
    const InterruptScope interrupt(/*second_ends=*/true);
    Progress progress("answering", "answers", static_cast<int64_t>(items->size() * words.eval.modes.size()));
    words.eval.cancel = interrupt.flag();
    words.eval.on_done = [&](int64_t done, int64_t) { progress.update(done); };
    return eval::evaluate(**engine, **tokenizer, **chat, std::span<const eval::Item>(*items), words.eval);
  }();
  if (!report.ok()) return fail(report.status());

  if (words.json != "-") {
    print(fmt::format("{}: {} questions, {} tokens in {:.1f} s ({:.0f} tokens/s)\n\n", dir->string(),
                      with_commas(report->items), with_commas(report->tokens), report->seconds,
                      static_cast<double>(report->tokens) / std::max(report->seconds, 1e-9)));
    print(eval::to_text(*report));
  }
  const Status written = write_results(words, *report, *items);
  if (!written.ok()) return fail(written);
  const Status flushed = flush_stdout();
  if (!flushed.ok()) return fail(flushed);
  if (!report->cancelled) return kOk;
  note("stopped early: the figures are of the answers that were finished");
  return kInterrupted;
}

}  // namespace

void add_eval(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("eval", "Scores a model: right answers, form and tokens, in both modes");
  auto words = std::make_shared<EvalWords>();
  verb->add_option("MODEL", words->model, "A directory or a name")->required();
  verb->add_option("--data", words->data, "JSON lines with questions; may be given more than once")
      ->required()
      ->take_all();
  verb->add_option("--mode", words->mode, "think, direct or both (default)")
      ->check(CLI::IsMember({"think", "direct", "both"}));
  const auto count = CLI::Range(int64_t{1}, int64_t{1'000'000'000});
  verb->add_option("--limit", words->items.limit, "At most so many questions")->check(count);
  verb->add_option("--per-task", words->items.per_task, "At most so many questions of a task")->check(count);
  verb->add_option("--task", words->items.tasks, "Only questions of these tasks, parted by commas")
      ->delimiter(',')
      ->expected(1);
  verb->add_option("--language", words->items.languages,
                   "Only questions in these languages, parted by commas")
      ->delimiter(',')
      ->expected(1);
  verb->add_option("--difficulty", words->items.difficulty, "Only questions of this level")
      ->check(CLI::Range(1, 5));
  verb->add_option(
          "--unless-in", words->items.unless_in,
          "Training data, may be given more than once: leaves out what it asks, or asks in other words "
          "with the same numbers")
      ->expected(1)
      ->take_all();
  verb->add_option("--slots", words->eval.slots, "Answers made side by side (default: 32)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--max-tokens", words->eval.max_tokens, "Of one answer, thinking included (default: 400)")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  verb->add_option("--temperature", words->eval.temperature, "0 (default): always the likeliest token")
      ->check(CLI::Range(0.0f, 100.0f));
  verb->add_option("--seed", words->eval.seed, "For a temperature above 0 (default: 0)")->check(seed_value());
  verb->add_option("--system", words->eval.system, "A system message before every question");
  verb->add_flag("--choice-logprob", words->eval.choice_logprob,
                 "Multiple choice, without thinking: take the likeliest letter instead of an answer");
  verb->add_option("--context", words->context,
                   "Positions of a sequence (default: the model's, at most 32,768)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31));
  verb->add_option("--threads", words->threads, "CPU threads (default: every CPU)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--kv", words->kv, kKvHelp)->check(CLI::IsMember(kKvTypes));
  verb->add_option("--json", words->json, "Write every figure here; - for stdout, in place of the table");
  verb->add_option("--markdown", words->markdown, "Write the tables here");
  verb->add_option("--wrong", words->wrong,
                   "Write wrong and badly formed answers here, a JSON object a line");
  verb->footer(
      R"(Lines of --data: our own ({"question", "answer", "expected", "task", ...}), {"question", "answer"} with
GSM8K's "#### 42", or {"question", "choices", "answer"} as MMLU, KMMLU and ARC have it.

Examples
  jaju eval models/nano --data test.jsonl --per-task 50
  jaju eval models/nano --data test.jsonl --task mul --difficulty 3 --unless-in train.jsonl
  jaju eval models/nano --data test.jsonl --mode think --json result.json --wrong wrong.jsonl)");
  verb->callback([&action, words] { action = [words] { return run_eval(*words); }; });
}

}  // namespace jaju::cli
