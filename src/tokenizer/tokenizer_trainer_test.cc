// From files to a tokenizer.json that loads. tests/tokenizer compares the result with Hugging Face
// `tokenizers`.
#include "tokenizer/tokenizer_trainer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/json.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_stats.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

class TokenizerTrainer : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "jaju-trainer-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    // Prose in the golden test's languages, code, numbers; enough for several pieces.
    const auto cases = read_json(JAJU_TESTS_DIR "/golden/tokenizer/cases.json", 1 << 20);
    ASSERT_TRUE(cases.ok());
    std::ofstream text(dir_ / "text.txt"), lines(dir_ / "lines.jsonl");
    std::mt19937 random(3);
    for (int i = 0; i < 40; ++i) {
      for (const auto& c : *cases) {
        if (random() % 2 == 0) text << c["text"].get<std::string>() << " " << random() % 100000 << "\n";
        if (random() % 9 == 0) {
          lines << nlohmann::json{{"question", c["text"]},
                                  {"answer", "사과 " + std::to_string(random() % 500) + "개"}}
                << "\n";
        }
      }
    }
  }
  void TearDown() override { fs::remove_all(dir_); }

  Result<TrainedTokenizer> train(const TokenizerTrainOptions& options, int threads = 2) {
    JAJU_ASSIGN(const std::vector<CorpusFile> files, open_corpus({dir_ / "text.txt", dir_ / "lines.jsonl"}));
    ThreadTeam team(threads);
    return train_tokenizer(files, options, team);
  }

  fs::path dir_;
};

