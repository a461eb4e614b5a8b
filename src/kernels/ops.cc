#include "kernels/ops.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/amx.h"
#include "kernels/backends.h"
#include "kernels/cpu/packed_dot.h"

namespace jaju {
namespace {

#if defined(__x86_64__)
// Three features clang 14's __builtin_cpu_supports has no name for. Whether the system saves the registers is
// part of what it says about avx2 and avx512f.
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx >> 29 & 1u) != 0;
}

bool has_avx512_bf16() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 5 & 1u) != 0;
}

bool is_of_intel() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return ebx == signature_INTEL_ebx && ecx == signature_INTEL_ecx && edx == signature_INTEL_edx;
}

bool has_avxvnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1u) != 0;
}
#endif

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
#else
  return false;
#endif
}

bool has_avx512() {
#if defined(__x86_64__)
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

}  // namespace

bool cpu_has_bf16_dot() {
#if defined(__x86_64__)
  return has_avx512() && has_avx512_bf16();
#else
  return false;
#endif
}

bool cpu_has_fast_bf16_dot() {
#if defined(__x86_64__)
  return cpu_has_bf16_dot() && !is_of_intel();
#else
  return false;
#endif
}

bool cpu_has_vnni() {
#if defined(__x86_64__)
  return has_avx512() && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

bool cpu_has_avx_vnni() {
#if defined(__x86_64__)
  return has_avx2() && has_avxvnni();
#else
  return false;
#endif
}

bool cpu_has_int8_tiles() {
  return cpu_has_vnni() && amx().int8;
}

namespace {
bool is_forced(const char* name) {
  const char* forced = std::getenv("JAJU_ISA");
  return forced != nullptr && std::string(forced) == name;
}
bool tiles_are_allowed() {
  return !is_forced("avx512");
}
}  // namespace

bool uses_avx_vnni() {
  static const bool uses = cpu_has_avx_vnni() && !is_forced("avx2");
  return uses;
}

bool uses_int8_tiles() {
  static const bool uses = cpu_has_int8_tiles() && tiles_are_allowed();
  return uses;
}

bool uses_bf16_tiles() {
  static const bool uses = cpu_has_bf16_dot() && amx().bf16 && tiles_are_allowed();
  return uses;
}

bool attends_in_int16(const Ops& ops) {
  const std::string name = ops.name;
  return name == "avx2" || (name == "avx512" && cpu_has_vnni() && !cpu_has_fast_bf16_dot());
}

std::string describe_kernels(const Ops& ops, Precision precision, bool packed) {
  std::string text = ops.name;
  const bool avx2 = text == "avx2";
  const bool avx512 = text == "avx512";
  const bool rounds = precision != Precision::f32;
  const bool fastest = precision == Precision::fastest;
  const bool pairs = avx512 && rounds && (fastest ? cpu_has_fast_bf16_dot() : cpu_has_bf16_dot());
  const bool bf16_tiles = avx512 && rounds && uses_bf16_tiles();
  const char* joint = " with ";
  const auto add = [&](bool has, const char* what) {
    if (has) text += std::exchange(joint, " and ") + std::string(what);
  };
  add(pairs, "bf16 dot products");
  add(bf16_tiles || (avx512 && packed && uses_int8_tiles()), "AMX tiles");
  add(avx2 && packed && uses_avx_vnni(), "AVX-VNNI");
  add(fastest && attends_in_int16(ops) && !bf16_tiles, "attention in int16");
  return text;
}

const Ops* find_ops(const std::string& name) {
  if (name == "ref") return &ref::ops();
#if defined(__x86_64__)
  if (name == "avx2" && has_avx2()) return &avx2::ops();
  if (name == "avxvnni" && cpu_has_avx_vnni()) return &avx2::ops();
  if (name == "avx512" && has_avx512()) return &avx512::ops();
  if (name == "amx" && cpu_has_int8_tiles()) return &avx512::ops();
#endif
  return nullptr;
}

Result<const Ops*> select_ops() {
  const char* forced = std::getenv("JAJU_ISA");
  if (forced != nullptr && *forced != '\0') {
    const std::string name = forced;
    constexpr const char* kNames[] = {"ref", "avx2", "avxvnni", "avx512", "amx"};
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
      return error("JAJU_ISA is '{}': use ref, avx2, avxvnni, avx512 or amx, or unset it", name);
    }
    const Ops* ops = find_ops(name);
    if (ops == nullptr)
      return error("JAJU_ISA asks for {}, which this CPU cannot run: unset it or use ref", name);
    return ops;
  }
  for (const char* name : {"avx512", "avx2"}) {
    if (const Ops* ops = find_ops(name); ops != nullptr) return ops;
  }
  return &ref::ops();
}

