#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/file.h"
#include "formats/safetensors_writer.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    std::string pattern = testing::TempDir() + "jaju_checkpoint_XXXXXX";
    dir = ::mkdtemp(pattern.data());
  }
  ~CheckpointTest() override { fs::remove_all(dir); }

  // Tensors of two bytes each, every byte `fill`.
  void shard(const std::string& file, const std::vector<std::string>& names, char fill) const {
    std::vector<TensorSpec> specs;
    for (const std::string& name : names) specs.push_back({name, DType::u8, {2}});
    auto writer = SafetensorsWriter::create(dir / file, specs);
    ASSERT_TRUE(writer.ok()) << writer.message();
    const std::string data(2 * names.size(), fill);
    ASSERT_TRUE((*writer)->append(data.data(), static_cast<int64_t>(data.size())).ok());
    const Status finished = (*writer)->finish();
    ASSERT_TRUE(finished.ok()) << finished.message();
  }
  void index(const std::string& weight_map) const {
    const std::string text = R"({"metadata":{"total_size":8},"weight_map":)" + weight_map + "}";
    ASSERT_TRUE(write_file_atomic(dir / "model.safetensors.index.json", text).ok());
  }
  void expect_error(const std::string& part) const {
    auto c = Checkpoint::open(dir);
    ASSERT_FALSE(c.ok()) << "expected: " << part;
    EXPECT_NE(c.message().find(part), std::string::npos) << c.message();
  }

  fs::path dir;
};

TEST_F(CheckpointTest, WriterAndReaderAgree) {
  const std::vector<float> a = {1.5f, -2.0f, 3.25f};
  const std::vector<uint16_t> b = {0x3f80, 0x4000};
  auto writer = SafetensorsWriter::create(
      dir / "model.safetensors",
      {{"a.weight", DType::f32, {3, 1}}, {"한글 \"quoted\"", DType::bf16, {2}}, {"empty", DType::f32, {0}}},
      {{"format", "jaju"}});
  ASSERT_TRUE(writer.ok()) << writer.message();
  EXPECT_FALSE((*writer)->finish().ok());  // nothing written yet
  ASSERT_TRUE((*writer)->append(a.data(), 5).ok());
  ASSERT_TRUE((*writer)->append(reinterpret_cast<const char*>(a.data()) + 5, 7).ok());
  EXPECT_FALSE((*writer)->append(b.data(), 5).ok());  // more than announced
  ASSERT_TRUE((*writer)->append(b.data(), 4).ok());
  EXPECT_FALSE(fs::exists(dir / "model.safetensors"));
  ASSERT_TRUE((*writer)->finish().ok());
  EXPECT_FALSE((*writer)->finish().ok());

  auto c = Checkpoint::open(dir);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ((*c)->file_count(), 1);
  EXPECT_EQ((*c)->file_bytes(), static_cast<int64_t>(fs::file_size(dir / "model.safetensors")));
  ASSERT_EQ((*c)->tensors().size(), 3u);
  const StoredTensor* t = (*c)->find("a.weight");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->info.shape, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(t->info.begin % 64, 0);
  EXPECT_EQ(std::memcmp(t->data, a.data(), 12), 0);
  t = (*c)->find("한글 \"quoted\"");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(std::memcmp(t->data, b.data(), 4), 0);
  EXPECT_EQ((*c)->find("nothing"), nullptr);
}

TEST_F(CheckpointTest, WriterRefusesAndCleansUp) {
  const fs::path file = dir / "model.safetensors";
  EXPECT_FALSE(SafetensorsWriter::create(file, {{"a", DType::u8, {1}}, {"a", DType::u8, {1}}}).ok());
  EXPECT_FALSE(SafetensorsWriter::create(file, {{"a", DType::u8, {-1}}}).ok());
  EXPECT_FALSE(SafetensorsWriter::create(file, {{"a", DType::f32, {INT64_MAX}}}).ok());
  EXPECT_FALSE(SafetensorsWriter::create(file, {{"a", DType::u8, {INT64_MAX}}, {"b", DType::u8, {1}}}).ok());
  EXPECT_FALSE(SafetensorsWriter::create(file, {{"\xff", DType::u8, {1}}}).ok());
  EXPECT_FALSE(SafetensorsWriter::create(file, {{"__metadata__", DType::u8, {1}}}).ok());
  EXPECT_FALSE(SafetensorsWriter::create(dir / "no" / "where", {{"a", DType::u8, {1}}}).ok());
  { auto abandoned = SafetensorsWriter::create(file, {{"a", DType::u8, {1}}}); }
  EXPECT_TRUE(fs::is_empty(dir));
}

