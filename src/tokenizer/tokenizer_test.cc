// The whole pipeline against ids from Hugging Face `tokenizers` (tests/golden/tokenizer/README.md).
#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "base/file.h"
#include "base/json.h"

namespace jaju {
namespace {

const std::filesystem::path kDir = JAJU_TESTS_DIR "/golden/tokenizer";

nlohmann::json golden_json() {
  auto json = read_json(kDir / "tokenizer.json", 1 << 20);
  return json.ok() ? *json : nlohmann::json();
}

std::unique_ptr<Tokenizer> golden() {
  auto t = Tokenizer::load(kDir);
  EXPECT_TRUE(t.ok()) << t.message();
  return t.ok() ? std::move(*t) : nullptr;
}

std::unique_ptr<Tokenizer> variant(const std::function<void(nlohmann::json&)>& change) {
  auto json = golden_json();
  change(json);
  auto t = Tokenizer::parse(json.dump(), "variant");
  EXPECT_TRUE(t.ok()) << t.message();
  return t.ok() ? std::move(*t) : nullptr;
}

std::string error_of(const std::function<void(nlohmann::json&)>& change) {
  auto json = golden_json();
  change(json);
  auto t = Tokenizer::parse(json.dump(), "tokenizer.json");
  return t.ok() ? "" : t.message();
}

nlohmann::json added(const std::string& content, int id) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", false}};
}

TEST(Tokenizer, GoldenCases) {
  const auto t = golden();
  ASSERT_NE(t, nullptr);
  const auto cases = read_json(kDir / "cases.json", 1 << 20);
  ASSERT_TRUE(cases.ok()) << cases.message();
  ASSERT_GT(cases->size(), 200u);
  for (const auto& c : *cases) {
    const auto text = c["text"].get<std::string>();
    const auto ids = c["ids"].get<std::vector<TokenId>>();
    EXPECT_EQ(t->encode(text), ids) << text;
    EXPECT_EQ(t->decode(ids), c["decoded"].get<std::string>());
  }
}

TEST(Tokenizer, MergesAsStringsAreTheSame) {
  const auto t = variant([](nlohmann::json& j) {
    for (auto& m : j["model"]["merges"]) m = m[0].get<std::string>() + " " + m[1].get<std::string>();
  });
  const std::string text = "def f(x):\n    return x**2  # 제곱\n";
  EXPECT_EQ(t->encode(text), golden()->encode(text));
}

TEST(Tokenizer, KnowsItsTokens) {
  const auto t = golden();
  EXPECT_EQ(t->vocab_size(), 2059);
  EXPECT_EQ(t->id_of("<|im_end|>"), 2051);
  EXPECT_EQ(t->id_of("no such token"), std::nullopt);
  EXPECT_EQ(t->bytes_of(2051), "<|im_end|>");
  EXPECT_EQ(t->bytes_of(220), " ");
  EXPECT_EQ(t->bytes_of(-1), "");
  EXPECT_EQ(t->bytes_of(2059), "");
  EXPECT_TRUE(t->is_added(2052));
  EXPECT_FALSE(t->is_special(2052));  // <think>
  EXPECT_TRUE(t->is_special(2050));
  EXPECT_FALSE(t->is_added(5));
  const std::vector<TokenId> ids = {2050, 71, 72, 2051, 99999, -5};
  EXPECT_EQ(t->decode(ids), "<|im_start|>hi<|im_end|>");
  EXPECT_EQ(t->decode(ids, true), "hi");
}

TEST(Tokenizer, InvalidUtf8CountsAsReplacementCharacters) {
  const auto t = golden();
  EXPECT_EQ(t->encode("a\xff\xec\x95z"), t->encode("a\xef\xbf\xbd\xef\xbf\xbdz"));
}

TEST(Tokenizer, PlainTextNeverBecomesAnAddedToken) {
  // The worst case: added tokens the model's own merges can make, and single characters.
  const auto t = variant([](nlohmann::json& j) {
    for (const char* content : {"er", "in", "a", "Ġt"}) {
      j["added_tokens"].push_back(added(content, j["model"]["vocab"][content].get<int>()));
    }
    j["model"]["ignore_merges"] = true;
  });
  for (const std::string text :
       {"<|im_start|>system\n<|im_end|>", "her the other t banana <think>", "er", "a", "in"}) {
    for (const TokenId id : t->encode(text, SpecialText::as_text))
      EXPECT_FALSE(t->is_added(id)) << text << " " << id;
  }
  EXPECT_EQ(t->encode("er"), std::vector<TokenId>{*t->id_of("er")});
  // Where the vocabulary is not touched, the text survives whole.
  const auto plain = golden();
  const std::string text = "<|im_start|>system<think>er</think><|im_end|>";
  const auto ids = plain->encode(text, SpecialText::as_text);
  EXPECT_EQ(plain->decode(ids, true), text);
}

TEST(Tokenizer, ErrorsNameThePart) {
  using J = nlohmann::json;
  EXPECT_NE(error_of([](J& j) {
              j["pre_tokenizer"] = {{"type", "Metaspace"}};
            }).find("'Metaspace'"),
            std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["normalizer"] = {{"type", "Nmt"}}; }).find("'Nmt'"), std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["decoder"] = {{"type", "CTC"}}; }).find("'CTC'"), std::string::npos);
  EXPECT_NE(error_of([](J& j) {
              j["post_processor"] = {{"type", "Magic"}};
            }).find("'Magic'"),
            std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["model"]["type"] = "Unigram"; }).find("'Unigram'"), std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["model"]["merges"].push_back("qqq zzz"); }).find("'qqq'"),
            std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["model"]["merges"].push_back({"a"}); }).find("merge 1792"),
            std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["model"]["vocab"]["x y"] = 5; }).find("id 5 belongs to two"),
            std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["model"]["vocab"]["x y"] = 1 << 30; }).find("'x y'"), std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["model"]["vocab"]["x y"] = -3; }).find("'x y'"), std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["model"]["dropout"] = 0.5; }).find("dropout"), std::string::npos);
  EXPECT_NE(error_of([](J& j) { j["added_tokens"][2]["id"] = 3000; }).find("make it 2050"),
            std::string::npos);
  EXPECT_NE(error_of([](J& j) {
              j["pre_tokenizer"]["pretokenizers"][1]["pattern"]["Regex"] = "(a";
            }).find("not closed"),
            std::string::npos);
  EXPECT_NE(error_of([](J& j) {
              j["pre_tokenizer"]["pretokenizers"][1]["behavior"] = "Sideways";
            }).find("'Sideways'"),
            std::string::npos);
  EXPECT_EQ(error_of([](J& j) { j["post_processor"] = {{"type", "TemplateProcessing"}}; }), "");
  EXPECT_FALSE(Tokenizer::parse("", "empty").ok());
  EXPECT_FALSE(Tokenizer::parse(std::string(100'000, '['), "deep").ok());
  EXPECT_FALSE(Tokenizer::load("/nonexistent/tokenizer.json").ok());
}

// Time may grow a little faster than the text (a heap's logarithm), but nowhere near its square: 8 times the
// text may take up to 32 times as long before this fails; quadratic work would take 64.
TEST(Tokenizer, HostileTextTakesLinearTime) {
  const auto t = variant([](nlohmann::json& j) { j["normalizer"] = {{"type", "NFC"}}; });
  const auto repeat = [](std::string_view unit, size_t bytes) {
    std::string s;
    while (s.size() < bytes) s += unit;
    return s;
  };
  const auto seconds = [&](const std::string& text) {
    double best = 1e9;
    for (int k = 0; k < 2; ++k) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_FALSE(t->encode(text).empty());
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
  };
  for (const std::string_view unit :
       {"a", " ", "7", "\n", "\t ", " \r", "\xcc\x81", "\xcc\x81\xcc\xa3", "\xeb\x8b\xab", "\xe4\xba\xac",
        "<|im_start", "<", "!", "\xf0\x9f\x91\x8d", "a\xcc\x81", "'s", "\xff"}) {
    const double small = seconds(repeat(unit, 64 << 10));
    const double large = seconds(repeat(unit, 512 << 10));
    EXPECT_LT(large, 32 * small + 0.05) << "unit '" << unit << "': " << small << " s, then " << large << " s";
  }
}

TEST(Tokenizer, ManyThreadsAgree) {
  const auto t = golden();
  const std::string text = "AI 주권은 누군가 대신 지켜주지 않는다. <|im_end|> int main() { return 0; }\n";
  const auto expected = t->encode(text);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t k = 0; k < wrong.size(); ++k) {
    threads.emplace_back([&, k] {
      for (int i = 0; i < 200; ++i) wrong[k] += t->encode(text) != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace jaju
