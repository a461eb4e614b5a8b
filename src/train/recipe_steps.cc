// What each kind of step does: its settings become the options of the library call behind the verb.
#include <chrono>
#include <ctime>

#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "data/prepare.h"
#include "data/shards.h"
#include "data/synthesize.h"
#include "eval/report.h"
#include "runtime/engine.h"
#include "tokenizer/tokenizer_trainer.h"
#include "train/merge.h"
#include "train/recipe.h"
#include "train/recipe_release.h"
#include "train/recipe_settings.h"
#include "train/run_dir.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMany = int64_t{1} << 50;

std::string count_of(int64_t n) {
  return short_tokens(static_cast<double>(n));
}

struct StepCall {
  const json& settings;  // resolved
  const std::string& place;
  fs::path to;
  const StepWatch* watch = nullptr;  // nullptr: only read the settings

  bool quiet() const { return watch->quiet; }
  bool stopped() const { return watch->signal != nullptr && watch->signal->load() != 0; }
};

// "60MB", or a number of bytes.
Result<int64_t> parse_bytes(const std::string& text) {
  static constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"kB", 1000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}, {"B", 1}};
  for (const auto& [unit, factor] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::string digits = text.substr(0, text.size() - unit.size());
    if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos)
      break;
    return std::stoll(digits) * factor;
  }
  return error("'{}' is no size; write it like \"60MB\"", Settings::shown(text));
}

Result<StepResult> synth(const StepCall& call) {
  Settings in(call.settings, call.place);
  data::SynthOptions options;
  options.to = call.to;
  in.integer("train", 1, kMany, options.train);
  in.integer("test", 0, kMany, options.test);
  in.integer("texts", 0, kMany, options.texts);
  in.integer("seed", 0, std::numeric_limits<int64_t>::max(), options.seed);
  in.texts("tasks", options.tasks);
  in.integer("max_difficulty", 1, 5, options.max_difficulty);
  in.integer("threads", 0, 4096, options.threads);
  if (const json* languages = in.find("languages"); languages != nullptr) {
    if (!languages->is_object())
      in.fail("{}: 'languages' must be a table like {{ ko = 4, en = 4 }}", call.place);
    for (const auto& [code, weight] : languages->items()) {
      if (!weight.is_number() || !(weight > 0))
        in.fail("{}: the weight of language '{}' must be above 0", call.place, code);
      else
        options.languages.emplace_back(code, weight.get<double>());
    }
  }
  JAJU_RETURN_IF_ERROR(in.finish());
  if (call.watch == nullptr) return StepResult{};
  options.cancel = call.watch->cancel;
  options.quiet = call.quiet();
  JAJU_RETURN_IF_ERROR(data::synthesize(options));
  JAJU_ASSIGN(const json manifest, read_json(call.to / "manifest.json", 64 << 20));
  const int64_t train = manifest["train"]["problems"];
  const int64_t test = manifest["test"]["problems"];
  const int64_t texts = manifest["texts"]["texts"];
  return StepResult{
      true,
      fmt::format("{} problems, {} for tests, {} texts", count_of(train), count_of(test), count_of(texts)),
      {{"train", train}, {"test", test}, {"texts", texts}}};
}

