// Blocks against ggml's own results (tests/golden/gguf), bit for bit.
#include "formats/gguf_blocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "base/file.h"

namespace jaju {
namespace {

std::string golden(const std::string& name) {
  auto content = read_file(std::string(JAJU_TESTS_DIR) + "/golden/gguf/" + name, 1 << 20);
  EXPECT_TRUE(content.ok()) << content.message();
  return content.ok() ? *content : "";
}

std::vector<float> floats(const std::string& bytes) {
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

constexpr std::pair<GgufType, const char*> kQuantised[] = {
    {GgufType::q4_0, "q4_0"},   {GgufType::q8_0, "q8_0"},     {GgufType::q2_k, "q2_k"},
    {GgufType::q3_k, "q3_k"},   {GgufType::q4_k, "q4_k"},     {GgufType::q5_k, "q5_k"},
    {GgufType::q6_k, "q6_k"},   {GgufType::iq4_nl, "iq4_nl"}, {GgufType::iq4_xs, "iq4_xs"},
    {GgufType::mxfp4, "mxfp4"}, {GgufType::q4_1, "q4_1"},     {GgufType::q5_0, "q5_0"},
    {GgufType::q5_1, "q5_1"},
};

TEST(GgufBlocks, EveryTypeReadsAsGgmlReadsIt) {
  for (const auto& [type, name] : kQuantised) {
    const std::string blocks = golden(std::string(name) + ".blocks");
    const std::vector<float> want = floats(golden(std::string(name) + ".f32"));
    const auto n = static_cast<int64_t>(want.size());
    ASSERT_EQ(n, 1024) << name;
    ASSERT_EQ(gguf_bytes(type, n), static_cast<int64_t>(blocks.size())) << name;
    std::vector<float> got(want.size());
    // From an odd address: files promise no alignment for what lies within a tensor.
    const std::string shifted = "x" + blocks;
    gguf_dequantise(type, shifted.data() + 1, n, got.data());
    EXPECT_EQ(std::memcmp(got.data(), want.data(), 4 * want.size()), 0) << name;
  }
}

TEST(GgufBlocks, WritesWhatGgmlWrites) {
  const std::vector<float> values = floats(golden("values.f32"));
  const auto n = static_cast<int64_t>(values.size());
  for (const auto& [type, name] :
       {std::pair{GgufType::q8_0, "values.q8_0"}, std::pair{GgufType::q4_0, "values.q4_0"},
        std::pair{GgufType::f16, "values.f16"}, std::pair{GgufType::f32, "values.f32"}}) {
    const std::string want = golden(name);
    std::string got(want.size(), '\0');
    ASSERT_EQ(gguf_bytes(type, n), static_cast<int64_t>(want.size())) << name;
    gguf_quantise(type, values.data(), n, got.data());
    EXPECT_EQ(got, want) << name;
  }
}

// Every f16 and every bf16 survives the way to f32 and back.
TEST(GgufBlocks, HalvesRoundTrip) {
  for (const GgufType type : {GgufType::f16, GgufType::bf16}) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const auto half = static_cast<uint16_t>(bits);
      float value = 0;
      gguf_dequantise(type, &half, 1, &value);
      if (std::isnan(value)) continue;
      uint16_t back = 0;
      gguf_quantise(type, &value, 1, &back);
      ASSERT_EQ(back, half) << value;
    }
  }
}

TEST(GgufBlocks, SizesAreGgmls) {
  std::istringstream lines(golden("types.txt"));
  std::set<uint32_t> seen;
  uint32_t number = 0;
  std::string name;
  int64_t block = 0;
  int64_t bytes = 0;
  while (lines >> number >> name >> block >> bytes) {
    for (char& c : name) c = static_cast<char>(std::toupper(c));
    const GgufTypeInfo* info = gguf_type_info(number);
    if (info == nullptr) {
      EXPECT_GT(number, 40u) << name;  // younger than our list
      continue;
    }
    seen.insert(number);
    EXPECT_EQ(info->name, name);
    EXPECT_EQ(info->block, block) << name;
    EXPECT_EQ(info->bytes, bytes) << name;
  }
  EXPECT_EQ(seen.size(), gguf_types().size());
  for (const uint32_t withdrawn : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 1000u}) {
    EXPECT_EQ(gguf_type_info(withdrawn), nullptr) << withdrawn;
  }
}

TEST(GgufBlocks, KnowsWhatDoesNotFit) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto fits = [](GgufType type, float v) { return gguf_fits(type, &v, 1); };
  for (const GgufType type : {GgufType::f32, GgufType::bf16, GgufType::f16, GgufType::q8_0}) {
    EXPECT_FALSE(fits(type, infinity));
    EXPECT_FALSE(fits(type, nan));
    EXPECT_TRUE(fits(type, -65504.0f));
  }
  EXPECT_FALSE(fits(GgufType::f16, 65536.0f));
  EXPECT_TRUE(fits(GgufType::q8_0, 8e6f));
  EXPECT_FALSE(fits(GgufType::q8_0, 8.4e6f));
  EXPECT_TRUE(fits(GgufType::bf16, 1e38f));
}

}  // namespace
}  // namespace jaju
