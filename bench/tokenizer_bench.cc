// Times Tokenizer::encode on a text file and prints one JSON line; driven by tokenizer_bench.cjs. The clock
// is the thread's CPU time, so a busy machine does not blur the result.
//
//   tokenizer_bench TOKENIZER TEXT [seconds]     one thread, the file split at newlines into chunks of about
//   4 kB
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "base/file.h"
#include "tokenizer/tokenizer.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tokenizer_bench TOKENIZER TEXT [seconds]\n");
    return 2;
  }
  auto tokenizer = jaju::Tokenizer::load(argv[1]);
  auto text = jaju::read_file(argv[2], int64_t{1} << 30);
  if (!tokenizer.ok() || !text.ok()) {
    std::fprintf(stderr, "%s\n", (tokenizer.ok() ? text.message() : tokenizer.message()).c_str());
    return 1;
  }
  const double budget = argc > 3 ? std::atof(argv[3]) : 1.0;
  std::vector<std::string> chunks;
  for (size_t from = 0; from < text->size();) {
    size_t end = text->find('\n', std::min(from + 4096, text->size()));
    end = end == std::string::npos ? text->size() : end + 1;
    chunks.push_back(text->substr(from, end - from));
    from = end;
  }
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  std::vector<double> rates;
  uint64_t hash = 0;
  size_t n_tokens = 0;
  const double start = now();
  while (rates.empty() || now() - start < budget) {
    const double t0 = now();
    hash = 0;
    n_tokens = 0;
    for (const auto& chunk : chunks) {
      const auto ids = (*tokenizer)->encode(chunk);
      n_tokens += ids.size();
      for (const auto id : ids) hash = hash * 31 + static_cast<uint32_t>(id);
    }
    rates.push_back(static_cast<double>(text->size()) / (now() - t0) / 1e6);
  }
  std::sort(rates.begin(), rates.end());
  std::printf("{\"mb_s\": %.3f, \"passes\": %zu, \"tokens\": %zu, \"bytes\": %zu, \"hash\": %u}\n",
              rates[rates.size() / 2], rates.size(), n_tokens, text->size(), static_cast<unsigned>(hash));
  return 0;
}