TEST_F(TokenizerTrainer, LoadsAndReads) {
  TokenizerTrainOptions options;
  options.vocab_size = 1000;
  const auto trained = train(options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  EXPECT_EQ(trained->vocab_size, 1000);
  const auto loaded = Tokenizer::parse(trained->tokenizer_json, "trained");
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const Tokenizer& t = **loaded;
  EXPECT_EQ(t.vocab_size(), 1000);
  // The special tokens have the last ids, in the order of A.X K1's.
  const std::vector<std::string> last = {"<|endoftext|>", "<|pad|>",  "<|im_start|>", "<|im_end|>",
                                         "<think>",       "</think>", "<tool_call>",  "</tool_call>"};
  for (size_t i = 0; i < last.size(); ++i) {
    EXPECT_EQ(t.id_of(last[i]), static_cast<TokenId>(992 + i)) << last[i];
    EXPECT_EQ(t.is_special(static_cast<TokenId>(992 + i)), last[i].starts_with("<|")) << last[i];
  }
  const auto cases = read_json(JAJU_TESTS_DIR "/golden/tokenizer/cases.json", 1 << 20);
  ASSERT_TRUE(cases.ok());
  for (const auto& c : *cases) {
    const auto text = c["text"].get<std::string>();
    EXPECT_EQ(t.decode(t.encode(text)), text);
  }
  // Digits stay alone, in every token.
  for (TokenId id = 0; id < t.vocab_size(); ++id) {
    const std::string_view bytes = t.bytes_of(id);
    if (!t.is_added(id) && bytes.find_first_of("0123456789") != std::string_view::npos) {
      EXPECT_EQ(bytes.size(), 1u) << bytes;
    }
  }
  EXPECT_EQ(t.encode("2026").size(), 4u);
  // What occurs all the time is one token: the answer's words, and the roles' names.
  EXPECT_TRUE(t.id_of("user").has_value());
  EXPECT_TRUE(t.id_of("assistant").has_value());
  EXPECT_EQ(t.encode("사과").size(), 1u);
}

TEST_F(TokenizerTrainer, SameForAnyNumberOfThreads) {
  TokenizerTrainOptions options;
  options.vocab_size = 1500;
  const auto one = train(options, 1);
  ASSERT_TRUE(one.ok()) << one.message();
  for (const int threads : {2, 5}) {
    const auto many = train(options, threads);
    ASSERT_TRUE(many.ok());
    EXPECT_TRUE(many->tokenizer_json == one->tokenizer_json) << threads;
    EXPECT_EQ(many->documents, one->documents);
    EXPECT_EQ(many->bytes, one->bytes);
    EXPECT_EQ(many->words, one->words);
  }
  // Also when words are forgotten.
  options.max_table_bytes = 60'000;
  const auto small = train(options, 1);
  ASSERT_TRUE(small.ok());
  EXPECT_GT(small->dropped_words, 0);
  EXPECT_LT(small->words, one->words);
  const auto small_again = train(options, 3);
  ASSERT_TRUE(small_again.ok());
  EXPECT_TRUE(small->tokenizer_json == small_again->tokenizer_json);
}

TEST_F(TokenizerTrainer, ReservedTokensFillUp) {
  TokenizerTrainOptions options;
  options.vocab_size = 1000;
  options.multiple_of = 128;
  const auto trained = train(options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  EXPECT_EQ(trained->vocab_size, 1024);
  EXPECT_EQ(trained->reserved_tokens, 24);
  const auto loaded = Tokenizer::parse(trained->tokenizer_json, "trained");
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ((*loaded)->vocab_size(), 1024);
  EXPECT_EQ((*loaded)->id_of("<|endoftext|>"), 992);
  EXPECT_EQ((*loaded)->id_of("<|reserved_23|>"), 1023);
}

TEST_F(TokenizerTrainer, TheConfigNamesTheRoles) {
  const auto config = parse_json(write_tokenizer_config(axk1_special_tokens()), "config");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ((*config)["bos_token"], "<|endoftext|>");
  EXPECT_EQ((*config)["eos_token"], "<|im_end|>");
  EXPECT_EQ((*config)["pad_token"], "<|pad|>");
  EXPECT_FALSE(config->contains("chat_template"));
  EXPECT_FALSE(parse_json(write_tokenizer_config({}), "config")->contains("eos_token"));
}

TEST_F(TokenizerTrainer, ThePipelineIsTheReferences) {
  // tests/golden/tokenizer is a file with A.X K1's pipeline that others wrote.
  const auto golden = read_json(JAJU_TESTS_DIR "/golden/tokenizer/tokenizer.json", 1 << 20);
  ASSERT_TRUE(golden.ok());
  TokenizerTrainOptions options;
  options.vocab_size = 300;
  const auto trained = train(options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  const auto ours = parse_json(trained->tokenizer_json, "trained");
  ASSERT_TRUE(ours.ok()) << ours.message();
  for (const char* part :
       {"version", "normalizer", "pre_tokenizer", "post_processor", "decoder", "truncation"}) {
    EXPECT_EQ((*ours)[part], (*golden)[part]) << part;
  }
  for (const auto& [key, value] : (*golden)["model"].items()) {
    if (key != "vocab" && key != "merges") {
      EXPECT_EQ((*ours)["model"][key], value) << key;
    }
  }
  // The alphabet has the same ids.
  for (const auto& [token, id] : (*golden)["model"]["vocab"].items()) {
    if (id < 256) {
      EXPECT_EQ((*ours)["model"]["vocab"][token], id) << token;
    }
  }
  for (size_t i = 0; i < axk1_special_tokens().size(); ++i) {
    auto theirs = (*golden)["added_tokens"][i];
    auto mine = (*ours)["added_tokens"][i];
    theirs.erase("id");
    mine.erase("id");
    EXPECT_EQ(mine, theirs);
  }
}

TEST_F(TokenizerTrainer, SpecialTokensAreNotWords) {
  auto counter = WordCounter::create(axk1_pre_tokenizer(), axk1_special_tokens(), 1);
  ASSERT_TRUE(counter.ok()) << counter.message();
  counter->add(0, "I'll <think>답은 12<|im_end|>\n타워タワー  x" + std::string(3000, '-'));
  counter->collect(1'000'000);
  std::map<std::string, int64_t> words;
  for (const WordCount& w : counter->words().sorted()) words[std::string(w.word)] = w.count;
  const std::map<std::string, int64_t> expected = {{"I", 1},
                                                   {"'ll", 1},
                                                   {" ", 3},
                                                   {"답은", 1},
                                                   {"1", 1},
                                                   {"2", 1},
                                                   {"\n", 1},
                                                   {"타워", 1},
                                                   {"タワー", 1},
                                                   {" x", 1},
                                                   {std::string(1024, '-'), 2},
                                                   {std::string(952, '-'), 1}};
  EXPECT_EQ(words, expected);
}

TEST_F(TokenizerTrainer, Refuses) {
  TokenizerTrainOptions options;
  options.vocab_size = 263;
  EXPECT_NE(train(options).message().find("263"), std::string::npos);
  options = {};
  options.multiple_of = 0;
  EXPECT_FALSE(train(options).ok());
  options = {};
  options.special_tokens.push_back(options.special_tokens[0]);
  EXPECT_NE(train(options).message().find("<|endoftext|>"), std::string::npos);
  options = {};
  options.special_tokens[1].content = "a";
  EXPECT_NE(train(options).message().find("'a'"), std::string::npos);
  options = {};
  options.pre_tokenizers.pop_back();
  EXPECT_NE(train(options).message().find("ByteLevel"), std::string::npos);
  std::ofstream(dir_ / "text.txt") << "";
  std::ofstream(dir_ / "lines.jsonl") << "\n";
  EXPECT_NE(train({}).message().find("no text"), std::string::npos);
}

TEST_F(TokenizerTrainer, StopsWhenAsked) {
  const auto files = open_corpus({dir_ / "text.txt"});
  ASSERT_TRUE(files.ok());
  ThreadTeam team(1);
  TokenizerTrainProgress progress;
  progress.stop = [] { return true; };
  EXPECT_NE(train_tokenizer(*files, {}, team, progress).message().find("stopped"), std::string::npos);
}

TEST_F(TokenizerTrainer, FitCountsWhatEncodeGives) {
  std::ofstream(dir_ / "a.jsonl")
      << R"({"text": "안녕하세요 <think>", "language": "ko"})"
      << "\n"
      << R"({"messages": [{"role": "user", "content": "Hello there"}], "language": "en"})"
      << "\n"
      << R"({"text": "Bye", "language": "en"})"
      << "\n";
  std::ofstream(dir_ / "b.py") << "print(1)\n";
  std::ofstream(dir_ / "c.txt") << "plain";
  const auto files = open_corpus({dir_ / "a.jsonl", dir_ / "b.py", dir_ / "c.txt"});
  ASSERT_TRUE(files.ok());
  const auto t = Tokenizer::load(JAJU_TESTS_DIR "/golden/tokenizer");
  ASSERT_TRUE(t.ok());
  ThreadTeam team(2);
  FitOptions options;
  for (const CorpusFile& file : *files) options.labels.push_back(default_label(file.path));
  const auto rows = measure_fit(*files, {t->get(), t->get()}, options, team);
  ASSERT_TRUE(rows.ok()) << rows.message();
  const auto n = [&](std::string_view text) {
    return static_cast<int64_t>((*t)->encode(text, SpecialText::as_text).size());
  };
  ASSERT_EQ(rows->size(), 4u);
  const auto expect = [&](size_t i, const std::string& group, int64_t documents, int64_t bytes,
                          int64_t characters, int64_t tokens) {
    const FitRow& row = (*rows)[i];
    EXPECT_EQ(row.group, group);
    EXPECT_EQ(row.documents, documents) << group;
    EXPECT_EQ(row.bytes, bytes) << group;
    EXPECT_EQ(row.characters, characters) << group;
    EXPECT_EQ(row.tokens, (std::vector<int64_t>{tokens, tokens})) << group;
  };
  expect(0, "c", 1, 5, 5, n("plain"));
  expect(1, "code", 1, 9, 9, n("print(1)\n"));
  expect(2, "en", 2, 14, 14, n("Hello there") + n("Bye"));
  expect(3, "ko", 1, 23, 13, n("안녕하세요 <think>"));
  const FitRow total = total_fit(*rows);
  EXPECT_EQ(total.documents, 5);
  EXPECT_EQ(total.bytes, 51);

  std::ofstream many(dir_ / "many.jsonl");
  for (int i = 0; i < 3000; ++i) many << "{\"text\": \"x\", \"language\": " << i << "}\n";
  many.close();
  const auto too_many = open_corpus({dir_ / "many.jsonl"});
  options.labels = {"many"};
  const auto refused = measure_fit(*too_many, {t->get()}, options, team);
  EXPECT_NE(refused.message().find("1000 values"), std::string::npos) << refused.message();
}

TEST(WordTable, CountsAndForgets) {
  WordTable table;
  std::map<std::string, int64_t> expected;
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i) {
    const std::string word = std::to_string(random() % 5000) + std::string(random() % 3 == 0 ? 1 : 0, '\0');
    table.add(word, 1);
    ++expected[word];
  }
  table.add("", 2);
  expected[""] = 2;
  WordTable doubled;
  doubled.add_all(table);
  doubled.add_all(table);
  const auto check = [](const WordTable& t, const std::map<std::string, int64_t>& words, int64_t times) {
    ASSERT_EQ(t.size(), static_cast<int64_t>(words.size()));
    size_t i = 0;
    const auto sorted = t.sorted();
    for (const auto& [word, count] : words) {
      ASSERT_EQ(sorted[i].word, word);
      ASSERT_EQ(sorted[i].count, count * times) << word;
      ++i;
    }
  };
  check(table, expected, 1);
  check(doubled, expected, 2);
  const auto before = static_cast<int64_t>(expected.size());
  std::erase_if(expected, [](const auto& entry) { return entry.second <= 3; });
  EXPECT_EQ(table.drop_rare(3), before - static_cast<int64_t>(expected.size()));
  check(table, expected, 1);
  EXPECT_LT(table.bytes(), doubled.bytes());
  table.clear();
  EXPECT_EQ(table.size(), 0);
  table.add("again", 1);
  EXPECT_EQ(table.sorted()[0].word, "again");
}

}  // namespace
}  // namespace jaju
