#include "tokenizer/corpus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>

#include "base/utf8.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

class Corpus : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "jaju-corpus-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }

  fs::path write(const std::string& name, const std::string& content) {
    std::ofstream(dir_ / name, std::ios::binary) << content;
    return dir_ / name;
  }

  struct Document {
    std::string group;
    std::vector<std::string> texts;
    bool begins;
    bool operator==(const Document&) const = default;
    bool operator<(const Document& o) const { return texts < o.texts; }
  };
  Result<std::vector<Document>> read(const std::vector<fs::path>& paths, const CorpusOptions& options = {},
                                     int threads = 2) {
    JAJU_ASSIGN(const std::vector<CorpusFile> files, open_corpus(paths));
    ThreadTeam team(threads);
    std::mutex mutex;
    std::vector<Document> documents;
    rounds_.clear();
    JAJU_RETURN_IF_ERROR(read_corpus(
        files, options, team,
        [&](int, const CorpusDocument& d) {
          const std::lock_guard lock(mutex);
          documents.push_back({std::string(d.group), {d.texts.begin(), d.texts.end()}, d.begins});
        },
        [&](int64_t bytes) -> Status {
          rounds_.push_back(bytes);
          return {};
        }));
    return documents;
  }
  std::string error_of(const std::string& line) {
    const auto result = read({write("bad.jsonl", "{\"text\": \"fine\"}\n" + line + "\n")});
    return result.ok() ? "" : result.message();
  }

  fs::path dir_;
  std::vector<int64_t> rounds_;
};

TEST_F(Corpus, LinesOfEveryKind) {
  const fs::path path =
      write("a.jsonl",
            "\xef\xbb\xbf{\"text\": \"one\\u0000\\ud55c\", \"language\": \"ko\"}\r\n\n"
            "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\","
            " \"reasoning_content\": \"hm\", \"content\": \"hello\"}, {\"role\": \"user\","
            " \"content\": [{\"type\": \"text\", \"text\": \"look\"}, {\"type\": \"image\"}]},"
            " {\"role\": \"assistant\", \"content\": null}]}\n"
            "{\"question\": \"1+1\", \"thinking\": \"two\", \"answer\": \"2\", \"language\": 3}");
  CorpusOptions options;
  auto documents = read({path}, options, 1);
  ASSERT_TRUE(documents.ok()) << documents.message();
  const std::vector<Document> plain = {{"ko", {std::string("one\0한", 7)}, true},
                                       {"", {"hi", "hm", "hello", "look"}, true},
                                       {"3", {"1+1", "two", "2"}, true}};
  EXPECT_EQ(*documents, plain);
  options.roles = true;
  options.group_key = "answer";
  documents = read({path}, options, 1);
  ASSERT_TRUE(documents.ok());
  EXPECT_EQ((*documents)[1].texts,
            (std::vector<std::string>{"user\nhi", "assistant\nhm", "hello", "user\nlook"}));
  EXPECT_EQ((*documents)[2].texts, (std::vector<std::string>{"user\n1+1", "two", "assistant\n2"}));
  EXPECT_EQ((*documents)[2].group, "2");
}

TEST_F(Corpus, BadLinesAreNamed) {
  const std::map<std::string, std::string> cases = {
      {"nonsense", "JSON"},
      {"[1]", "object"},
      {"{}", "none of 'text'"},
      {"{\"text\": 3}", "'text' must be a string"},
      {"{\"messages\": 3}", "must be an array"},
      {"{\"messages\": [3]}", "must be an object"},
      {"{\"messages\": [{\"content\": \"x\"}]}", "'role'"},
      {"{\"messages\": [{\"role\": \"user\", \"content\": [3]}]}", "parts"},
      {"{\"messages\": [{\"role\": \"user\", \"content\": 3}]}", "'content' must be a string"},
      {"{\"answer\": [\"x\"]}", "'answer' must be a string"},
      {"{\"text\": \"\xff\"}", "JSON"},
      {"{\"text\": \"\\ud800\"}", "JSON"},
      {std::string(100, '['), "JSON"}};
  for (const auto& [line, says] : cases) {
    const std::string message = error_of(line);
    EXPECT_NE(message.find("bad.jsonl line 2"), std::string::npos) << line << ": " << message;
    EXPECT_NE(message.find(says), std::string::npos) << line << ": " << message;
  }
}