Result<StepResult> tokenizer(const StepCall& call) {
  Settings in(call.settings, call.place);
  TokenizerTrainOptions options;
  std::vector<fs::path> paths;
  int threads = 0;
  in.need("files");
  in.texts("files", paths);
  in.integer("vocab_size", 1, 10'000'000, options.vocab_size);
  in.integer("multiple_of", 1, 1 << 20, options.multiple_of);
  in.integer("min_frequency", 1, kMany, options.min_frequency);
  in.integer("max_token_bytes", 1, 1 << 16, options.max_token_bytes);
  in.integer("threads", 0, 4096, threads);
  std::string sample;
  in.text("sample", sample);
  if (!sample.empty()) {
    const Result<int64_t> bytes = parse_bytes(sample);
    if (bytes.ok())
      options.sample_bytes = *bytes;
    else
      in.fail("{}: 'sample': {}", call.place, bytes.message());
  }
  JAJU_RETURN_IF_ERROR(in.finish());
  if (call.watch == nullptr) return StepResult{};
  JAJU_ASSIGN(const std::vector<CorpusFile> files, open_corpus(paths));
  int64_t bytes = 0;
  for (const CorpusFile& file : files) bytes += file.bytes;
  ThreadTeam team(threads);
  TokenizerTrainProgress progress;
  Progress reading("counting words", "B", bytes, call.quiet());
  progress.read = [&](int64_t done) { reading.update(done); };
  progress.stop = [&] { return call.stopped(); };
  JAJU_ASSIGN(const TrainedTokenizer trained, train_tokenizer(files, options, team, progress));
  std::error_code failure;
  fs::create_directories(call.to, failure);
  if (failure) return error("{}: the directory cannot be made: {}", call.to.string(), failure.message());
  JAJU_RETURN_IF_ERROR(write_file_atomic(call.to / "tokenizer_config.json", trained.tokenizer_config_json));
  JAJU_RETURN_IF_ERROR(write_file_atomic(call.to / "tokenizer.json", trained.tokenizer_json));
  return StepResult{
      true,
      fmt::format("{} tokens from {}", trained.vocab_size, human_bytes(static_cast<double>(trained.bytes))),
      {{"vocab_size", trained.vocab_size}, {"merges", trained.merges}}};
}

Result<StepResult> prepare_shards(const StepCall& call) {
  Settings in(call.settings, call.place);
  data::PrepareOptions options;
  options.to = call.to;
  in.need("sources");
  in.need("tokenizer");
  in.text("tokenizer", options.tokenizer);
  in.integer("max_tokens", 2, kMany, options.max_tokens);
  in.integer("tokens_per_shard", 1, kMany, options.tokens_per_shard);
  in.integer("threads", 0, 4096, options.threads);
  if (const json* sources = in.find("sources"); sources != nullptr) {
    if (!sources->is_array() || sources->empty())
      in.fail("{}: 'sources' must be a list of tables", call.place);
    for (const json& entry : *sources) {
      Settings part(entry, call.place + ", 'sources'");
      data::PrepareSource source;
      std::string format = "text";
      part.need("file");
      part.text("file", source.file);
      part.text("format", format);
      part.number("weight", 0.001, 1000, source.weight);
      part.boolean("whole_file", source.whole_file);
      part.texts("tasks", source.tasks);
      part.text("expected", source.expected);
      part.integer("min_difficulty", 1, 5, source.min_difficulty);
      const Result<data::DocumentFormat> parsed = data::parse_document_format(format);
      if (parsed.ok())
        source.format = *parsed;
      else
        part.fail("{}: {}", part.place(), parsed.message());
      in.take(part.finish());
      options.sources.push_back(std::move(source));
    }
  }
  JAJU_RETURN_IF_ERROR(in.finish());
  if (call.watch == nullptr) return StepResult{};
  options.cancel = call.watch->cancel;
  options.quiet = call.quiet();
  JAJU_RETURN_IF_ERROR(data::prepare(options));
  JAJU_ASSIGN(const auto set, data::ShardSet::open(call.to));
  return StepResult{
      true,
      fmt::format("{} documents, {} tokens", count_of(set->documents()), count_of(set->tokens())),
      {{"documents", set->documents()}, {"tokens", set->tokens()}}};
}

StepResult from_training(const TrainResult& done) {
  StepResult result;
  result.finished = done.end == TrainEnd::finished;
  result.summary = fmt::format("{} steps, {} tokens", done.step, count_of(done.tokens));
  result.facts = {{"steps", done.step}, {"tokens", done.tokens}};
  return result;
}

