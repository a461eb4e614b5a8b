// Times constrained decoding on a vocabulary as large as A.X K1's: compiling, the first mask at each place of
// an answer (cold), the same masks again (warm), and taking a token. The vocabulary is synthetic: 163,840
// tokens, all single bytes, words with and without a space in front, Korean, digits, code punctuation, runs
// of white space. The clock is the thread's CPU time, so a busy machine does not blur the result.
//
//   grammar_bench [rounds]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/split_mix.h"
#include "base/utf8.h"
#include "runtime/grammar/grammar.h"

namespace {

using namespace jaju;  // NOLINT: a small program

constexpr size_t kVocabulary = 163'840;

double now_us() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + 1e-3 * static_cast<double>(t.tv_nsec);
}

std::shared_ptr<const TokenVocabulary> synthetic_vocabulary() {
  VocabularyBytes v;
  std::unordered_set<std::string> seen;
  auto add = [&](const std::string& bytes) {
    if (v.bytes.size() < kVocabulary - 1 && seen.insert(bytes).second) v.bytes.push_back(bytes);
  };
  for (int b = 0; b < 256; ++b) add(std::string(1, static_cast<char>(b)));
  for (size_t n = 2; n <= 128; ++n) add(std::string(n, ' '));
  for (size_t n = 1; n <= 16; ++n) {
    for (size_t m = 0; m <= 16; ++m) add(std::string(n, '\n') + std::string(m, m % 2 == 0 ? ' ' : '\t'));
  }
  for (int n = 0; n < 1000; ++n) add(std::to_string(n));
  uint64_t dice = 7;
  auto pick = [&](size_t n) { return static_cast<size_t>(split_mix64(dice) % n); };
  const std::string punctuation = "\"'{}[]():;,.<>/\\=+-*&|!?#$%@^~`_";
  for (int i = 0; i < 4000; ++i) {  // as code has it: "}, {"  ":"  \"
    std::string s;
    for (size_t n = 2 + pick(3); n > 0; --n) s += pick(5) == 0 ? ' ' : punctuation[pick(punctuation.size())];
    add(s);
  }
  const std::vector<std::string> syllables = {
      "a",  "be", "co", "de", "er", "fi",  "ga", "ha", "in", "jo", "ka",  "le",   "mo",   "ne", "on",  "pre",
      "qu", "re", "st", "te", "un", "ver", "wo", "xi", "yo", "za", "ing", "tion", "ment", "al", "ous", "ly"};
  while (v.bytes.size() < 110'000) {
    std::string s = pick(2) == 0 ? " " : "";
    for (size_t n = 1 + pick(4); n > 0; --n) s += syllables[pick(syllables.size())];
    if (pick(6) == 0) s[s[0] == ' ' ? 1 : 0] = static_cast<char>('A' + pick(26));
    if (pick(40) == 0) s += "\"";
    if (pick(60) == 0) s += "\",";
    if (pick(60) == 0) s += "\":";
    add(s);
  }
  while (v.bytes.size() < kVocabulary - 1) {
    std::string s = pick(2) == 0 ? " " : "";
    for (size_t n = 1 + pick(4); n > 0; --n)
      utf8_append(s, 0xAC00 + static_cast<uint32_t>(pick(pick(2) == 0 ? 600 : 11'172)));
    if (pick(8) == 0) s.pop_back();  // half a character, as byte-level merges make them
    add(s);
  }
  v.end_tokens.push_back(static_cast<int32_t>(v.bytes.size()));
  v.bytes.push_back("");
  return *TokenVocabulary::build(std::move(v));
}

// Longest token first; what a model would write is near enough.
std::vector<int32_t> tokens_of(const TokenVocabulary& vocabulary, std::string_view text) {
  static std::unordered_map<std::string_view, int32_t> ids;
  if (ids.empty()) {
    for (int32_t t = 0; t < vocabulary.size(); ++t) ids.emplace(vocabulary.bytes(t), t);
  }
  std::vector<int32_t> out;
  while (!text.empty()) {
    size_t n = std::min<size_t>(text.size(), 32);
    while (!ids.contains(text.substr(0, n))) --n;
    out.push_back(ids.at(text.substr(0, n)));
    text.remove_prefix(n);
  }
  return out;
}

struct Times {
  std::vector<double> us;
  double at(double share) {
    std::sort(us.begin(), us.end());
    return us.empty() ? 0 : us[static_cast<size_t>(share * static_cast<double>(us.size() - 1))];
  }
};

struct Case {
  const char* name;
  GrammarKind kind;
  std::string grammar, answer;
};

std::vector<Case> cases() {
  const std::string prose =
      "The quick brown fox reads \\\"a book\\\" about 한국어 문장과 여러 가지 이야기 and never stops to ask "
      "why it is so late today";
  std::string names, many = "{";
  for (int i = 0; i < 1000; ++i)
    names += (i ? ",\"" : "\"") + std::string("value") + std::to_string(i * 7919) + "\"";
  std::string properties, required;
  for (int i = 0; i < 200; ++i) {
    const std::string key = "field_" + std::to_string(i);
    properties += (i ? ",\"" : "\"") + key + "\":{\"type\":\"" +
                  (i % 3 == 0   ? "string"
                   : i % 3 == 1 ? "integer"
                                : "boolean") +
                  "\"}";
    required += (i ? ",\"" : "\"") + key + "\"";
    many += (i ? ", \"" : "\"") + key + "\": " +
            (i % 3 == 0   ? "\"some text\""
             : i % 3 == 1 ? "12345"
                          : "true");
  }
  many += "}";
  return {
      {"json_object", GrammarKind::json_object, "",
       "{\"title\": \"" + prose +
           "\", \"tags\": [\"a\", \"b\", {\"deep\": [1, 2.5, -3e10, null, true]}], \"text\": \"" + prose +
           "\"}"},
      {"schema, steps of a solution", GrammarKind::json_schema,
       R"({"type":"object","properties":{"steps":{"type":"array","items":{"type":"object","properties":{"explanation":{"type":"string"},"output":{"type":"string"}},"required":["explanation","output"],"additionalProperties":false}},"final_answer":{"type":"string"}},"required":["steps","final_answer"],"additionalProperties":false})",
       "{\"steps\": [{\"explanation\": \"" + prose + "\", \"output\": \"x = 3\"}, {\"explanation\": \"" +
           prose + "\", \"output\": \"x = 4\"}], \"final_answer\": \"4\"}"},
      {"schema, recursive tree", GrammarKind::json_schema,
       R"({"$defs":{"node":{"type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["name","children"],"additionalProperties":false}},"$ref":"#/$defs/node"})",
       R"({"name": "root", "children": [{"name": "left", "children": [{"name": "leaf", "children": []}]}, {"name": "right", "children": []}]})"},
      {"schema, 200 properties", GrammarKind::json_schema,
       "{\"type\":\"object\",\"properties\":{" + properties + "},\"required\":[" + required + "]}", many},
      {"schema, enum of 1000", GrammarKind::json_schema, "{\"enum\":[" + names + "]}", "\"value5598733\""},
      {"schema, maxLength 4000", GrammarKind::json_schema,
       R"({"type":"string","minLength":10,"maxLength":4000})", "\"" + prose + prose + "\""},
      {"schema, pattern and formats", GrammarKind::json_schema,
       R"({"type":"object","properties":{"id":{"type":"string","format":"uuid"},"at":{"type":"string","format":"date-time"},"mail":{"type":"string","format":"email"},"code":{"type":"string","pattern":"^[A-Z]{2}[0-9]+$"}},"required":["id","at","mail","code"]})",
       R"({"id": "123e4567-e89b-12d3-a456-426614174000", "at": "2026-11-28T12:34:56Z", "mail": "someone@example.com", "code": "AB123"})"},
      {"regex, text between tags", GrammarKind::regex, "(<p>[^<]*</p>\\n)+",
       "<p>" + prose + "</p>\n<p>" + prose + "</p>\n"},
      {"gbnf, arithmetic", GrammarKind::gbnf,
       "root ::= (expr \"=\" ws term \"\\n\")+\nexpr ::= term ([-+*/] ws term)*\nterm ::= ident | num | "
       "\"(\" ws expr \")\" ws\n"
       "ident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*\n",
       "(a + b) * (3 - cosine) / 12= result\nx + 1= 2\n"},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const double t0 = now_us();
  const auto vocabulary = synthetic_vocabulary();
  std::printf("vocabulary: %lld tokens, %zu trie nodes, %.1f MiB, made in %.0f ms\n",
              static_cast<long long>(vocabulary->size()), vocabulary->nodes().size(),
              static_cast<double>(vocabulary->memory()) / 0x1p20, (now_us() - t0) / 1e3);
  std::printf("%-28s %7s %10s | %8s %8s %8s | %8s %8s | %8s | %7s\n", "case", "tokens", "compile ms",
              "cold p50", "cold mean", "cold max", "warm p50", "warm max", "accept", "MiB");
  std::vector<uint64_t> mask(static_cast<size_t>(mask_words(vocabulary->size())));
  for (const Case& c : cases()) {
    const auto tokens = tokens_of(*vocabulary, c.answer);
    Times compile, cold, warm, accept;
    double mib = 0, cold_max = 0, cold_sum = 0;
    for (int r = 0; r < rounds; ++r) {
      const double start = now_us();
      auto grammar = compile_grammar(c.kind, c.grammar, vocabulary);
      compile.us.push_back(now_us() - start);
      if (!grammar.ok()) {
        std::fprintf(stderr, "%s: %s\n", c.name, grammar.message().c_str());
        return 1;
      }
      for (int pass = 0; pass < 3; ++pass) {
        auto constraint = (*grammar)->start();
        double max = 0;
        for (int32_t t : tokens) {
          const double a = now_us();
          const Status allowed = constraint->allowed(mask);
          const double b = now_us();
          if (!allowed.ok() || !mask_has(mask, t)) {
            std::fprintf(stderr, "%s: token '%s' is not allowed: %s\n", c.name, vocabulary->bytes(t).c_str(),
                         allowed.message().c_str());
            return 1;
          }
          const Status taken = constraint->accept(t);
          const double d = now_us();
          if (!taken.ok()) return 1;
          (pass == 0 ? cold : warm).us.push_back(b - a);
          if (pass == 0) cold_sum += b - a;
          max = std::max(max, b - a);
          if (pass > 0) accept.us.push_back(d - b);
        }
        if (!constraint->can_end()) std::fprintf(stderr, "%s: the answer is not complete\n", c.name);
        // The best of the rounds: what is slower was disturbed.
        if (pass == 0) cold_max = r == 0 ? max : std::min(cold_max, max);
      }
      mib = static_cast<double>((*grammar)->memory()) / 0x1p20;
    }
    std::printf("%-28s %7zu %10.2f | %8.1f %8.1f %8.1f | %8.2f %8.2f | %8.2f | %7.2f\n", c.name,
                tokens.size(), compile.at(0.5) / 1e3, cold.at(0.5),
                cold_sum / static_cast<double>(cold.us.size()), cold_max, warm.at(0.5), warm.at(0.99),
                accept.at(0.5), mib);
    std::fflush(stdout);
  }
  std::printf("times in microseconds unless said; cold max: smallest of %d rounds; warm max: 99th of 100\n",
              rounds);
  return 0;
}
