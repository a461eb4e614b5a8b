#include "data/prepare.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "data/shards.h"
#include "tokenizer/tokenizer.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

class Prepare : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "jaju-prepare-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    options_.tokenizer = JAJU_TESTS_DIR "/golden/tiny-chat";
    options_.to = dir_ / "out";
    options_.threads = 2;
  }
  void TearDown() override { fs::remove_all(dir_); }

  // n records "name0", "name1", ...
  fs::path texts(const std::string& name, int n) {
    const fs::path path = dir_ / (name + ".jsonl");
    std::ofstream file(path);
    for (int i = 0; i < n; ++i) file << "{\"text\":\"" << name << i << "\"}\n";
    return path;
  }

  std::vector<std::string> documents(const fs::path& dir) {
    std::vector<std::string> all;
    const auto set = ShardSet::open(dir, true);
    EXPECT_TRUE(set.ok()) << set.message();
    const auto tokenizer = Tokenizer::load(options_.tokenizer);
    if (!set.ok() || !tokenizer.ok()) return all;
    for (int64_t i = 0; i < (*set)->documents(); ++i) {
      std::vector<TokenId> ids;
      for (const uint32_t token : (*set)->document(i)) ids.push_back(static_cast<TokenId>(token & ~kLossBit));
      all.push_back((*tokenizer)->decode(ids, true));
    }
    return all;
  }

  void good() {
    const Status done = prepare(options_);
    ASSERT_TRUE(done.ok()) << done.message();
  }
  std::string bad() {
    const Status done = prepare(options_);
    EXPECT_FALSE(done.ok());
    EXPECT_EQ(done.message().find('\n'), std::string::npos);
    return done.message();
  }
  static int64_t progress_shards(const fs::path& dir) {
    const auto json = read_json(dir / "progress.json", 1 << 20);
    EXPECT_TRUE(json.ok());
    return json.ok() ? (*json)["shards"].get<int64_t>() : 0;
  }
  nlohmann::json manifest() {
    const auto json = read_json(options_.to / "manifest.json", 1 << 20);
    EXPECT_TRUE(json.ok());
    return json.ok() ? *json : nlohmann::json();
  }

  fs::path dir_;
  PrepareOptions options_;
};

TEST_F(Prepare, TakesOnlyTheChosenProblems) {
  const fs::path path = dir_ / "problems.jsonl";
  std::ofstream(path) << R"({"task":"add","language":"en","difficulty":1,"question":"1+2?","thinking":"1+2=3","answer":"3","expected":"3"}
{"task":"sub","language":"en","difficulty":1,"question":"5-3?","thinking":"5-3=2","answer":"2","expected":"2"}
{"task":"sub","language":"en","difficulty":1,"question":"3-5?","thinking":"3-5=-2","answer":"-2","expected":"-2"}
{"task":"mul","language":"en","difficulty":1,"question":"2*3?","thinking":"2*3=6","answer":"6","expected":"6"}
)";
  options_.sources = {{.file = path, .format = DocumentFormat::book, .tasks = {"sub", "mul"}}};
  good();
  std::vector<std::string> all = documents(options_.to);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_NE(all[0].find("5-3?"), std::string::npos);
  EXPECT_NE(all[2].find("2*3?"), std::string::npos);
  EXPECT_EQ(manifest()["sources"][0]["tasks"], (nlohmann::json{"sub", "mul"}));

  options_.to = dir_ / "negative";
  options_.sources[0].expected_prefix = "-";
  good();
  all = documents(options_.to);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_NE(all[0].find("3-5?"), std::string::npos);

  options_.to = dir_ / "none";
  options_.sources[0].tasks = {"div"};
  EXPECT_NE(bad().find("problems.jsonl holds no record of the chosen ones"), std::string::npos);

  std::ofstream(path, std::ios::app) << "{broken\n";
  EXPECT_NE(bad().find("line 5"), std::string::npos);
}

