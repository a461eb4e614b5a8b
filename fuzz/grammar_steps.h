// What the targets of constrained decoding share: compile under small budgets, then walk at random through
// the masks and hold every promise of runtime/grammar to its word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/split_mix.h"
#include "base/utf8.h"
#include "runtime/grammar/grammar.h"

namespace jaju {

inline std::shared_ptr<const TokenVocabulary> fuzz_vocabulary() {
  static const auto vocabulary = [] {
    VocabularyBytes v;
    for (int b = 0; b < 256; ++b) v.bytes.push_back(std::string(1, static_cast<char>(b)));
    for (const char* w :
         {"\"",   "{\"",      "\":",   "\": \"", "\",\"", "\"}", "}}",       "[[",  "]]",      "[{",
          "null", "true",     "false", "12",     "0.5",   "ab",  "abc",      "\\u", "\\ud83d", "한",
          "국어", "\xed\x95", "\x9c",  "  ",     "\n  ",  ", ",  "aaaaaaaa", "a(",  "()",      "-1"}) {
      v.bytes.push_back(w);
    }
    v.bytes.push_back("");
    v.bytes.push_back("");
    v.end_tokens = {static_cast<int32_t>(v.bytes.size()) - 1};
    return *TokenVocabulary::build(std::move(v));
  }();
  return vocabulary;
}

inline GrammarBudget fuzz_budget() {
  GrammarBudget b;
  b.max_input_bytes = 8 << 10;
  b.max_symbols = 30'000;
  b.max_subschemas = 500;
  b.max_repeat = 100'000;
  b.max_automaton_bytes = 8 << 20;
  b.max_mask_cache_bytes = 1 << 20;
  b.max_mask_steps = 300'000;
  b.max_stacks = 64;
  b.max_output_depth = 20;
  b.max_warm_ms = 2;
  return b;
}

// Compiles `text` and walks; `finished` gets each complete output. `seed` chooses the tokens.
template <typename F>
void fuzz_grammar(GrammarKind kind, std::string_view text, uint64_t seed, F&& finished) {
  const auto vocabulary = fuzz_vocabulary();
  const auto grammar = compile_grammar(kind, text, vocabulary, fuzz_budget());
  if (!grammar.ok()) {
    JAJU_CHECK(!grammar.message().empty() && grammar.message().find('\n') == std::string::npos);
    return;
  }
  const int32_t end = vocabulary->end_tokens()[0];
  std::vector<uint64_t> mask(static_cast<size_t>(mask_words(vocabulary->size())));
  for (int walk = 0; walk < 4; ++walk) {
    auto constraint = (*grammar)->start();
    std::string out;
    for (int step = 0; step < 100; ++step) {
      const Status allowed = constraint->allowed(mask);
      if (!allowed.ok()) {
        JAJU_CHECK(allowed.message().find("lacks a byte") == std::string::npos);  // no dead end
        break;
      }
      std::vector<int32_t> may;
      for (int32_t t = 0; t < vocabulary->size(); ++t) {
        if (mask_has(mask, t)) may.push_back(t);
      }
      JAJU_CHECK(!may.empty() && mask_has(mask, end) == constraint->can_end());
      if (constraint->must_end()) JAJU_CHECK(may.size() == 1 && may[0] == end);
      // A few tokens of each kind: accept() agrees with the mask.
      for (int k = 0; k < 4; ++k) {
        const auto t = static_cast<int32_t>(split_mix64(seed) % static_cast<uint64_t>(vocabulary->size()));
        const Status taken = constraint->clone()->accept(t);
        const bool budget = !taken.ok() && taken.message().find("max_") != std::string::npos;
        JAJU_CHECK(budget || taken.ok() == mask_has(mask, t));
      }
      int32_t token = may[split_mix64(seed) % may.size()];
      if (mask_has(mask, end) && split_mix64(seed) % 4 == 0) token = end;
      if (!constraint->accept(token).ok()) break;  // a budget
      if (token == end) {
        JAJU_CHECK(constraint->must_end() && utf8_valid(out));
        const auto matches = (*grammar)->matches(out);
        JAJU_CHECK(!matches.ok() || *matches);
        finished(out);
        break;
      }
      out += vocabulary->bytes(token);
    }
  }
}

}  // namespace jaju
