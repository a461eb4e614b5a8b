// The one contract between the model and a backend: the operations the forward pass of A.X K1 needs, named
// for it.
//
// A backend is a directory that fills an Ops table. `ref/` is plain loops in f32, the truth the others are
// tested against; `cpu/` is AVX2 and AVX-512. Kernels know no layers and no requests; all state comes in
// views.
//
// Promises every backend keeps
//  - Every output element is reduced in an order that depends on its own row only, so results are the same
//    bits whatever the batch around it, the number of threads, or how a prompt was cut into chunks.
//  - No allocation: temporary memory comes from the Context, sized once by reserve_scratch() (ref/, which is
//    no backend for work, allocates in its attention).
//  - All arithmetic is f32 on weights as stored (bf16, f16, f8 times its block scale, f32), except where
//    Context::precision allows activations rounded to bf16 or, in attention, to int16, and with packed
//    matrices (tensor/packed.h), whose inputs are rounded to int8, 256 columns of a row at a time. ref/ does
//    none of it.
//  - products and mlps take packed matrices of any scheme, also mixed with others; attention takes q8, where
//    heads begin at panels (MlaArgs); embed takes none.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "kernels/cache_row.h"
#include "tensor/line_vector.h"
#include "tensor/view.h"

namespace jaju {

// How activations enter a matmul with bf16 weights.
enum class Precision {
  f32,     // as they are
  bf16,    // rounded to bf16 first, where the CPU multiplies bf16 pairs directly (as Transformers and vLLM
           // do); else as f32
  fastest  // whichever of these is faster on this CPU; attention over a cache that is not f32 may go in
           // int16, which rounds less than bf16 (cpu/mla_int16.h)
};

struct Ops;

// Rows of a matrix that are one task of a product: where weights lie follows it (model/placement.h).
constexpr int64_t kRowsOfTask = 32;

// What an operation may use besides its operands. One per engine; not shared between concurrent steps.
struct Context {
  ThreadTeam& team;
  const Ops& ops;
  Precision precision = Precision::f32;
  LineVector<float> shared_scratch;               // for operands every thread reads
  std::vector<LineVector<float>> thread_scratch;  // one per thread of the team
  std::vector<int64_t> task_starts;               // of the groups of mlps

  Context(ThreadTeam& t, const Ops& o, Precision p)
      : team(t), ops(o), precision(p), thread_scratch(static_cast<size_t>(t.size())) {}
};

// Where one layer of one sequence keeps its latents: blocks of kPositions rows (cache_row.h), each in a page,
// the pages anywhere in memory.
struct LatentCache {
  static constexpr int64_t kPositions = 64;
  std::byte* const* pages = nullptr;
  int64_t offset = 0;  // bytes from a page's start to this layer's block
  CacheRow layout;

  std::byte* block(int64_t page) const { return pages[page] + offset; }
  std::byte* row(int64_t pos) const { return block(pos / kPositions) + pos % kPositions * layout.bytes(); }
  float at(int64_t pos, int64_t k) const { return layout.load(row(pos), k); }
  static constexpr int64_t block_bytes(const CacheRow& layout) { return kPositions * layout.bytes(); }
};

// Consecutive rows of the batch that belong to one sequence; row i stands at position first_pos + i.
struct SequenceSlice {
  int64_t first_row = 0;
  int64_t n_rows = 0;
  int64_t first_pos = 0;
  LatentCache cache;
};

// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, 2.1; facts sheet 2.2) over the cache, causal.
struct MlaArgs {
  Rows q;       // (n_rows, n_heads * (nope + rope)), rope half already rotated
  Matrix kv_b;  // (n_heads * (nope + v), latent): per head W_UK rows, then W_UV rows
  // (n_heads * latent, nope): per head W_UK turned round, so that a packed one can be multiplied with queries
  // as well as with latents. Both are in q8, and nope, v and latent whole panels, or this is empty.
  Matrix k_b;
  int64_t n_heads = 0;
  int64_t nope = 0;
  int64_t rope = 0;
  int64_t v = 0;
  int64_t latent = 0;
  float scale = 0;
  std::span<const SequenceSlice> slices;
  MutRows out;  // (n_rows, n_heads * v)

  Matrix w_uk(int64_t head) const { return kv_b.slice_rows(head * (nope + v), nope); }
  Matrix w_uv(int64_t head) const { return kv_b.slice_rows(head * (nope + v) + nope, v); }
  Matrix w_uk_turned(int64_t head) const { return k_b.slice_rows(head * latent, latent); }
};

// y (n, w.rows) = x (n, w.cols) W^T: one of several matrices that read the same x.
struct Product {
  Matrix w;
  MutRows y;
};

// The rows that visit one expert, or a whole batch and a dense MLP: out = down(silu(gate x) * up x).
struct ExpertGroup {
  Matrix gate, up, down;
  const int32_t* rows = nullptr;  // rows of x; null: 0, 1, 2, ...
  int64_t n = 0;
  // Room for n * staggered_stride(gate.rows, 4) floats, at a multiple of 64 bytes. Holds the inner layer
  // afterwards, silu(gate x) * up x, rows that far apart; where `down` takes its inputs rounded, in a form of
  // the backend's.
  float* inner = nullptr;
  float* out = nullptr;  // (n, down.rows)
};

struct Ops {
  const char* name;  // "ref", "avx2", "avx512"

  // out[i] = table[ids[i]] as f32.
  void (*embed)(Context&, const Matrix& table, std::span<const int32_t> ids, MutRows out);

  // y = w * x / sqrt(mean(x^2) + eps), row by row. y may be x.
  void (*rms_norm)(Context&, Rows x, const float* weight, float eps, MutRows y);

  // x += y.
  void (*add)(Context&, MutRows x, Rows y);

  // Every product of x. Activations are rounded or copied once for all of them.
  void (*products)(Context&, std::span<const Product> products, Rows x);
  void matmul(Context& context, const Matrix& w, Rows x, MutRows y) const {
    const Product one{w, y};
    products(context, {&one, 1}, x);
  }

  // Rotates, in each row, n_heads runs of 2 * n_pairs values that start at `first` and lie head_stride apart.
  // cos_sin: (rows, 2 * n_pairs), cosines first. interleaved: pairs (2j, 2j+1), else (j, j + n_pairs).
  void (*rope)(Context&, MutRows x, int64_t first, int64_t n_heads, int64_t head_stride, int64_t n_pairs,
               const float* cos_sin, bool interleaved);

  // Writes rows [latent | rope key] into the cache, rounding to its type.
  void (*append_latent)(Context&, Rows kv, std::span<const SequenceSlice> slices);

  // Attention with W_UK and W_UV absorbed into query and output: reads 1 latent per position. For decode.
  void (*mla_absorbed)(Context&, const MlaArgs&);
  // Attention with keys and values expanded from the latents, a block of positions at a time. For prefill.
  void (*mla_expanded)(Context&, const MlaArgs&);

  // Every group's MLP. Widths of the inner layer may differ from group to group.
  void (*mlps)(Context&, std::span<const ExpertGroup> groups, Rows x);

  // out[i] = sum_k weights[i * top_k + k] * y[slots[i * top_k + k]] in the order of k, plus shared[i] if
  // given.
  void (*combine_experts)(Context&, Rows y, const int32_t* slots, const float* weights, int64_t top_k,
                          Rows shared, MutRows out);
};

// Grows the context's scratch for the largest step: call once when sizes are known.
struct ScratchSizes {
  int64_t max_rows = 0;    // rows of a step
  int64_t max_input = 0;   // floats of the largest matmul input: rows times staggered_stride(columns)
  int64_t max_groups = 0;  // of one call of mlps
  int64_t n_heads = 0;     // and so on, as in MlaArgs
  int64_t nope = 0;
  int64_t rope = 0;
  int64_t v = 0;
  int64_t latent = 0;
};
void reserve_scratch(Context& context, const ScratchSizes& sizes);
// What that takes with `threads` threads, in bytes.
int64_t scratch_bytes(const ScratchSizes& sizes, int threads);
// Elements from one row to the next of a copied matmul input of `cols` columns: at least cols, and an odd
// number of cache lines, so that neighbouring rows fall in different cache sets (widths of models are
// multiples of 4 KiB). At least seven lines: f32 rows have room for themselves in int8 (cpu/packed_dot.h).
int64_t staggered_stride(int64_t cols, int64_t element_bytes);

// The backend for this machine: JAJU_ISA=ref|avx2|avxvnni|avx512|amx when set, else the best the CPU has.
// avxvnni is avx2 with products of packed matrices by AVX-VNNI, amx is avx512 with tiles for q4i and for
// attention in bf16. Errors: an unknown name, or one the CPU cannot run.
Result<const Ops*> select_ops();
// By name, or null when the CPU cannot run it.
const Ops* find_ops(const std::string& name);
// What the CPU offers, for `doctor`: {"avx2", true}, ...
std::vector<std::pair<std::string, bool>> cpu_features();
bool cpu_has_bf16_dot();
// Whether that gives more products than fused multiply-adds in f32: twice as many on Zen 4 (docs/log.md),
// half as many on Emerald Rapids (docs/benchmarks.md). Other CPUs are taken to be like their maker's.
bool cpu_has_fast_bf16_dot();
bool cpu_has_vnni();        // AVX-512 VNNI
bool cpu_has_avx_vnni();    // VNNI without AVX-512
bool cpu_has_int8_tiles();  // AMX-INT8, which the system must grant as well
// Whether avx2 multiplies packed matrices by AVX-VNNI: where there is some, unless JAJU_ISA is avx2. Same
// bits.
bool uses_avx_vnni();
// Whether products of q4i with many inputs go to them: where there are some, unless JAJU_ISA is avx512. Same
// bits.
bool uses_int8_tiles();
// Whether attention in Precision::fastest goes in int16: by AVX2, and by AVX-512 VNNI where products of bf16
// are no faster than f32.
bool attends_in_int16(const Ops& ops);
// Whether attention in bf16 goes to AMX tiles; unless JAJU_ISA is avx512, where the CPU and the system have
// them. Its bits are others than without.
bool uses_bf16_tiles();

// The backend and what else decides how products are rounded on this CPU: "avx512 with bf16 dot products".
// For people, and for what was computed once and is wanted to the bit.
std::string describe_kernels(const Ops& ops, Precision precision, bool packed);

}  // namespace jaju