std::vector<std::pair<std::string, bool>> cpu_features() {
#if defined(__x86_64__)
  // The builtin takes literals only.
  return {{"avx2", __builtin_cpu_supports("avx2") != 0},
          {"fma", __builtin_cpu_supports("fma") != 0},
          {"f16c", has_f16c()},
          {"avx-vnni", has_avxvnni()},
          {"avx512f", __builtin_cpu_supports("avx512f") != 0},
          {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
          {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
          {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
          {"avx512vbmi", __builtin_cpu_supports("avx512vbmi") != 0},
          {"avx512vnni", __builtin_cpu_supports("avx512vnni") != 0},
          {"avx512bf16", has_avx512_bf16()},
          {"amx-int8", amx().int8},
          {"amx-bf16", amx().bf16}};
#else
  return {};
#endif
}

int64_t staggered_stride(int64_t cols, int64_t element_bytes) {
  constexpr int64_t kLine = 64;
  constexpr int64_t kLeastLines = 7;
  const int64_t lines = std::max(((cols * element_bytes + kLine - 1) / kLine) | 1, kLeastLines);
  return lines * kLine / element_bytes;
}

namespace {

// Of a row in int8, for packed matrices.
int64_t code_floats(int64_t cols) {
  return packed_dot::row_stride(cols) / static_cast<int64_t>(sizeof(float));
}

// What cpu/mla_*.h lay out; f32 throughout is the larger case, but for the tiles' packed weights and rows,
// and for what packed kv_b multiplies.
int64_t thread_floats(const ScratchSizes& s) {
  constexpr int64_t kBlock = LatentCache::kPositions;
  const int64_t width = s.latent + s.rope;
  const int64_t qk = s.nope + s.rope;
  // Expanded: latents, keys and values of a block; queries, sums and running softmax of every query row;
  // scores and weights of some; rows of W_UK. With packed weights a block's latents in int8, and its keys and
  // latents once more.
  const int64_t expanded = kBlock * (width + 2 * qk + 2 * s.v) + s.max_rows * (qk + s.v + 2) +
                           2 * kMlaRows * kBlock + kMlaKeyRows * s.latent + s.latent * (s.nope + s.v) / 2 +
                           kMlaTileRows * (qk + s.v) +
                           kBlock * (code_floats(s.latent) + s.nope + s.latent / 2 + s.rope);
  // Absorbed: twice the weighted latents and softmax of every head; of some the scores and the weights; a
  // block. On tiles, of all heads: queries, scores, weights and softmax.
  const int64_t absorbed = 2 * s.n_heads * (s.latent + 2) + 2 * kMlaHeads * kBlock + kBlock * width +
                           s.n_heads * (width / 2 + 2 * kBlock + 3);
  return std::max(expanded, absorbed) + 1024;
}

int64_t shared_floats(const ScratchSizes& s, int threads) {
  // Absorbed: the queries of a wave of rows, their latents, the weighted latents, what packed weights
  // multiply of them, and the parts of long caches.
  const int64_t row =
      s.n_heads * (5 * s.latent / 2 + 2 * s.rope + s.nope + code_floats(std::max(s.nope, s.latent)));
  const int64_t wave = std::min(s.max_rows, kMlaWave) * row;
  const int64_t parts = threads * kMlaSharedHeads * (s.latent + 2);
  // An input may be wanted in f32 or bf16 and in int8, which takes at most 448 bytes for each 256 columns
  // begun.
  const int64_t input = s.max_input + s.max_input / 2 + 112 * s.max_rows;
  return std::max(input, wave + parts) + 1024;
}

}  // namespace

void reserve_scratch(Context& context, const ScratchSizes& s) {
  const auto shared = static_cast<size_t>(shared_floats(s, context.team.size()));
  if (context.shared_scratch.size() < shared) context.shared_scratch.resize(shared);
  const auto per_thread = static_cast<size_t>(thread_floats(s));
  for (auto& scratch : context.thread_scratch) {
    if (scratch.size() < per_thread) scratch.resize(per_thread);
  }
  const int64_t pieces = context.team.split().n_nodes() * s.max_groups + 1;
  context.task_starts.resize(std::max(context.task_starts.size(), static_cast<size_t>(pieces)));
}

int64_t scratch_bytes(const ScratchSizes& s, int threads) {
  return (shared_floats(s, threads) + threads * thread_floats(s)) * static_cast<int64_t>(sizeof(float));
}

}  // namespace jaju
