#include "data/shards.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "data/synth.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

class Shards : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "jaju-shards-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { fs::remove_all(dir_); }

  static std::vector<std::vector<uint32_t>> documents(int n, uint64_t seed) {
    Dice dice(seed);
    std::vector<std::vector<uint32_t>> all(static_cast<size_t>(n));
    for (auto& document : all) {
      document.resize(static_cast<size_t>(dice.between(1, 40)));
      for (uint32_t& t : document)
        t = static_cast<uint32_t>(dice.between(0, 4095)) | (dice.chance(0.5) ? kLossBit : 0);
    }
    return all;
  }

  void write(const std::vector<std::vector<uint32_t>>& all, int64_t tokens_per_shard) {
    auto writer = ShardWriter::create(dir_, tokens_per_shard);
    ASSERT_TRUE(writer.ok()) << writer.message();
    for (const auto& document : all) ASSERT_TRUE((*writer)->append(document).ok());
    const Status finished = (*writer)->finish();
    ASSERT_TRUE(finished.ok()) << finished.message();
  }

  std::string open_message(bool verify = false) {
    const auto set = ShardSet::open(dir_, verify);
    return set.ok() ? std::string() : set.message();
  }

  void poke(const std::string& file, int64_t at, char value) {
    std::fstream stream(dir_ / file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream.put(value);
  }

  fs::path dir_;
};

TEST_F(Shards, GiveBackEveryDocument) {
  const auto all = documents(1000, 1);
  write(all, 700);
  auto set = ShardSet::open(dir_, true);
  ASSERT_TRUE(set.ok()) << set.message();
  ASSERT_EQ((*set)->documents(), 1000);
  int64_t tokens = 0;
  uint32_t largest = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const auto document = (*set)->document(i);
    ASSERT_EQ(std::vector<uint32_t>(document.begin(), document.end()), all[i]) << i;
    tokens += static_cast<int64_t>(document.size());
    for (const uint32_t t : document) largest = std::max(largest, t & ~kLossBit);
  }
  EXPECT_EQ((*set)->tokens(), tokens);
  EXPECT_EQ((*set)->vocab_size(), largest + 1);
  EXPECT_TRUE(fs::exists(dir_ / "shard-00010.bin"));
}

// The layout is a file format: these bytes were written down by hand from the header's table; the hash is
// xxhsum's.
TEST_F(Shards, AreTheBytesTheHeaderDescribes) {
  write({{1, 2 | kLossBit}, {3}}, 100);
  const auto bytes = read_file(dir_ / "shard-00000.bin", 1000);
  ASSERT_TRUE(bytes.ok());
  const unsigned char expected[] = {'J', 'A', 'J', 'U', 'T', 'O', 'K', '1', 3, 0, 0, 0,
                                    0,   0,   0,   0,   2,   0,   0,   0,   0, 0, 0, 0};
  const unsigned char body[] = {1, 0, 0, 0, 2, 0, 0, 0x80, 3, 0, 0, 0, 0, 0, 0, 0,
                                2, 0, 0, 0, 0, 0, 0, 0,    3, 0, 0, 0, 0, 0, 0, 0};
  ASSERT_EQ(bytes->size(), 64u);
  EXPECT_EQ(bytes->substr(0, 24), std::string(reinterpret_cast<const char*>(expected), 24));
  EXPECT_EQ(bytes->substr(32), std::string(reinterpret_cast<const char*>(body), 32));
  uint64_t hash = 0;
  std::memcpy(&hash, bytes->data() + 24, 8);
  EXPECT_EQ(fmt::format("{:016x}", hash), "8be970a2a2ab5ef5");
}

TEST_F(Shards, GoOnWhereTheyStopped) {
  const auto all = documents(400, 2);
  write(all, 500);
  const auto manifest = read_file(dir_ / "manifest.json", 1 << 20);
  // Stopped in the middle of a shard: it is dropped, the complete ones stay.
  fs::remove_all(dir_);
  {
    auto writer = ShardWriter::create(dir_, 500);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE((*writer)->append(all[i]).ok());
  }
  EXPECT_NE(open_message().find("has no manifest.json"), std::string::npos);
  std::ofstream(dir_ / "shard-00099.bin") << "left over";
  std::ofstream(dir_ / "shard-00050.bin.partial") << "left over";
  std::ofstream(dir_ / "notes.txt") << "not ours";
  auto writer = ShardWriter::create(dir_, 500);
  ASSERT_TRUE(writer.ok());
  EXPECT_FALSE(fs::exists(dir_ / "shard-00099.bin"));
  EXPECT_FALSE(fs::exists(dir_ / "shard-00050.bin.partial"));
  EXPECT_TRUE(fs::exists(dir_ / "notes.txt"));
  ASSERT_GT((*writer)->shards().size(), 3u);
  ASSERT_TRUE((*writer)->keep(3).ok());
  EXPECT_FALSE(fs::exists(dir_ / "shard-00003.bin"));
  int64_t done = 0;
  for (const auto& shard : (*writer)->shards()) done += shard.documents;
  for (size_t i = static_cast<size_t>(done); i < all.size(); ++i) ASSERT_TRUE((*writer)->append(all[i]).ok());
  ASSERT_TRUE((*writer)->finish().ok());
  EXPECT_EQ(*read_file(dir_ / "manifest.json", 1 << 20), *manifest);
  EXPECT_EQ(open_message(true), "");
}

