#include "eval/dataset.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace jaju::eval {
namespace {

Item good(const std::string& line) {
  auto item = item_from_json(line, "x.jsonl line 3", "x");
  EXPECT_TRUE(item.ok()) << line << ": " << item.message();
  return item.ok() ? *item : Item{};
}

TEST(ItemFromJson, ReadsOurOwnProblems) {
  const Item item = good(
      R"({"id":"","task":"add","language":"ko","difficulty":2,"question":"12+5는?","thinking":"2+5=7","answer":"답은 17입니다.","expected":"17"})");
  EXPECT_EQ(item.problem.task, "add");
  EXPECT_EQ(item.problem.language, "ko");
  EXPECT_EQ(item.problem.difficulty, 2);
  EXPECT_EQ(item.problem.expected, "17");
  EXPECT_EQ(item.problem.thinking, "2+5=7");
  EXPECT_TRUE(item.choices.empty());
  EXPECT_EQ(user_message(item), "12+5는?");
}

// Lines in the layouts of the public sets, with made-up content.
TEST(ItemFromJson, ReadsQuestionAndAnswer) {
  Item item =
      good(R"({"question":"Ann has 3 ...?","answer":"She has 3*4=<<3*4=12>>12.\nThen more.\n#### 1,234"})");
  EXPECT_EQ(item.problem.expected, "1,234");
  EXPECT_EQ(item.problem.task, "x");
  EXPECT_EQ(item.problem.difficulty, 0);
  EXPECT_EQ(item.problem.id.size(), 16u);
  EXPECT_EQ(good(R"({"problem":"1+1","answer":"2","level":"Level 1","subject":"Algebra"})").problem.task,
            "Algebra");
  EXPECT_EQ(good(R"({"question":"1+1","answer":2})").problem.expected, "2");
  EXPECT_EQ(good(R"({"question":"q","answer":"a","language":"es","difficulty":4})").problem.difficulty, 4);
}

TEST(ItemFromJson, ReadsChoices) {
  // MMLU: a list and an index from 0.
  Item item = good(R"({"question":"Which?","subject":"law","choices":["p","q","r","s"],"answer":2})");
  EXPECT_EQ(item.problem.expected, "C");
  EXPECT_EQ(item.choices, (std::vector<std::string>{"p", "q", "r", "s"}));
  EXPECT_EQ(item.problem.task, "law");
  EXPECT_EQ(user_message(item),
            "Which?\n\nA. p\nB. q\nC. r\nD. s\n\nAnswer with the letter of the right choice only.");
  // KMMLU: keys, counted from 1.
  item = good(
      R"({"question":"무엇?","answer":2,"A":"가","B":"나","C":"다","D":"라","Category":"Law","language":"ko"})");
  EXPECT_EQ(item.problem.expected, "B");
  EXPECT_EQ(item.problem.task, "Law");
  EXPECT_NE(user_message(item).find("글자 하나만"), std::string::npos);
  // ARC: texts with labels of their own.
  item = good(R"({"question":"q","choices":{"text":["u","v","w"],"label":["1","2","3"]},"answerKey":"3"})");
  EXPECT_EQ(item.problem.expected, "C");
  EXPECT_EQ(good(R"({"question":"q","options":{"A":"u","B":"v"},"answer":"B"})").problem.expected, "B");
  EXPECT_EQ(good(R"({"question":"q","options":["u","v"],"answer":"b"})").problem.expected, "B");
  EXPECT_EQ(good(R"({"question":"q","options":[3,4],"answer":"4"})").problem.expected, "B");
}

TEST(ItemFromJson, BadLinesAreOneSentenceWithTheirNumber) {
  const std::pair<const char*, const char*> bad[] = {
      {"{", "line 3"},
      {"[]", "not a JSON object"},
      {"{}", "'question' or 'problem'"},
      {R"({"question":5,"answer":1})", "'question' must be text"},
      {R"({"question":"  ","answer":1})", "'question' is empty"},
      {R"({"question":"q"})", "no field 'answer'"},
      {R"({"question":"q","answer":[1]})", "text or a number"},
      {R"({"question":"q","answer":"x ####  "})", "'answer' is empty"},
      {R"({"question":"q","choices":["a","b"],"answer":2})",
       "number 2, but there are 2 choices counted from 0"},
      {R"({"question":"q","A":"a","B":"b","answer":0})", "counted from 1"},
      {R"({"question":"q","choices":["a","b"],"answer":-9223372036854775808})", "2 choices"},
      {R"({"question":"q","choices":["a","b"],"answer":18446744073709551615})", "2 choices"},
      {R"({"question":"q","A":"a","B":"b","answer":-9223372036854775808})", "2 choices"},
      {R"({"question":"q","choices":["a","b"],"answer":"C"})", "'C' is none of the 2"},
      {R"({"question":"q","choices":["a","b"]})", "'answer' or 'answerKey'"},
      {R"({"question":"q","choices":["a"],"answer":0})", "1 choices"},
      {R"({"question":"q","choices":"ab","answer":0})", "must be a list"},
      {R"({"question":"q","choices":[{},{}],"answer":0})", "neither text nor a number"},
      {R"({"question":"q","choices":{"text":["a","b"],"label":["1"]},"answer":"1"})",
       "2 choices but 1 labels"},
      {R"({"task":"add","question":"q","answer":"1","expected":"1"})", "language"},
  };
  for (const auto& [line, says] : bad) {
    const auto item = item_from_json(line, "x.jsonl line 3", "x");
    ASSERT_FALSE(item.ok()) << line;
    EXPECT_NE(item.message().find(says), std::string::npos) << item.message();
    EXPECT_NE(item.message().find("x.jsonl line 3"), std::string::npos) << item.message();
    EXPECT_EQ(item.message().find('\n'), std::string::npos) << item.message();
  }
}

TEST(ReadItems, CountsLinesAndKeepsTheFirst) {
  const auto path = std::filesystem::path(testing::TempDir()) / "jaju_items.jsonl";
  {
    std::ofstream file(path);
    for (int i = 0; i < 6; ++i) {
      file << R"({"question":"q)" << i << R"(","answer":)" << i << R"(,"task":")"
           << (i % 2 == 0 ? "even" : "odd") << "\"}\r\n\n";
    }
  }
  EXPECT_EQ(read_items(path, {})->size(), 6u);
  EXPECT_EQ(read_items(path, {.limit = 2})->size(), 2u);
  const auto two = read_items(path, {.per_task = 2});
  ASSERT_TRUE(two.ok());
  ASSERT_EQ(two->size(), 4u);
  EXPECT_EQ((*two)[3].problem.question, "q3");
  std::ofstream(path, std::ios::app) << "\n{\"question\":\"q\"}";
  EXPECT_NE(read_items(path, {}).message().find("jaju_items.jsonl line 14"), std::string::npos);
  std::ofstream(path) << "\n \n";
  EXPECT_NE(read_items(path, {}).message().find("no questions"), std::string::npos);
  EXPECT_FALSE(read_items("/nonexistent.jsonl", {}).ok());
  std::filesystem::remove(path);
}

TEST(SelectItems, FiltersAndLeavesOutWhatTrainingHolds) {
  const auto line = [](const std::string& task, const std::string& language, int difficulty,
                       const std::string& question, const std::string& expected) {
    return nlohmann::json{{"task", task},         {"language", language}, {"difficulty", difficulty},
                          {"question", question}, {"thinking", "t"},      {"answer", expected},
                          {"expected", expected}}
        .dump();
  };
  std::vector<Item> items;
  for (const auto& text :
       {line("mul", "en", 3, "What is 47*86?", "4042"), line("mul", "ko", 3, "12 곱하기 34는?", "408"),
        line("mul", "en", 2, "What is 4*86?", "344"), line("add", "en", 3, "What is 123+456?", "579")}) {
    items.push_back(good(text));
  }
  const auto questions = [&](const ItemOptions& options) {
    std::vector<std::string> all;
    const auto kept = select_items(items, options);
    EXPECT_TRUE(kept.ok()) << kept.message();
    for (const Item& item : kept.ok() ? *kept : std::vector<Item>()) all.push_back(item.problem.question);
    return all;
  };
  using Questions = std::vector<std::string>;
  EXPECT_EQ(questions({}).size(), 4u);
  EXPECT_EQ(questions({.tasks = {"add"}}), Questions{"What is 123+456?"});
  EXPECT_EQ(questions({.tasks = {"mul"}, .languages = {"en"}, .difficulty = 3}), Questions{"What is 47*86?"});

  const auto file = std::filesystem::temp_directory_path() / "jaju_select_items.jsonl";
  // The first in other words, the last as it is; the third's numbers, but of another task.
  std::ofstream(file) << line("mul", "ko", 3, "86과 47을 곱하면?", "4042") << "\n"
                      << line("add", "en", 3, "what is  123+456", "579") << "\n"
                      << line("sub", "en", 2, "Take 86 and 4", "344") << "\n";
  EXPECT_EQ(questions({.unless_in = {file}}), (Questions{"12 곱하기 34는?", "What is 4*86?"}));
  EXPECT_FALSE(select_items(items, {.tasks = {"add"}, .unless_in = {file}}).ok()) << "nothing is left";
  EXPECT_FALSE(select_items(items, {.unless_in = {file.string() + ".missing"}}).ok());
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace jaju::eval
