// Guesses are judged by their place in the list, each for itself.
#include "memory/prefetch_gate.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

TEST(PrefetchGate, PlacesAreEighthsOfTheListAndMostOfALayerIsAKindOfItsOwn) {
  EXPECT_EQ(PrefetchGate::kind_of(0, 8, 192), 0);
  EXPECT_EQ(PrefetchGate::kind_of(7, 8, 192), 7);
  EXPECT_EQ(PrefetchGate::kind_of(3, 4, 24), 6);  // nano's four
  EXPECT_EQ(PrefetchGate::kind_of(63, 64, 192), 7);
  EXPECT_EQ(PrefetchGate::kind_of(0, 97, 192), PrefetchGate::kPlaces);
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
    wanted += gate.wants_prediction() ? 1 : 0;
  }
  EXPECT_EQ(wanted, 10);
}

TEST(PrefetchGate, KindsThatDoNotOccurKeepNothingOn) {
  PrefetchGate gate(true);
  EXPECT_TRUE(gate.on());
  gate.begin_step();
  gate.report(PrefetchGate::kPlaces, true);  // a prompt
  for (int step = 0; step < 100; ++step) {
    gate.begin_step();
    if (gate.wants_prediction()) gate.report(0, false);
  }
  EXPECT_FALSE(gate.on()) << "the one place that occurs is never right";
  gate.report(PrefetchGate::kPlaces, true);
  EXPECT_TRUE(gate.on());
}

TEST(PrefetchGate, StaysShutWhereItIsNotAllowed) {
  PrefetchGate gate(false);
  gate.begin_step();
  gate.report(0, true);
  EXPECT_FALSE(gate.on());
  EXPECT_FALSE(gate.on(0));
  EXPECT_FALSE(gate.wants_prediction());
}

}  // namespace
}  // namespace jaju
