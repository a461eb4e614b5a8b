// What a peer's llama-bench does not measure: prompts with logits of every token (no layer is skipped), and
// several sequences that generate different tokens together. Build it against ik_llama.cpp (or another
// llama.h of the same names) where that was built:
//
//   c++ -O2 -std=c++17 llama_bench_all.cc -I$IK/include -I$IK/ggml/include \
//       -L$IK/build/src -L$IK/build/ggml/src -lllama -lggml \
//       -Wl,-rpath,$IK/build/src -Wl,-rpath,$IK/build/ggml/src -o llama_bench_all
//
//   llama_bench_all MODEL.gguf THREADS REPEATS REPACK TEST...
//
// REPACK: 1 repacks at load (llama-bench's -rtr 1). A TEST: pp512 (logits of the last token), all512 (of
// every token), tg64@4096 (64 tokens behind 4096), tg64x8@0 (8 sequences of 64 tokens each). Options are
// llama-bench's defaults otherwise. Prints one JSON object: {"test": [tokens/s, ...], "test MB": [read from
// the disk for each token, ...]}, the second where anything was.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "llama.h"

namespace {

uint64_t state = 1;
int random_token(int vocab) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<int>((state >> 33) % static_cast<uint64_t>(vocab));
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What this process had the disk read so far: page faults of a mapped file included.
double megabytes_read() {
  std::FILE* const io = std::fopen("/proc/self/io", "r");
  if (io == nullptr) return 0;
  char line[128];
  unsigned long long bytes = 0;
  while (std::fgets(line, sizeof line, io) != nullptr) {
    if (std::sscanf(line, "read_bytes: %llu", &bytes) == 1) break;
  }
  std::fclose(io);
  return static_cast<double>(bytes) / 1e6;
}

struct Test {
  bool prompt = false, all = false;
  int tokens = 0, sequences = 1, depth = 0;
};

bool parse(const std::string& word, Test* t) {
  if (std::sscanf(word.c_str(), "pp%d", &t->tokens) == 1) return t->prompt = true;
  if (std::sscanf(word.c_str(), "all%d", &t->tokens) == 1) return t->prompt = t->all = true;
  if (std::sscanf(word.c_str(), "tg%dx%d@%d", &t->tokens, &t->sequences, &t->depth) == 3) return true;
  t->sequences = 1;
  return std::sscanf(word.c_str(), "tg%d@%d", &t->tokens, &t->depth) == 2;
}

void add(llama_batch* batch, int token, int pos, int sequence, bool logits) {
  const int i = batch->n_tokens++;
  batch->token[i] = token;
  batch->pos[i] = pos;
  batch->n_seq_id[i] = 1;
  batch->seq_id[i][0] = sequence;
  batch->logits[i] = logits;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return std::fprintf(stderr, "llama_bench_all MODEL THREADS REPEATS REPACK TEST...\n"), 2;
  const int threads = std::atoi(argv[2]), repeats = std::atoi(argv[3]);
  constexpr int kBatch = 512;
  llama_backend_init();
  llama_model_params mp = llama_model_default_params();
  mp.repack_tensors = std::atoi(argv[4]) != 0;
  if (mp.repack_tensors) mp.use_mmap = false;
  mp.mla = 3;
  llama_model* const model = llama_model_load_from_file(argv[1], mp);
  if (model == nullptr) return 1;
  const int vocab = llama_n_vocab(model);
  std::printf("{");
  for (int a = 5; a < argc; ++a) {
    Test t;
    if (!parse(argv[a], &t)) return std::fprintf(stderr, "what is %s?\n", argv[a]), 2;
    llama_context_params cp = llama_context_default_params();
    cp.n_ctx = static_cast<uint32_t>((t.prompt ? t.tokens : (t.tokens + t.depth) * t.sequences) + 64);
    cp.n_batch = 2048;
    cp.n_ubatch = kBatch;
    cp.n_seq_max = static_cast<uint32_t>(t.sequences);
    cp.n_threads = cp.n_threads_batch = static_cast<uint32_t>(threads);
    llama_context* const ctx = llama_init_from_model(model, cp);
    if (ctx == nullptr) return 1;
    llama_batch batch = llama_batch_init(kBatch, 0, 1);
    const auto read = [&](int n, int sequence, bool all) {
      for (int at = 0; at < n; at += kBatch) {
        batch.n_tokens = 0;
        for (int i = at; i < std::min(n, at + kBatch); ++i)
          add(&batch, random_token(vocab), i, sequence, all || i + 1 == n);
        if (llama_decode(ctx, batch) != 0) std::exit(1);
      }
      llama_synchronize(ctx);
    };
    std::printf("%s\"%s\": [", a == 5 ? "" : ", ", argv[a]);
    std::vector<double> megabytes;
    for (int r = 0; r <= repeats; ++r) {
      double seconds = 0;
      llama_kv_cache_clear(ctx);
      const double start = now();
      double before = megabytes_read();
      if (t.prompt) {
        read(t.tokens, 0, t.all);
        seconds = now() - start;
      } else {
        for (int s = 0; t.depth > 0 && s < t.sequences; ++s) read(t.depth, s, false);
        before = megabytes_read();
        for (int step = 0; step < (r == 0 ? 4 : t.tokens); ++step) {
          batch.n_tokens = 0;
          for (int s = 0; s < t.sequences; ++s) add(&batch, random_token(vocab), t.depth + step, s, true);
          const double begin = now();
          if (llama_decode(ctx, batch) != 0) return 1;
          llama_synchronize(ctx);
          seconds += now() - begin;
        }
      }
      const int count = t.prompt ? t.tokens : t.tokens * t.sequences;
      if (r > 0) std::printf("%s%.2f", r == 1 ? "" : ", ", count / seconds);
      if (r > 0) megabytes.push_back((megabytes_read() - before) / count);
    }
    std::printf("]");
    if (!megabytes.empty() && *std::max_element(megabytes.begin(), megabytes.end()) > 0) {
      std::printf(", \"%s MB\": [", argv[a]);
      for (size_t r = 0; r < megabytes.size(); ++r) std::printf("%s%.1f", r == 0 ? "" : ", ", megabytes[r]);
      std::printf("]");
    }
    std::fflush(stdout);
    llama_batch_free(batch);
    llama_free(ctx);
  }
  std::printf("}\n");
  llama_free_model(model);
}
