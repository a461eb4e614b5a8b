// Shared by the tests of this directory.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/split_mix.h"
#include "runtime/grammar/grammar.h"

namespace jaju::grammar_test {

// All single bytes, the given words, an end token last.
inline std::shared_ptr<const TokenVocabulary> vocabulary_of(const std::vector<std::string>& words) {
  VocabularyBytes v;
  for (int b = 0; b < 256; ++b) v.bytes.push_back(std::string(1, static_cast<char>(b)));
  v.bytes.insert(v.bytes.end(), words.begin(), words.end());
  v.end_tokens = {static_cast<int32_t>(v.bytes.size())};
  v.bytes.emplace_back();
  return *TokenVocabulary::build(std::move(v));
}

inline std::shared_ptr<const TokenVocabulary> bytes_only() {
  static const auto vocabulary = vocabulary_of({});
  return vocabulary;
}

inline GrammarBudget test_budget() {
  GrammarBudget b;
  b.max_compile_ms = 60'000;
  b.max_mask_ms = 60'000;
  b.max_masks_ms = 60'000;
  b.max_warm_ms = 0;
  return b;
}

inline std::shared_ptr<const CompiledGrammar> compiled(
    GrammarKind kind, std::string_view text, std::shared_ptr<const TokenVocabulary> v = bytes_only()) {
  auto g = compile_grammar(kind, text, std::move(v), test_budget());
  EXPECT_TRUE(g.ok()) << text << "\n" << g.message();
  return g.ok() ? *g : nullptr;
}

inline std::string error_of(GrammarKind kind, std::string_view text,
                            const GrammarBudget& budget = test_budget()) {
  auto g = compile_grammar(kind, text, bytes_only(), budget);
  return g.ok() ? "no error" : g.message();
}

// Every text of `yes` is generated, none of `no`.
inline void expect_texts(GrammarKind kind, std::string_view grammar, const std::vector<std::string>& yes,
                         const std::vector<std::string>& no) {
  const auto g = compiled(kind, grammar);
  if (g == nullptr) return;
  for (const auto& text : yes) {
    const auto m = g->matches(text);
    EXPECT_TRUE(m.ok() && *m) << grammar << "\nshould allow: " << text << "\n" << m.message();
  }
  for (const auto& text : no) {
    const auto m = g->matches(text);
    EXPECT_TRUE(m.ok() && !*m) << grammar << "\nshould refuse: " << text << "\n" << m.message();
  }
}

struct Dice {
  uint64_t state;
  size_t operator()(size_t n) { return static_cast<size_t>(split_mix64(state) % n); }
};

}  // namespace jaju::grammar_test
