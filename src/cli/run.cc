// jaju run: one question and its answer, or a session on the terminal.
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <optional>

#include "base/progress.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/machine_here.h"
#include "cli/model_path.h"
#include "cli/remote.h"
#include "cli/repl.h"
#include "cli/run_remote.h"
#include "cli/size_value.h"
#include "cli/stream_options.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

struct RunOptions {
  std::string model;
  std::vector<std::string> words;
  bool think = false;
  bool no_think = false;
  bool hide_thinking = false;
  bool verbose = false;
  bool check = false;
  bool raw = false;
  bool no_word_wrap = false;
  std::string system;
  int64_t context = 0;
  int threads = 0;
  std::string kv = "auto";
  std::string numa = "auto";
  std::string huge_pages = "auto";
  std::string precision = "auto";
  std::optional<float> temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int> top_k;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_tokens;
  std::vector<std::string> stop;
  std::vector<std::string> logit_bias;
  StreamWords stream;
  std::vector<std::string> of_this_machine;  // options that were given and say how a model is run here
};

struct Request {
  fs::path model;
  std::optional<std::string> prompt;  // none: talk on the terminal
  bool nano = false;                  // nobody named a model: ours answers
  std::string url;                    // a running server instead of a model
};

// Which of the words is the model and which the prompt.
Result<Request> sort_words(const RunOptions& options) {
  Request request;
  std::vector<std::string> words = options.words;
  if (is_url(options.model)) {
    request.url = options.model;
  } else if (!words.empty() && options.model.empty() && is_url(words[0])) {
    request.url = words[0];
    words.erase(words.begin());
  } else if (!options.model.empty()) {
    JAJU_ASSIGN(request.model, find_model(options.model));
  } else if (!words.empty() && is_model(words[0])) {
    JAJU_ASSIGN(request.model, find_model(words[0]));
    words.erase(words.begin());
  } else if (!words.empty() && looks_like_path(words[0])) {
    const Result<fs::path> missing = find_model(words[0]);
    return error("{}; to send it as a prompt, name the model with -m", missing.message());
  } else {
    JAJU_ASSIGN(const DefaultModel choice, default_model());
    request.model = choice.dir;
    request.nano = !choice.noise;
    if (words.size() > 1 && looks_like_name(words[0])) {
      note(fmt::format("there is no model '{}', so {} answers all of it; `jaju run -m MODEL` insists on one",
                       words[0], choice.dir.filename().string()));
    }
    if (choice.noise) {
      note(
          "no model was named and models/nano is not there yet; a tiny random model answers, and its answers "
          "are noise");
    }
  }
  if (!words.empty()) request.prompt = fmt::format("{}", fmt::join(words, " "));
  return request;
}

