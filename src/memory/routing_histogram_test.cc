#include "memory/routing_histogram.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

std::string with(const std::string& layers,
                 const std::string& head = R"("version": 1, "experts_per_token": 2)") {
  return R"({"format": "jaju-routing", )" + head + R"(, "layers": )" + layers + "}";
}

TEST(RoutingHistogram, ComesBackAsItWas) {
  RoutingHistogram h;
  h.experts_per_token = 2;
  h.layers = {{1, {3, 0, 7}}, {5, {1, uint64_t{1} << 53, 0}}};
  const auto again = parse_routing_histogram(to_json(h), "file");
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(again->experts_per_token, 2);
  ASSERT_EQ(again->layers.size(), 2u);
  EXPECT_EQ(again->layers[1].layer, 5);
  EXPECT_EQ(again->layers[1].visits, h.layers[1].visits);
  EXPECT_EQ(again->experts(), 3);
}

TEST(RoutingHistogram, WhatIsRefusedAndWhy) {
  const std::string good = R"([{"layer": 1, "visits": [1, 2]}])";
  ASSERT_TRUE(parse_routing_histogram(with(good), "f").ok());
  const std::pair<std::string, const char*> bad[] = {
      {"", "f"},
      {"[]", "no routing histogram"},
      {"{}", "format"},
      {R"({"format": "jaju-packed"})", "format"},
      {with(good, R"("version": 2, "experts_per_token": 2)"), "version"},
      {with(good, R"("version": "1", "experts_per_token": 2)"), "version"},
      {with(good, R"("version": 1)"), "experts_per_token"},
      {with(good, R"("version": 1, "experts_per_token": 0)"), "experts_per_token"},
      {with(good, R"("version": 1, "experts_per_token": 3)"), "no more than"},
      {with(good, R"("version": 1, "experts_per_token": 1e9)"), "experts_per_token"},
      {with("[]"), "layers"},
      {with("7"), "layers"},
      {with("[7]"), "entry 0"},
      {with(R"([{"visits": [1, 2]}])"), "'layer'"},
      {with(R"([{"layer": -1, "visits": [1, 2]}])"), "'layer'"},
      {with(R"([{"layer": 2, "visits": [1, 2]}, {"layer": 2, "visits": [1, 2]}])"), "entry 1"},
      {with(R"([{"layer": 1, "visits": []}])"), "'visits'"},
      {with(R"([{"layer": 1, "visits": [1, 2]}, {"layer": 2, "visits": [1]}])"), "as long in every layer"},
      {with(R"([{"layer": 1, "visits": [1, -2]}])"), "whole numbers"},
      {with(R"([{"layer": 1, "visits": [1, 0.5]}])"), "whole numbers"},
      {with(R"([{"layer": 1, "visits": [1, 18446744073709551615]}])"), "whole numbers"},
  };
  for (const auto& [text, says] : bad) {
    const auto result = parse_routing_histogram(text, "f");
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_NE(result.message().find(says), std::string::npos) << text << " -> " << result.message();
    EXPECT_EQ(result.message().find('\n'), std::string::npos);
  }
  EXPECT_FALSE(load_routing_histogram("/nowhere/routing.json").ok());
}

}  // namespace
}  // namespace jaju