TrainOptions options_of(const StepCall& call) {
  TrainOptions options;
  options.run_dir = call.to;
  options.stop = call.watch->signal;
  options.commit = call.watch->commit;
  return options;
}

Result<StepResult> train_model(const StepCall& call) {
  JAJU_ASSIGN(const TrainConfig config, parse_train_config(to_toml(call.settings), call.place));
  if (call.watch == nullptr) return StepResult{};
  prepare_process(config.run.threads);
  JAJU_ASSIGN(const TrainResult done, train(config, options_of(call), *call.watch->training));
  return from_training(done);
}

Result<StepResult> reinforce(const StepCall& call) {
  JAJU_ASSIGN(const RlRecipe recipe, parse_rl_recipe(to_toml(call.settings), call.place));
  if (call.watch == nullptr) return StepResult{};
  prepare_process(recipe.run.threads);
  JAJU_ASSIGN(const TrainResult done, train_rl(recipe, options_of(call), *call.watch->rl));
  return from_training(done);
}

Result<StepResult> merge(const StepCall& call) {
  Settings in(call.settings, call.place);
  std::vector<MergeSource> sources;
  fs::path tokenizer_dir;
  in.need("sources");
  in.text("tokenizer", tokenizer_dir);
  if (const json* list = in.find("sources"); list != nullptr) {
    if (!list->is_array() || list->size() < 2)
      in.fail("{}: 'sources' must be a list of two tables or more", call.place);
    for (const json& entry : *list) {
      Settings part(entry, call.place + ", 'sources'");
      MergeSource& source = sources.emplace_back();
      part.need("model");
      part.need("weight");
      part.text("model", source.dir);
      part.number("weight", -1e6, 1e6, source.weight);
      in.take(part.finish());
    }
  }
  JAJU_RETURN_IF_ERROR(in.finish());
  if (call.watch == nullptr) return StepResult{};
  JAJU_RETURN_IF_ERROR(merge_models(sources, call.to, tokenizer_dir));
  return StepResult{true, fmt::format("{} models", sources.size()), json::object()};
}

struct EvalSettings {
  fs::path model;
  fs::path tokenizer;
  std::vector<fs::path> data;
  eval::ItemOptions items;
  eval::EvalOptions options;
  EngineOptions engine;
};

Result<EvalSettings> read_eval(const StepCall& call) {
  Settings in(call.settings, call.place);
  EvalSettings s;
  std::string mode = "both";
  in.need("model");
  in.need("data");
  in.text("model", s.model);
  in.text("tokenizer", s.tokenizer);
  in.texts("data", s.data);
  in.text("mode", mode);
  in.integer("limit", 1, kMany, s.items.limit);
  in.integer("per_task", 1, kMany, s.items.per_task);
  in.texts("tasks", s.items.tasks);
  in.texts("languages", s.items.languages);
  in.integer("difficulty", 1, 5, s.items.difficulty);
  in.texts("unless_in", s.items.unless_in);
  in.integer("slots", 1, 4096, s.options.slots);
  in.integer("max_tokens", 1, 1'000'000, s.options.max_tokens);
  in.number("temperature", 0, 100, s.options.temperature);
  in.number("top_p", 0, 1, s.options.top_p);
  in.integer("seed", 0, std::numeric_limits<int64_t>::max(), s.options.seed);
  in.text("system", s.options.system);
  in.integer("context", 1, kMany, s.engine.context);
  in.integer("threads", 0, 4096, s.engine.threads);
  if (mode == "think" || mode == "direct") {
    s.options.modes = {mode == "think" ? eval::Mode::think : eval::Mode::direct};
  } else if (mode != "both") {
    in.fail("{}: 'mode' must be think, direct or both", call.place);
  }
  JAJU_RETURN_IF_ERROR(in.finish());
  return s;
}

