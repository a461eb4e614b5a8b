#include "data/synthesize.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "data/decontaminate.h"
#include "data/records.h"
#include "data/synth.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

class Synthesize : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "jaju-synth-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    options_.to = dir_ / "a";
    options_.train = 3000;
    options_.test = 100;
    options_.texts = 200;
  }
  void TearDown() override { fs::remove_all(dir_); }

  static std::vector<Problem> read(const fs::path& file) {
    std::vector<Problem> all;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      Result<Problem> problem = problem_from_json(line, file.string());
      EXPECT_TRUE(problem.ok()) << problem.message();
      if (problem.ok()) all.push_back(std::move(*problem));
    }
    return all;
  }
  void good() {
    const Status done = synthesize(options_);
    ASSERT_TRUE(done.ok()) << done.message();
  }
  nlohmann::json manifest() { return *read_json(options_.to / "manifest.json", 16 << 20); }

  fs::path dir_;
  SynthOptions options_;
};

TEST_F(Synthesize, SplitsByHashAndRepeatsNothing) {
  good();
  std::set<std::string> ids;
  std::set<std::string> test_questions;
  const auto test = read(options_.to / "test.jsonl");
  ASSERT_EQ(test.size(), 100u);
  for (const Problem& problem : test) {
    EXPECT_TRUE(is_test_problem(problem.id));
    EXPECT_TRUE(ids.insert(problem.id).second);
    test_questions.insert(normalised_question(problem.question));
  }
  const auto train = read(options_.to / "train.jsonl");
  ASSERT_EQ(train.size(), 3000u);
  for (const Problem& problem : train) {
    EXPECT_EQ(problem.id, problem_id(problem.language, problem.question));
    EXPECT_FALSE(is_test_problem(problem.id));
    EXPECT_TRUE(ids.insert(problem.id).second);
    EXPECT_EQ(test_questions.count(normalised_question(problem.question)), 0u);
    EXPECT_TRUE(answer_matches(problem.answer, problem.expected));
  }
  const nlohmann::json m = manifest();
  EXPECT_EQ(m["train"]["problems"], 3000);
  EXPECT_TRUE(m["left_out"]["broken"].empty()) << m["left_out"].dump();
  EXPECT_EQ(m["files"]["train.jsonl"]["xxh3_64"], *hash_file(options_.to / "train.jsonl"));
  int64_t sum = 0;
  for (const auto& [task, n] : m["train"]["by_task"].items()) sum += n.get<int64_t>();
  EXPECT_EQ(sum, 3000);
}

TEST_F(Synthesize, TheSeedIsAllThatCounts) {
  options_.threads = 1;
  good();
  options_.threads = 3;
  options_.to = dir_ / "b";
  good();
  for (const char* name : {"train.jsonl", "test.jsonl", "text.jsonl", "manifest.json"}) {
    EXPECT_EQ(*read_file(dir_ / "a" / name, 1 << 30), *read_file(dir_ / "b" / name, 1 << 30)) << name;
  }
  options_.seed = 2;
  options_.to = dir_ / "c";
  good();
  EXPECT_NE(*read_file(dir_ / "a" / "train.jsonl", 1 << 30), *read_file(dir_ / "c" / "train.jsonl", 1 << 30));
}

TEST_F(Synthesize, TasksLanguagesAndDifficulty) {
  options_.tasks = {"add", "word"};
  options_.languages = {{"zh", 3}, {"es", 1}};
  options_.max_difficulty = 2;
  good();
  std::map<std::string, int> languages;
  std::set<std::string> tasks;
  for (const Problem& problem : read(options_.to / "train.jsonl")) {
    ++languages[problem.language];
    tasks.insert(problem.task);
    EXPECT_LE(problem.difficulty, 2);
  }
  EXPECT_EQ(languages.size(), 2u);
  EXPECT_GT(languages["zh"], 2 * languages["es"]);
  EXPECT_EQ(tasks.count("add"), 1u);
  EXPECT_EQ(tasks.count("mul"), 0u);
  EXPECT_GT(tasks.size(), 3u);
}

TEST_F(Synthesize, SmallFamiliesGiveAllTheyHave) {
  options_.tasks = {"small_talk"};
  options_.languages = {{"es", 1}};
  options_.train = 1000000;
  options_.texts = 0;
  good();
  const auto n = manifest()["train"]["problems"].get<int64_t>();
  EXPECT_GT(n, 20);
  EXPECT_LT(n, 1000000);
}

