#include "train/recipe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <limits>

#include "train/recipe_release.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kText = R"(
out = "runs/x"
[[step]]
name = "problems"
kind = "synth"
train = 60
test = 8
tasks = ["add"]
[[step]]
name = "tok"
kind = "tokenizer"
files = ["${problems}/train.jsonl"]
vocab_size = 300
[[step]]
name = "base"
kind = "train"
[step.run]
seed = 3
precision = "f32"
[step.data]
book = "${problems}/shards"
[[step.stage]]
name = "warm"
tokens = 100
mix = { book = 1.0, "odd \"key\"" = 2 }
[[step.stage]]
name = "decay"
tokens = 50
)";

Result<Recipe> parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_recipe(text, "r.toml", "/some/dir", "/out", overrides);
}

TEST(Recipe, ReadsStepsAndWhatTheyNeed) {
  const Result<Recipe> recipe = parse(kText);
  ASSERT_TRUE(recipe.ok()) << recipe.message();
  ASSERT_EQ(recipe->steps.size(), 3u);
  EXPECT_EQ(recipe->steps[1].kind, StepKind::tokenizer);
  EXPECT_TRUE(recipe->steps[0].needs.empty());
  EXPECT_EQ(recipe->steps[1].needs, std::vector<size_t>{0});
  EXPECT_EQ(resolved_settings(*recipe, recipe->steps[1])["files"], json({"/out/problems/train.jsonl"}));
  EXPECT_EQ(recipe->steps[1].settings["files"], json({"${problems}/train.jsonl"}));
  EXPECT_NE(recipe->steps[2].place.find("r.toml line 14"), std::string::npos) << recipe->steps[2].place;
}

TEST(Recipe, RefusesWhatItCannotRead) {
  const auto refused = [](const std::string& text, const std::string& says) {
    const Result<Recipe> recipe = parse(text);
    EXPECT_FALSE(recipe.ok()) << text;
    EXPECT_NE(recipe.message().find(says), std::string::npos) << recipe.message();
  };
  refused("", "[[step]]");
  refused("step = 3", "step");
  refused("step = [3]", "name");
  refused("[[step]]\nname = \"a\"", "kind");
  refused("[[step]]\nname = \"../a\"\nkind = \"synth\"", "name");
  refused("[[step]]\nname = \"recipe\"\nkind = \"synth\"", "name");
  refused("[[step]]\nname = \"a\"\nkind = \"magic\"", "magic");
  refused("[[step]]\nname = \"a\"\nkind = \"synth\"\n[[step]]\nname = \"a\"\nkind = \"synth\"", "earlier");
  refused("[[step]]\nname = \"a\"\nkind = \"synth\"\nx = \"${b}/y\"", "${b}");
  refused("[[step]]\nname = \"a\"\nkind = \"synth\"\nx = \"${a}/y\"", "${a}");  // itself
  refused("[[step]]\nname = 'a", "line");
  refused("other = 1\n[[step]]\nname = \"a\"\nkind = \"synth\"", "other");
  refused("\xff", "UTF-8");
  // A parser that calls itself for each level would run out of stack.
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  refused("[" + deep + "]", "line 1");
  refused("out = '''\n...'''\n" + deep + " = 1", "line 3");
}

TEST(Recipe, DotsOfTextsAndNumbersNestNothing) {
  const std::string dots(200, '.');
  std::string numbers = "0.5";
  for (int i = 0; i < 200; ++i) numbers += ", 0.5";
  const Result<Recipe> recipe =
      parse("[[step]]\nname = \"a\" # " + dots + "\nkind = 'synth'\nx = \"\\\"" + dots +
            "\"\ny = \"\"\"\"\n" + dots + "\"\"\"\"\"\nz = [" + numbers + "]\n");
  ASSERT_TRUE(recipe.ok()) << recipe.message();
  EXPECT_EQ(recipe->steps[0].settings["x"], "\"" + dots);
  EXPECT_EQ(recipe->steps[0].settings["y"], "\"\n" + dots + "\"\"");
  EXPECT_EQ(recipe->steps[0].settings["z"].size(), 201u);
}

TEST(Recipe, OverridesSettings) {
  const Result<Recipe> recipe =
      parse(kText, {"problems.train=70", "base.stage.decay.tokens=1_000", "base.stage.0.lr=0.5",
                    "tok.sample=60MB", "base.optimizer.kind=muon"});
  ASSERT_TRUE(recipe.ok()) << recipe.message();
  EXPECT_EQ(recipe->steps[0].settings["train"], 70);
  EXPECT_EQ(recipe->steps[1].settings["sample"], "60MB");
  EXPECT_EQ(recipe->steps[2].settings["stage"][1]["tokens"], 1000);
  EXPECT_EQ(recipe->steps[2].settings["stage"][0]["lr"], 0.5);
  EXPECT_EQ(recipe->steps[2].settings["optimizer"]["kind"], "muon");
  for (const char* wrong : {"train=1", "nothing.train=1", "problems.train", "base.stage.nope.tokens=1",
                            "problems.train.x=1", "base.=1"}) {
    EXPECT_FALSE(parse(kText, {wrong}).ok()) << wrong;
  }
}

