#include "runtime/grammar/grammar.h"

#include <chrono>
#include <deque>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "runtime/grammar/constraint.h"
#include "runtime/grammar/gbnf.h"
#include "runtime/grammar/json_values.h"
#include "runtime/grammar/regex.h"
#include "runtime/grammar/schema.h"
#include "runtime/grammar/tool_calls.h"

namespace jaju {
namespace {

// JSON as deep as our own parser reads it; other grammars may nest as the budget says.
GrammarBudget budget_for(GrammarKind kind, GrammarBudget budget) {
  if (kind != GrammarKind::regex && kind != GrammarKind::gbnf) {
    budget.max_output_depth = std::min(budget.max_output_depth, 60);
  }
  return budget;
}

}  // namespace

std::string_view grammar_kind_name(GrammarKind kind) {
  switch (kind) {
    case GrammarKind::json_object:
      return "json_object";
    case GrammarKind::json_schema:
      return "json_schema";
    case GrammarKind::regex:
      return "regex";
    case GrammarKind::gbnf:
      return "gbnf";
    case GrammarKind::tool_calls:
      return "tool_calls";
  }
  return "?";
}

Result<std::shared_ptr<const CompiledGrammar>> compile_grammar(
    GrammarKind kind, std::string_view text, std::shared_ptr<const TokenVocabulary> vocabulary,
    const GrammarBudget& budget) {
  JAJU_CHECK(vocabulary != nullptr);
  auto named = [&](const Status& status) {
    return error("{}: {}", kind == GrammarKind::json_schema ? "schema" : grammar_kind_name(kind),
                 status.message());
  };
  if (text.size() > budget.max_input_bytes) {
    return named(error("{} bytes, more than {} (max_input_bytes)", text.size(), budget.max_input_bytes));
  }
  if (!utf8_valid(text)) return named(error("not valid UTF-8"));
  const GrammarBudget b = budget_for(kind, budget);
  grammar::Work work(b);
  grammar::Grammar g(&work);
  switch (kind) {
    case GrammarKind::json_object:
      g.root = grammar::JsonValues(g).any_object();
      break;
    case GrammarKind::json_schema:
      grammar::add_schema(g, text);
      break;
    case GrammarKind::regex:
      grammar::add_regex(g, text);
      break;
    case GrammarKind::gbnf:
      grammar::add_gbnf(g, text);
      break;
    case GrammarKind::tool_calls:
      grammar::add_tool_calls(g, text);
      break;
  }
  if (work.failed()) return named(work.status());
  auto nfa = grammar::lower(g);
  if (!nfa.ok()) return named(nfa.status());
  auto made = grammar::make_compiled(std::move(*nfa), std::move(vocabulary), b);
  if (!made.ok()) return named(made.status());
  return made;
}

struct GrammarCache::Impl {
  struct Entry {
    std::string key;
    std::shared_ptr<const CompiledGrammar> grammar;
  };
  // Kept for a while only: a clock may have run out because the machine was busy.
  struct Failure {
    std::string key;
    Status status;
    std::chrono::steady_clock::time_point until;
  };
  static constexpr size_t kMostFailures = 32;
  static constexpr std::chrono::seconds kFailureStays{60};

  const Status* failure_of(std::string_view key) {
    while (!failures.empty() && failures.front().until < std::chrono::steady_clock::now())
      failures.pop_front();
    for (const Failure& f : failures) {
      if (f.key == key) return &f.status;
    }
    return nullptr;
  }
  void remember(std::string key, const Status& status) {
    if (failures.size() == kMostFailures) failures.pop_front();
    failures.push_back({std::move(key), status, std::chrono::steady_clock::now() + kFailureStays});
  }

  std::shared_ptr<const TokenVocabulary> vocabulary;
  size_t max_bytes;
  GrammarBudget budget;

  mutable std::mutex mutex;                                                  // for everything below
  std::list<Entry> used;                                                     // latest first
  std::deque<Failure> failures;                                              // latest last
  std::unordered_map<std::string_view, std::list<Entry>::iterator> entries;  // keys live in `used`
  Stats stats;

  // Grammars grow as they are used, so this is asked anew.
  size_t bytes() const {
    size_t n = 0;
    for (const Entry& e : used) n += e.grammar->memory() + 2 * e.key.size() + sizeof(Entry);
    return n;
  }
  void shrink() {
    size_t n = bytes();
    while (used.size() > 1 && n > max_bytes) {
      n -= std::min(n, used.back().grammar->memory() + 2 * used.back().key.size() + sizeof(Entry));
      entries.erase(used.back().key);
      used.pop_back();
      ++stats.evictions;
    }
  }
};

GrammarCache::GrammarCache(std::shared_ptr<const TokenVocabulary> vocabulary, size_t max_bytes,
                           GrammarBudget budget)
    : impl_(std::make_unique<Impl>()) {
  impl_->vocabulary = std::move(vocabulary);
  impl_->max_bytes = max_bytes;
  impl_->budget = budget;
}

GrammarCache::~GrammarCache() = default;

Result<std::shared_ptr<const CompiledGrammar>> GrammarCache::compile(GrammarKind kind,
                                                                     std::string_view text) {
  if (kind == GrammarKind::json_object) text = {};
  std::string key(1, static_cast<char>('0' + static_cast<int>(kind)));
  key += text;
  {
    std::lock_guard lock(impl_->mutex);
    if (auto it = impl_->entries.find(key); it != impl_->entries.end()) {
      ++impl_->stats.hits;
      impl_->used.splice(impl_->used.begin(), impl_->used, it->second);
      auto found = it->second->grammar;
      impl_->shrink();
      return found;
    }
    if (const Status* failure = impl_->failure_of(key)) {
      ++impl_->stats.hits;
      return *failure;
    }
    ++impl_->stats.misses;
  }
  auto compiled = compile_grammar(kind, text, impl_->vocabulary, impl_->budget);
  std::lock_guard lock(impl_->mutex);
  if (!compiled.ok()) {
    impl_->remember(std::move(key), compiled.status());
    return compiled.status();
  }
  auto made = *std::move(compiled);
  if (auto it = impl_->entries.find(key); it != impl_->entries.end()) return it->second->grammar;
  impl_->used.push_front({std::move(key), made});
  impl_->entries.emplace(impl_->used.front().key, impl_->used.begin());
  impl_->shrink();
  return made;
}

GrammarCache::Stats GrammarCache::stats() const {
  std::lock_guard lock(impl_->mutex);
  Stats s = impl_->stats;
  s.entries = static_cast<int64_t>(impl_->used.size());
  s.bytes = impl_->bytes();
  return s;
}

}  // namespace jaju
