// Masks against the plain truth: a token is allowed when its bytes, one by one, are. Vocabularies and walks
// are random.
#include <thread>

#include "base/utf8.h"
#include "runtime/grammar/grammar_test.h"

namespace jaju {
namespace {

using namespace grammar_test;  // NOLINT

struct Example {
  GrammarKind kind;
  std::string text;
};

std::vector<Example> examples() {
  return {
      {GrammarKind::json_object, ""},
      {GrammarKind::json_schema,
       R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":["integer","null"]},"c":{"enum":["x","한국",[1,{"k":2}]]}},"required":["b"]})"},
      {GrammarKind::json_schema,
       R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"number"},"l":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["v"]}},"$ref":"#/$defs/n"})"},
      {GrammarKind::json_schema, R"({"type":"string","minLength":2,"maxLength":400})"},
      {GrammarKind::json_schema,
       R"({"type":"array","items":{"type":"string","maxLength":300},"minItems":2,"maxItems":500})"},
      {GrammarKind::json_schema,
       R"({"type":"array","items":{"anyOf":[{"type":"integer","minimum":-3,"maximum":120},{"type":"string","pattern":"^a*b+$"}]},"maxItems":300})"},
      {GrammarKind::json_schema,
       R"({"type":"object","properties":{"id":{"type":"integer"}},"additionalProperties":{"type":"array","items":{"type":"boolean"}}})"},
      {GrammarKind::regex, R"((<p>[^<]*</p>\n?)+|[가-힣]{2,600}x)"},
      {GrammarKind::regex, R"((ab|a){0,300}c|(a{1,9}b){150,}d)"},
      {GrammarKind::gbnf, "root ::= e \"=\" [0-9]+\ne ::= t ([-+] t)*\nt ::= [a-z]+ | \"(\" e \")\"\n"},
      {GrammarKind::gbnf,
       "root ::= line+\nline ::= \"- \" text \"\\n\" | \"* \" text \"!\\n\"\ntext ::= [^\\n]+\n"},
      {GrammarKind::gbnf, "root ::= s\ns ::= \"a\" s \"b\" | \"a\" s \"bb\" | \"\"\n"},
      {GrammarKind::tool_calls,
       R"({"tools":[{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}},{"name":"gg"}],"mode":"auto","begin":"<a>","end":"</a>","separator":" "})"},
  };
}

// Words over what the examples are made of, with halves of characters among them.
std::vector<std::string> random_words(Dice& dice) {
  static const std::vector<std::string> pieces = {
      "\"",       "\"", "{",   "}",   "[",   "]",   ":",    ",",    " ",  "\n", "a",    "b",
      "c",        "x",  "1",   "0",   "-",   ".",   "(",    ")",    "=",  "<",  "p",    ">",
      "/",        "\\", "\\n", "\\u", "d8",  "3d",  "true", "null", "한", "국", "\xed", "\x95\x9c",
      "\xf0\x9f", "v",  "l",   "id",  "key", "<a>", "name", "!",    "*"};
  std::vector<std::string> words;
  for (size_t i = 0; i < 150; ++i) {
    std::string w;
    for (size_t n = 1 + dice(4); n > 0; --n) w += pieces[dice(pieces.size())];
    words.push_back(w);
  }
  return words;
}

// What allowed() should say: accept() on a copy, for bytes one at a time on a vocabulary of bytes.
std::vector<bool> truth(const TokenConstraint& bytes_constraint, const TokenVocabulary& vocabulary) {
  std::vector<bool> may(static_cast<size_t>(vocabulary.size()), false);
  for (int32_t t = 0; t < vocabulary.size(); ++t) {
    auto copy = bytes_constraint.clone();
    bool ok = !vocabulary.bytes(t).empty();
    for (char c : vocabulary.bytes(t)) ok = ok && copy->accept(static_cast<uint8_t>(c)).ok();
    may[static_cast<size_t>(t)] = vocabulary.is_end(t) ? bytes_constraint.can_end() : ok;
  }
  return may;
}