Result<StepResult> evaluate(const StepCall& call) {
  JAJU_ASSIGN(EvalSettings s, read_eval(call));
  if (call.watch == nullptr) return StepResult{};
  std::vector<eval::Item> items;
  for (const fs::path& file : s.data) {
    JAJU_ASSIGN(std::vector<eval::Item> more, eval::read_items(file, {}));
    std::move(more.begin(), more.end(), std::back_inserter(items));
  }
  JAJU_ASSIGN(items, eval::select_items(std::move(items), s.items));
  JAJU_ASSIGN(const fs::path model, find_model_dir(s.model));
  // Checkpoints have no tokenizer of their own.
  const fs::path words = s.tokenizer.empty() ? model : s.tokenizer;
  JAJU_ASSIGN(const auto tokenizer, Tokenizer::load(words));
  JAJU_ASSIGN(const auto chat, ChatTemplate::load(words));
  JAJU_ASSIGN(const auto engine, Engine::open(model, s.engine));
  if (tokenizer->vocab_size() > engine->config().vocab_size) {
    return error("{}: the tokenizer has {} tokens, but the model's vocabulary has {}", call.place,
                 tokenizer->vocab_size(), engine->config().vocab_size);
  }
  Progress progress("answering", "answers", static_cast<int64_t>(items.size() * s.options.modes.size()),
                    call.quiet());
  s.options.cancel = call.watch->cancel;
  s.options.on_done = [&](int64_t done, int64_t) { progress.update(done); };
  JAJU_ASSIGN(const eval::EvalReport report,
              eval::evaluate(*engine, *tokenizer, *chat, std::span<const eval::Item>(items), s.options));
  StepResult result;
  result.finished = !report.cancelled;
  if (report.cancelled) return result;
  std::error_code failure;
  fs::create_directories(call.to, failure);
  if (failure) return error("cannot make the directory {}: {}", call.to.string(), failure.message());
  const nlohmann::ordered_json figures = eval::to_json(report);
  JAJU_RETURN_IF_ERROR(write_file_atomic(call.to / "wrong.jsonl", eval::wrong_answers(report, items)));
  JAJU_RETURN_IF_ERROR(
      write_file_atomic(call.to / "result.md", eval::to_markdown(report, s.model.filename().string())));
  JAJU_RETURN_IF_ERROR(write_file_atomic(call.to / "result.json",
                                         figures.dump(2, ' ', false, json::error_handler_t::replace) + "\n"));
  for (const eval::ModeReport& mode : report.modes) {
    result.summary += fmt::format("{}{} {:.1f} % right", result.summary.empty() ? "" : ", ",
                                  eval::name_of(mode.mode), 100 * mode.all.accuracy());
    result.facts[std::string(eval::name_of(mode.mode))] = mode.all.accuracy();
  }
  return result;
}

Result<StepResult> release(const Recipe& recipe, const StepCall& call) {
  JAJU_ASSIGN(const ReleaseSettings settings, read_release(call.settings, call.place));
  if (call.watch == nullptr) return StepResult{};
  double seconds = 0;
  for (const StepState& state : read_states(recipe)) seconds += state.seconds;
  JAJU_ASSIGN(const int64_t bytes, write_release(settings, call.to, {seconds, call.watch->commit}));
  return StepResult{
      true, human_bytes(static_cast<double>(bytes)) + " in " + call.to.string(), {{"bytes", bytes}}};
}

Result<StepResult> dispatch(const Recipe& recipe, const RecipeStep& step, const StepCall& call) {
  switch (step.kind) {
    case StepKind::synth:
      return synth(call);
    case StepKind::tokenizer:
      return tokenizer(call);
    case StepKind::prepare:
      return prepare_shards(call);
    case StepKind::train:
      return train_model(call);
    case StepKind::merge:
      return merge(call);
    case StepKind::rl:
      return reinforce(call);
    case StepKind::eval:
      return evaluate(call);
    case StepKind::release:
      return release(recipe, call);
  }
  return error("{}: unknown kind", step.place);
}

}  // namespace

