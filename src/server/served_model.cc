#include "server/served_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"

namespace jaju::server {

bool answers_to(const ModelFacts& facts, std::string_view name) {
  if (name.empty()) return true;
  constexpr std::string_view kLatest = ":latest";
  if (name.ends_with(kLatest)) name.remove_suffix(kLatest.size());
  return std::find(facts.names.begin(), facts.names.end(), name) != facts.names.end();
}

ApiError no_such_model(const ModelFacts& facts, std::string_view name) {
  ApiError error;
  error.http = 404;
  error.code = "model_not_found";
  error.param = "model";
  error.message =
      fmt::format("the model '{}' is not served here; '{}' is", printable(name), facts.names.front());
  return error;
}

void ServedModel::prepare(int64_t replay_bytes) {
  think_close = tokenizer->id_of("</think>").value_or(-1);
  auto spelled = std::make_shared<std::vector<std::string>>(static_cast<size_t>(facts.vocab_size));
  for (int64_t id = 0; id < std::min(facts.vocab_size, tokenizer->vocab_size()); ++id) {
    const auto token = static_cast<TokenId>(id);
    if (!tokenizer->is_added(token))
      (*spelled)[static_cast<size_t>(id)] = std::string(tokenizer->bytes_of(token));
  }
  token_bytes = std::move(spelled);
  replay = std::make_unique<TokenReplay>(token_bytes, replay_bytes);
  turns = std::make_unique<TurnMemory>(replay_bytes / 4);
}

VocabularyBytes grammar_vocabulary(const Tokenizer& tokenizer, const SamplingParams& defaults,
                                   int64_t vocab_size) {
  VocabularyBytes vocabulary;
  vocabulary.bytes.resize(static_cast<size_t>(vocab_size));
  for (int64_t id = 0; id < std::min(vocab_size, tokenizer.vocab_size()); ++id) {
    const auto token = static_cast<TokenId>(id);
    const std::string_view text = tokenizer.bytes_of(token);
    if (!tokenizer.is_added(token) || text == "<tool_call>" || text == "</tool_call>") {
      vocabulary.bytes[static_cast<size_t>(id)] = std::string(text);
    }
  }
  vocabulary.end_tokens = defaults.stop_tokens;
  return vocabulary;
}

}  // namespace jaju::server