TEST_F(CheckpointTest, Shards) {
  shard("s1.safetensors", {"a", "b"}, '\1');
  shard("s2.safetensors", {"c"}, '\2');
  ASSERT_TRUE(write_safetensors_index(
                  dir, {{"b", "s1.safetensors"}, {"c", "s2.safetensors"}, {"a", "s1.safetensors"}}, 6)
                  .ok());
  auto c = Checkpoint::open(dir);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ((*c)->file_count(), 2);
  const StoredTensor* t = (*c)->find("c");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->data[1], std::byte{2});
  EXPECT_EQ((*c)->file_name(t->file), (dir / "s2.safetensors").string());
}

TEST_F(CheckpointTest, NothingThere) {
  expect_error("neither model.safetensors nor model.safetensors.index.json is there");
}

TEST_F(CheckpointTest, IndexAndShardsMustAgree) {
  shard("s1.safetensors", {"a"}, '\1');
  shard("s2.safetensors", {"b"}, '\2');
  index(R"({"a":"s1.safetensors","b":"s3.safetensors","c":"s4.safetensors"})");
  expect_error("2 of the 3 files");
  index(R"({"a":"s2.safetensors","b":"s2.safetensors"})");
  expect_error("places tensor 'a' in 's2.safetensors', which does not hold it");
  index(R"({"a":"s2.safetensors","b":"s1.safetensors"})");
  expect_error("which does not hold it");
  index(R"({"a":"s1.safetensors","b":"s2.safetensors","c":"s2.safetensors"})");
  expect_error("places tensor 'c' in 's2.safetensors'");
  shard("s1.safetensors", {"a", "extra"}, '\1');
  index(R"({"a":"s1.safetensors","b":"s2.safetensors"})");
  expect_error("does not name tensor 'extra' of");
  shard("s1.safetensors", {"a", "b"}, '\1');
  expect_error("tensor 'b' is in both");
}

TEST_F(CheckpointTest, IndexStaysInsideTheDirectory) {
  shard("s1.safetensors", {"a"}, '\1');
  for (const char* file : {"../s1.safetensors", "/etc/passwd", "sub/s1.safetensors", "..", ".", "", ".hidden",
                           "a\\\\b", "s1\\u0000.safetensors", "s1\\n"}) {
    SCOPED_TRACE(file);
    index(std::string(R"({"a":")") + file + "\"}");
    expect_error("tensor 'a' must name a file in the same directory");
  }
  index(R"({"a":7})");
  expect_error("must name a file");
}

TEST_F(CheckpointTest, MalformedIndex) {
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "not valid JSON"},
           {"[]", "no object 'weight_map'"},
           {"{}", "no object 'weight_map'"},
           {R"({"weight_map":[]})", "no object 'weight_map'"},
           {R"({"weight_map":{}})", "names no tensor"},
           {R"({"weight_map":{"a":"x","a":"y"}})", "tensor 'a' appears twice"},
           {R"({"weight_map":{"a":"x"}} trailing)", "not valid JSON"},
           {std::string(100000, '['), "not valid JSON"}}) {
    auto parsed = parse_safetensors_index(text, "index.json");
    ASSERT_FALSE(parsed.ok()) << text.substr(0, 40);
    EXPECT_NE(parsed.message().find(part), std::string::npos) << parsed.message();
  }
}

TEST_F(CheckpointTest, TruncatedAndEmptyFiles) {
  shard("model.safetensors", {"a", "b"}, '\1');
  fs::resize_file(dir / "model.safetensors", fs::file_size(dir / "model.safetensors") - 1);
  expect_error("tensor 'b' ends at data byte 4 but the file holds only 3");
  fs::resize_file(dir / "model.safetensors", 40);
  expect_error("is truncated: its header needs");
  fs::resize_file(dir / "model.safetensors", 0);
  expect_error("is empty");
}

TEST_F(CheckpointTest, SaysWhenAFileShrinks) {
  shard("model.safetensors", {"a", "b"}, '\1');
  auto c = Checkpoint::open(dir);
  ASSERT_TRUE(c.ok());
  EXPECT_TRUE((*c)->intact().ok());
  fs::resize_file(dir / "model.safetensors", 64);
  EXPECT_NE((*c)->intact().message().find("became shorter while in use"), std::string::npos);
}

}  // namespace
}  // namespace jaju