Status check_step(const Recipe& recipe, size_t index) {
  const RecipeStep& step = recipe.steps[index];
  const json settings = resolved_settings(recipe, step);
  return dispatch(recipe, step, {settings, step.place, recipe.out / step.name, nullptr}).status();
}

// Of an earlier version: hours of training are moved aside, what is soon made again goes.
Status clear_place(const RecipeStep& step, const fs::path& to, const StepWatch& watch) {
  std::error_code failure;
  const bool training = step.kind == StepKind::train || step.kind == StepKind::rl;
  if (!training || !fs::exists(to, failure)) {
    fs::remove_all(to, failure);
    if (!failure) return {};
    return error("cannot remove what {} holds of an earlier version: {}", to.string(), failure.message());
  }
  fs::path aside;
  for (int i = 1; i == 1 || fs::exists(aside, failure); ++i)
    aside = fmt::format("{}.before{}", to.string(), i);
  fs::rename(to, aside, failure);
  if (failure) return error("cannot move {} aside: {}", to.string(), failure.message());
  if (watch.training != nullptr) {
    watch.training->note(fmt::format("the step '{}' has changed: what it trained so far is in {} now",
                                     step.name, aside.string()));
  }
  return {};
}

Result<StepResult> run_step(const Recipe& recipe, size_t index, const StepWatch& watch) {
  const RecipeStep& step = recipe.steps[index];
  const std::vector<StepState> states = read_states(recipe);
  for (const size_t need : step.needs) {
    if (states[need].kind != StepState::Kind::done) {
      return error("{}: it needs the step '{}', which is not done; do that first", step.place,
                   recipe.steps[need].name);
    }
  }
  const fs::path to = recipe.out / step.name;
  const fs::path marker = recipe.out / ".recipe" / (step.name + ".json");
  std::error_code failure;
  if (fs::exists(to, failure) && !fs::exists(marker, failure)) {
    return error("{} exists, but this recipe did not make it; move it away, or give another --out",
                 to.string());
  }
  const StepState& state = states[index];
  // Only training and shards go on where they stopped; what the others left is of no use.
  const bool goes_on =
      state.kind == StepState::Kind::interrupted &&
      (step.kind == StepKind::train || step.kind == StepKind::rl || step.kind == StepKind::prepare);
  if (!goes_on) JAJU_RETURN_IF_ERROR(clear_place(step, to, watch));
  json record = {{"state", "begun"}, {"hash", state.hash}, {"kind", name_of(step.kind)}};
  double before = 0;
  if (goes_on) {
    const Result<json> old = read_json(marker, 1 << 20);
    if (old.ok() && old->is_object() && old->contains("seconds") && (*old)["seconds"].is_number())
      before = (*old)["seconds"];
  }
  record["seconds"] = before;
  fs::create_directories(recipe.out / ".recipe", failure);
  if (failure)
    return error("cannot make the directory {}: {}", (recipe.out / ".recipe").string(), failure.message());
  JAJU_RETURN_IF_ERROR(write_file_atomic(marker, record.dump(1) + "\n"));

  const auto start = std::chrono::steady_clock::now();
  const json settings = resolved_settings(recipe, step);
  Result<StepResult> result = dispatch(recipe, step, {settings, step.place, to, &watch});
  const double seconds =
      before + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool stopped = watch.signal != nullptr && watch.signal->load() != 0;
  record["seconds"] = seconds;
  if (result.ok() && result->finished) {
    record["state"] = "done";
    record["summary"] = result->summary;
    record["facts"] = result->facts;
  }
  JAJU_RETURN_IF_ERROR(write_file_atomic(marker, record.dump(1) + "\n"));
  // A verb that was stopped calls it an error.
  if (!result.ok() && stopped) return StepResult{false, "", json::object()};
  return result;
}

}  // namespace jaju::train
