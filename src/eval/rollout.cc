#include "eval/rollout.h"

#include "base/utf8.h"
#include "eval/prompt.h"

namespace jaju::eval {
namespace {

Rollout reward(const Tokenizer& tokenizer, const RolloutPrompt& prompt, BatchAnswer answer) {
  const Scored scored = judge(tokenizer, {*prompt.problem, {}}, prompt.mode, answer);
  Rollout r;
  r.finished = ended_turn(tokenizer, answer);
  r.tokens = std::move(answer.tokens);
  if (answer.stop_token >= 0) r.tokens.push_back(answer.stop_token);
  r.correct = scored.correct;
  r.format = scored.format;
  const bool formed = r.format == FormatError::none;
  r.reward = (r.correct ? 1.0f : -1.0f) + (formed ? 0.0f : -1.0f);
  r.reason = r.correct ? "correct"
                       : fmt::format("wrong: expected {}, got {}", printable(prompt.problem->expected),
                                     scored.answer.empty() ? "nothing" : printable(scored.answer));
  if (!formed) r.reason += fmt::format("{}{}", r.correct ? ", but " : "; ", describe(r.format));
  return r;
}

}  // namespace

Result<std::vector<RolloutGroup>> rollout(Engine& engine, const Tokenizer& tokenizer,
                                          const ChatTemplate& chat, std::span<const RolloutPrompt> prompts,
                                          const RolloutOptions& options) {
  if (options.samples < 1) return error("samples is {}, but a prompt needs at least 1", options.samples);
  JAJU_ASSIGN(const std::vector<int32_t> stops, stop_tokens_of(tokenizer, {}));
  std::vector<RolloutGroup> groups(prompts.size());
  std::vector<BatchRequest> requests;
  std::vector<size_t> owners;  // group of each request
  for (size_t i = 0; i < prompts.size(); ++i) {
    JAJU_ASSIGN(groups[i].prompt,
                prompt_tokens(tokenizer, chat, {*prompts[i].problem, {}}, prompts[i].mode, ""));
    if (static_cast<int64_t>(groups[i].prompt.size()) >= engine.options().context) continue;
    for (int64_t g = 0; g < options.samples; ++g) {
      BatchRequest request;
      request.prompt = groups[i].prompt;
      request.params.temperature = options.temperature;
      request.params.top_p = options.top_p;
      request.params.max_tokens = options.max_tokens;
      request.params.seed = seed_of(options.seed, requests.size());
      request.params.stop_tokens = stops;
      requests.push_back(std::move(request));
      owners.push_back(i);
    }
  }
  JAJU_ASSIGN(std::vector<BatchAnswer> answers,
              generate_batch(engine, requests, options.slots, options.on_done, options.cancel));
  for (size_t r = 0; r < answers.size(); ++r) {
    if (answers[r].reason == StopReason::cancelled)
      return error("the rollouts were stopped before their end");
    const size_t i = owners[r];
    groups[i].samples.push_back(reward(tokenizer, prompts[i], std::move(answers[r])));
  }
  return groups;
}

}  // namespace jaju::eval
