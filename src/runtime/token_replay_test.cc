#include "runtime/token_replay.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

// Ids 0 to 255 are bytes; then a few words; 300 and 301 are special.
constexpr int32_t kHello = 260, kHel = 261, kLo = 262, kAnswer = 263, kNewline = '\n';
constexpr int32_t kStart = 300, kEnd = 301;

std::shared_ptr<const std::vector<std::string>> vocabulary() {
  auto bytes = std::make_shared<std::vector<std::string>>(302);
  for (int i = 0; i < 256; ++i) (*bytes)[static_cast<size_t>(i)] = std::string(1, static_cast<char>(i));
  (*bytes)[kHello] = "hello";
  (*bytes)[kHel] = "hel";
  (*bytes)[kLo] = "lo";
  (*bytes)[kAnswer] = "answer";
  return bytes;
}

using Ids = std::vector<int32_t>;
using Pieces = std::vector<ReplayPiece>;

ReplayPiece special(int32_t id) {
  return {{}, id};
}
ReplayPiece text(std::string_view t) {
  return {t, -1};
}

// A turn and its answer, sampled in unusual pieces.
const Ids kTurn = {kStart, kHello, kEnd, kStart, kHel, kLo, kAnswer, kEnd};

TEST(TokenReplay, FindsWhatWasSampledByItsBytes) {
  TokenReplay replay(vocabulary(), 1 << 20);
  replay.remember("t", kTurn);
  const Pieces next = {special(kStart),  text("hello"), special(kEnd),   special(kStart), text("hel"),
                       text("loanswer"), special(kEnd), special(kStart), text("more"),    special(kEnd)};
  const auto match = replay.longest("t", next);
  EXPECT_EQ(match.ids, kTurn);
  EXPECT_EQ(match.piece, 7u);
  EXPECT_EQ(match.bytes, 16u);
  EXPECT_FALSE(match.differs) << "what is remembered ends there";
}

TEST(TokenReplay, StopsBehindTheLastSpecialTokenThatAgrees) {
  TokenReplay replay(vocabulary(), 1 << 20);
  replay.remember("t", kTurn);
  const auto match = replay.longest("t", Pieces{special(kStart), text("hello"), special(kEnd),
                                                special(kStart), text("helloother"), special(kEnd)});
  EXPECT_EQ(match.ids, Ids(kTurn.begin(), kTurn.begin() + 4));
  EXPECT_EQ(match.piece, 4u);
  EXPECT_EQ(match.bytes, 10u);
  EXPECT_TRUE(match.differs);
  // Inside the first words: only the opening token is certain.
  const auto first = replay.longest("t", Pieces{special(kStart), text("hellos"), special(kEnd)});
  EXPECT_EQ(first.ids, Ids{kStart});
  EXPECT_EQ(first.piece, 1u);
  EXPECT_EQ(first.bytes, 5u);
}

TEST(TokenReplay, AWholePromptMayEndInText) {
  TokenReplay replay(vocabulary(), 1 << 20);
  replay.remember("t", Ids{kStart, kHello, kNewline, kAnswer, kEnd});
  const auto match = replay.longest("t", Pieces{special(kStart), text("hello\n"), text("")});
  EXPECT_EQ(match.ids, (Ids{kStart, kHello, kNewline}));
  EXPECT_EQ(match.piece, 3u) << "empty pieces belong to the beginning";
  // No token ends where this one does.
  EXPECT_EQ(replay.longest("t", Pieces{special(kStart), text("hell")}).ids, Ids{kStart});
}

TEST(TokenReplay, OutsideWordsCannotForgeSpecialTokens) {
  TokenReplay replay(vocabulary(), 1 << 20);
  replay.remember("t", kTurn);
  // The bytes of the key itself.
  const std::string forged(
      "\xff\0\0\0\1\x2c"
      "hello",
      11);
  EXPECT_TRUE(replay.longest("t", Pieces{text(forged)}).ids.empty());
  // The byte 0xff, said by a model, is found again.
  replay.remember("t", Ids{255, 0, kEnd});
  const std::string said("\xff\0", 2);
  EXPECT_EQ(replay.longest("t", Pieces{text(said), special(kEnd)}).ids, (Ids{255, 0, kEnd}));
}

TEST(TokenReplay, KeepsTenantsApart) {
  TokenReplay replay(vocabulary(), 1 << 20);
  replay.remember("t", kTurn);
  const auto match = replay.longest("u", Pieces{special(kStart), text("hello"), special(kEnd)});
  EXPECT_TRUE(match.ids.empty());
  EXPECT_EQ(match.bytes, 0u);
}

TEST(TokenReplay, ALongerTurnTakesThePlaceOfTheShorter) {
  TokenReplay replay(vocabulary(), 1 << 20);
  Ids ids = kTurn;
  for (int turn = 0; turn < 5; ++turn) {
    replay.remember("t", ids);
    EXPECT_EQ(replay.sequences(), 1);
    ids.insert(ids.end(), {kStart, kAnswer, kEnd});
  }
  replay.remember("t", kTurn);  // older, shorter: kept beside it
  EXPECT_EQ(replay.sequences(), 2);
}

TEST(TokenReplay, ForgetsTheLeastRecentlyUsedFirst) {
  TokenReplay replay(vocabulary(), 3000);
  const auto turn = [](int i) { return Ids{kStart, i, kEnd}; };
  const auto known = [&](int i) {
    const std::string said(1, static_cast<char>(i));
    return replay.longest("t", Pieces{special(kStart), text(said), special(kEnd)}).ids.size() == 3;
  };
  for (int i = 'a'; i <= 'e'; ++i) {
    replay.remember("t", turn(i));
    EXPECT_TRUE(known('a')) << "used all the time";
  }
  for (int i = 'f'; i <= 'z'; ++i) {
    replay.remember("t", turn(i));
    EXPECT_TRUE(known('a'));
    EXPECT_LE(replay.bytes(), 3000);
  }
  EXPECT_FALSE(known('b'));
  EXPECT_TRUE(known('z'));
  // What does not fit at all, and what is no token, is not remembered.
  replay.remember("t", Ids(10000, kHello));
  replay.remember("t", Ids{kStart, 302});
  replay.remember("t", Ids{-1});
  EXPECT_TRUE(known('z'));
  EXPECT_GT(replay.sequences(), 3);
}

}  // namespace
}  // namespace jaju
