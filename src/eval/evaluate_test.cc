// Evaluation and rollouts over the engine, with the random model that can be talked to: every answer must be
// what a session gives, and every count what the answers say.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "eval/prompt.h"
#include "eval/report.h"
#include "eval/rollout.h"

namespace jaju::eval {
namespace {

namespace fs = std::filesystem;

class TinyChat : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const fs::path dir = fs::path(JAJU_TESTS_DIR) / "golden" / "tiny-chat";
    auto engine = Engine::open(dir, {.context = 256, .threads = 2});
    auto tokenizer = Tokenizer::load(dir);
    ASSERT_TRUE(engine.ok()) << engine.message();
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
    engine_ = std::move(*engine).release();
    tokenizer_ = std::move(*tokenizer).release();
    chat_ = ChatTemplate::built_in().release();
  }
  static void TearDownTestSuite() {
    delete engine_;
    delete tokenizer_;
    delete chat_;
  }

  static std::vector<Item> items() {
    std::vector<Item> list;
    for (int i = 0; i < 12; ++i) {
      Item item;
      item.problem.task = i % 3 == 0 ? "add" : "사과 문제";
      item.problem.language = i % 2 == 0 ? "ko" : "en";
      item.problem.difficulty = 1 + i % 4;
      item.problem.question = fmt::format("{} + {} = ?", i, 7 * i);
      item.problem.expected = std::to_string(8 * i);
      item.problem.id = data::problem_id(item.problem.language, item.problem.question);
      list.push_back(item);
    }
    return list;
  }

  static Engine* engine_;
  static Tokenizer* tokenizer_;
  static ChatTemplate* chat_;
};
Engine* TinyChat::engine_ = nullptr;
Tokenizer* TinyChat::tokenizer_ = nullptr;
ChatTemplate* TinyChat::chat_ = nullptr;

TEST_F(TinyChat, PromptsEndInTheTagOfTheirMode) {
  const Item item = items()[0];
  for (const auto& [mode, tag] : {std::pair{Mode::think, "<think>"}, std::pair{Mode::direct, "</think>"}}) {
    const auto prompt = prompt_tokens(*tokenizer_, *chat_, item, mode, "");
    ASSERT_TRUE(prompt.ok());
    const std::string text = tokenizer_->decode(*prompt);
    EXPECT_EQ(text,
              "<|im_start|>user\n" + item.problem.question + "<|im_end|>\n<|im_start|>assistant\n" + tag);
    const auto with_system = prompt_tokens(*tokenizer_, *chat_, item, mode, "Be brief.");
    EXPECT_EQ(tokenizer_->decode(*with_system), "<|im_start|>system\nBe brief.<|im_end|>\n" + text);
  }
}

TEST_F(TinyChat, CountsWhatTheAnswersSay) {
  const std::vector<Item> list = items();
  EvalOptions options;
  options.max_tokens = 20;
  options.slots = 5;
  int64_t last = 0;
  options.on_done = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 24);
    last = done;
  };
  const auto report = evaluate(*engine_, *tokenizer_, *chat_, list, options);
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_EQ(last, 24);
  ASSERT_EQ(report->answers.size(), 24u);
  ASSERT_EQ(report->modes.size(), 2u);
  // Each answer again, alone.
  for (size_t i = 0; i < report->answers.size(); ++i) {
    const ScoredAnswer& a = report->answers[i];
    EXPECT_EQ(a.item, i % 12);
    EXPECT_EQ(a.mode, i < 12 ? Mode::think : Mode::direct);
    const auto prompt = prompt_tokens(*tokenizer_, *chat_, list[a.item], a.mode, "");
    SamplingParams greedy;
    greedy.temperature = 0;
    greedy.max_tokens = 20;
    greedy.stop_tokens = *stop_tokens_of(*tokenizer_, {});
    const auto alone = (*engine_->new_session())->generate(*prompt, greedy, {});
    EXPECT_EQ(a.scored.text, tokenizer_->decode(alone->tokens));
    EXPECT_EQ(a.scored.tokens, static_cast<int64_t>(alone->tokens.size()));
  }
  for (const ModeReport& mode : report->modes) {
    int64_t tokens = 0, bad = 0, n = 0;
    for (const ScoredAnswer& a : report->answers) {
      if (a.mode != mode.mode) continue;
      ++n;
      tokens += a.scored.tokens;
      bad += a.scored.format != FormatError::none ? 1 : 0;
    }
    EXPECT_EQ(mode.all.n, n);
    EXPECT_EQ(mode.all.format_errors(), bad);
    EXPECT_DOUBLE_EQ(mode.all.mean_tokens(), static_cast<double>(tokens) / static_cast<double>(n));
    EXPECT_TRUE(std::is_sorted(mode.all.tokens.begin(), mode.all.tokens.end()));
    EXPECT_EQ(mode.by_task.at("add").n, 4);
    EXPECT_EQ(mode.by_task.at("사과 문제").n, 8);
    EXPECT_EQ(mode.by_language.at("ko").n, 6);
    EXPECT_EQ(mode.by_difficulty.at(1).n, 3);
  }
}

