#include "chat/stop_text.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

// Feeds `text` cut at the given places; returns what was shown.
std::string shown(const std::vector<std::string>& stops, const std::string& text, std::vector<size_t> cuts,
                  bool* stopped) {
  StopText stop(stops);
  std::string out;
  size_t from = 0;
  cuts.push_back(text.size());
  for (const size_t cut : cuts) {
    out += stop.push(std::string_view(text).substr(from, cut - from));
    from = cut;
  }
  out += stop.finish();
  *stopped = stop.stopped();
  return out;
}

// Every way of cutting the text in two and in three.
void expect_everywhere(const std::vector<std::string>& stops, const std::string& text,
                       const std::string& want, bool want_stop) {
  for (size_t a = 0; a <= text.size(); ++a) {
    for (size_t b = a; b <= text.size(); ++b) {
      bool stopped = !want_stop;
      EXPECT_EQ(shown(stops, text, {a, b}, &stopped), want) << text << " at " << a << ", " << b;
      EXPECT_EQ(stopped, want_stop);
    }
  }
}

TEST(StopText, TrimsAtTheFirstStopHoweverTheTextIsCut) {
  expect_everywhere({"END"}, "one two END three", "one two ", true);
  expect_everywhere({"END"}, "one two EN three", "one two EN three", false);
  expect_everywhere({"END"}, "EEND", "E", true);
  expect_everywhere({"aab"}, "aaaaab", "aaa", true);
  expect_everywhere({"END"}, "ends with EN", "ends with EN", false);
  expect_everywhere({"\n\n", "그만"}, "하나\n둘 그만 셋\n\n", "하나\n둘 ", true);
  expect_everywhere({}, "no stops", "no stops", false);
  expect_everywhere({""}, "an empty stop is none", "an empty stop is none", false);
}

TEST(StopText, HoldsBackNoMoreThanItMust) {
  StopText stop({"STOP"});
  EXPECT_EQ(stop.push("abcST"), "abc");
  EXPECT_EQ(stop.push("x"), "STx");
  EXPECT_EQ(stop.push("STO"), "");
  EXPECT_EQ(stop.push("P!"), "");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.push("more"), "");
  EXPECT_EQ(stop.finish(), "");
}

}  // namespace
}  // namespace jaju