TEST_F(Corpus, FilesAreNamed) {
  EXPECT_FALSE(open_corpus({}).ok());
  EXPECT_NE(open_corpus({dir_ / "none"}).message().find("no such file"), std::string::npos);
  EXPECT_NE(open_corpus({dir_}).message().find("regular"), std::string::npos);
}

TEST_F(Corpus, TextComesWholeInPieces) {
  // Empty lines, spaces of every kind and lines without a break, beyond the size of a piece and of a round.
  std::string text;
  for (int i = 0; text.size() < (20u << 20); ++i) {
    text += "line " + std::to_string(i) + (i % 7 == 0 ? "\n\n\u3000" : i % 5 == 0 ? "\n \n" : "\n");
    if (i % 90000 == 0) {
      for (int k = 0; k < 400'000; ++k) text += "한";  // 1.2 MB
    }
  }
  const fs::path path = write("a.txt", text);
  for (const int threads : {1, 3}) {
    auto documents = read({path}, {}, threads);
    ASSERT_TRUE(documents.ok()) << documents.message();
    if (threads == 1) {
      std::string joined;
      int begins = 0;
      for (const Document& d : *documents) {
        ASSERT_EQ(d.texts.size(), 1u);
        EXPECT_TRUE(utf8_valid(d.texts[0]));
        EXPECT_LE(d.texts[0].size(), 2u << 20);
        if (d.texts[0].ends_with('\n') && joined.size() + d.texts[0].size() < text.size()) {
          const std::string_view rest = std::string_view(text).substr(joined.size() + d.texts[0].size());
          EXPECT_FALSE(rest.starts_with("\n") || rest.starts_with(" ") || rest.starts_with("\u3000"));
        }
        joined += d.texts[0];
        begins += d.begins ? 1 : 0;
      }
      EXPECT_TRUE(joined == text);
      EXPECT_EQ(begins, 1);
      EXPECT_GT(documents->size(), 30u);
    }
    ASSERT_GT(rounds_.size(), 1u);
    EXPECT_EQ(rounds_.back(), static_cast<int64_t>(text.size()));
  }
}

TEST_F(Corpus, InvalidTextIsReplaced) {
  const auto documents = read({write("a.txt", "a\xff\xe4\xb8 b")});
  ASSERT_TRUE(documents.ok());
  ASSERT_EQ(documents->size(), 1u);
  EXPECT_EQ((*documents)[0].texts[0], "a\ufffd\ufffd b");
}

TEST_F(Corpus, SamplesEvenlyAndAlwaysTheSame) {
  std::string lines;
  for (int i = 0; i < 20000; ++i) {
    lines += fmt::format("{{\"text\": \"{:05}\", \"language\": \"{}\"}}\n", i, i % 2 == 0 ? "ko" : "en");
  }
  std::string text;
  for (int i = 0; i < 200000; ++i) text += fmt::format("line {}\n", i);
  const std::vector<fs::path> paths = {write("a.jsonl", lines), write("b.txt", text)};
  const auto total = static_cast<double>(lines.size() + text.size());
  CorpusOptions options;
  options.sample_bytes = static_cast<int64_t>(total / 10);
  auto documents = read(paths, options, 1);
  ASSERT_TRUE(documents.ok()) << documents.message();
  double text_bytes = 0;
  std::map<std::string, double> n;
  for (const Document& d : *documents) {
    n[d.group] += 1;
    if (d.group.empty()) text_bytes += static_cast<double>(d.texts[0].size());
  }
  // 10,000 draws with p = 0.1: 1000, deviation 30. Pieces of 4 kB: 650 draws, 65, deviation 8.
  EXPECT_NEAR(n["ko"], 1000, 150);
  EXPECT_NEAR(n["en"], 1000, 150);
  EXPECT_NEAR(text_bytes / static_cast<double>(text.size()), 0.1, 0.06);
  auto again = read(paths, options, 3);
  ASSERT_TRUE(again.ok());
  std::sort(documents->begin(), documents->end());
  std::sort(again->begin(), again->end());
  EXPECT_EQ(*documents, *again);
}

}  // namespace
}  // namespace jaju
