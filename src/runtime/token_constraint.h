// What a sequence may say next: one bit per token id.
//
// The scheduler (runtime/) asks and obeys; who builds one (runtime/grammar/) knows why. A constraint speaks
// token ids only. Use by one thread at a time; different constraints, also of one grammar, may be used by
// different threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"

namespace jaju {

// Words of a mask over `vocab_size` tokens. Token t is bit t % 64 of word t / 64.
inline constexpr int64_t mask_words(int64_t vocab_size) {
  return (vocab_size + 63) / 64;
}
inline bool mask_has(std::span<const uint64_t> mask, int32_t token) {
  return (mask[static_cast<size_t>(token) / 64] >> (static_cast<uint32_t>(token) % 64) & 1) != 0;
}

class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  // A fresh one at the start, sharing everything compiled. For n > 1 and for requests that start over.
  virtual std::unique_ptr<TokenConstraint> restart() const = 0;
  // A copy at the same place; the two go on independently. For speculation: clone, accept the draft, drop the
  // clone. Microseconds.
  virtual std::unique_ptr<TokenConstraint> clone() const = 0;

  // Fills `mask`, mask_words(vocabulary_size()) words, with exactly the tokens that may come next: every bit
  // is written, bits past the vocabulary are 0. End tokens are set exactly where can_end(). Does not change
  // the place, so calling it twice gives the same mask, and it may be skipped where accept() alone is wanted.
  // Errors, after which the request should end with this message: the time or work budget of one mask, or the
  // states of the grammar, ran out; the vocabulary has no token that could go on (only possible when it lacks
  // single bytes). The constraint itself stays usable.
  virtual Status allowed(std::span<uint64_t> mask) = 0;

  // Takes one token. Error when the token may not come here (allowed() would not set it), or for a budget;
  // then nothing has changed. Costs the bytes of the token, never a walk of the vocabulary, so a draft may be
  // checked by accept() alone. After an end token nothing may follow.
  virtual Status accept(int32_t token) = 0;

  // The text may end here: it is complete as it stands.
  virtual bool can_end() const = 0;
  // An end token was accepted, or the text is complete and nothing but an end token may follow: a scheduler
  // may finish the sequence without another step.
  virtual bool must_end() const = 0;

  virtual int64_t vocabulary_size() const = 0;
};

}  // namespace jaju
