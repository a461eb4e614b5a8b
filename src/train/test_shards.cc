// Makes a small shard set for the tests of the trainer:
//   train_test_shards DIR SEED DOCUMENTS [chat]
// Token ids below 64. A document is a sequence that counts up by a step of its own from a start of its own,
// modulo 61: easy to learn, not to guess. With `chat` the loss counts from the fourth token on.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "data/shards.h"

namespace {

uint64_t next(uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  using namespace jaju;
  const auto writer = data::ShardWriter::create(argv[1], 20'000);
  if (!writer.ok()) {
    std::fprintf(stderr, "%s\n", writer.message().c_str());
    return 1;
  }
  uint64_t state = std::strtoull(argv[2], nullptr, 10);
  const bool chat = argc > 4 && std::string(argv[4]) == "chat";
  for (int64_t d = 0; d < std::atoll(argv[3]); ++d) {
    std::vector<uint32_t> document;
    uint64_t value = next(state) % 61;
    const uint64_t step = 1 + next(state) % 7;
    const uint64_t length = 8 + next(state) % 40;
    for (uint64_t i = 0; i < length; ++i) {
      const uint32_t loss = i >= (chat ? 4u : 1u) ? data::kLossBit : 0u;
      document.push_back(static_cast<uint32_t>(value) | loss);
      value = (value + step) % 61;
    }
    if (!(*writer)->append(document).ok()) return 1;
  }
  return (*writer)->finish().ok() ? 0 : 1;
}
