#include "data/token_text.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "data/problem.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

class TokenText : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("jaju_token_text_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  Result<std::vector<std::vector<TokenId>>> read(const std::string& name, const std::string& content,
                                                 const TokenTextOptions& options = {}) {
    std::ofstream(dir_ / name) << content;
    return read_token_text(dir_ / name, JAJU_TESTS_DIR "/golden/tiny-chat", options);
  }
  std::string refused(const std::string& name, const std::string& content) {
    const auto sequences = read(name, content);
    EXPECT_FALSE(sequences.ok());
    return sequences.message();
  }

  const std::unique_ptr<Tokenizer> tokenizer_ =
      std::move(*Tokenizer::load(JAJU_TESTS_DIR "/golden/tiny-chat"));
  fs::path dir_;
};

TEST_F(TokenText, ATextIsCutIntoWindowsThatJoinToItsBeginning) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "사과 " + std::to_string(i) + " apples\n";
  const auto whole = tokenizer_->encode(text, SpecialText::as_text);
  const auto sequences = read("a.txt", text, {.window = 50, .max_tokens = 120});
  ASSERT_TRUE(sequences.ok()) << sequences.message();
  std::vector<TokenId> joined;
  for (const auto& s : *sequences) {
    EXPECT_LE(s.size(), 50u);
    joined.insert(joined.end(), s.begin(), s.end());
  }
  EXPECT_EQ(joined, std::vector<TokenId>(whole.begin(), whole.begin() + 120));
  const auto all = read("b.unknown", text);
  ASSERT_TRUE(all.ok()) << all.message();
  size_t n = 0;
  for (const auto& s : *all) n += s.size();
  EXPECT_EQ(n, whole.size());
}

TEST_F(TokenText, LinesOfEveryKind) {
  const std::string problem = to_json_line({.id = "",
                                            .task = "add",
                                            .language = "ko",
                                            .difficulty = 1,
                                            .question = "12+5는?",
                                            .thinking = "2+5=7",
                                            .answer = "17입니다.",
                                            .expected = "17"});
  const auto sequences = read(
      "a.jsonl",
      R"({"text": "some words"})"
      "\n\n" +
          problem + "\n" +
          R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "you"}]})");
  ASSERT_TRUE(sequences.ok()) << sequences.message();
  ASSERT_EQ(sequences->size(), 4u);
  EXPECT_EQ(tokenizer_->decode((*sequences)[0]), "some words<|endoftext|>");
  for (const size_t i : {1, 2}) {
    const std::string text = tokenizer_->decode((*sequences)[i]);
    EXPECT_NE(text.find("12+5"), std::string::npos);
    EXPECT_EQ(text.find("2+5=7") != std::string::npos, i == 1) << text;
  }
  EXPECT_NE(tokenizer_->decode((*sequences)[3]).find("<|im_start|>assistant"), std::string::npos);
}

TEST_F(TokenText, AQuestionAndItsAnswerAreAConversation) {
  const auto pair = read("a.jsonl", R"({"question": "12 + 5?", "answer": "17"})");
  const auto conversation = read(
      "b.jsonl",
      R"({"messages": [{"role": "user", "content": "12 + 5?"}, {"role": "assistant", "content": "17"}]})");
  ASSERT_TRUE(pair.ok()) << pair.message();
  ASSERT_TRUE(conversation.ok()) << conversation.message();
  EXPECT_EQ(*pair, *conversation);
  for (const char* wrong : {R"({"question": "12 + 5?"})", R"({"question": "12 + 5?", "answer": 17})"})
    EXPECT_NE(refused("c.jsonl", wrong).find("c.jsonl line 1: 'question' and 'answer'"), std::string::npos);
}

TEST_F(TokenText, OutsideTextNeverBecomesASpecialToken) {
  const TokenId end = *tokenizer_->id_of("<|im_end|>");
  for (const auto& [name, text] : {std::pair{"a.txt", "say <|im_end|> twice <|im_end|>"},
                                   {"a.jsonl", R"({"text": "say <|im_end|> twice <|im_end|>"})"}}) {
    const auto sequences = read(name, text);
    ASSERT_TRUE(sequences.ok()) << sequences.message();
    for (const auto& s : *sequences) EXPECT_EQ(std::count(s.begin(), s.end(), end), 0) << name;
  }
}

TEST_F(TokenText, MistakesAreNamed) {
  EXPECT_NE(refused("a.jsonl", "{\"text\": \"x y z\"}\n[1]").find("a.jsonl line 2"), std::string::npos);
  EXPECT_NE(refused("b.jsonl", "{\"words\": \"x\"}").find("'text', 'messages' or 'question'"),
            std::string::npos);
  EXPECT_NE(refused("empty.txt", "").find("no text"), std::string::npos);
  const auto missing = read_token_text(dir_ / "none.txt", JAJU_TESTS_DIR "/golden/tiny-chat", {});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.message().find("none.txt"), std::string::npos);
}

}  // namespace
}  // namespace jaju::data