TEST_F(Prepare, InterleavesSourcesByTheirShares) {
  options_.sources = {{.file = texts("a", 6)}, {.file = texts("b", 2)}};
  good();
  // By hand: the middle of the k-th of n records stands at (k + 1/2) / n, so a at 1/12, 3/12, ... and b at
  // 1/4, 3/4; of equals the first source goes first.
  EXPECT_EQ(documents(options_.to),
            (std::vector<std::string>{"a0", "a1", "b0", "a2", "a3", "a4", "b1", "a5"}));
}

TEST_F(Prepare, WeightsRepeatAndThin) {
  options_.sources = {{.file = texts("a", 4), .weight = 2.5}};
  good();
  EXPECT_EQ(documents(options_.to),
            (std::vector<std::string>{"a0", "a1", "a2", "a3", "a0", "a1", "a2", "a3", "a0", "a2"}));
  options_.to = dir_ / "thin";
  options_.sources[0].weight = 0.5;
  good();
  EXPECT_EQ(documents(options_.to), (std::vector<std::string>{"a0", "a2"}));
  EXPECT_EQ(manifest()["sources"][0]["records_taken"], 2);
}

TEST_F(Prepare, TextFilesByParagraphOrWhole) {
  std::ofstream(dir_ / "t.txt") << "\xef\xbb\xbf\n\none\ntwo\r\n\n \t\nthree\n\n";
  options_.sources = {{.file = dir_ / "t.txt"}};
  good();
  EXPECT_EQ(documents(options_.to), (std::vector<std::string>{"one\ntwo", "three"}));
  options_.to = dir_ / "whole";
  options_.sources[0].whole_file = true;
  good();
  EXPECT_EQ(documents(options_.to), (std::vector<std::string>{"one\ntwo\n\n \t\nthree"}));
}

TEST_F(Prepare, ManifestCountsWhatIsThere) {
  std::ofstream(dir_ / "long.jsonl") << R"({"text":"short"})"
                                     << "\n\n"
                                     << R"({"text":")" << std::string(4000, 'x') + " y"
                                     << "\"}\n";
  options_.sources = {{.file = dir_ / "long.jsonl"}, {.file = texts("a", 10), .weight = 3}};
  options_.max_tokens = 20;
  good();
  const nlohmann::json m = manifest();
  EXPECT_EQ(m["sources"][0]["documents"], 1);
  EXPECT_EQ(m["sources"][0]["too_long"], 1);
  EXPECT_EQ(m["sources"][1]["documents"], 30);
  EXPECT_EQ(m["documents"], 31);
  const auto set = ShardSet::open(options_.to);
  ASSERT_TRUE(set.ok());
  int64_t loss = 0;
  int64_t tokens = 0;
  for (int64_t i = 0; i < (*set)->documents(); ++i) {
    for (const uint32_t token : (*set)->document(i)) loss += (token & kLossBit) != 0 ? 1 : 0;
    tokens += static_cast<int64_t>((*set)->document(i).size());
    EXPECT_LE((*set)->document(i).size(), 20u);
  }
  EXPECT_EQ(m["loss_tokens"], loss);
  EXPECT_EQ(m["tokens"], tokens);
  EXPECT_EQ((*set)->vocab_size(), 2059);
}

TEST_F(Prepare, ThreadsChangeNothing) {
  options_.sources = {{.file = texts("a", 9000)}, {.file = texts("b", 3000), .weight = 1.5}};
  options_.tokens_per_shard = 20000;
  options_.threads = 1;
  good();
  options_.to = dir_ / "three";
  options_.threads = 3;
  good();
  int files = 0;
  for (const auto& entry : fs::directory_iterator(options_.to)) {
    const fs::path other = dir_ / "out" / entry.path().filename();
    EXPECT_EQ(*read_file(entry.path(), 1 << 30), *read_file(other, 1 << 30)) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 3);
  EXPECT_FALSE(fs::exists(options_.to / "progress.json"));
}