TEST_F(Shards, DamageIsNamed) {
  const auto all = documents(300, 3);
  write(all, 1000);
  ASSERT_EQ(open_message(true), "");
  const auto whole = read_file(dir_ / "shard-00001.bin", 1 << 20);
  const auto restore = [&] { ASSERT_TRUE(write_file_atomic(dir_ / "shard-00001.bin", *whole).ok()); };

  poke("shard-00001.bin", 40, '\x55');  // a token
  EXPECT_EQ(open_message(false), "");
  EXPECT_NE(open_message(true).find("shard-00001.bin is damaged: its content has the hash"),
            std::string::npos);
  restore();
  poke("shard-00001.bin", 9, '\x7f');  // the header's count
  EXPECT_NE(open_message().find("shard-00001.bin is damaged: its header names"), std::string::npos);
  restore();
  poke("shard-00001.bin", 15, '\x7f');  // a huge count
  EXPECT_NE(open_message().find("shard-00001.bin is damaged: its header names"), std::string::npos);
  restore();
  poke("shard-00001.bin", static_cast<int64_t>(whole->size()) - 5, '\x7f');  // the last offset
  EXPECT_NE(open_message().find("shard-00001.bin is damaged: its last document"), std::string::npos);
  restore();
  poke("shard-00001.bin", 0, 'X');
  EXPECT_NE(open_message().find("is not a token shard"), std::string::npos);
  restore();
  fs::resize_file(dir_ / "shard-00001.bin", whole->size() - 8);
  EXPECT_NE(open_message().find("shard-00001.bin is damaged"), std::string::npos);
  fs::resize_file(dir_ / "shard-00001.bin", 20);
  EXPECT_NE(open_message().find("shard-00001.bin is damaged"), std::string::npos);
  fs::remove(dir_ / "shard-00001.bin");
  EXPECT_NE(open_message().find("shard-00001.bin"), std::string::npos);
  fs::copy_file(dir_ / "shard-00000.bin", dir_ / "shard-00001.bin");
  EXPECT_NE(open_message().find("shard-00001.bin is not the one its manifest names"), std::string::npos);
}

TEST_F(Shards, ManifestsAreNotTrusted) {
  const auto message = [](const std::string& json) {
    const auto manifest = parse_shard_manifest(json, "m");
    return manifest.ok() ? std::string() : manifest.message();
  };
  const std::string head = R"({"format":"jaju-tokens-1","vocab_size":10,"shards":)";
  EXPECT_EQ(message(head + "[]}"), "");
  EXPECT_NE(message("[]").find("must be a JSON object"), std::string::npos);
  EXPECT_NE(message(R"({"format":"x","vocab_size":10,"shards":[]})").find("the format 'x'"),
            std::string::npos);
  EXPECT_NE(message(R"({"format":"jaju-tokens-1","vocab_size":-1,"shards":[]})").find("vocab_size"),
            std::string::npos);
  EXPECT_NE(message(head + R"([{"file":"../x.bin","tokens":1,"documents":1,"hash":"0"}]})")
                .find("must be shard-00000"),
            std::string::npos);
  EXPECT_NE(message(head + R"([{"file":"shard-00000.bin","tokens":1.5,"documents":1,"hash":"0"}]})")
                .find("'tokens'"),
            std::string::npos);
  EXPECT_NE(message(head + "{}}").find("'shards' must be a list"), std::string::npos);
}

TEST_F(Shards, EmptySetAndLargestId) {
  write({}, 10);
  auto empty = ShardSet::open(dir_, true);
  ASSERT_TRUE(empty.ok()) << empty.message();
  EXPECT_EQ((*empty)->documents(), 0);
  write({{0x7fffffff}}, 10);
  auto set = ShardSet::open(dir_, true);
  ASSERT_TRUE(set.ok()) << set.message();
  EXPECT_EQ((*set)->vocab_size(), int64_t{1} << 31);
}

}  // namespace
}  // namespace jaju::data