// The writer against the reader of another house: what to_toml() writes, toml++ reads back as the same.
TEST(Recipe, WritesTomlThatReadsBack) {
  const Result<Recipe> recipe = parse(kText);
  ASSERT_TRUE(recipe.ok());
  json settings = recipe->steps[2].settings;
  settings["data"]["book"] = "/shards";
  settings["plain"] = "quote \" and \\ and \n and \x7f and 한국어";
  settings["numbers"] = {1.0, 1e-9, -3, 2.5e20, std::numeric_limits<double>::infinity()};
  settings["deep"] = {{"a", {{"b", {1, {{"c", true}}}}}}};
  std::string text = "[[step]]\nname = \"a\"\nkind = \"train\"\n";
  // Under [[step]] the tables need the prefix that to_toml() leaves out.
  std::string body = to_toml(settings);
  for (size_t at = 0; (at = body.find("\n[", at)) != std::string::npos; ++at) {
    const size_t name = body.find_first_not_of("\n[", at);
    body.insert(name, "step.");
  }
  const Result<Recipe> again = parse(text + body);
  ASSERT_TRUE(again.ok()) << again.message() << text + body;
  EXPECT_EQ(again->steps[0].settings, settings) << body;
}

class RecipeSteps : public testing::Test {
 protected:
  void SetUp() override {
    out_ = fs::temp_directory_path() / fmt::format("jaju-recipe-{}", ::getpid());
    fs::create_directories(out_ / "dir");
  }
  void TearDown() override { fs::remove_all(out_); }

  Recipe recipe(const std::vector<std::string>& overrides = {}) {
    const std::string text =
        std::string(kText).substr(0, std::string(kText).find("[[step]]\nname = \"base\""));
    Result<Recipe> parsed = parse_recipe(text, "r.toml", out_ / "dir", out_ / "out", overrides);
    EXPECT_TRUE(parsed.ok()) << parsed.message();
    return *parsed;
  }
  static std::vector<std::string> states(const Recipe& recipe) {
    std::vector<std::string> names;
    for (const StepState& state : read_states(recipe)) names.emplace_back(name_of(state.kind));
    return names;
  }
  static void run(const Recipe& recipe, size_t index) {
    StepWatch watch;
    watch.quiet = true;
    const Result<StepResult> result = run_step(recipe, index, watch);
    ASSERT_TRUE(result.ok()) << result.message();
    EXPECT_TRUE(result->finished);
  }
  using Names = std::vector<std::string>;
  fs::path out_;
};

TEST_F(RecipeSteps, DoesChangedStepsAndWhatDependsOnThemAgain) {
  const Recipe first = recipe();
  EXPECT_EQ(states(first), (Names{"to do", "to do"}));
  const Result<StepResult> early = run_step(first, 1, {});
  ASSERT_FALSE(early.ok());
  EXPECT_NE(early.message().find("'problems'"), std::string::npos);
  run(first, 0);
  run(first, 1);
  EXPECT_EQ(states(first), (Names{"done", "done"}));
  // Only the tokenizer changes.
  EXPECT_EQ(states(recipe({"tok.vocab_size=280"})), (Names{"done", "changed"}));
  // Threads change nothing.
  EXPECT_EQ(states(recipe({"tok.threads=1"})), (Names{"done", "done"}));
  // The problems change, and the tokenizer was learnt from them.
  const Recipe second = recipe({"problems.seed=5"});
  EXPECT_EQ(states(second), (Names{"changed", "changed"}));
  EXPECT_EQ(states(first), (Names{"done", "done"}));
  std::ofstream(out_ / "out" / "problems" / "left-over") << "x";
  run(second, 0);
  EXPECT_FALSE(fs::exists(out_ / "out" / "problems" / "left-over"));
  EXPECT_EQ(states(second), (Names{"done", "changed"}));
  run(second, 1);
  EXPECT_EQ(states(second), (Names{"done", "done"}));
  // A directory that was deleted.
  fs::remove_all(out_ / "out" / "problems");
  EXPECT_EQ(states(second), (Names{"to do", "done"}));
}