TEST_F(Prepare, GoesOnWhereItStopped) {
  // `both` makes two documents of a record, so that shards end between them too.
  const fs::path file = dir_ / "p.jsonl";
  {
    std::ofstream out(file);
    for (int i = 0; i < 3000; ++i) {
      out << R"({"task":"add","language":"en","difficulty":1,"question":")" << i << R"(+1","thinking":")" << i
          << R"(+1=)" << i + 1 << R"(","answer":")" << i + 1 << R"(","expected":")" << i + 1 << "\"}\n";
    }
  }
  options_.sources = {{.file = file, .format = DocumentFormat::both, .weight = 2},
                      {.file = texts("a", 2000)}};
  options_.tokens_per_shard = 15001;
  good();
  const std::string whole = *read_file(options_.to / "manifest.json", 1 << 20);
  const int64_t n_shards = static_cast<int64_t>(manifest()["shards"].size());
  ASSERT_GT(n_shards, 10);

  // Cut off at many places: what a kill leaves is the shards so far, a progress file as old as the last shard
  // or one shard older, and a half-written one.
  options_.to = dir_ / "cut";
  std::atomic<bool> cancel{true};
  options_.cancel = &cancel;
  EXPECT_NE(bad().find("stopped"), std::string::npos);
  // And what a crash in the middle of an atomic write leaves.
  std::ofstream(options_.to / "progress.json.tmp-a1B2c3") << "{";
  options_.cancel = nullptr;
  good();
  EXPECT_FALSE(fs::exists(options_.to / "progress.json.tmp-a1B2c3"));
  EXPECT_EQ(*read_file(options_.to / "manifest.json", 1 << 20), whole);
  // The finished set is left alone, a different one is refused.
  const auto time = fs::last_write_time(options_.to / "manifest.json");
  good();
  EXPECT_EQ(fs::last_write_time(options_.to / "manifest.json"), time);
  options_.max_tokens = 100;
  EXPECT_NE(bad().find("already holds shards of other sources or options"), std::string::npos);
}

TEST_F(Prepare, BadInputIsNamed) {
  const fs::path file = texts("a", 3);
  std::ofstream(file, std::ios::app) << "{\"text\":\"x\n";
  options_.sources = {{.file = file}};
  EXPECT_NE(bad().find("a.jsonl line 4"), std::string::npos);
  std::ofstream(dir_ / "bytes.jsonl") << "{\"text\":\"\xff\"}\n";
  options_.to = dir_ / "two";
  options_.sources = {{.file = dir_ / "bytes.jsonl"}};
  EXPECT_NE(bad().find("bytes.jsonl line 1: the text is not valid UTF-8"), std::string::npos);
  options_.sources = {{.file = dir_ / "none.jsonl"}};
  EXPECT_NE(bad().find("none.jsonl"), std::string::npos);
  std::ofstream(dir_ / "empty.jsonl") << "\n\n";
  options_.sources = {{.file = dir_ / "empty.jsonl"}};
  EXPECT_NE(bad().find("holds no record"), std::string::npos);
  std::ofstream(dir_ / "x.csv") << "1\n";
  options_.sources = {{.file = dir_ / "x.csv"}};
  EXPECT_NE(bad().find("must be JSONL"), std::string::npos);
  std::ofstream(dir_ / "x.txt") << "1\n";
  options_.sources = {{.file = dir_ / "x.txt", .format = DocumentFormat::think}};
  EXPECT_NE(bad().find("needs JSONL"), std::string::npos);
  options_.sources.clear();
  EXPECT_NE(bad().find("no source"), std::string::npos);
  // Whatever happened, no half-made set passes for a whole one.
  EXPECT_FALSE(fs::exists(dir_ / "two" / "manifest.json"));
}

}  // namespace
}  // namespace jaju::data
