// Reads one JSON Schema a line on stdin; writes for each a line {"error": "..."} or {"texts": ["...", ...]}:
// finished outputs of random walks through the masks of a small vocabulary whose words cross the borders of
// JSON's tokens.
//
//   schema_driver SEED WALKS
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "base/split_mix.h"
#include "runtime/grammar/grammar.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  uint64_t dice = std::strtoull(argv[1], nullptr, 10);
  const int walks = std::atoi(argv[2]);
  jaju::VocabularyBytes v;
  for (int b = 0; b < 256; ++b) v.bytes.push_back(std::string(1, static_cast<char>(b)));
  for (const char* w : {"\"",    "{\"",   "\":",         "\": \"",   "\",\"", "\"}", "\"]",
                        "}}",    "]}",    "[[",          "[{",       "{}",    "[]",  "null",
                        "true",  "false", "12",          "0.5",      "-1",    "e5",  ", ",
                        ",\"",   "\n  ",  "ab",          "abc",      " the",  "\\u", "\\ud83d\\ude00",
                        "\\n",   "한",    "국어",        "\xed\x95", "\x9c",  "20",  "-0",
                        "2026-", "@",     "example.com", "https://"}) {
    v.bytes.push_back(w);
  }
  const auto end = static_cast<int32_t>(v.bytes.size());
  v.bytes.push_back("");
  v.end_tokens = {end};
  const auto vocabulary = *jaju::TokenVocabulary::build(std::move(v));
  std::vector<uint64_t> mask(static_cast<size_t>(jaju::mask_words(vocabulary->size())));
  std::string schema;
  while (std::getline(std::cin, schema)) {
    nlohmann::json out;
    jaju::GrammarBudget budget;
    budget.max_compile_ms = budget.max_mask_ms = 60'000;
    budget.max_warm_ms = 0;
    const auto grammar = jaju::compile_grammar(jaju::GrammarKind::json_schema, schema, vocabulary, budget);
    if (!grammar.ok()) {
      out["error"] = grammar.message();
    } else {
      out["texts"] = nlohmann::json::array();
      for (int w = 0; w < walks; ++w) {
        auto constraint = (*grammar)->start();
        std::string text;
        bool done = false;
        for (int step = 0; step < 3'000 && !done; ++step) {
          if (auto s = constraint->allowed(mask); !s.ok()) {
            out["error"] = s.message() + " after " + text;
            break;
          }
          std::vector<int32_t> may, closing;
          for (int32_t t = 0; t < vocabulary->size(); ++t) {
            if (!jaju::mask_has(mask, t)) continue;
            may.push_back(t);
            const std::string& b = vocabulary->bytes(t);
            if (t == end || b == "\"" || b == "}" || b == "]" || b == "\"}" || b == "\"]" || b == "null")
              closing.push_back(t);
          }
          if (may.empty()) {
            out["error"] = "dead end after " + text;
            break;
          }
          // The longer the text, the more it hurries to close.
          const bool close =
              !closing.empty() && jaju::split_mix64(dice) % 100 < 12 + static_cast<uint64_t>(step);
          const auto& from = close ? closing : may;
          const int32_t token = from[jaju::split_mix64(dice) % from.size()];
          if (!constraint->accept(token).ok()) {
            out["error"] = "a token of the mask was refused after " + text;
            break;
          }
          done = token == end;
          text += vocabulary->bytes(token);
        }
        if (done) out["texts"].push_back(text);
      }
    }
    // Strict: output that is not UTF-8 would end the driver, and the test with it.
    std::cout << out.dump() << "\n";
  }
  return 0;
}
