// Guesses are judged by their place in the list, each for itself.
#include "memory/prefetch_gate.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

TEST(PrefetchGate, PlacesAreEighthsOfTheListAndMostOfALayerIsAKindOfItsOwn) {
  EXPECT_EQ(PrefetchGate::kind_of(Ahead::attention, 0, 8, 192), 0);
  EXPECT_EQ(PrefetchGate::kind_of(Ahead::attention, 7, 8, 192), 7);
  EXPECT_EQ(PrefetchGate::kind_of(Ahead::attention, 3, 4, 24), 6);  // nano's four
  EXPECT_EQ(PrefetchGate::kind_of(Ahead::attention, 63, 64, 192), 7);
  EXPECT_EQ(PrefetchGate::kind_of(Ahead::attention, 0, 97, 192), PrefetchGate::kMost);
}

TEST(PrefetchGate, EveryDistanceHasKindsOfItsOwn) {
  PrefetchGate gate(true);
  for (const Ahead ahead : {Ahead::attention, Ahead::two_attentions, Ahead::layer}) {
    for (int64_t place = 0; place < 8; ++place) {
      const int64_t kind = PrefetchGate::kind_of(ahead, place, 8, 192);
      for (int i = 0; i < 100; ++i) gate.report(kind, ahead == Ahead::attention && place < 5);
      EXPECT_EQ(gate.on(kind), ahead == Ahead::attention && place < 5);
    }
  }
  EXPECT_TRUE(gate.on());
  EXPECT_TRUE(gate.wants_prediction(Ahead::attention));
  EXPECT_FALSE(gate.wants_prediction(Ahead::two_attentions));
  EXPECT_FALSE(gate.wants_prediction(Ahead::layer));
}

TEST(PrefetchGate, TurnsOffThePlaceThatIsWrongAndNoOther) {
  PrefetchGate gate(true);
  for (int i = 0; i < 100; ++i) {
    gate.report(0, true);
    gate.report(7, i % 2 == 0);
  }
  EXPECT_TRUE(gate.on(0));
  EXPECT_FALSE(gate.on(7));
  EXPECT_TRUE(gate.on(3)) << "nothing was seen of it yet";
  for (int i = 0; i < 100; ++i) gate.report(7, true);
  EXPECT_TRUE(gate.on(7)) << "it is right now";
}

TEST(PrefetchGate, BetweenTheMarksItStaysAsItWas) {
  for (const bool on : {true, false}) {
    PrefetchGate gate(true);
    for (int i = 0; i < 100; ++i) gate.report(0, on);
    for (int i = 0; i < 500; ++i) gate.report(0, i * 18 % 25 < 18);  // 72 %
    EXPECT_EQ(gate.on(0), on);
  }
}

TEST(PrefetchGate, LooksNowAndThenWhileAllAreOff) {
  PrefetchGate gate(true);
  for (int64_t kind = 0; kind < PrefetchGate::kKinds; ++kind) {
    for (int i = 0; i < 20; ++i) gate.report(kind, false);
  }
  EXPECT_FALSE(gate.on());
  int wanted = 0;
  for (int step = 0; step < 160; ++step) {
    gate.begin_step();
    wanted += gate.wants_prediction(Ahead::layer) ? 1 : 0;
  }
  EXPECT_EQ(wanted, 10);
}

TEST(PrefetchGate, KindsThatDoNotOccurKeepNothingOn) {
  PrefetchGate gate(true);
  EXPECT_TRUE(gate.on());
  const int64_t first_place = PrefetchGate::kind_of(Ahead::layer, 0, 8, 192);
  gate.begin_step();
  gate.report(PrefetchGate::kMost, true);  // a prompt
  for (int step = 0; step < 100; ++step) {
    gate.begin_step();
    if (gate.wants_prediction(Ahead::layer)) gate.report(first_place, false);
  }
  EXPECT_FALSE(gate.on()) << "the one place that occurs is never right";
  gate.report(PrefetchGate::kMost, true);
  EXPECT_TRUE(gate.on());
}

TEST(PrefetchGate, StaysShutWhereItIsNotAllowed) {
  PrefetchGate gate(false);
  gate.begin_step();
  gate.report(0, true);
  EXPECT_FALSE(gate.on());
  EXPECT_FALSE(gate.on(0));
  EXPECT_FALSE(gate.wants_prediction(Ahead::layer));
}

}  // namespace
}  // namespace jaju