TEST_F(Synthesize, WrongOptionsAreNamed) {
  const auto message = [&] { return synthesize(options_).message(); };
  options_.tasks = {"ad"};
  EXPECT_NE(message().find("there is no task or group 'ad'"), std::string::npos);
  options_.tasks.clear();
  options_.languages = {{"fr", 1}};
  EXPECT_NE(message().find("there is no language 'fr'"), std::string::npos);
  options_.languages = {{"ko", 0}};
  EXPECT_NE(message().find("weight"), std::string::npos);
  options_.languages.clear();
  options_.max_difficulty = 6;
  EXPECT_NE(message().find("difficulty"), std::string::npos);
  options_.max_difficulty = 5;
  options_.to = "/proc/none";
  EXPECT_NE(message().find("/proc/none"), std::string::npos);
}

TEST(Decontaminate, NormalisesSpacingCaseAndMarks) {
  const std::string same = normalised_question("What is 3 + 4?");
  EXPECT_EQ(normalised_question("what  is 3+4"), same);
  EXPECT_EQ(normalised_question("WHAT IS 3 + 4 ?!"), same);
  EXPECT_NE(normalised_question("What is 3 + 5?"), same);
  EXPECT_EQ(normalised_question("¿Cuánto ES 3\xc2\xa0+ 4?"), normalised_question("cuánto es 3+4"));
  EXPECT_EQ(normalised_question("ÁRBOL"), normalised_question("árbol"));
  EXPECT_NE(normalised_question("3 4"), normalised_question("34"));
  EXPECT_NE(normalised_question("3, 4"), normalised_question("34"));
  EXPECT_NE(normalised_question("2.5"), normalised_question("25"));
  EXPECT_EQ(normalised_question("1,234 + 1"), normalised_question("1,234+1."));
}

TEST(Decontaminate, NumbersInOtherWords) {
  const auto key = [](const char* question, const char* expected = "4042") {
    Problem problem;
    problem.task = "mul";
    problem.question = question;
    problem.expected = expected;
    return numbers_key(problem);
  };
  ASSERT_TRUE(key("47*86=?").has_value());
  EXPECT_EQ(key("47*86=?"), key("86 곱하기 47은?"));
  EXPECT_NE(key("47*86=?"), key("47*87=?"));
  EXPECT_NE(key("47*86=?"), key("47*86=?", "133"));
  EXPECT_EQ(key("1,234+5"), key("1234 plus 5"));
  EXPECT_FALSE(key("7*86=?").has_value());  // three digits: a fact to know
}

TEST(Decontaminate, NgramsAreOfThirteenWords) {
  EXPECT_EQ(ngram_hashes("a b c d e f g h i j k l").size(), 0u);
  EXPECT_EQ(ngram_hashes("a b c d e f g h i j k l m").size(), 1u);
  EXPECT_EQ(ngram_hashes("a b c d e f g h i j k l m n o").size(), 3u);
  EXPECT_EQ(ngram_hashes("A b, c d e f g h i j k l m."), ngram_hashes("a B c d e f g h i j k l m"));
  EXPECT_EQ(ngram_hashes("今天天气很好我们去公园玩吧").size(), 1u);  // 13 characters
  EXPECT_NE(ngram_hashes("a1 b c d e f g h i j k l"), ngram_hashes("a1b c d e f g h i j k l m"));
}

TEST_F(Synthesize, PlantedLeaksAreFound) {
  std::ofstream(dir_ / "test.jsonl")
      << R"({"question":"How many apples does Minji have now, in her big red basket on the table?"})"
      << "\n"
      << R"({"question":"What is 12 + 30?"})"
      << "\n"
      << R"({"question":"Nothing like this anywhere"})"
      << "\n";
  std::ofstream(dir_ / "train.jsonl")
      << R"({"text":"what is  12+30"})"
      << "\n"
      << R"({"messages":[{"role":"user","content":"Say: how many apples does Minji have now in her big red basket on the table today"},{"role":"assistant","content":"x"}]})"
      << "\n";
  const auto report = check_contamination({dir_ / "train.jsonl"}, {dir_ / "test.jsonl"});
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_EQ(report->test_questions, 3);
  EXPECT_EQ(report->train_records, 2);
  EXPECT_EQ(report->same_question, 1);
  EXPECT_EQ(report->shared_ngram, 1);
  EXPECT_EQ(report->covered, 1);
  EXPECT_EQ(report->too_short, 2);
  ASSERT_EQ(report->examples.size(), 1u);
  EXPECT_NE(report->examples[0].find("test.jsonl line 2 is also"), std::string::npos);
  std::ofstream(dir_ / "bad.jsonl") << "{}\n";
  EXPECT_FALSE(check_contamination({dir_ / "bad.jsonl"}, {dir_ / "test.jsonl"}).ok());
}

}  // namespace
}  // namespace jaju::data
