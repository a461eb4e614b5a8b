// Whole token sequences through the model, many side by side in a step, for those who want to see what it
// makes of every token: calibration (model/importance.h) and the comparison of models (eval/divergence.h).
//
// Truth before speed, as in Engine::evaluate: activations in f32, an f32 cache, expanded attention.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "runtime/engine.h"
#include "runtime/kv_pool.h"

namespace jaju {

class InputObserver;  // model/forward.h

using TokenSequence = std::vector<int32_t>;

// Cuts `sequences` into runs of at most max_tokens tokens, in order. None may be longer than that by itself.
std::vector<std::span<const TokenSequence>> steps_of(std::span<const TokenSequence> sequences,
                                                     int64_t max_tokens);

class TextReader {
 public:
  // Uses the engine's step memory: nobody else may run it meanwhile. It must outlive this object.
  explicit TextReader(Engine& engine);

  // Most tokens of one step.
  int64_t max_tokens() const;
  // One step: every sequence from its beginning. inputs: sees what enters every matrix, the MTP block's as
  // well; may be null. logits: (tokens of all sequences, vocab), or of no rows when they are not wanted.
  // Errors: an empty sequence, a token outside the vocabulary, more than max_tokens(), no memory, a file that
  // shrank.
  Status read(std::span<const TokenSequence> sequences, InputObserver* inputs, MutRows logits);

 private:
  Status run(std::span<const TokenSequence> sequences, InputObserver* inputs, MutRows logits);

  Engine& engine_;
  KvPool pool_;
};

}  // namespace jaju