TEST_F(TinyChat, TooLongQuestionsCountAsWrong) {
  std::vector<Item> list = items();
  list.resize(2);
  for (int i = 0; i < 300; ++i) list[0].problem.question += " 1 2 3";
  EvalOptions options;
  options.max_tokens = 4;
  options.modes = {Mode::direct};
  const auto report = evaluate(*engine_, *tokenizer_, *chat_, list, options);
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_EQ(report->modes[0].all.n, 2);
  EXPECT_EQ(report->answers[0].scored.format, FormatError::prompt_too_long);
  EXPECT_NE(report->answers[1].scored.format, FormatError::prompt_too_long);
}

TEST_F(TinyChat, CancelKeepsWhatIsFinished) {
  std::atomic<bool> cancel{false};
  EvalOptions options;
  options.max_tokens = 8;
  options.slots = 4;
  options.cancel = &cancel;
  options.on_done = [&](int64_t done, int64_t) { cancel = done >= 4; };
  const auto report = evaluate(*engine_, *tokenizer_, *chat_, items(), options);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->cancelled);
  EXPECT_GE(report->answers.size(), 4u);
  EXPECT_LT(report->answers.size(), 24u);
}

TEST_F(TinyChat, LettersByLikelihoodFollowTheLogits) {
  std::vector<Item> list = items();
  list.resize(3);
  for (Item& item : list) {
    item.choices = {"1", "2", "3"};
    item.problem.expected = "B";
  }
  EvalOptions options;
  options.modes = {Mode::direct};
  options.choice_logprob = true;
  const auto report = evaluate(*engine_, *tokenizer_, *chat_, list, options);
  ASSERT_TRUE(report.ok()) << report.message();
  for (const ScoredAnswer& a : report->answers) {
    const auto logits =
        engine_->evaluate(*prompt_tokens(*tokenizer_, *chat_, list[a.item], a.mode, ""), false);
    std::string best;
    float top = -1e30f;
    for (const char* name : {"A", "B", "C"}) {
      const float logit = logits->logits[static_cast<size_t>(*tokenizer_->id_of(name))];
      if (logit > top) best = name, top = logit;
    }
    EXPECT_EQ(a.scored.answer, best);
    EXPECT_EQ(a.scored.correct, best == "B");
  }
}

// Tallies made by hand, so that every figure of the output can be checked by eye.
EvalReport made_up() {
  EvalReport report;
  report.items = 4;
  for (const Mode mode : {Mode::think, Mode::direct}) {
    ModeReport m;
    m.mode = mode;
    m.all.n = 4;
    m.all.correct = mode == Mode::think ? 3 : 1;
    m.all.formats[0] = 3;
    m.all.formats[static_cast<size_t>(mode == Mode::think ? FormatError::no_close : FormatError::think_tag)] =
        1;
    m.all.tokens = {10, 20, 30, 100};
    m.by_task["산수 | 길고 긴 한국어 이름을 가진 문제들"] = m.all;
    m.by_language["ko"] = m.all;
    m.by_difficulty[2] = m.all;
    report.modes.push_back(m);
  }
  return report;
}

