#include "formats/safetensors_header.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

std::string file_of(std::string_view header, size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return file + std::string(header) + std::string(data_bytes, '\1');
}

Result<SafetensorsHeader> parse_file(std::string_view file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), "x.safetensors");
}

Result<SafetensorsHeader> parse(std::string_view header, size_t data_bytes) {
  return parse_file(file_of(header, data_bytes));
}

TEST(SafetensorsHeader, ReadsTensorsInFileOrder) {
  const std::string_view header = R"({"__metadata__":{"format":"pt"},
    "b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},
    "scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},
    "none":{"shape":[0,7],"data_offsets":[16,16],"dtype":"F8_E4M3"},
    "c":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[16,17]}}  )";
  auto h = parse(header, 17);
  ASSERT_TRUE(h.ok()) << h.message();
  ASSERT_EQ(h->tensors.size(), 4u);
  EXPECT_EQ(h->metadata.at("format"), "pt");
  const auto data_begin = static_cast<int64_t>(8 + header.size());
  EXPECT_EQ(h->tensors[0].name, "scalar");
  EXPECT_EQ(h->tensors[0].elements, 1);
  EXPECT_EQ(h->tensors[1].name, "b");
  EXPECT_EQ(h->tensors[1].dtype, DType::bf16);
  EXPECT_EQ(h->tensors[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(h->tensors[1].elements, 6);
  EXPECT_EQ(h->tensors[1].begin, data_begin + 4);
  EXPECT_EQ(h->tensors[1].bytes, 12);
  EXPECT_EQ(h->tensors[2].name, "none");
  EXPECT_EQ(h->tensors[3].name, "c");
  EXPECT_TRUE(parse("{}", 0).ok());
}

// Each malformed header, and what the sentence must say.
TEST(SafetensorsHeader, RefusesMalformedHeaders) {
  struct Case {
    const char* header;
    size_t data_bytes;
    const char* expected;
  };
  const Case cases[] = {
      {R"([])", 0, "does not start with '{'"},
      {R"({"a":)", 0, "not a valid JSON object"},
      {R"({} x)", 0, "not a valid JSON object"},
      {"{\"a\xff\":1}", 0, "not a valid JSON object"},
      {R"({"a":[[[[[[[[[[1]]]]]]]]]]})", 0, "not a valid JSON object"},
      {R"({"a":7})", 0, "tensor 'a' has a header entry that is not an object"},
      {R"({"a":{}})", 0, "tensor 'a' must have exactly one each"},
      {R"({"a":{"dtype":"U8","shape":[1]}})", 1, "tensor 'a' must have exactly one each"},
      {R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1, "exactly one each"},
      {R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1, "exactly one each"},
      {R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", 1, "dtype 'F4', which jaju cannot read"},
      {R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,1]}})", 1, "'dtype' that is not a string"},
      {R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1, "'shape' that is not a list"},
      {R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "not a non-negative"},
      {R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, "not a non-negative"},
      {R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}})", 1, "not a non-negative"},
      {R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1, "9 dimensions"},
      {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "impossible shape"},
      {R"({"a":{"dtype":"U8","shape":[3037000500,3037000500],"data_offsets":[0,1]}})", 1, "impossible shape"},
      {R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}})", 0,
       "data_offsets cover 0"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}})", 7,
       "is F32 (2) but its data_offsets cover 7"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, "'data_offsets' that are not"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "'data_offsets' that are not"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", 1, "'data_offsets' that are not"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,18446744073709551615]}})", 1,
       "'data_offsets' that are not"},
      {R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 8, "truncated"},
      {R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[9223372036854775798,9223372036854775807]}})", 8,
       "truncated"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       2, "tensor 'a' appears twice"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       3, "tensor 'b' overlaps"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       2, "overlaps"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       3, "1 bytes before tensor 'b' belong to no tensor"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, "1 bytes before tensor 'a'"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3, "2 bytes after the last tensor 'a'"},
      {R"({})", 3, "3 bytes after the last tensor belong to no tensor"},
      {R"({"__metadata__":3})", 0, "'__metadata__' is not an object"},
      {R"({"__metadata__":{"a":3}})", 0, "'__metadata__' field 'a' is not a string"},
      {R"({"__metadata__":{"a":"","a":""}})", 0, "'__metadata__' has 'a' twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "'__metadata__' appears twice"},
  };
  for (const Case& c : cases) {
    auto h = parse(c.header, c.data_bytes);
    ASSERT_FALSE(h.ok()) << c.header;
    EXPECT_NE(h.message().find(c.expected), std::string::npos) << c.header << "\n  " << h.message();
    EXPECT_EQ(h.message().find("x.safetensors"), 0u) << h.message();
    EXPECT_EQ(h.message().find('\n'), std::string::npos) << h.message();
  }
}

TEST(SafetensorsHeader, RefusesALyingLength) {
  EXPECT_NE(parse_file("").message().find("too short"), std::string::npos);
  EXPECT_NE(parse_file("1234567").message().find("too short"), std::string::npos);
  EXPECT_NE(parse_file(std::string(8, '\xff') + "{}").message().find("18446744073709551615 bytes long"),
            std::string::npos);
  std::string file = file_of("{}", 0);
  file[0] = 3;  // one more than there is
  EXPECT_NE(parse_file(file).message().find("truncated: its header needs 3 bytes, 2 are there"),
            std::string::npos);
  file[0] = 0;
  EXPECT_FALSE(parse_file(file).ok());
  file[0] = 1;
  EXPECT_FALSE(parse_file(file).ok());
  // 100,000,001: above the limit even if the file were that long
  EXPECT_NE(
      parse_file(std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10)).message().find("the limit is 100000000"),
      std::string::npos);
}

TEST(SafetensorsHeader, ElementCount) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count(std::vector<int64_t>{192, 4096, 7168}), 5'637'144'576);
  EXPECT_EQ(element_count(std::vector<int64_t>{INT64_MAX}), INT64_MAX);
  EXPECT_EQ(element_count(std::vector<int64_t>{INT64_MAX, 2}), std::nullopt);
  EXPECT_EQ(element_count(std::vector<int64_t>{-1}), std::nullopt);
  EXPECT_EQ(shape_text(std::vector<int64_t>{192, 4096}), "(192, 4096)");
}

}  // namespace
}  // namespace jaju
