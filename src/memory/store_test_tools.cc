#include "memory/store_test_tools.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <xxhash.h>

#include <filesystem>
#include <fstream>

#include "base/split_mix.h"

namespace jaju {

namespace fs = std::filesystem;

TestExtents::TestExtents(const std::string& name, int64_t layers, int64_t experts, int64_t bytes, int files)
    : dir_(testing::TempDir() + "jaju_extents_" + name + std::to_string(::getpid())) {
  fs::create_directories(dir_);
  catalog_.n_experts = experts;
  std::vector<std::string> contents;
  for (int f = 0; f < files; ++f) {
    catalog_.files.push_back(dir_ + "/part" + std::to_string(f));
    contents.emplace_back(static_cast<size_t>(kIoAlignment), 'h');  // a header
  }
  uint64_t state = 7;
  for (int64_t layer = 0; layer < layers; ++layer) {
    catalog_.layer_numbers.push_back(layer + 1);  // a dense layer in front
    for (int64_t e = 0; e < experts; ++e) {
      std::string data(static_cast<size_t>(bytes), '\0');
      for (size_t i = 0; i < data.size(); i += 8) {
        const uint64_t word = split_mix64(state);
        std::memcpy(data.data() + i, &word, 8);
      }
      const auto file = static_cast<size_t>((layer + e) % files);
      catalog_.extents.push_back({static_cast<int32_t>(file), static_cast<int64_t>(contents[file].size()),
                                  bytes, XXH3_64bits(data.data(), data.size())});
      contents[file] += data;
      bytes_.push_back(std::move(data));
    }
  }
  for (size_t f = 0; f < contents.size(); ++f) {
    std::ofstream(catalog_.files[f], std::ios::binary) << contents[f];
  }
}

TestExtents::~TestExtents() {
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

std::vector<std::string> TestExtents::copy(const std::string& name) const {
  std::vector<std::string> paths;
  fs::create_directories(fs::path(dir_) / name);
  for (const std::string& file : catalog_.files) {
    const fs::path to = fs::path(dir_) / name / fs::path(file).filename();
    fs::copy_file(file, to);
    paths.push_back(to.string());
  }
  return paths;
}

void TestExtents::damage(int64_t layer, int64_t expert) {
  const Extent& e = catalog_.extents[static_cast<size_t>(layer * catalog_.n_experts + expert)];
  std::fstream file(catalog_.files[static_cast<size_t>(e.file)],
                    std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(e.offset + e.bytes / 2);
  file.put(static_cast<char>(~bytes(layer, expert)[static_cast<size_t>(e.bytes / 2)]));
}

void TestExtents::damage_all_of(int64_t layer, int64_t expert, const std::vector<std::string>& files) const {
  const Extent& e = catalog_.extents[static_cast<size_t>(layer * catalog_.n_experts + expert)];
  std::fstream file(files[static_cast<size_t>(e.file)], std::ios::binary | std::ios::in | std::ios::out);
  for (int64_t at = 0; at < e.bytes; at += kIoAlignment) {
    file.seekp(e.offset + at);
    file.put(static_cast<char>(~bytes(layer, expert)[static_cast<size_t>(at)]));
  }
}

}  // namespace jaju
