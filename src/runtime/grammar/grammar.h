// Constrained decoding: JSON Schema, JSON objects, regular expressions and GBNF, compiled to token masks.
//
//   auto vocabulary = TokenVocabulary::build(...);                       // once per model
//   GrammarCache cache(vocabulary, 256 << 20);                           // once per server
//   auto grammar = cache.compile(GrammarKind::json_schema, schema_text); // per request, off the scheduler
//   thread std::unique_ptr<TokenConstraint> constraint = (*grammar)->start();   // per sequence
//
// What is supported, what is refused and how white space is treated: docs/structured-output.md. The output is
// always valid UTF-8 and, for the JSON kinds, valid JSON: masks work on bytes, so a token may stop inside a
// character or an escape and only the bytes that finish it may follow.
//
// No text from outside can cost more than the budget says: sizes and depths are checked before work is done,
// work is counted, and clocks are read. The regular expressions are automata: no backtracking, no
// back-references.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "runtime/grammar/vocabulary.h"
#include "runtime/token_constraint.h"

namespace jaju {

enum class GrammarKind {
  json_object,  // any JSON object; the text is ignored
  json_schema,  // the text is a JSON Schema (a JSON document)
  regex,        // the whole answer matches the expression; the text is in ECMAScript's notation
  gbnf,         // the text is a grammar in llama.cpp's notation with a rule `root`
  tool_calls,   // the text describes tools, see below
};
// "json_schema" and so on, for messages and logs.
std::string_view grammar_kind_name(GrammarKind kind);

// GrammarKind::tool_calls makes the answer a series of calls, so that `tool_choice` and strict tools can be
// kept. The text is a JSON object:
//
//   "tools"      [{"name": "get_weather", "parameters": {JSON Schema of the arguments}}, ...]; without
//                "parameters" a tool takes any object
//   "mode"       "required" (default), or "auto": free text, in which `begin` starts a call that must follow
//   "begin"      before each call, for instance "<tool_call>\n"; not empty with "auto"
//   "end"        after each call
//   "separator"  between calls
//   "max_calls"  0 or absent: no limit
//
// A call is begin {"name": "get_weather", "arguments": {...}} end; after the last one nothing follows.

// Everything bounded. A limit that is reached is an error that names it.
struct GrammarBudget {
  size_t max_input_bytes = 256 << 10;      // text of the schema, expression or grammar
  int max_input_depth = 64;                // nesting of the schema's JSON, of groups in an expression or rule
  int64_t max_symbols = 400'000;           // states of the compiled automaton before it is determinised
  int64_t max_subschemas = 20'000;         // after $ref, allOf and anyOf have been combined
  int64_t max_repeat = 1'000'000;          // numbers in {m,n}, minItems, maxLength, ...
  size_t max_automaton_bytes = 64 << 20;   // determinised states, made as they are met, per grammar
  size_t max_mask_cache_bytes = 64 << 20;  // masks kept per grammar, least recently used go first
  int64_t max_compile_ms = 2'000;          // wall clock
  int64_t max_warm_ms = 50;     // then, masks made ahead, so that the scheduler waits for fewer; 0: none
  int64_t max_mask_ms = 1'000;  // wall clock, one call of allowed()
  // Of a request's calls that take a millisecond or more, together: others' answers wait meanwhile.
  int64_t max_masks_ms = 3'000;
  int64_t max_mask_steps = 50'000'000;  // bytes tried, one call of allowed(); the clock's deterministic twin
  int max_stacks = 512;                 // readings of the text so far that are kept side by side
  int max_output_depth = 256;           // nesting of the output; deeper is masked out, never a dead end
};

// A compiled grammar bound to a vocabulary. Immutable to its users; the automaton and the masks it remembers
// grow behind a lock, within the budget. Thread-safe.
class CompiledGrammar {
 public:
  virtual ~CompiledGrammar() = default;

  // A constraint at the start of the text. It keeps the grammar alive.
  virtual std::unique_ptr<TokenConstraint> start() const = 0;
  // `text` is one the grammar generates in full. For checks and tests; same budgets as one mask.
  virtual Result<bool> matches(std::string_view text) const = 0;
  // Bytes of memory held now, remembered masks included (the vocabulary not).
  virtual size_t memory() const = 0;
};

// Compiles. Slow (microseconds to max_compile_ms, and max_warm_ms on top): call it off the scheduler thread.
// Thread-safe. Errors: one sentence that names the place, the JSON pointer of a schema ("schema:
// #/properties/a: ..."), the line of a grammar ("grammar line 3: ..."), the byte of an expression ("regex at
// byte 7: ...") - and the feature that is not supported or the budget that ran out.
Result<std::shared_ptr<const CompiledGrammar>> compile_grammar(
    GrammarKind kind, std::string_view text, std::shared_ptr<const TokenVocabulary> vocabulary,
    const GrammarBudget& budget = {});

// Compiled grammars by kind and text, least recently used dropped first. Thread-safe; two threads that ask
// for the same new grammar at the same time may both compile it, no thread waits for another's compilation.
class GrammarCache {
 public:
  // Holds at most `max_bytes` (CompiledGrammar::memory() and the texts), except that one grammar is always
  // kept.
  GrammarCache(std::shared_ptr<const TokenVocabulary> vocabulary, size_t max_bytes,
               GrammarBudget budget = {});
  ~GrammarCache();

  // Errors as compile_grammar; the last ones are remembered for a minute.
  Result<std::shared_ptr<const CompiledGrammar>> compile(GrammarKind kind, std::string_view text);

  struct Stats {
    int64_t hits = 0, misses = 0, evictions = 0;
    int64_t entries = 0;
    size_t bytes = 0;
  };
  Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju
