// The public door of the engine: open a model, start a session, generate. Token ids only, never text.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kernels/ops.h"
#include "memory/expert_store.h"
#include "memory/routing_histogram.h"
#include "model/config.h"
#include "model/model_sizes.h"
#include "model/weights.h"
#include "runtime/sampler.h"

namespace jaju {

// How latents are kept. automatic: f32 for a float32 checkpoint, else bf16. q8 (kernels/cache_row.h): little
// more than half of bf16's memory, for logits that move about as far as bf16 moves them from f32.
enum class KvType { automatic, f32, bf16, q8 };
// "auto", "f32", "bf16", "q8".
std::string_view name_of(KvType type);
std::optional<KvType> kv_type_from_name(std::string_view name);

// Whether threads and weights are placed on the NUMA nodes of this machine (base/topology.h). automatic:
// where it has several. on: the same, and it is an error when the system refuses. One node: nothing is done.
enum class Numa { automatic, off, on };
std::optional<Numa> numa_from_name(std::string_view name);  // "auto", "off", "on"

// A packed model larger than the memory it may take (memory/expert_store.h): how its experts are read.
struct StreamOptions {
  std::filesystem::path mirror{};  // a copy of the model on another drive; reads are split over both
  std::filesystem::path pin{};     // a routing histogram: the experts visited most stay in memory
  bool prefetch = true;            // read the next layer's experts ahead, while that pays
  Verify verify = Verify::first_read;
  ReaderKind reader = ReaderKind::automatic;
  int64_t piece_bytes = 0;  // what an expert is read in; 0: as `jaju tune` measured, else 1 MiB
  int queue_depth = 0;      // pieces under way at a time; 0: the same, else 16
  // Prompts are read in larger steps than prefill_chunk says, as large as memory allows: a pass over the
  // experts costs the same for any number of rows. true: not so.
  bool fixed_chunk = false;
  // A Scheduler will own the cache: sequences side by side, and bytes of its pages (0: at most an eighth of
  // the memory). 0 sequences: one Session of the whole context.
  int64_t sequences = 0;
  int64_t kv_bytes = 0;
  // For tests: so many experts in memory, whatever that takes (0: by memory); another reader.
  int64_t slots = 0;
  std::function<Result<std::unique_ptr<ExtentReader>>(int depth, const ReadBuffers& buffers)> make_reader{};
};

// Whether the weights of a model that fits move from the page cache into huge pages of this process in its
// idle time (Weights::move_to_huge_pages): as fast as the memory is, in exchange for memory the system cannot
// take back. automatic: models of 256 MiB and more, where the system has huge pages to give. on: of any size,
// whatever the system says. On several NUMA nodes they stay where they were placed.
enum class HugePages { automatic, off, on };
std::optional<HugePages> huge_pages_from_name(std::string_view name);  // "auto", "off", "on"

struct EngineOptions {
  // Behaviour
  int64_t context = 0;  // positions a session may hold; 0: the model's maximum, at most 32,768
  KvType kv_type = KvType::automatic;
  // How activations enter matmuls with bf16 weights, and attention. f32 is exact; bf16 rounds them first, as
  // the Python implementations do, where the CPU has BF16 dot products. Not given: for a bf16 or a packed
  // checkpoint whichever is faster on this CPU (Precision::fastest), else f32. evaluate() always uses f32.
  std::optional<Precision> precision = std::nullopt;
  // Performance
  int threads = 0;  // 0: every CPU this process may use
  Numa numa = Numa::automatic;
  HugePages huge_pages = HugePages::automatic;
  // Prompt tokens per step; results do not depend on it. Made smaller where a step would need more than half
  // of this machine's memory.
  int64_t prefill_chunk = 256;
  // Memory. The most this process may take, weights included; 0: what is free, less a margin. A packed model
  // that does not fit keeps its routed experts on the disk. Results do not depend on it.
  int64_t memory_bytes = 0;
  StreamOptions stream{};
};

// What one forward pass over a whole prompt gives, for `jaju logits` and the tests.
struct Evaluation {
  int64_t vocab_size = 0;
  std::vector<float> logits;  // (rows, vocab): the last position, or every position
  std::vector<float>
      mtp_logits;  // (vocab), draft for the token after next; empty without MTP or with one token
  std::vector<std::vector<std::vector<int32_t>>> experts;  // [moe layer][position] -> ids, ascending
};

enum class StopReason { stop_token, length, context_full, cancelled };

struct GenerationStats {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, taken from the session's cache
  int64_t generated_tokens = 0;
  double prefill_seconds = 0;
  double first_token_seconds = 0;
  double decode_seconds = 0;
  std::optional<StoreFigures> store{};         // what this answer took from the expert store
  std::optional<StoreFigures> decode_store{};  // of it, after the prompt
};

struct Generation {
  std::vector<int32_t> tokens;  // the answer, its stop token not included
  StopReason reason = StopReason::length;
  GenerationStats stats;
};

struct GenerateHooks {
  // Called for every answer token as it is sampled; return false to end the answer (reason cancelled).
  std::function<bool(int32_t token)> on_token;
  // Called while the prompt is read.
  std::function<void(int64_t done, int64_t total)> on_prefill;
  // Checked before every step; set it from a signal handler to stop.
  const std::atomic<bool>* cancel = nullptr;
};

// A model whose experts come from the disk: what it is made of, and what became of the memory.
struct StreamedModel {
  MeasuredModel model;
  MemoryBudget budget;
};

class Session;

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const std::filesystem::path& model_dir,
                                              const EngineOptions& options);
  // Over random weights of the config's shape, made in memory: for measuring speed without a download.
  static Result<std::unique_ptr<Engine>> open_random(const ModelConfig& config, const RandomTypes& types,
                                                     const EngineOptions& options);
  ~Engine();

  const ModelConfig& config() const;
  const Weights& weights() const;
  const EngineOptions& options() const;  // as they took effect, nothing left automatic
  std::string kernels() const;           // describe_kernels()
  int64_t kv_bytes_per_token() const;
  // One sentence on how the model lies in memory when that is not as it is (streamed, or larger than what is
  // free); else empty.
  const std::string& notice() const;
  // Waits until the weights are where they will stay, for whoever measures; returns the bytes of them that
  // moved into huge pages (HugePages).
  int64_t settle();
  // Of a model whose experts come from the disk, how its memory was divided; null: it is in memory.
  const StreamedModel* streamed() const;
  // What the expert store did so far; nothing when the model is in memory. Any thread.
  std::optional<StoreFigures> store_figures() const;
  // Which experts were visited since the start; no layers: the model has no experts.
  RoutingHistogram routing() const;
  // To a file, for `--pin` and `jaju plan`. Errors: no experts, the disk.
  Status save_routing(const std::filesystem::path& file) const;

  Result<std::unique_ptr<Session>> new_session();

  // Runs `tokens` from an empty cache in f32. all_positions: a row of logits for each.
  Result<Evaluation> evaluate(std::span<const int32_t> tokens, bool all_positions);

 private:
  friend class Session;
  friend class BatchGenerator;
  friend class Benchmark;
  friend class Scheduler;
  friend class TextReader;
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// One conversation's timeline: its tokens and their latent cache. Not thread-safe; must not outlive its
// Engine.
class Session {
 public:
  ~Session();

  // Generates after `prompt`, the whole token list so far. The longest common prefix with what the session
  // already holds is reused; the rest is dropped and read again.
  Result<Generation> generate(std::span<const int32_t> prompt, const SamplingParams& params,
                              const GenerateHooks& hooks);

 private:
  friend class Engine;
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What a row of the cache is for this config, and the bytes of cache a token takes in all layers.
CacheRow cache_row(const ModelConfig& config, KvType type);
int64_t kv_bytes_per_token(const ModelConfig& config, KvType type);

}  // namespace jaju
