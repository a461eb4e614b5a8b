// The reader against a file of ggml's own writer, and against files that lie.
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <limits>

#include "base/file.h"
#include "formats/gguf_writer.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

TEST(Gguf, ReadsWhatGgmlWrote) {
  auto model = Gguf::open(std::string(JAJU_TESTS_DIR) + "/golden/gguf/ggml.gguf");
  ASSERT_TRUE(model.ok()) << model.message();
  const Gguf& g = **model;
  EXPECT_EQ(g.header().version, 3u);
  EXPECT_EQ(g.header().alignment, 32);
  EXPECT_EQ(g.find("general.architecture")->text(), "axk1");
  EXPECT_EQ(g.find("t.u8")->integer(), 200);
  EXPECT_EQ(g.find("t.i8")->integer(), -100);
  EXPECT_EQ(g.find("t.u16")->integer(), 60000);
  EXPECT_EQ(g.find("t.i16")->integer(), -30000);
  EXPECT_EQ(g.find("t.u32")->integer(), 4000000000);
  EXPECT_EQ(g.find("t.i32")->integer(), -2000000000);
  EXPECT_EQ(g.find("t.f32")->number(), 0.707);  // the decimal its writer meant
  EXPECT_EQ(g.find("t.u64")->integer(), std::nullopt);
  EXPECT_EQ(g.find("t.i64")->integer(), -9000000000000000000);
  EXPECT_EQ(g.find("t.f64")->number(), 1e-6);
  EXPECT_EQ(g.find("t.bool")->boolean(), true);
  EXPECT_EQ(g.find("t.string")->text(), "안녕 <|im_end|>");
  EXPECT_EQ(g.find("nothing"), nullptr);

  // Asking for the wrong kind gets nothing, never other bytes.
  EXPECT_EQ(g.find("t.f32")->integer(), std::nullopt);
  EXPECT_EQ(g.find("t.u8")->boolean(), std::nullopt);
  EXPECT_EQ(g.find("t.string")->number(), std::nullopt);
  EXPECT_EQ(g.find("t.u32")->text(), std::nullopt);
  EXPECT_EQ(g.find("t.ints")->integer(), std::nullopt);
  EXPECT_EQ(g.find("t.u8")->size(), 0);

  const GgufValue& ints = *g.find("t.ints");
  ASSERT_EQ(ints.size(), 3);
  EXPECT_EQ(ints.element_type(), GgufValueType::i32);
  EXPECT_EQ(ints.at(1).integer(), -1);
  EXPECT_EQ(ints.at(2).integer(), 7);
  EXPECT_EQ(g.find("t.floats")->at(1).number(), -1.5);
  const GgufValue& strings = *g.find("t.strings");
  ASSERT_EQ(strings.size(), 3);
  EXPECT_EQ(strings.at(1).text(), "");
  EXPECT_EQ(strings.at(2).text(), "한글");

  ASSERT_EQ(g.tensors().size(), 3u);
  const GgufTensor* a = g.find_tensor("a.weight");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->shape, (std::vector<int64_t>{2, 3, 4}));  // ggml lists 4, 3, 2
  EXPECT_EQ(a->rows(), 6);
  float value = 0;
  std::memcpy(&value, a->data + 4 * 23, 4);
  EXPECT_EQ(value, 23.0f);
  const GgufTensor* b = g.find_tensor("b.weight");
  EXPECT_EQ(b->type, GgufType::q8_0);
  EXPECT_EQ(b->bytes, 136);
  EXPECT_EQ(b->data[135], static_cast<std::byte>(135 * 7 & 0xff));
  const GgufTensor* d = g.find_tensor("d.bias");
  EXPECT_EQ(d->type, GgufType::f16);
  EXPECT_EQ(d->shape, std::vector<int64_t>{5});
  EXPECT_TRUE(g.intact().ok());
}

// --- files made byte by byte

