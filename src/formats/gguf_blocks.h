// The number types of GGUF tensors: how many values a block holds, and blocks to f32 and back.
//
// A quantised row is a run of blocks, each with its own scales; a row's length is a multiple of the block's.
// Layouts are facts of the format (https://github.com/ggml-org/ggml, docs/gguf.md and the type list of
// ggml.h); every one of them is compared bit for bit with that project's own results (tests/golden/gguf).
// Types we cannot read are listed too, with their sizes, so that a file holding them can be shown and refused
// by name.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace jaju {

// Numbers as files store them.
enum class GgufType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq4_nl = 20,
  iq4_xs = 23,
  bf16 = 30,
  mxfp4 = 39,
};

struct GgufTypeInfo {
  GgufType type;
  std::string_view name;  // as ggml prints it in upper case: "Q4_K"
  int64_t block;          // values per block
  int64_t bytes;          // bytes per block
  bool readable;          // gguf_dequantise knows it
  bool writable;          // gguf_quantise knows it
};

// Null for a number that is no type, or one that was withdrawn.
const GgufTypeInfo* gguf_type_info(uint32_t number);
// Never null: every enumerator is listed.
const GgufTypeInfo& gguf_type_info(GgufType type);
// Every type of the list, by number.
std::span<const GgufTypeInfo> gguf_types();

// Bytes of n values; n is a multiple of the block. (No overflow check: callers compare n with a file first.)
int64_t gguf_bytes(GgufType type, int64_t n);

// n values (a multiple of the block) from `blocks`, which may lie at any address. The type must be readable.
void gguf_dequantise(GgufType type, const void* blocks, int64_t n, float* out);

// The reverse, to the nearest value the type offers: f16 and bf16 round to even, q8_0 and q4_0 scale each
// block by its largest magnitude, as ggml's reference does. The type must be writable, values finite and,
// for f16 and the types with f16 scales, within f16's range (gguf_fits tells).
void gguf_quantise(GgufType type, const float* values, int64_t n, void* out);

// OK, or why these values cannot be stored as `type`: NaN, infinity, or beyond what its scales can hold.
bool gguf_fits(GgufType type, const float* values, int64_t n);

}  // namespace jaju
