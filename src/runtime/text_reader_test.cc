// Reading many texts side by side is reading each alone; and an observer sees each of its rows once.
#include "runtime/text_reader.h"

#include <gtest/gtest.h>

#include <map>

#include "model/importance.h"

namespace jaju {
namespace {

std::unique_ptr<Engine> open(const char* name) {
  auto engine = Engine::open(std::string(JAJU_TESTS_DIR) + "/golden/" + name,
                             {.precision = Precision::f32, .threads = 2, .prefill_chunk = 100});
  EXPECT_TRUE(engine.ok()) << engine.message();
  return engine.ok() ? std::move(*engine) : nullptr;
}

std::vector<TokenSequence> some_sequences() {
  std::vector<TokenSequence> sequences;
  for (const int32_t length : {70, 1, 13, 29, 64}) {
    auto& s = sequences.emplace_back();
    for (int32_t i = 0; i < length; ++i) s.push_back((length * 5 + i * 37) % 300);
  }
  return sequences;
}

TEST(TextReader, StepsKeepTheOrderAndTheLimit) {
  const std::vector<TokenSequence> sequences = some_sequences();
  const auto steps = steps_of(sequences, 100);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].size(), 3u);
  EXPECT_EQ(steps[1].size(), 2u);
  EXPECT_EQ(steps[1].data(), sequences.data() + 3);
  EXPECT_TRUE(steps_of({}, 5).empty());
}

TEST(TextReader, LogitsAreThoseOfEachAlone) {
  for (const char* name : {"split-bias-f32", "mtp-f32"}) {
    const auto engine = open(name);
    ASSERT_NE(engine, nullptr);
    TextReader reader(*engine);
    const std::vector<TokenSequence> sequences = some_sequences();
    const int64_t vocab = engine->config().vocab_size;
    for (const auto& step : steps_of(sequences, reader.max_tokens())) {
      size_t rows = 0;
      for (const TokenSequence& s : step) rows += s.size();
      std::vector<float> logits(rows * static_cast<size_t>(vocab));
      const Status read =
          reader.read(step, nullptr, MutRows(logits.data(), static_cast<int64_t>(rows), vocab));
      ASSERT_TRUE(read.ok()) << read.message();
      const float* at = logits.data();
      for (const TokenSequence& s : step) {
        const auto alone = engine->evaluate(s, true);
        ASSERT_TRUE(alone.ok()) << alone.message();
        ASSERT_EQ(alone->logits, std::vector<float>(at, at + alone->logits.size()));
        at += alone->logits.size();
      }
    }
  }
}

TEST(TextReader, AnObserverSeesEveryRowOnce) {
  class Counter : public InputObserver {
   public:
    void saw(ThreadTeam&, const Matrix& w, Rows x, const int32_t*, int64_t n) override {
      EXPECT_EQ(w.cols, x.cols);
      rows[w.data] += n;
    }
    std::map<const void*, int64_t> rows;
  };
  const auto engine = open("mtp-f32");
  ASSERT_NE(engine, nullptr);
  TextReader reader(*engine);
  Counter counter;
  const std::vector<TokenSequence> sequences = some_sequences();
  int64_t tokens = 0, drafts = 0;
  for (const TokenSequence& s : sequences) {
    tokens += static_cast<int64_t>(s.size());
    drafts += static_cast<int64_t>(s.size()) - 1;
  }
  for (const auto& step : steps_of(sequences, reader.max_tokens())) {
    ASSERT_TRUE(reader.read(step, &counter, MutRows()).ok());
  }
  const Weights& w = engine->weights();
  ASSERT_TRUE(w.mtp.has_value());
  const int64_t shared_head = w.mtp->head.data == w.head.data ? drafts : 0;
  EXPECT_EQ(counter.rows[w.head.data], tokens + shared_head);
  EXPECT_EQ(counter.rows[w.layers[0].attention.o.data], tokens);
  EXPECT_EQ(counter.rows[w.layers.back().attention.q_b.data], tokens);
  EXPECT_EQ(counter.rows[w.mtp->projection.data], drafts);
  EXPECT_EQ(counter.rows[w.mtp->layer.attention.o.data], drafts);
  int64_t visits = 0;
  for (const MlpWeights& expert : w.layers.back().moe.experts) {
    EXPECT_EQ(counter.rows[expert.gate.data], counter.rows[expert.down.data]);
    visits += counter.rows[expert.down.data];
  }
  EXPECT_EQ(visits, tokens * engine->config().n_experts_per_token);
}

TEST(TextReader, MistakesAreNamed) {
  const auto engine = open("split-bias-f32");
  TextReader reader(*engine);
  const auto says = [&](const TokenSequence& s, const std::string& word) {
    const std::vector<TokenSequence> one = {s};
    const Status read = reader.read(one, nullptr, MutRows());
    ASSERT_FALSE(read.ok());
    EXPECT_NE(read.message().find(word), std::string::npos) << read.message();
  };
  says({}, "without tokens");
  says({1, 100'000}, "token 100000");
  says({-1}, "token -1");
  says(TokenSequence(101, 1), "101 tokens");
}

}  // namespace
}  // namespace jaju