TEST(Masks, EqualTheByteByByteTruth) {
  Dice dice{1};
  int64_t compared = 0, allowed_tokens = 0, ended = 0;
  for (const Example& e : examples()) {
    const auto by_bytes = compiled(e.kind, e.text);
    ASSERT_NE(by_bytes, nullptr);
    for (int v = 0; v < 3; ++v) {
      const auto vocabulary = vocabulary_of(random_words(dice));
      const auto grammar = compiled(e.kind, e.text, vocabulary);
      ASSERT_NE(grammar, nullptr);
      std::vector<uint64_t> mask(static_cast<size_t>(mask_words(vocabulary->size())));
      for (int walk = 0; walk < 6; ++walk) {
        auto constraint = grammar->start();
        auto bytes = by_bytes->start();
        std::string out;
        for (int step = 0; step < 25; ++step) {
          const Status status = constraint->allowed(mask);
          ASSERT_TRUE(status.ok()) << status.message();
          const std::vector<bool> expected = truth(*bytes, *vocabulary);
          std::vector<int32_t> words, all;
          for (int32_t t = 0; t < vocabulary->size(); ++t) {
            ASSERT_EQ(mask_has(mask, t), expected[static_cast<size_t>(t)])
                << e.text << "\nafter: " << out << "\ntoken: " << vocabulary->bytes(t);
            if (!mask_has(mask, t)) continue;
            all.push_back(t);
            if (vocabulary->bytes(t).size() > 1) words.push_back(t);
          }
          ++compared;
          allowed_tokens += static_cast<int64_t>(all.size());
          ASSERT_FALSE(all.empty()) << e.text << "\ndead end after: " << out;
          // Words more often than bytes, or the walk would not get far.
          const auto& from = !words.empty() && dice(4) != 0 ? words : all;
          const int32_t token = from[dice(from.size())];
          ASSERT_TRUE(constraint->accept(token).ok());
          if (vocabulary->is_end(token)) {
            ++ended;
            EXPECT_TRUE(constraint->must_end());
            EXPECT_TRUE(*grammar->matches(out)) << out;
            EXPECT_TRUE(utf8_valid(out)) << out;
            ASSERT_TRUE(constraint->allowed(mask).ok());
            for (uint64_t word : mask) EXPECT_EQ(word, 0u);
            EXPECT_FALSE(constraint->accept(0).ok());
            break;
          }
          for (char c : vocabulary->bytes(token)) ASSERT_TRUE(bytes->accept(static_cast<uint8_t>(c)).ok());
          out += vocabulary->bytes(token);
        }
      }
    }
  }
  EXPECT_GT(compared, 2'000);
  EXPECT_GT(allowed_tokens, 20'000);
  EXPECT_GT(ended, 20);
}

TEST(Masks, RememberedOnesEqualFreshOnes) {
  // The same walk on one grammar again and again, and on fresh ones: what is remembered for one stack must
  // not be used for another.
  Dice dice{2};
  const auto vocabulary = vocabulary_of(random_words(dice));
  for (const Example& e : examples()) {
    const auto used = compiled(e.kind, e.text, vocabulary);
    std::vector<uint64_t> a(static_cast<size_t>(mask_words(vocabulary->size()))), b = a;
    for (int walk = 0; walk < 12; ++walk) {
      const auto fresh = compiled(e.kind, e.text, vocabulary);
      auto x = used->start(), y = fresh->start();
      for (int step = 0; step < 40; ++step) {
        ASSERT_TRUE(x->allowed(a).ok());
        ASSERT_TRUE(y->allowed(b).ok());
        ASSERT_EQ(a, b) << e.text;
        std::vector<int32_t> all;
        for (int32_t t = 0; t < vocabulary->size(); ++t) {
          if (mask_has(a, t) && (dice(3) == 0 || vocabulary->bytes(t).size() > 1)) all.push_back(t);
        }
        if (all.empty()) break;
        const int32_t token = all[dice(all.size())];
        ASSERT_TRUE(x->accept(token).ok());
        ASSERT_TRUE(y->accept(token).ok());
        if (vocabulary->is_end(token)) break;
      }
    }
  }
}

TEST(Masks, DepthIsMaskedOutAndNeverADeadEnd) {
  GrammarBudget budget = test_budget();
  budget.max_output_depth = 7;
  const auto vocabulary = vocabulary_of({"[[", "[[[[", "]]", "{\"a\":", "\"}", "[{\"", "((", "(((("});
  for (const Example& e : std::vector<Example>{{GrammarKind::json_schema, R"({"type":"array"})"},
                                               {GrammarKind::json_object, ""},
                                               {GrammarKind::gbnf, "root ::= \"(\" root \")\" | \"x\""}}) {
    auto g = compile_grammar(e.kind, e.text, vocabulary, budget);
    ASSERT_TRUE(g.ok()) << g.message();
    Dice dice{3};
    size_t deepest = 0;
    for (int walk = 0; walk < 40; ++walk) {
      auto c = (*g)->start();
      std::vector<uint64_t> mask(static_cast<size_t>(mask_words(vocabulary->size())));
      std::string out;
      while (!c->must_end()) {
        ASSERT_LT(out.size(), 100'000u);
        ASSERT_TRUE(c->allowed(mask).ok());
        // Deeper whenever it may.
        int32_t token = -1;
        std::vector<int32_t> open, all;
        for (int32_t t = 0; t < vocabulary->size(); ++t) {
          if (!mask_has(mask, t)) continue;
          ASSERT_TRUE(c->clone()->accept(t).ok());
          all.push_back(t);
          const std::string& b = vocabulary->bytes(t);
          if (!b.empty() && (b[0] == '[' || b[0] == '(' || b[0] == '{')) open.push_back(t);
        }
        ASSERT_FALSE(all.empty()) << out;
        token = !open.empty() && dice(3) != 0 ? open[dice(open.size())] : all[dice(all.size())];
        ASSERT_TRUE(c->accept(token).ok());
        out += vocabulary->bytes(token);
      }
      size_t depth = 0;
      bool quoted = false;
      for (size_t i = 0; i < out.size(); ++i) {
        if (quoted && out[i] == '\\') {
          ++i;
        } else if (out[i] == '"') {
          quoted = !quoted;
        } else if (!quoted && (out[i] == '[' || out[i] == '{' || out[i] == '(')) {
          deepest = std::max(deepest, ++depth);
        } else if (!quoted && (out[i] == ']' || out[i] == '}' || out[i] == ')')) {
          --depth;
        }
      }
    }
    EXPECT_GE(deepest, 4u);
    EXPECT_LE(deepest, 10u);
  }
}

TEST(Masks, ShortestTextDeeperThanTheLimitIsRefused) {
  GrammarBudget budget = test_budget();
  budget.max_output_depth = 5;
  std::string text = "root ::= \"(\" a9 \")\" a9\n";  // used twice, so that rules are calls
  text += "a0 ::= " + std::string("\"x\" [^z]+ [^z]+ \"z\"\n");
  for (int i = 1; i < 10; ++i)
    text += fmt::format("a{} ::= \"(\" a{} \")\" | \"[\" a{} a{} \"]\" a{}?\n", i, i - 1, i - 1, i - 1, i);
  EXPECT_NE(error_of(GrammarKind::gbnf, text, budget).find("max_output_depth"), std::string::npos)
      << error_of(GrammarKind::gbnf, text, budget);
}

TEST(Masks, BudgetsAreErrorsThatNameThemselves) {
  const auto vocabulary = bytes_only();
  std::vector<uint64_t> mask(static_cast<size_t>(mask_words(vocabulary->size())));
  // Walks until an error and returns it.
  auto run = [&](GrammarKind kind, std::string_view text, const GrammarBudget& budget,
                 std::string_view input) {
    auto g = compile_grammar(kind, text, vocabulary, budget);
    if (!g.ok()) return g.message();
    auto c = (*g)->start();
    for (char byte : input) {
      if (auto s = c->allowed(mask); !s.ok()) return s.message();
      if (auto s = c->accept(static_cast<uint8_t>(byte)); !s.ok()) return s.message();
    }
    return std::string("no error");
  };
  GrammarBudget b = test_budget();
  b.max_automaton_bytes = 200'000;
  Dice dice{6};
  std::string as;
  for (int i = 0; i < 3000; ++i) as += dice(2) == 0 ? 'a' : 'b';
  EXPECT_NE(run(GrammarKind::regex, "(a|b)*a(a|b){14}c", b, as).find("max_automaton_bytes"),
            std::string::npos);
  b = test_budget();
  b.max_stacks = 16;
  // Readings that differ in where each x was entered.
  EXPECT_NE(run(GrammarKind::gbnf, "root ::= x{300} x{0,300}\nx ::= \"a\" | \"aa\" \"b\"?\n", b,
                std::string(200, 'a'))
                .find("max_stacks"),
            std::string::npos);
  b = test_budget();
  b.max_mask_steps = 3;
  EXPECT_NE(run(GrammarKind::json_object, "", b, "{}").find("max_mask_steps"), std::string::npos);
  b = test_budget();
  b.max_masks_ms = -1;
  EXPECT_NE(run(GrammarKind::json_object, "", b, "{}").find("max_masks_ms"), std::string::npos);
  b = test_budget();
  b.max_symbols = 50;
  EXPECT_NE(run(GrammarKind::json_object, "", b, "").find("max_symbols"), std::string::npos);
  b = test_budget();
  b.max_input_bytes = 10;
  EXPECT_NE(run(GrammarKind::regex, "aaaaaaaaaaa", b, "").find("max_input_bytes"), std::string::npos);
  b = test_budget();
  b.max_compile_ms = -1;
  EXPECT_NE(run(GrammarKind::regex, std::string(10'000, 'a'), b, "").find("max_compile_ms"),
            std::string::npos);
}

TEST(Masks, VocabularyThatLacksBytesIsToldSo) {
  VocabularyBytes v;
  v.bytes = {"{", "\"", "a", ""};
  v.end_tokens = {3};
  const auto vocabulary = *TokenVocabulary::build(v);
  EXPECT_FALSE(vocabulary->has_all_bytes());
  EXPECT_TRUE(bytes_only()->has_all_bytes());
  auto c = compiled(GrammarKind::json_object, "", vocabulary)->start();
  std::vector<uint64_t> mask(1);
  for (int32_t t : {0, 1, 1}) {
    ASSERT_TRUE(c->allowed(mask).ok());
    ASSERT_TRUE(c->accept(t).ok());
  }
  EXPECT_NE(c->allowed(mask).message().find("lacks a byte"), std::string::npos);
}

TEST(Masks, TokensWithTheSameBytesAreAllowedTogether) {
  VocabularyBytes v;
  v.bytes = {"a", "b", "a", "", "ab", "ab", "x", ""};
  v.end_tokens = {6, 7, 6};  // the bytes of an end token are ignored
  const auto vocabulary = *TokenVocabulary::build(v);
  auto c = compiled(GrammarKind::regex, "ab?", vocabulary)->start();
  std::vector<uint64_t> mask(1);
  ASSERT_TRUE(c->allowed(mask).ok());
  EXPECT_EQ(mask[0], 0b110101u);
  EXPECT_FALSE(c->accept(3).ok());
  EXPECT_FALSE(c->accept(-1).ok());
  EXPECT_FALSE(c->accept(8).ok());
  EXPECT_FALSE(c->accept(6).ok());
  ASSERT_TRUE(c->accept(2).ok());
  EXPECT_FALSE(c->must_end());
  ASSERT_TRUE(c->allowed(mask).ok());
  EXPECT_EQ(mask[0], 0b11000010u);
  ASSERT_TRUE(c->accept(1).ok());
  EXPECT_TRUE(c->must_end());
  auto again = c->restart();
  EXPECT_TRUE(again->accept(4).ok());
  EXPECT_TRUE(again->accept(7).ok());
}

TEST(Masks, BadVocabulariesAreErrors) {
  EXPECT_FALSE(TokenVocabulary::build({{"a"}, {}}).ok());
  EXPECT_FALSE(TokenVocabulary::build({{"a"}, {1}}).ok());
  EXPECT_FALSE(TokenVocabulary::build({{"a"}, {-1}}).ok());
  EXPECT_FALSE(TokenVocabulary::build({{""}, {0}}).ok());
  // Too long to be allowed, but no error.
  const auto v = TokenVocabulary::build({{"a", std::string(2000, 'a'), ""}, {2}});
  ASSERT_TRUE(v.ok());
  auto c = compiled(GrammarKind::regex, "a*", *v)->start();
  std::vector<uint64_t> mask(1);
  ASSERT_TRUE(c->allowed(mask).ok());
  EXPECT_EQ(mask[0], 0b101u);
  EXPECT_FALSE(c->accept(1).ok());
}

TEST(Masks, ASmallCacheOnlyForgets) {
  Dice dice{4};
  const auto vocabulary = vocabulary_of(random_words(dice));
  GrammarBudget small = test_budget();
  small.max_mask_cache_bytes = 4'000;
  for (const Example& e : examples()) {
    auto g = compile_grammar(e.kind, e.text, vocabulary, small);
    ASSERT_TRUE(g.ok());
    const auto large = compiled(e.kind, e.text, vocabulary);
    std::vector<uint64_t> a(static_cast<size_t>(mask_words(vocabulary->size()))), b = a;
    auto x = (*g)->start(), y = large->start();
    for (int step = 0; step < 60; ++step) {
      ASSERT_TRUE(x->allowed(a).ok());
      ASSERT_TRUE(y->allowed(b).ok());
      ASSERT_EQ(a, b);
      std::vector<int32_t> all;
      for (int32_t t = 0; t < vocabulary->size() - 1; ++t) {
        if (mask_has(a, t)) all.push_back(t);
      }
      if (all.empty()) break;
      const int32_t token = all[dice(all.size())];
      ASSERT_TRUE(x->accept(token).ok());
      ASSERT_TRUE(y->accept(token).ok());
    }
  }
}

TEST(Masks, ThreadsShareAGrammar) {
  Dice dice{5};
  const auto vocabulary = vocabulary_of(random_words(dice));
  GrammarBudget small = test_budget();
  small.max_mask_cache_bytes = 30'000;  // so that entries come and go
  auto g = compile_grammar(GrammarKind::json_schema, examples()[2].text, vocabulary, small);
  ASSERT_TRUE(g.ok());
  // Each thread walks with its own dice; the same dice give the same text whatever the others do.
  auto walk = [&](uint64_t seed) {
    Dice d{seed};
    std::string all_out;
    std::vector<uint64_t> mask(static_cast<size_t>(mask_words(vocabulary->size())));
    for (int i = 0; i < 30; ++i) {
      auto c = (*g)->start();
      for (int step = 0; step < 40; ++step) {
        if (!c->allowed(mask).ok()) return std::string("error");
        std::vector<int32_t> may;
        for (int32_t t = 0; t < vocabulary->size(); ++t) {
          if (mask_has(mask, t)) may.push_back(t);
        }
        const int32_t token = may[d(may.size())];
        if (!c->accept(token).ok()) return std::string("error");
        all_out += vocabulary->bytes(token);
        if (c->must_end()) break;
      }
    }
    return all_out;
  };
  std::vector<std::string> together(4), alone;
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { together[i] = walk(100 + i); });
  threads.clear();
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(together[i], walk(100 + i));
}

TEST(GrammarCache, KeepsTheLatestWithinItsBytes) {
  GrammarCache cache(bytes_only(), 300'000, test_budget());
  const auto a = cache.compile(GrammarKind::regex, "a+");
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(*cache.compile(GrammarKind::regex, "a+"), *a);
  EXPECT_NE(*cache.compile(GrammarKind::gbnf, "root ::= \"a\""), *a);
  const auto failed = cache.compile(GrammarKind::regex, "(");
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(*cache.compile(GrammarKind::json_object, "x"), *cache.compile(GrammarKind::json_object, ""));
  EXPECT_EQ(cache.stats().hits, 2);
  EXPECT_EQ(cache.stats().entries, 3);
  // What failed is remembered, the last 32 of them.
  EXPECT_EQ(cache.compile(GrammarKind::regex, "(").message(), failed.message());
  EXPECT_EQ(cache.stats().hits, 3);
  for (int i = 0; i < 32; ++i) EXPECT_FALSE(cache.compile(GrammarKind::regex, fmt::format("({}", i)).ok());
  EXPECT_FALSE(cache.compile(GrammarKind::regex, "(").ok());
  EXPECT_EQ(cache.stats().hits, 3);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(cache.compile(GrammarKind::regex, fmt::format("[a-z]{{{}}}", 100 + i)).ok());
    EXPECT_LE(cache.stats().bytes, 300'000u);
  }
  EXPECT_GT(cache.stats().evictions, 0);
  // What was dropped lives on where it is used.
  EXPECT_TRUE(*(*a)->matches("aaa"));
  GrammarCache tiny(bytes_only(), 1, test_budget());
  ASSERT_TRUE(tiny.compile(GrammarKind::regex, "a").ok());
  ASSERT_TRUE(tiny.compile(GrammarKind::regex, "b").ok());
  EXPECT_EQ(tiny.stats().entries, 1);
}

}  // namespace
}  // namespace jaju