// How a run is kept is no part of what it learns, whether or not the recipe says a word of it.
TEST_F(RecipeSteps, HowARunIsKeptChangesNothing) {
  const auto hash = [&](const std::string& run, const std::vector<std::string>& changes = {}) {
    const std::string text = "[[step]]\nname = \"base\"\nkind = \"train\"\n" + run;
    const Result<Recipe> r = parse_recipe(text, "test", out_, out_ / "out", changes);
    EXPECT_TRUE(r.ok()) << r.message();
    return read_states(*r)[0].hash;
  };
  const std::vector<std::string> kept = {"base.run.threads=2", "base.run.device=cpu", "base.run.keep=9"};
  EXPECT_EQ(hash("", kept), hash(""));
  EXPECT_EQ(hash("[step.run]\nseed = 4\n", kept), hash("[step.run]\nseed = 4\n"));
  EXPECT_NE(hash("", {"base.run.seed=5"}), hash(""));
}

TEST_F(RecipeSteps, SeesABegunStepAndDamagedMarkers) {
  const Recipe r = recipe();
  run(r, 0);
  const fs::path marker = out_ / "out" / ".recipe" / "problems.json";
  json record = json::parse(std::ifstream(marker));
  record["state"] = "begun";
  std::ofstream(marker) << record;
  EXPECT_EQ(states(r)[0], "interrupted");
  for (const char* text : {"", "{", "[]", "{\"state\":\"done\"}", "{\"state\":\"done\",\"hash\":7}"}) {
    std::ofstream(marker) << text;
    EXPECT_NE(states(r)[0], "done") << text;
  }
}

TEST_F(RecipeSteps, LeavesForeignDirectoriesAlone) {
  fs::create_directories(out_ / "out" / "problems");
  std::ofstream(out_ / "out" / "problems" / "mine") << "x";
  const Result<StepResult> result = run_step(recipe(), 0, {});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.message().find("move it away"), std::string::npos);
  EXPECT_TRUE(fs::exists(out_ / "out" / "problems" / "mine"));
}

TEST_F(RecipeSteps, AFileBesideTheRecipeCounts) {
  std::ofstream(out_ / "dir" / "more.txt") << "one";
  const std::vector<std::string> with = {R"(tok.files=["${problems}/train.jsonl", "${recipe}/more.txt"])"};
  const std::string before = read_states(recipe(with))[1].hash;
  std::ofstream(out_ / "dir" / "more.txt") << "two";
  EXPECT_NE(read_states(recipe(with))[1].hash, before);
}

TEST_F(RecipeSteps, ChecksSettingsWithoutRunning) {
  const auto refused = [&](size_t index, const std::string& override, const std::string& says) {
    const Status status = check_step(recipe({override}), index);
    EXPECT_FALSE(status.ok()) << override;
    EXPECT_NE(status.message().find(says), std::string::npos) << status.message();
  };
  EXPECT_TRUE(check_step(recipe(), 0).ok());
  refused(0, "problems.trian=5", "'trian'");
  refused(0, "problems.train=0", "'train' is 0");
  refused(0, "problems.train=many", "many");
  refused(0, "problems.languages=[1]", "languages");
  refused(0, "problems.tasks=[1]", "tasks");
  refused(1, "tok.sample=lots", "sample");
  refused(1, "tok.files=3", "files");
  EXPECT_FALSE(fs::exists(out_ / "out" / "problems"));
}

TEST_F(RecipeSteps, OneProcessAtATime) {
  const Result<RecipeLock> first = RecipeLock::take(out_ / "out");
  ASSERT_TRUE(first.ok()) << first.message();
  EXPECT_FALSE(RecipeLock::take(out_ / "out").ok());
}

TEST(ModelCard, FillsInFigures) {
  const json figures = {
      {"test", {{"all", {{"accuracy", 0.9316}, {"n", 12345}, {"mean", 61.26}}}, {"table", "|a|"}}}};
  const auto fill = [&](const std::string& text) {
    const Result<std::string> card = fill_card(text, figures, "card.md");
    return card.ok() ? *card : "ERROR " + card.message();
  };
  EXPECT_EQ(fill("A {{test.all.accuracy}} of {{test.all.n}}; {{test.all.mean}}\n{{test.table}} { }"),
            "A 93.2 % of 12,345; 61.3\n|a| { }");
  for (const char* text : {"{{nothing}}", "{{test.all}}", "{{test.all.n.x}}", "{{}}", "{{test..n}}"}) {
    EXPECT_TRUE(fill(text).starts_with("ERROR card.md: there is no figure")) << fill(text);
  }
  EXPECT_EQ(fill("open {{ end"), "open {{ end");
}

}  // namespace
}  // namespace jaju::train
