// The model as the server uses it: names, text in and out, grammars. No weights and no tensors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chat/chat.h"
#include "runtime/grammar/grammar.h"
#include "runtime/sampler.h"
#include "runtime/scheduler.h"
#include "runtime/token_replay.h"
#include "server/chat_call.h"
#include "server/turn_memory.h"
#include "tokenizer/tokenizer.h"

namespace jaju::server {

// Where requests go; the scheduler, or a stand-in in tests. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Submission submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink) = 0;
  virtual void cancel(RequestId id) = 0;
  virtual SchedulerSnapshot snapshot() const = 0;
  virtual std::vector<ExpertFigures> experts() const = 0;
  virtual int64_t max_tokens_per_request() const = 0;
};

using GrammarCompiler =
    std::function<Result<std::unique_ptr<TokenConstraint>>(GrammarKind kind, std::string_view text)>;

struct ServedModel {
  // Set by whoever opens the model
  ModelFacts facts;
  std::string architecture;  // "AXK1ForCausalLM"
  std::string family = "axk1";
  std::string precision;  // "bf16"
  int64_t parameters = 0;
  int64_t bytes = 0;    // of the weights' files
  int64_t created = 0;  // seconds since 1970
  std::string digest;   // of config.json, for Ollama's lists
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<ChatTemplate> chat_template;
  SamplingParams defaults;  // stop tokens included
  bool think_by_default = false;
  std::unique_ptr<Backend> backend;
  GrammarCompiler compile;

  // Derived by prepare()
  int32_t think_close = -1;  // </think> as one token; -1: it is spelled in several
  std::shared_ptr<const std::vector<std::string>> token_bytes;  // empty: an added token
  std::unique_ptr<TokenReplay> replay;
  std::unique_ptr<TurnMemory> turns;

  void prepare(int64_t replay_bytes = 64 << 20);
};

// The vocabulary for grammars: bytes of ordinary tokens, and of <tool_call> and </tool_call>, which answers
// may spell; other added tokens are never text. End tokens are the model's stop tokens.
VocabularyBytes grammar_vocabulary(const Tokenizer& tokenizer, const SamplingParams& defaults,
                                   int64_t vocab_size);

}  // namespace jaju::server