struct Bytes {
  std::string s;
  template <typename T>
  Bytes& n(T value) {
    s.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Bytes& u32(uint64_t v) { return n(static_cast<uint32_t>(v)); }
  Bytes& u64(uint64_t v) { return n(v); }
  Bytes& str(std::string_view text) {
    u64(text.size());
    s += text;
    return *this;
  }
  Bytes& raw(std::string_view bytes) {
    s += bytes;
    return *this;
  }
  Bytes& pad(size_t to = 32) {
    s.append((to - s.size() % to) % to, '\0');
    return *this;
  }
};

constexpr uint32_t kU32 = 4, kU8 = 0, kBool = 7, kString = 8, kArray = 9;

Bytes head(uint64_t tensors, uint64_t pairs, uint32_t version = 3) {
  Bytes b;
  b.raw("GGUF").u32(version).u64(tensors).u64(pairs);
  return b;
}
// A tensor line with dimensions as the file lists them.
Bytes& line(Bytes& b, std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
            uint64_t offset) {
  b.str(name).u32(dims.size());
  for (const uint64_t d : dims) b.u64(d);
  return b.u32(type).u64(offset);
}

Result<GgufHeader> parse(const std::string& file) {
  return parse_gguf(std::as_bytes(std::span(file)), "x.gguf");
}

TEST(Gguf, AcceptsTheSmallestFilesAndVersion2) {
  auto empty = parse(head(0, 0).s);
  ASSERT_TRUE(empty.ok()) << empty.message();
  Bytes b = head(1, 1, 2);
  b.str("general.alignment").u32(kU32).u32(64);
  line(b, "w", {2}, 0, 0).pad(64).raw("12345678");
  auto header = parse(b.s);
  ASSERT_TRUE(header.ok()) << header.message();
  EXPECT_EQ(header->alignment, 64);
  EXPECT_EQ(header->tensors[0].begin % 64, 0);
  Bytes nested = head(0, 1);
  nested.str("k").u32(kArray).u32(kArray).u64(2);
  nested.u32(kU8).u64(3).raw("\1\2\3").u32(kString).u64(1).str("x");
  header = parse(nested.s);
  ASSERT_TRUE(header.ok()) << header.message();
  const GgufValue& value = header->metadata[0].second;
  EXPECT_EQ(value.at(0).at(2).integer(), 3);
  EXPECT_EQ(value.at(1).at(0).text(), "x");
}

TEST(Gguf, RefusesFilesThatLie) {
  struct Case {
    std::string file;
    const char* expected;
  };
  const auto key = [](const std::function<void(Bytes&)>& value) {
    Bytes b = head(0, 1);
    b.str("k");
    value(b);
    return b.s + std::string(64, '\0');
  };
  const auto one = [](std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                      uint64_t offset, size_t data = 64) {
    Bytes b = head(1, 0);
    line(b, name, dims, type, offset).pad();
    return b.s + std::string(data, '\0');
  };
  const auto two = [](std::string_view a, std::string_view b_name, uint64_t second) {
    Bytes b = head(2, 0);
    line(b, a, {16}, 0, 0);
    line(b, b_name, {8}, 0, second).pad();
    return b.s + std::string(96, '\0');
  };
  const auto aligned = [](uint32_t type, uint32_t value) {
    Bytes b = head(0, 1);
    b.str("general.alignment").u32(type).u32(value);
    return b.s;
  };
  const uint64_t huge = std::numeric_limits<uint64_t>::max();
  const Case cases[] = {
      {"GGML....................", "is not a GGUF file"},
      {"GG", "is not a GGUF file"},
      {head(0, 0, 1).s, "GGUF version 1"},
      {head(0, 0, 4).s, "GGUF version 4"},
      {head(0, 0, 0x03000000).s, "big-endian"},
      {head(0, 0).s.substr(0, 20), "would end after the file"},
      {head(huge, 0).s, "tensors, more than a file of"},
      {head(0, huge).s, "metadata pairs, more than a file of"},
      {head(1, 0).s + std::string(40, '\0'), "must be 1 to 64 bytes"},
      {key([&](Bytes& b) { b.u32(13).u32(0); }), "unknown type 13"},
      {key([&](Bytes& b) { b.u32(kBool).raw("\2"); }), "neither 0 nor 1"},
      {key([&](Bytes& b) { b.u32(kString).u64(huge); }), "would end after the file"},
      {key([&](Bytes& b) { b.u32(kString).u64(1000); }), "would end after the file"},
      {key([&](Bytes& b) { b.u32(kArray).u32(kU32).u64(huge / 2); }), "elements, more than the file holds"},
      {key([&](Bytes& b) { b.u32(kArray).u32(kString).u64(1000); }), "elements, more than the file holds"},
      {key([&](Bytes& b) { b.u32(kArray).u32(77).u64(1); }), "unknown type 77"},
      {key([&](Bytes& b) { b.u32(kArray).u32(kBool).u64(2).raw("\1\3"); }), "neither 0 nor 1"},
      {key([&](Bytes& b) { b.u32(kArray).u32(kArray).u64(1).u32(kArray).u64(1).u32(kU8).u64(1).raw("\1"); }),
       "nests arrays"},
      {head(0, 2).str("k").u32(kU8).raw("\1").str("k").u32(kU8).raw("\1").s, "'k' appears twice"},
      {head(0, 1).str("k y").u32(kU8).raw("\1").s + "....", "ASCII"},
      {head(0, 1).str("").u32(kU8).raw("\1").s + "....", "ASCII"},
      {aligned(kU32, 0), "power of two"},
      {aligned(kU32, 48), "power of two"},
      {aligned(kU32, 4), "power of two"},
      {aligned(kU32, 131072), "power of two"},
      {aligned(5, 32), "power of two"},
      {one("w", {}, 0, 0), "has 0 dimensions"},
      {one("w", {1, 1, 1, 1, 1}, 0, 0), "has 5 dimensions"},
      {one("w", {4, 0}, 0, 0), "dimension of 0"},
      {one("w", {huge}, 0, 0), "dimension of"},
      {one("w", {1u << 31, 1u << 31, 4}, 0, 0), "impossible shape"},
      {one("w", {uint64_t{1} << 61}, 0, 0), "impossible shape"},
      {one("w", {4}, 4, 0), "type 4, which jaju does not know"},
      {one("w", {4}, 999, 0), "type 999, which jaju does not know"},
      {one("w", {48}, 8, 0), "not a multiple of the 32 values"},
      {one("w", {16}, 0, 4), "not a multiple of the alignment"},
      {one("w", {16}, 0, huge), "impossible offset"},
      {one("w", {16}, 0, huge / 2 - 31), "cut short"},
      {one("w", {16}, 0, 32), "cut short"},
      {one("w", {17}, 0, 0), "cut short"},
      {one("w", {16}, 0, 0, 0), "cut short"},
      {one(std::string(65, 'w'), {1}, 0, 0), "must be 1 to 64 bytes"},
      {one("w\xff", {1}, 0, 0), "must be 1 to 64 bytes"},
      {two("a", "a", 64), "'a' appears twice"},
      {two("a", "b", 32), "on top of each other"},
      {two("a", "b", 0), "on top of each other"},
  };
  for (const Case& c : cases) {
    const auto header = parse(c.file);
    ASSERT_FALSE(header.ok()) << "expected: " << c.expected;
    EXPECT_NE(header.message().find(c.expected), std::string::npos) << header.message();
    EXPECT_NE(header.message().find("x.gguf"), std::string::npos) << header.message();
  }
  EXPECT_TRUE(parse(two("a", "b", 64)).ok());
}

// Cut anywhere, a good file is refused or (in its padding) still whole; never read past its end.
TEST(Gguf, EveryPrefixIsRefused) {
  auto file = read_file(std::string(JAJU_TESTS_DIR) + "/golden/gguf/ggml.gguf", 1 << 20);
  ASSERT_TRUE(file.ok());
  const auto whole = parse(*file);
  ASSERT_TRUE(whole.ok());
  int64_t end = 0;
  for (const GgufTensor& t : whole->tensors) end = std::max(end, t.begin + t.bytes);
  for (size_t n = 0; n < static_cast<size_t>(end); ++n) {
    // A buffer of exactly that size, so that sanitizers see a byte too many.
    const std::vector<std::byte> part(reinterpret_cast<const std::byte*>(file->data()),
                                      reinterpret_cast<const std::byte*>(file->data()) + n);
    EXPECT_FALSE(parse_gguf(part, "x.gguf").ok()) << n;
  }
}

// --- the writer

// A pair written by us is, byte for byte, somewhere in ggml's file.
TEST(GgufWriter, PairsAreTheBytesGgmlWrites) {
  const auto want = read_file(std::string(JAJU_TESTS_DIR) + "/golden/gguf/ggml.gguf", 1 << 20);
  ASSERT_TRUE(want.ok());
  const std::pair<const char*, std::function<void(GgufMetadata&)>> pairs[] = {
      {"architecture", [](GgufMetadata& m) { m.text("general.architecture", "axk1"); }},
      {"u16", [](GgufMetadata& m) { m.u16("t.u16", 60000); }},
      {"u32", [](GgufMetadata& m) { m.u32("t.u32", 4000000000); }},
      {"i32", [](GgufMetadata& m) { m.i32("t.i32", -2000000000); }},
      {"f32", [](GgufMetadata& m) { m.f32("t.f32", 0.707); }},
      {"f64", [](GgufMetadata& m) { m.f64("t.f64", 1e-6); }},
      {"bool", [](GgufMetadata& m) { m.boolean("t.bool", true); }},
      {"string", [](GgufMetadata& m) { m.text("t.string", "안녕 <|im_end|>"); }},
      {"ints",
       [](GgufMetadata& m) {
         m.integers("t.ints", std::vector<int32_t>{3, -1, 7});
       }},
      {"strings",
       [](GgufMetadata& m) {
         m.texts("t.strings", std::vector<std::string>{"a", "", "한글"});
       }},
  };
  for (const auto& [what, add] : pairs) {
    GgufMetadata m;
    add(m);
    EXPECT_EQ(m.count(), 1);
    EXPECT_NE(want->find(m.bytes()), std::string::npos) << what;
  }
}

TEST(GgufWriter, TensorsAreTheBytesGgmlWrites) {
  const auto want = read_file(std::string(JAJU_TESTS_DIR) + "/golden/gguf/ggml.gguf", 1 << 20);
  ASSERT_TRUE(want.ok());
  const auto model = Gguf::open(std::string(JAJU_TESTS_DIR) + "/golden/gguf/ggml.gguf");
  ASSERT_TRUE(model.ok());
  GgufMetadata m;
  m.text("general.architecture", "axk1");
  const fs::path path = fs::path(testing::TempDir()) / "jaju_writer_test.gguf";
  std::vector<GgufTensorSpec> specs;
  for (const GgufTensor& t : (*model)->tensors()) specs.push_back({t.name, t.type, t.shape});
  auto writer = GgufWriter::create(path, m, specs);
  ASSERT_TRUE(writer.ok()) << writer.message();
  EXPECT_FALSE((*writer)->finish().ok());
  for (const GgufTensor& t : (*model)->tensors()) {
    ASSERT_TRUE((*writer)->append(t.data, 3).ok());
    ASSERT_TRUE((*writer)->append(t.data + 3, t.bytes - 3).ok());
  }
  EXPECT_FALSE((*writer)->append("x", 1).ok());
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE((*writer)->finish().ok());
  const auto back = Gguf::open(path);
  ASSERT_TRUE(back.ok()) << back.message();
  EXPECT_EQ((*back)->header().metadata.size(), 1u);
  const auto bytes = read_file(path, 1 << 20);
  // The lines of the tensors.
  const size_t ours = bytes->find("a.weight");
  const size_t theirs = want->find("a.weight");
  EXPECT_EQ(bytes->substr(ours, 130), want->substr(theirs, 130));
  for (const GgufTensor& t : (*model)->tensors()) {
    const GgufTensor* b = (*back)->find_tensor(t.name);
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(std::memcmp(b->data, t.data, static_cast<size_t>(t.bytes)), 0) << t.name;
  }
  EXPECT_EQ(bytes->size() % 32, 0u);
  fs::remove(path);
}

TEST(GgufWriter, RefusesWhatNoReaderWouldTake) {
  const fs::path path = fs::path(testing::TempDir()) / "jaju_writer_refused.gguf";
  const auto create = [&](const std::vector<GgufTensorSpec>& specs) {
    return GgufWriter::create(path, GgufMetadata(), specs).status().message();
  };
  EXPECT_NE(create({{std::string(64, 'n'), GgufType::f32, {1}}}).find("longer than 63"), std::string::npos);
  EXPECT_NE(create({{"a", GgufType::f32, {1}}, {"a", GgufType::f32, {1}}}).find("used twice"),
            std::string::npos);
  EXPECT_NE(create({{"a", GgufType::q8_0, {3, 48}}}).find("no multiple of 32"), std::string::npos);
  EXPECT_NE(create({{"a", GgufType::f32, {0}}}).find("impossible shape"), std::string::npos);
  EXPECT_NE(create({{"a", GgufType::f32, {1, 1, 1, 1, 1}}}).find("impossible shape"), std::string::npos);
  EXPECT_NE(GgufWriter::create("/nonexistent/x.gguf", GgufMetadata(), {}).message().find("cannot write"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(path));
}

// --- shards

class GgufShards : public testing::Test {
 protected:
  GgufShards() {
    std::string pattern = testing::TempDir() + "jaju_gguf_XXXXXX";
    dir = ::mkdtemp(pattern.data());
  }
  ~GgufShards() override { fs::remove_all(dir); }

  // Shard `no` (from 0) of `count` with one tensor, or none when `tensor` is empty.
  void shard(const std::string& name, int no, int count, const std::string& tensor, int promised) const {
    Bytes b = head(tensor.empty() ? 0 : 1, no == 0 ? 4 : 2);
    b.str("split.no").u32(2).n(static_cast<uint16_t>(no));
    b.str("split.count").u32(2).n(static_cast<uint16_t>(count));
    if (no == 0) {
      b.str("split.tensors.count").u32(5).u32(static_cast<uint64_t>(promised));
      b.str("general.architecture").u32(kString).str("axk1");
    }
    if (!tensor.empty()) line(b, tensor, {1}, 0, 0).pad().n(1.0f + static_cast<float>(no)).pad();
    std::ofstream(dir / name) << b.s;
  }
  void expect_error(const std::string& name, const std::string& part) const {
    auto model = Gguf::open(dir / name);
    ASSERT_FALSE(model.ok()) << "expected: " << part;
    EXPECT_NE(model.message().find(part), std::string::npos) << model.message();
  }
  fs::path dir;
};

TEST_F(GgufShards, ReadAsOneModelWhicheverIsNamed) {
  shard("m-00001-of-00003.gguf", 0, 3, "", 2);
  shard("m-00002-of-00003.gguf", 1, 3, "a", 0);
  shard("m-00003-of-00003.gguf", 2, 3, "b", 0);
  for (const char* named : {"m-00001-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    auto model = Gguf::open(dir / named);
    ASSERT_TRUE(model.ok()) << model.message();
    EXPECT_EQ((*model)->file_count(), 3);
    EXPECT_EQ((*model)->find("general.architecture")->text(), "axk1");
    ASSERT_EQ((*model)->tensors().size(), 2u);
    const GgufTensor* b = (*model)->find_tensor("b");
    ASSERT_NE(b, nullptr);
    float value = 0;
    std::memcpy(&value, b->data, 4);
    EXPECT_EQ(value, 3.0f);
    EXPECT_TRUE((*model)->file_name(b->file).ends_with("m-00003-of-00003.gguf"));
  }
}

TEST_F(GgufShards, ErrorsNameTheShard) {
  shard("m-00001-of-00002.gguf", 0, 2, "a", 2);
  expect_error("m-00001-of-00002.gguf", "m-00002-of-00002.gguf is not there");
  shard("m-00002-of-00002.gguf", 0, 2, "b", 2);
  expect_error("m-00001-of-00002.gguf", "says it is shard 1 of 2");
  shard("m-00002-of-00002.gguf", 1, 2, "a", 2);
  expect_error("m-00001-of-00002.gguf", "tensor 'a' is in both");
  shard("m-00002-of-00002.gguf", 1, 2, "", 2);
  expect_error("m-00001-of-00002.gguf", "hold 1 tensors, but the first promises 2");
  shard("renamed.gguf", 0, 2, "a", 2);
  expect_error("renamed.gguf", "is not named like one");
  shard("m-0000x-of-00002.gguf", 0, 2, "a", 2);
  expect_error("m-0000x-of-00002.gguf", "is not named like one");
  expect_error("absent.gguf", "cannot open");
}

}  // namespace
}  // namespace jaju
