// A tokenizer's way through GGUF's tokens and merges: the same ids for every golden text, and lists that lie.
#include "tokenizer/gguf_vocab.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_writer.h"

namespace jaju {
namespace {

const std::string kGolden = JAJU_TESTS_DIR "/golden/tokenizer/";

TokenizerSpec golden_spec() {
  const auto json = read_file(kGolden + "tokenizer.json", 1 << 20);
  EXPECT_TRUE(json.ok()) << json.message();
  const auto spec = parse_tokenizer_json(*json, "tokenizer.json");
  EXPECT_TRUE(spec.ok()) << spec.message();
  return *spec;
}

TEST(GgufVocab, GoldenTokenizerComesBackWithTheSameIds) {
  TokenizerSpec spec = golden_spec();
  // The golden file's own steps, so that this test does not hang on their name being known.
  spec.pre_tokenizers = axk1_pre_tokenizer();
  const auto vocab = gguf_from_tokenizer(spec, 2100, "x");
  ASSERT_TRUE(vocab.ok()) << vocab.message();
  EXPECT_EQ(vocab->pre, "axk2");
  ASSERT_EQ(vocab->tokens.size(), 2100u);
  EXPECT_EQ(vocab->tokens[2099], "[PAD2099]");
  EXPECT_EQ(vocab->types[2099], static_cast<int32_t>(GgufTokenType::unused));
  const auto json = tokenizer_json_from_gguf(*vocab, "x.gguf");
  ASSERT_TRUE(json.ok()) << json.message();
  const auto back = Tokenizer::parse(*json, "back");
  ASSERT_TRUE(back.ok()) << back.message();
  const auto original = Tokenizer::load(kGolden);
  ASSERT_TRUE(original.ok()) << original.message();
  EXPECT_EQ((*back)->vocab_size(), (*original)->vocab_size());
  const auto cases = read_json(kGolden + "cases.json", 1 << 20);
  ASSERT_TRUE(cases.ok());
  int compared = 0;
  for (const auto& c : cases->is_array() ? *cases : cases->at("cases")) {
    if (!c.is_object() || !c.contains("text")) continue;
    const std::string text = c["text"].get<std::string>();
    EXPECT_EQ((*back)->encode(text), (*original)->encode(text)) << text;
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

// A vocabulary of the 256 bytes, some words and some special tokens, at the front as DeepSeek has them.
GgufVocab small(const std::string& pre, const std::vector<std::string>& words) {
  GgufVocab vocab;
  vocab.pre = pre;
  const auto add = [&](const std::string& token, GgufTokenType type) {
    vocab.tokens.push_back(token);
    vocab.types.push_back(static_cast<int32_t>(type));
  };
  add("<|begin|>", GgufTokenType::control);
  for (int b = 0; b < 256; ++b)
    add(to_byte_level(std::string(1, static_cast<char>(b))), GgufTokenType::normal);
  for (const std::string& word : words) {
    // Built up a byte at a time, so that the whole of it is one token.
    const std::string spelt = to_byte_level(word);
    std::string left = to_byte_level(word.substr(0, 1));
    for (size_t i = 1; i < word.size(); ++i) {
      const std::string next = to_byte_level(word.substr(i, 1));
      const std::string joined = left + next;
      if (std::find(vocab.tokens.begin(), vocab.tokens.end(), joined) == vocab.tokens.end()) {
        add(joined, GgufTokenType::normal);
        vocab.merges.push_back(left + " " + next);
      }
      left = joined;
    }
  }
  add("<think>", GgufTokenType::user_defined);
  add("[PAD999]", GgufTokenType::unused);
  return vocab;
}

std::vector<std::string> pieces(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> out;
  for (const TokenId id : tokenizer.encode(text)) out.emplace_back(tokenizer.bytes_of(id));
  return out;
}

// Each name cuts numbers its own way, as the models it is called after do.
TEST(GgufVocab, NamesCutAsTheirModelsDo) {
  using Pieces = std::vector<std::string>;
  // " ab" stands before "ab": its merges must come first, or the space stays behind.
  const std::vector<std::string> words = {"1234567", "123", "456", " ab", "ab", "한국"};
  for (const auto& [pre, expected] :
       {std::pair<const char*, Pieces>{"deepseek-v3", {"123", "456", "7", " ab", "한국"}},
        std::pair<const char*, Pieces>{"llama-bpe", {"123", "456", "7", " ab", "한국"}},
        std::pair<const char*, Pieces>{"axk2", {"1", "2", "3", "4", "5", "6", "7", " ab", "한국"}},
        std::pair<const char*, Pieces>{"qwen2", {"1", "2", "3", "4", "5", "6", "7", " ab", "한국"}},
        std::pair<const char*, Pieces>{"gpt-2", {"1234567", " ab", "한국"}}}) {
    const auto json = tokenizer_json_from_gguf(small(pre, words), "x.gguf");
    ASSERT_TRUE(json.ok()) << json.message();
    const auto tokenizer = Tokenizer::parse(*json, pre);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
    Pieces got = pieces(**tokenizer, "1234567 ab");
    const Pieces korean = pieces(**tokenizer, "한국");
    got.insert(got.end(), korean.begin(), korean.end());
    EXPECT_EQ(got, expected) << pre;
    // Special tokens keep their ids, wherever these lie, and their kind.
    EXPECT_EQ((*tokenizer)->id_of("<|begin|>"), 0) << pre;
    EXPECT_EQ((*tokenizer)->encode("<|begin|>"), std::vector<TokenId>{0}) << pre;
    EXPECT_TRUE((*tokenizer)->is_special(0)) << pre;
    const auto think = (*tokenizer)->id_of("<think>");
    ASSERT_TRUE(think.has_value()) << pre;
    EXPECT_TRUE((*tokenizer)->is_added(*think) && !(*tokenizer)->is_special(*think)) << pre;
    EXPECT_EQ((*tokenizer)->id_of("[PAD999]"), std::nullopt) << pre;
  }
}

TEST(GgufVocab, KnownNamesSurviveTheWayBack) {
  for (const std::string& pre : known_gguf_pre_tokenizers()) {
    const auto json = tokenizer_json_from_gguf(small(pre, {"ab"}), "x.gguf");
    ASSERT_TRUE(json.ok()) << json.message();
    const auto spec = parse_tokenizer_json(*json, pre);
    ASSERT_TRUE(spec.ok()) << spec.message();
    const auto vocab = gguf_from_tokenizer(*spec, 260, pre);
    ASSERT_TRUE(vocab.ok()) << vocab.message();
    EXPECT_EQ(vocab->pre, pre == "axk1" ? "axk2" : pre);
    EXPECT_EQ(vocab->merges, small(pre, {"ab"}).merges);
    EXPECT_EQ(vocab->types, small(pre, {"ab"}).types);
  }
  // Other steps have no name.
  TokenizerSpec other = golden_spec();
  other.pre_tokenizers = axk1_pre_tokenizer();
  other.pre_tokenizers[0].pattern.text = "[a-z]+";
  EXPECT_EQ(gguf_from_tokenizer(other, 2100, "x")->pre, "default");
}

TEST(GgufVocab, RefusesListsThatLie) {
  const auto expect = [](GgufVocab vocab, const char* part) {
    const auto json = tokenizer_json_from_gguf(vocab, "x.gguf");
    ASSERT_FALSE(json.ok()) << part;
    EXPECT_NE(json.message().find(part), std::string::npos) << json.message();
  };
  const GgufVocab good = small("axk2", {"ab"});
  GgufVocab v = good;
  v.pre = "tekken";
  expect(v, "pre-tokenizer 'tekken' is not one jaju knows");
  v = good;
  v.types.pop_back();
  expect(v, "has 259 entries for 260 tokens");
  v = good;
  v.types[5] = 9;
  expect(v, "unknown type 9");
  v = good;
  v.tokens[5] = "\xff";
  expect(v, "token 5 is not valid UTF-8");
  v = good;
  v.tokens[5] = v.tokens[6];
  expect(v, "in the vocabulary twice");
  v = good;
  v.merges.emplace_back("ab");
  expect(v, "is not two tokens");
  v = good;
  v.merges.emplace_back("a b c");
  expect(v, "is not two tokens");
  v = good;
  v.merges.emplace_back("zz yy");
  expect(v, "x.gguf");
  v = good;
  v.tokens.clear();
  v.types.clear();
  expect(v, "missing or empty");
  TokenizerSpec spec = golden_spec();
  EXPECT_NE(gguf_from_tokenizer(spec, 100, "x").message().find("vocabulary ends at 100"), std::string::npos);
  spec.pre_tokenizers.clear();
  EXPECT_NE(gguf_from_tokenizer(spec, 2100, "x").message().find("no byte-level BPE"), std::string::npos);
}

}  // namespace
}  // namespace jaju