TEST(Report, SpeaksInTablesOfAHundredColumns) {
  const std::string text = to_text(made_up());
  EXPECT_NE(text.find("75.0 %    30.1-95.4       40.0"), std::string::npos) << text;  // Wilson for 3 of 4
  EXPECT_NE(text.find("format errors 25.00 % (1 of 4); tokens p50 20, p95 100"), std::string::npos) << text;
  EXPECT_NE(text.find("1 no </think>"), std::string::npos) << text;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    size_t columns = 0;
    for (size_t i = at; i < end; ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      columns += c < 0x80 ? 1 : c >= 0xe0 ? 2 : 0;  // Hangul: three bytes, two columns
    }
    EXPECT_LE(columns, 100u) << text.substr(at, end - at);
    at = end + 1;
  }
}

TEST(Report, JsonAndMarkdownHoldTheSameFigures) {
  const auto json = to_json(made_up());
  const auto& all = json["modes"]["think"]["all"];
  EXPECT_EQ(all["accuracy"], 0.75);
  EXPECT_NEAR(all["low"].get<double>(), 0.3006, 1e-4);
  EXPECT_EQ(all["format_error_rate"], 0.25);
  EXPECT_EQ(all["formats"]["no_close"], 1);
  EXPECT_EQ(all["tokens"]["p95"], 100);
  EXPECT_EQ(json["modes"]["direct"]["by_difficulty"]["2"]["correct"], 1);
  const std::string markdown = to_markdown(made_up(), "nano");
  EXPECT_EQ(markdown.find("## nano\n"), 0u);
  EXPECT_NE(markdown.find("| all | 4 | 75.0 | 30.1-95.4 | 40.0 | 25.0 |"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("산수 \\| 길고"), std::string::npos) << markdown;
}

TEST_F(TinyChat, RolloutsRepeatAndRewardWhatTheyAre) {
  const std::vector<Item> list = items();
  std::vector<RolloutPrompt> prompts;
  for (size_t i = 0; i < 4; ++i)
    prompts.push_back({&list[i].problem, i % 2 == 0 ? Mode::think : Mode::direct});
  RolloutOptions options;
  options.samples = 6;
  options.max_tokens = 12;
  options.slots = 7;
  options.seed = 3;
  const auto groups = rollout(*engine_, *tokenizer_, *chat_, prompts, options);
  ASSERT_TRUE(groups.ok()) << groups.message();
  ASSERT_EQ(groups->size(), 4u);
  std::set<std::vector<int32_t>> distinct;
  for (size_t i = 0; i < 4; ++i) {
    const RolloutGroup& group = (*groups)[i];
    EXPECT_EQ(group.prompt, *prompt_tokens(*tokenizer_, *chat_, list[i], prompts[i].mode, ""));
    ASSERT_EQ(group.samples.size(), 6u);
    for (const Rollout& r : group.samples) {
      distinct.insert(r.tokens);
      EXPECT_EQ(r.reward, (r.correct ? 1.0f : -1.0f) - (r.format == FormatError::none ? 0.0f : 1.0f));
      EXPECT_EQ(r.finished, !r.tokens.empty() && r.tokens.back() == *tokenizer_->id_of("<|im_end|>"));
      EXPECT_FALSE(r.reason.empty());
      EXPECT_LE(r.tokens.size(), 12u);
    }
  }
  EXPECT_GT(distinct.size(), 20u);  // at temperature 1 the samples of a prompt differ
  const auto again = rollout(*engine_, *tokenizer_, *chat_, prompts, options);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t g = 0; g < 6; ++g) EXPECT_EQ((*again)[i].samples[g].tokens, (*groups)[i].samples[g].tokens);
  }
  options.seed = 4;
  EXPECT_NE((*rollout(*engine_, *tokenizer_, *chat_, prompts, options))[0].samples[0].tokens,
            (*groups)[0].samples[0].tokens);
  options.samples = 0;
  EXPECT_FALSE(rollout(*engine_, *tokenizer_, *chat_, prompts, options).ok());
  std::atomic<bool> cancel{true};
  options.samples = 1;
  options.cancel = &cancel;
  EXPECT_FALSE(rollout(*engine_, *tokenizer_, *chat_, prompts, options).ok());
}

}  // namespace
}  // namespace jaju::eval
