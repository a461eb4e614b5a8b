// Streamed text equals decode() of all ids, and no piece ends inside a character.
#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace jaju {
namespace {

const std::filesystem::path kFile = JAJU_TESTS_DIR "/golden/tokenizer/tokenizer.json";

void expect_same(const Tokenizer& t, const std::vector<TokenId>& ids) {
  for (const bool skip : {false, true}) {
    StreamDecoder stream(t, skip);
    std::string all;
    for (const TokenId id : ids) {
      const std::string piece = stream.push(id);
      EXPECT_TRUE(utf8_valid(piece));
      all += piece;
    }
    all += stream.finish();
    EXPECT_EQ(all, t.decode(ids, skip));
    EXPECT_EQ(stream.finish(), "");
  }
}

TEST(StreamDecoder, EveryCharacterArrivesWhole) {
  auto t = Tokenizer::load(kFile);
  ASSERT_TRUE(t.ok()) << t.message();
  const std::string text = "안녕 👩‍👩‍👧 é<think>東京</think>\n𠀀";
  // Byte by byte, so every character is cut at every place.
  std::vector<TokenId> bytes;
  for (const char c : text) {
    for (TokenId id = 0; id < 256; ++id) {
      if ((*t)->bytes_of(id) == std::string_view(&c, 1)) bytes.push_back(id);
    }
  }
  ASSERT_EQ(bytes.size(), text.size());
  EXPECT_EQ((*t)->decode(bytes), text);
  StreamDecoder stream(**t);
  std::string all;
  for (size_t i = 0; i < bytes.size(); ++i) {
    all += stream.push(bytes[i]);
    // What is out is exactly the characters complete so far.
    std::string_view complete = std::string_view(text).substr(0, i + 1);
    while (!utf8_valid(complete)) complete.remove_suffix(1);
    EXPECT_EQ(all, complete);
  }
  expect_same(**t, bytes);
  expect_same(**t, (*t)->encode(text));
}

TEST(StreamDecoder, RandomIdsDecodeTheSame) {
  auto t = Tokenizer::load(kFile);
  ASSERT_TRUE(t.ok()) << t.message();
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<TokenId> ids(random() % 12);
    for (auto& id : ids) id = static_cast<TokenId>(random() % (random() % 2 == 0 ? 256 : 2070));
    expect_same(**t, ids);
  }
}

TEST(StreamDecoder, SentencePieceStyleChainStreams) {
  const char* json = R"({"model": {"type": "BPE", "byte_fallback": true, "merges": [],
      "vocab": {"▁": 0, "a": 1, "▁▁": 2, "<0xEC>": 3, "<0x95>": 4, "<0x88>": 5, "<0xFF>": 6, "▁b": 7}},
    "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
      {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}})";
  auto t = Tokenizer::parse(json, "chain");
  ASSERT_TRUE(t.ok()) << t.message();
  EXPECT_EQ((*t)->decode(std::vector<TokenId>{7, 3, 4, 5, 0, 1}), "b안 a");
  EXPECT_EQ((*t)->decode(std::vector<TokenId>{2, 3, 4, 1}),
            " \xef\xbf\xbd\xef\xbf\xbd"
            "a");
  StreamDecoder stream(**t);
  EXPECT_EQ(stream.push(7), "b");  // at once, not only at the end
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::vector<TokenId> ids(random() % 10);
    for (auto& id : ids) id = static_cast<TokenId>(random() % 8);
    expect_same(**t, ids);
  }
}

}  // namespace
}  // namespace jaju
