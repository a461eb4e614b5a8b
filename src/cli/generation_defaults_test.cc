#include "cli/generation_defaults.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

class Defaults : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_);
    Result<std::unique_ptr<Tokenizer>> loaded = Tokenizer::load(JAJU_TESTS_DIR "/golden/tiny-chat");
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    tokenizer_ = *std::move(loaded);
    config_.vocab_size = 2059;
    config_.eos_token_ids = {7};
  }
  void TearDown() override { fs::remove_all(dir_); }
  Result<GenerationDefaults> load(const std::string& text) {
    if (!text.empty()) std::ofstream(dir_ / "generation_config.json") << text;
    return load_generation_defaults(dir_, config_, *tokenizer_);
  }
  fs::path dir_ = fs::temp_directory_path() / ("jaju-defaults-" + std::to_string(::getpid()));
  std::unique_ptr<Tokenizer> tokenizer_;
  ModelConfig config_;
};

TEST_F(Defaults, WithoutTheFileArePublishedOnes) {
  const Result<GenerationDefaults> d = load("");
  ASSERT_TRUE(d.ok()) << d.message();
  EXPECT_EQ(d->sampling.temperature, 0.6f);
  EXPECT_EQ(d->sampling.top_p, 0.95f);
  EXPECT_EQ(d->sampling.max_tokens, -1);
  // config.json's, and both end tokens by their content.
  EXPECT_EQ(d->sampling.stop_tokens, (std::vector<int32_t>{7, 2048, 2051}));
}

TEST_F(Defaults, ComeFromTheFile) {
  const Result<GenerationDefaults> d = load(
      R"({"temperature": 0.9, "top_p": 0.8, "top_k": 40, "repetition_penalty": 1.1, "max_new_tokens": 12, "eos_token_id": [3, 7], "transformers_version": "5"})");
  ASSERT_TRUE(d.ok()) << d.message();
  EXPECT_EQ(d->sampling.temperature, 0.9f);
  EXPECT_EQ(d->sampling.top_p, 0.8f);
  EXPECT_EQ(d->sampling.top_k, 40);
  EXPECT_EQ(d->sampling.repetition_penalty, 1.1f);
  EXPECT_EQ(d->sampling.max_tokens, 12);
  EXPECT_EQ(d->sampling.stop_tokens, (std::vector<int32_t>{3, 7, 2048, 2051}));
}

TEST_F(Defaults, DoSampleFalseIsGreedy) {
  EXPECT_EQ(load(R"({"do_sample": false, "temperature": 0.9, "eos_token_id": 5})")->sampling.temperature,
            0.0f);
}

TEST_F(Defaults, MistakesNameTheField) {
  for (const auto& [text, field] :
       std::vector<std::pair<std::string, std::string>>{{R"({"temperature": "hot"})", "'temperature'"},
                                                        {R"({"temperature": -1})", "'temperature'"},
                                                        {R"({"top_k": -1})", "'top_k'"},
                                                        {R"({"top_k": 1e30})", "'top_k'"},
                                                        {R"({"top_p": 7})", "'top_p'"},
                                                        {R"({"max_new_tokens": 1.5})", "'max_new_tokens'"},
                                                        {R"({"eos_token_id": 2059})", "'eos_token_id'"},
                                                        {R"({"eos_token_id": ["a"]})", "'eos_token_id'"},
                                                        {R"({"do_sample": 1})", "'do_sample'"}}) {
    const Result<GenerationDefaults> d = load(text);
    ASSERT_FALSE(d.ok()) << text;
    EXPECT_NE(d.message().find(field), std::string::npos) << d.message();
    EXPECT_NE(d.message().find("generation_config.json"), std::string::npos) << d.message();
  }
  EXPECT_FALSE(load("[]").ok());
  EXPECT_FALSE(load("{").ok());
}

}  // namespace
}  // namespace jaju::cli
