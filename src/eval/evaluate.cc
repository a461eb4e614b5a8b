// Questions through the engine.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "eval/prompt.h"
#include "eval/report.h"

namespace jaju::eval {
namespace {

void add(Tally& tally, const Scored& scored) {
  ++tally.n;
  tally.correct += scored.correct ? 1 : 0;
  ++tally.formats[static_cast<size_t>(scored.format)];
  tally.tokens.push_back(scored.tokens);
}

void add(ModeReport& report, const data::Problem& problem, const Scored& scored) {
  add(report.all, scored);
  add(report.by_task[problem.task], scored);
  add(report.by_language[problem.language], scored);
  add(report.by_difficulty[problem.difficulty], scored);
}

void sort_tokens(ModeReport& report) {
  const auto sort = [](Tally& tally) { std::sort(tally.tokens.begin(), tally.tokens.end()); };
  sort(report.all);
  for (auto* group : {&report.by_task, &report.by_language}) {
    for (auto& [name, tally] : *group) sort(tally);
  }
  for (auto& [level, tally] : report.by_difficulty) sort(tally);
}

Scored too_long() {
  Scored scored;
  scored.format = FormatError::prompt_too_long;
  return scored;
}

// The letter whose first token is likeliest as the next one.
Result<Scored> likeliest_letter(Engine& engine, const Tokenizer& tokenizer, const Item& item,
                                const std::vector<int32_t>& prompt) {
  JAJU_ASSIGN(const Evaluation next, engine.evaluate(prompt, false));
  size_t best = 0;
  std::vector<TokenId> ids;
  for (size_t i = 0; i < item.choices.size(); ++i) {
    const std::vector<TokenId> tokens = tokenizer.encode(std::string(1, static_cast<char>('A' + i)));
    if (tokens.size() != 1 || tokens[0] < 0 || tokens[0] >= next.vocab_size) {
      return error(
          "the letter {} is not one token of this model, so letters cannot be compared: leave out "
          "--choice-logprob",
          static_cast<char>('A' + i));
    }
    ids.push_back(tokens[0]);
    if (next.logits[static_cast<size_t>(ids[i])] > next.logits[static_cast<size_t>(ids[best])]) best = i;
  }
  Scored scored;
  scored.text = scored.answer = std::string(1, static_cast<char>('A' + best));
  scored.correct = scored.answer == item.problem.expected;
  scored.tokens = 1;
  return scored;
}

// One question in one mode, and where its answer is.
struct Asked {
  size_t item = 0;
  Mode mode = Mode::think;
  enum class By { engine, letters, nobody } by = By::engine;
  std::vector<int32_t> prompt;  // by letters
};

}  // namespace

double Tally::mean_tokens() const {
  if (tokens.empty()) return 0;
  return static_cast<double>(std::accumulate(tokens.begin(), tokens.end(), int64_t{0})) /
         static_cast<double>(tokens.size());
}

int64_t Tally::tokens_at(double share) const {
  if (tokens.empty()) return 0;
  const auto size = static_cast<double>(tokens.size());
  const auto rank = static_cast<size_t>(std::max(1.0, std::min(size, std::ceil(share * size))));
  return tokens[rank - 1];
}

Result<EvalReport> evaluate(Engine& engine, const Tokenizer& tokenizer, const ChatTemplate& chat,
                            std::span<const Item> items, const EvalOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  JAJU_ASSIGN(const std::vector<int32_t> stops, stop_tokens_of(tokenizer, options.stop_tokens));
  const int64_t context = engine.options().context;

  std::vector<Asked> asked;
  std::vector<BatchRequest> requests;
  for (const Mode mode : options.modes) {
    for (size_t i = 0; i < items.size(); ++i) {
      JAJU_ASSIGN(std::vector<int32_t> prompt,
                  prompt_tokens(tokenizer, chat, items[i], mode, options.system));
      Asked a;
      a.item = i;
      a.mode = mode;
      if (static_cast<int64_t>(prompt.size()) >= context) {
        a.by = Asked::By::nobody;
      } else if (options.choice_logprob && mode == Mode::direct && !items[i].choices.empty()) {
        a.by = Asked::By::letters;
        a.prompt = std::move(prompt);
      } else {
        BatchRequest request;
        request.prompt = std::move(prompt);
        request.params.temperature = options.temperature;
        request.params.top_p = options.top_p;
        request.params.seed = seed_of(options.seed, requests.size());
        request.params.max_tokens = options.max_tokens;
        request.params.stop_tokens = stops;
        requests.push_back(std::move(request));
      }
      asked.push_back(std::move(a));
    }
  }

  if (!asked.empty() &&
      std::all_of(asked.begin(), asked.end(), [](const Asked& a) { return a.by == Asked::By::nobody; })) {
    return error("no question fits the context of {} tokens; give a larger --context", context);
  }
  const auto total = static_cast<int64_t>(asked.size());
  const auto others = total - static_cast<int64_t>(requests.size());
  const auto progress = [&](int64_t done, int64_t) {
    if (options.on_done) options.on_done(done, total);
  };
  JAJU_ASSIGN(const std::vector<BatchAnswer> answers,
              generate_batch(engine, requests, options.slots, progress, options.cancel));

  EvalReport report;
  report.items = static_cast<int64_t>(items.size());
  for (const Mode mode : options.modes) {
    report.modes.emplace_back();
    report.modes.back().mode = mode;
  }
  size_t next = 0;
  int64_t other = 0;
  for (size_t i = 0; i < asked.size(); ++i) {
    const Asked& a = asked[i];
    Scored scored;
    if (a.by == Asked::By::engine) {
      const BatchAnswer& answer = answers[next++];
      if (answer.reason == StopReason::cancelled) {
        report.cancelled = true;
        continue;
      }
      scored = judge(tokenizer, items[a.item], a.mode, answer);
    } else if (a.by == Asked::By::letters) {
      if (options.cancel != nullptr && options.cancel->load()) {
        report.cancelled = true;
        continue;
      }
      JAJU_ASSIGN(scored, likeliest_letter(engine, tokenizer, items[a.item], a.prompt));
      progress(total - others + ++other, total);
    } else {
      scored = too_long();
    }
    report.tokens += scored.tokens;
    add(report.modes[i / items.size()], items[a.item].problem, scored);
    report.answers.push_back({a.item, a.mode, std::move(scored)});
  }
  for (ModeReport& mode : report.modes) sort_tokens(mode);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

Result<EvalReport> evaluate(Engine& engine, const Tokenizer& tokenizer, const ChatTemplate& chat,
                            std::span<const data::Problem> problems, const EvalOptions& options) {
  std::vector<Item> items;
  for (const data::Problem& problem : problems) items.push_back({problem, {}});
  return evaluate(engine, tokenizer, chat, std::span<const Item>(items), options);
}

}  // namespace jaju::eval