// What is piped in, less one newline at its end. A terminal, and a socket beside a prompt, are not read.
Result<std::string> read_stdin(bool have_prompt) {
  struct stat info {};
  if (::isatty(STDIN_FILENO) == 1 || ::fstat(STDIN_FILENO, &info) != 0) return std::string();
  if (have_prompt && !S_ISFIFO(info.st_mode) && !S_ISREG(info.st_mode)) return std::string();
  constexpr size_t kMost = 64'000'000;
  std::string text;
  char buffer[65536];
  ssize_t n = 0;
  while ((n = ::read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
    text.append(buffer, n);
    if (text.size() > kMost) return error("what is piped in is larger than 64 MB; send less");
  }
  if (n < 0) return error("what is piped in cannot be read");
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return utf8_replace_invalid(text);
}

// "ID:VALUE" or "ID=VALUE"
Status add_bias(const std::string& text, SamplingParams* sampling) {
  const size_t colon = text.find_first_of(":=");
  int id = 0;
  float value = 0;
  int used = 0;
  if (colon == std::string::npos || std::sscanf(text.c_str(), "%d%*[:=]%f%n", &id, &value, &used) != 2 ||
      static_cast<size_t>(used) != text.size()) {
    return error("--logit-bias: '{}' is not ID:VALUE, like 1234:-100", text);
  }
  sampling->logit_bias.emplace_back(id, value);
  return {};
}

Result<AskOptions> ask_options(const RunOptions& o, const GenerationDefaults& defaults, int64_t vocab_size) {
  AskOptions ask;
  ask.sampling = defaults.sampling;
  SamplingParams& s = ask.sampling;
  s.temperature = o.temperature.value_or(s.temperature);
  s.top_k = o.top_k.value_or(s.top_k);
  s.top_p = o.top_p.value_or(s.top_p);
  s.min_p = o.min_p.value_or(s.min_p);
  s.repetition_penalty = o.repetition_penalty.value_or(s.repetition_penalty);
  s.presence_penalty = o.presence_penalty.value_or(s.presence_penalty);
  s.frequency_penalty = o.frequency_penalty.value_or(s.frequency_penalty);
  s.max_tokens = o.max_tokens.value_or(s.max_tokens);
  s.seed = o.seed.value_or(0);
  ask.fixed_seed = o.seed.has_value();
  for (const std::string& bias : o.logit_bias) JAJU_RETURN_IF_ERROR(add_bias(bias, &s));
  JAJU_RETURN_IF_ERROR(s.validate(vocab_size));
  ask.stop = o.stop;
  ask.think = o.think && !o.no_think;
  ask.raw = o.raw;
  ask.system = o.system;
  return ask;
}

// What the command line says, as the API spells it.
Result<RemoteRun> remote_run(const RunOptions& o, const Request& request) {
  if (o.raw) return error("--raw is for models of this machine; a server has /v1/completions");
  if (!o.of_this_machine.empty()) {
    return error("{} is for models of this machine; a server has settings of its own",
                 o.of_this_machine.front());
  }
  constexpr int64_t kNoLimit = int64_t{1} << 30;  // as the API knows none
  if (o.max_tokens && (*o.max_tokens < -1 || *o.max_tokens == 0))
    return error("--max-tokens: a server takes 1 or more, or -1 for no limit");
  RemoteRun run;
  run.url = request.url;
  run.system = o.system;
  if (o.think) run.think = true;
  if (o.no_think) run.think = false;
  run.printer.hide_thinking = o.hide_thinking;
  run.printer.word_wrap = !o.no_word_wrap;
  run.verbose = o.verbose;
  nlohmann::ordered_json& fields = run.fields;
  fields = nlohmann::ordered_json::object();
  const auto set = [&](const char* name, const auto& value) {
    if (value) fields[name] = *value;
  };
  set("temperature", o.temperature);
  set("top_k", o.top_k);
  set("top_p", o.top_p);
  set("min_p", o.min_p);
  set("repetition_penalty", o.repetition_penalty);
  set("presence_penalty", o.presence_penalty);
  set("frequency_penalty", o.frequency_penalty);
  if (o.seed) fields["seed"] = static_cast<int64_t>(*o.seed);
  if (o.max_tokens) fields["max_tokens"] = *o.max_tokens < 0 ? kNoLimit : *o.max_tokens;
  if (!o.stop.empty()) fields["stop"] = o.stop;
  SamplingParams biases;
  for (const std::string& bias : o.logit_bias) JAJU_RETURN_IF_ERROR(add_bias(bias, &biases));
  for (const auto& [id, value] : biases.logit_bias) fields["logit_bias"][std::to_string(id)] = value;
  return run;
}

Status check_weights(const Engine& engine) {
  std::unique_ptr<Progress> progress;
  return engine.weights().check_finite(
      [](void* data, int64_t done, int64_t total) {
        auto& bar = *static_cast<std::unique_ptr<Progress>*>(data);
        if (bar == nullptr) bar = std::make_unique<Progress>("checking the weights", "B", total);
        bar->update(done);
      },
      &progress);
}

int run_run(const RunOptions& options) {
  const Result<Request> request = sort_words(options);
  if (!request.ok()) return fail(request.status());
  std::optional<std::string> prompt = request->prompt;
  const bool stdin_is_terminal = ::isatty(STDIN_FILENO) == 1;
  const Result<std::string> piped = read_stdin(prompt.has_value());
  if (!piped.ok()) return fail(piped.status());
  if (!piped->empty()) prompt = prompt ? *prompt + "\n\n" + *piped : *piped;
  const bool talk = !prompt.has_value() && stdin_is_terminal;
  if (talk && options.raw) return fail_usage(error("--raw needs a prompt; give one, or pipe it in"));
  if (!talk && (!prompt || prompt->empty()))
    return fail_usage(error("the prompt is empty; give one, or pipe it in"));

  if (!request->url.empty()) {
    Result<RemoteRun> run = remote_run(options, *request);
    if (!run.ok()) return fail_usage(run.status());
    run->prompt = prompt;
    return run_remote(*run);
  }

  RunSettings settings;
  settings.engine.context = options.context;
  const Tuned best = tuned();
  settings.engine.threads = options.threads > 0 ? options.threads : best.threads;
  settings.engine.kv_type = *kv_type_from_name(options.kv);
  settings.engine.numa = *numa_from_name(options.numa);
  settings.engine.huge_pages = *huge_pages_from_name(options.huge_pages);
  if (options.precision != "auto")
    settings.engine.precision = options.precision == "f32" ? Precision::f32 : Precision::bf16;
  if (const Status writable = options.stream.check(); !writable.ok()) return fail(writable);
  options.stream.apply(&settings.engine);
  Result<std::unique_ptr<Conversation>> conversation = Conversation::open(request->model, settings.engine);
  if (!conversation.ok()) return fail(conversation.status());
  const Engine& engine = (*conversation)->engine();
  if (!engine.notice().empty()) note(engine.notice());
  if (options.check) {
    const Status finite = check_weights(engine);
    if (!finite.ok()) return fail(finite);
    note("every weight is a finite number");
  }
  Result<AskOptions> ask = ask_options(options, (*conversation)->defaults(), engine.config().vocab_size);
  if (!ask.ok()) return fail_usage(ask.status());
  settings.ask = *std::move(ask);
  // Our small model computes by writing its steps down; without them it guesses. Any named model follows A.X
  // K1's default, which is not to think.
  if (request->nano && !options.no_think) settings.ask.think = true;
  settings.printer.hide_thinking = options.hide_thinking;
  settings.printer.word_wrap = !options.no_word_wrap;
  settings.verbose = options.verbose;
  if (options.verbose) {
    if (!best.note.empty()) note(best.note);
    note(fmt::format("{}, {} kernels, {} threads, context {}", request->model.string(), engine.kernels(),
                     engine.options().threads, engine.options().context));
  }
  if (talk) {
    settings.save_routing = options.stream.save_routing;
    return run_repl(*std::move(conversation), std::move(settings));
  }

  bool interrupted = false;
  const Status done =
      ask_and_print(**conversation, *prompt, settings, /*second_interrupt_ends=*/true, &interrupted);
  if (!done.ok()) return fail(done);
  if (const Status saved = options.stream.save(engine); !saved.ok()) return fail(saved);
  const Status written = flush_stdout();
  if (!written.ok()) return fail(written);
  return interrupted ? kInterrupted : kOk;
}

void add_sampling(CLI::App& verb, RunOptions& o) {
  const char* group =
      "Sampling (defaults: the model's generation_config.json, else temperature 0.6 and top-p 0.95)";
  verb.add_option("--temperature", o.temperature, "0: always the likeliest token")->group(group);
  verb.add_option("--top-k", o.top_k, "Keep the K likeliest tokens; 0: off")->group(group);
  verb.add_option("--top-p", o.top_p, "Keep the likeliest tokens that make up this share; 1: off")
      ->group(group);
  verb.add_option("--min-p", o.min_p, "Keep tokens at least this likely beside the best; 0: off")
      ->group(group);
  verb.add_option("--repetition-penalty", o.repetition_penalty, "Above 1: less of what was said; 1: off")
      ->group(group);
  verb.add_option("--presence-penalty", o.presence_penalty, "Taken off tokens of the answer; 0: off")
      ->group(group);
  verb.add_option("--frequency-penalty", o.frequency_penalty, "The same, per occurrence; 0: off")
      ->group(group);
  verb.add_option("--seed", o.seed, "Same seed, same text; without it another one every time")
      ->check(seed_value())
      ->group(group);
  verb.add_option("--max-tokens", o.max_tokens, "End the answer after so many; -1: no limit")->group(group);
  verb.add_option("--stop", o.stop, "End the answer before this text; may be given again")
      ->check(CLI::Validator(
          [](std::string& text) {
            return std::string(text.empty() ? "an empty text would end every answer" : "");
          },
          ""))
      ->group(group)
      ->allow_extra_args(false);
  verb.add_option("--logit-bias", o.logit_bias, "ID:VALUE, added to a token's logit; may be given again")
      ->group(group)
      ->allow_extra_args(false);
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("run", "Asks the model: one question, or a session on the terminal");
  auto o = std::make_shared<RunOptions>();
  verb->add_option(
      "WORDS", o->words,
      "[MODEL] [PROMPT]: the first word is the model if there is one of that name, or a server's address");
  verb->add_option("-m,--model", o->model, "The model; all the words are then the prompt");
  verb->add_flag("--think", o->think, "Reason before answering (shown dim, on stderr)");
  verb->add_flag("--no-think,--nothink", o->no_think, "Answer at once (the default of a named model)")
      ->excludes("--think");
  verb->add_flag("--hidethinking", o->hide_thinking, "Show only how long the reasoning took");
  verb->add_option("--system", o->system, "The system message");
  verb->add_flag("--raw", o->raw, "Send the prompt as it is, without the chat template");
  verb->add_flag("--verbose", o->verbose, "Tokens, speeds and the seed after the answer (on stderr)");
  verb->add_flag("--nowordwrap", o->no_word_wrap, "Let the terminal wrap long lines");
  add_sampling(*verb, *o);
  const char* engine = "Engine";
  verb->add_option("--context", o->context,
                   "Tokens the conversation may hold (default: the model's, at most 32,768)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31))
      ->group(engine);
  verb->add_option("--threads", o->threads,
                   "CPU threads (default: what `jaju tune` found best, else every CPU)")
      ->check(CLI::Range(1, 4096))
      ->group(engine);
  verb->add_option("--kv", o->kv, kKvHelp)->check(CLI::IsMember(kKvTypes))->group(engine);
  verb->add_option("--numa", o->numa, kNumaHelp)->check(CLI::IsMember(kNumaModes))->group(engine);
  verb->add_option("--huge-pages", o->huge_pages, kHugePagesHelp)
      ->check(CLI::IsMember(kHugePageModes))
      ->group(engine);
  verb->add_option("--precision", o->precision,
                   "Activations in attention and matmuls with bf16 weights: f32 (exact), bf16 (as the Python "
                   "engines) or "
                   "auto (default: whichever is faster on this CPU, in attention also int16)")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}))
      ->group(engine);
  add_stream_options(*verb, o->stream, "Larger than memory");
  verb->add_flag("--check", o->check, "First read every weight and stop at a NaN or an infinity")
      ->group(engine);
  // Given twice, the last counts; stop strings and biases add up.
  for (CLI::Option* option : verb->get_options()) {
    const bool list = option->get_name() == "WORDS" || option->get_name() == "--stop" ||
                      option->get_name() == "--logit-bias";
    if (!list && option->get_items_expected_max() == 1)
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  verb->footer(
      R"(MODEL is a directory or a name. When the first word is neither, all the words are the prompt and the small model
that comes with jaju answers; -m says it plainly. What is piped in follows the prompt. The answer goes to stdout,
everything else to stderr. Ctrl-C stops the answer.

Examples
  jaju run "사과 12개에서 5개를 먹으면 몇 개가 남아?"
  jaju run ~/models/A.X-K1 --think "17 * 23?"
  jaju run < question.txt > answer.txt
  git diff | jaju run "Review this change."
  jaju run --temperature 0 --max-tokens 20 "하늘은 왜 파란가?"
  jaju run                       a session: /? inside lists its commands
  jaju run ~/models/A.X-K1-q4 --memory 24G --verbose "안녕?"   experts come from the disk
  JAJU_API_KEY=jaju_... jaju run http://gpu-box:8080 "안녕?"   asks a running `jaju serve`)");
  verb->callback([&action, o, verb] {
    for (const CLI::Option* option : verb->get_options()) {
      const std::string& group = option->get_group();
      if (option->count() > 0 && (group == "Engine" || group == "Larger than memory"))
        o->of_this_machine.push_back(option->get_name());
    }
    action = [o] { return run_run(*o); };
  });
}

}  // namespace jaju::cli
