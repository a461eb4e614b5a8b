// The kernel for matrix tiles, on tiles in plain code where the CPU has none (cpu/packed_amx_emulated.cc):
// the bits that packed_dot.h promises, computed here in plain code, and those of the other kernels.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/cpu/packed_dot.h"
#include "kernels/ops.h"
#include "tensor/quantize.h"

#if defined(__x86_64__)

namespace jaju {
namespace packed_amx_emulated {
void dot_panels(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                int64_t out_stride);
}
namespace packed_avx_vnni_emulated {
extern const packed_dot::Kernels kKernels;
}

namespace {

struct Case {
  std::vector<std::byte> weights;
  packed_dot::Panels panels;
  std::vector<std::byte> inputs;
  std::vector<const std::byte*> x;

  // even: the rows of inputs lie at equal distances, in order. code: all inputs' codes, kHalves 127 and -127
  // by halves of four columns, else random ones.
  static constexpr int kHalves = 128;
  Case(Scheme scheme, int64_t rows, int64_t cols, int64_t n, bool even, int code = 0) {
    std::mt19937 dice(static_cast<uint32_t>(rows * 31 + cols + n));
    std::normal_distribution<float> normal;
    const int64_t each = panel_bytes(scheme, cols);
    weights.resize(static_cast<size_t>(packed_bytes(scheme, rows, cols)));
    for (int64_t r = 0; r < rows; r += kPanelRows) {
      const int64_t count = std::min(kPanelRows, rows - r);
      std::vector<float> values(static_cast<size_t>(count * cols));
      for (float& v : values) v = normal(dice);
      quantize_panel(scheme, values.data(), count, cols, nullptr, weights.data() + r / kPanelRows * each);
    }
    panels = {scheme, weights.data(), each, rows, cols};
    const int64_t stride = packed_dot::row_stride(cols);
    inputs.resize(static_cast<size_t>(n * stride));
    for (int64_t i = 0; i < n; ++i) {
      std::byte* const row = inputs.data() + i * stride;
      for (int64_t first = 0; first < cols; first += packed_dot::kPieceCols) {
        std::byte* const piece = row + first / packed_dot::kPieceCols * packed_dot::kPieceBytes;
        for (int64_t c = 0; c < std::min(packed_dot::kPieceCols, cols - first); ++c) {
          const int random = static_cast<int>(dice() % 255) - 127;
          const int halves = c % 4 < 2 ? 127 : -127;
          piece[c] = static_cast<std::byte>(static_cast<int8_t>(code == kHalves ? halves
                                                                : code != 0     ? code
                                                                                : random));
        }
        add_offsets(piece);
        const float scale = std::abs(normal(dice)) + 0.01f;
        std::memcpy(piece + packed_dot::kScaleAt, &scale, sizeof scale);
      }
      x.push_back(row);
    }
    if (!even) std::shuffle(x.begin(), x.end(), dice);
  }

  // What VNNI starts its sums with.
  static void add_offsets(std::byte* piece) {
    for (int64_t g = 0; g < packed_dot::kPieceCols / kGroupCols; ++g) {
      int32_t sum = 0;
      for (int64_t c = 0; c < kGroupCols; ++c) sum += static_cast<int8_t>(piece[g * kGroupCols + c]);
      const int32_t offsets[] = {-packed_dot::kAdded * sum, -packed_dot::kQ6Added * sum};
      std::memcpy(piece + packed_dot::kOffsetsAt + 4 * g, &offsets[0], 4);
      std::memcpy(piece + packed_dot::kQ6OffsetsAt + 4 * g, &offsets[1], 4);
      const auto of_levels = static_cast<int16_t>(-packed_dot::kLevelAdded / 2 * sum);
      std::memcpy(piece + packed_dot::kLevelOffsetsAt + 2 * g, &of_levels, 2);
      int32_t of_block = 0;  // the piece is zeros before
      std::byte* const at = piece + packed_dot::kBlockOffsetsAt + 4 * (g * kGroupCols / kBlockCols);
      std::memcpy(&of_block, at, 4);
      of_block += offsets[0];
      std::memcpy(at, &of_block, 4);
    }
  }

  using Dot = void (*)(const packed_dot::Panels&, const std::byte* const*, int64_t, float*, int64_t);
  std::vector<float> run(Dot dot) const {
    const int64_t n = static_cast<int64_t>(x.size()), stride = panels.rows + 3;
    std::vector<float> out(static_cast<size_t>(n * stride), 7.0f);
    dot(panels, x.data(), n, out.data(), stride);
    return out;
  }

  // As packed_dot.h says it, an output at a time.
  std::vector<float> plain() const {
    const int64_t n = static_cast<int64_t>(x.size()), stride = panels.rows + 3;
    std::vector<float> out(static_cast<size_t>(n * stride), 7.0f);
    for (int64_t r = 0; r < panels.rows; ++r) {
      std::vector<std::byte> panel(panels.first + r / kPanelRows * panels.bytes,
                                   panels.first + (r / kPanelRows + 1) * panels.bytes);
      float factor;
      std::memcpy(&factor, panel.data() + 4 * (r % kPanelRows), 4);
      const float one = 1;
      std::memcpy(panel.data() + 4 * (r % kPanelRows), &one, 4);
      for (int64_t i = 0; i < n; ++i) {
        float sum = 0;
        for (int64_t first = 0; first < panels.cols; first += packed_dot::kPieceCols) {
          const std::byte* const piece =
              x[static_cast<size_t>(i)] + first / packed_dot::kPieceCols * packed_dot::kPieceBytes;
          float of_piece = 0;
          const bool integers = has_integer_groups(panels.scheme);
          const int64_t width = integers ? kBlockCols : kGroupCols;  // of what is added exactly
          for (int64_t g = first; g < std::min(panels.cols, first + packed_dot::kPieceCols); g += width) {
            const std::byte* const block =
                panel.data() + kPanelHeaderBytes + g / kBlockCols * block_bytes(panels.scheme);
            const auto byte =
                static_cast<uint8_t>(block[g % kBlockCols / kGroupCols * kPanelRows + r % kPanelRows]);
            const float scale = integers ? integer_scales_at(block, r % kPanelRows).block()
                                         : scale_value(panels.scheme, byte);
            int32_t whole = 0;
            for (int64_t c = g; c < g + width; ++c) {
              const int64_t cols = (panels.cols + kBlockCols - 1) / kBlockCols * kBlockCols;
              const float value =
                  scale == 0 ? 0 : packed_at(panels.scheme, panel.data(), cols, r % kPanelRows, c) / scale;
              whole += static_cast<int>(value) * static_cast<int8_t>(piece[c - first]);
            }
            of_piece = std::fma(static_cast<float>(whole), scale, of_piece);
          }
          float piece_scale;
          std::memcpy(&piece_scale, piece + packed_dot::kScaleAt, 4);
          sum = std::fma(of_piece, piece_scale, sum);
        }
        out[static_cast<size_t>(i * stride + r)] = sum * factor;
      }
    }
    return out;
  }
};

struct Size {
  int64_t rows, cols, n;
};
// Tails of panels, of pieces, of blocks and of tiles of inputs.
constexpr Size kSizes[] = {{16, 256, 16}, {32, 512, 32}, {33, 2100, 17}, {50, 1000, 70},
                           {16, 33, 18},  {5, 64, 1},    {40, 300, 96}};

TEST(PackedOnTiles, EmulatedTilesGiveTheContractsBits) {
  for (const Scheme scheme : kSchemes) {
    for (const auto& [rows, cols, n] : kSizes) {
      for (const bool even : {true, false}) {
        SCOPED_TRACE(testing::Message() << name_of(scheme) << " " << rows << " x " << cols << ", " << n);
        const Case c(scheme, rows, cols, n, even);
        const std::vector<float> want = c.plain();
        if (has_integer_groups(scheme)) {
          const std::vector<float> got = c.run(packed_amx_emulated::dot_panels);
          ASSERT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * sizeof(float))) << "emulated tiles";
        }
        if (find_ops("avx2") != nullptr) {
          const std::vector<float> avx2 = c.run(packed_avx2::kKernels.dot_panels);
          ASSERT_EQ(0, std::memcmp(avx2.data(), want.data(), want.size() * sizeof(float))) << "avx2";
          const std::vector<float> vnni = c.run(packed_avx_vnni_emulated::kKernels.dot_panels);
          ASSERT_EQ(0, std::memcmp(vnni.data(), want.data(), want.size() * sizeof(float))) << "emulated VNNI";
        }
        if (cpu_has_avx_vnni()) {
          const std::vector<float> vnni = c.run(packed_avx_vnni::kKernels.dot_panels);
          ASSERT_EQ(0, std::memcmp(vnni.data(), want.data(), want.size() * sizeof(float))) << "avxvnni";
        }
        if (cpu_has_vnni()) {
          const std::vector<float> vnni = c.run(packed_vnni::kKernels.dot_panels);
          ASSERT_EQ(0, std::memcmp(vnni.data(), want.data(), want.size() * sizeof(float))) << "vnni";
        }
        if (cpu_has_int8_tiles()) {
          const std::vector<float> amx = c.run(packed_amx::kKernels.dot_panels);
          ASSERT_EQ(0, std::memcmp(amx.data(), want.data(), want.size() * sizeof(float))) << "amx";
        }
      }
    }
  }
}

// Bytes from outside may say anything: all codes and scales, the largest levels and sizes beside the largest
// inputs, and both of them with opposite signs in the two halves of four columns, where sums in 16 bits are
// nearest to their ends.
TEST(PackedOnTiles, AnyBytesGiveTheContractsBits) {
  enum class Bytes { random, largest, least, halves };
  const auto byte_of = [](Bytes kind, bool is_scale, bool second_half, uint32_t dice) {
    if (kind == Bytes::random) return static_cast<std::byte>(dice);
    // Codes 0 and 15 are the ends of q4i's levels, 7 and 15 those of its sizes.
    const bool least = kind == Bytes::least || (kind == Bytes::halves && !is_scale && second_half);
    return std::byte{static_cast<uint8_t>(least ? 0xff : is_scale ? 0x77 : 0)};
  };
  const auto input_of = [](Bytes kind, int64_t n) {
    return kind == Bytes::random ? 0 : kind == Bytes::halves ? Case::kHalves : n % 2 == 0 ? 127 : -127;
  };
  for (const Scheme scheme : {Scheme::q4, Scheme::q4i}) {
    for (const Bytes kind : {Bytes::random, Bytes::largest, Bytes::least, Bytes::halves}) {
      for (const auto& [rows, cols, n] : {Size{33, 700, 70}, {16, 256, 3}, {18, 520, 9}, {16, 64, 1}}) {
        SCOPED_TRACE(testing::Message() << name_of(scheme) << " " << static_cast<int>(kind) << ", " << n);
        Case c(scheme, rows, cols, n, true, input_of(kind, n));
        std::mt19937 dice(static_cast<uint32_t>(cols));
        for (int64_t p = 0; p * kPanelRows < rows; ++p) {
          const auto panel = c.weights.begin() + p * panel_bytes(scheme, cols);
          for (int64_t at = kPanelHeaderBytes; at < panel_bytes(scheme, cols); ++at) {
            const bool is_scale = (at - kPanelHeaderBytes) % block_bytes(scheme) < 64;
            panel[at] = byte_of(kind, is_scale, at % 4 >= 2, dice() % 256);
          }
        }
        const std::vector<float> want = c.plain();
        const auto gives = [&](Case::Dot dot, const char* name) {
          const std::vector<float> got = c.run(dot);
          EXPECT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * sizeof(float))) << name;
        };
        if (has_integer_groups(scheme)) gives(packed_amx_emulated::dot_panels, "emulated tiles");
        if (find_ops("avx2") != nullptr) {
          gives(packed_avx2::kKernels.dot_panels, "avx2");
          gives(packed_avx_vnni_emulated::kKernels.dot_panels, "emulated VNNI");
        }
        if (cpu_has_avx_vnni()) gives(packed_avx_vnni::kKernels.dot_panels, "avxvnni");
        if (cpu_has_vnni()) gives(packed_vnni::kKernels.dot_panels, "vnni");
        if (cpu_has_int8_tiles()) gives(packed_amx::kKernels.dot_panels, "amx");
      }
    }
  }
}

// What the tiles get from AVX-512's unpacking is what packed.h says of the bytes, whatever they are.
TEST(PackedOnTiles, UnpackedBlocksAreTheWeights) {
  if (!cpu_has_vnni()) GTEST_SKIP() << "this CPU has no AVX-512 VNNI";
  constexpr int64_t kBlocks = 5;
  constexpr int64_t kFirst = 1;
  constexpr int64_t kSteps = 16 * 64;
  struct alignas(64) Unpacked {
    std::byte steps[kSteps];
    float scales[kPanelRows];
  };
  Unpacked unpacked[kBlocks - kFirst];
  alignas(64) std::byte shifted[kSteps];
  const bool has_vbmi = __builtin_cpu_supports("avx512vbmi") != 0;
  std::mt19937 dice(7);
  std::vector<std::byte> panel(static_cast<size_t>(panel_bytes(Scheme::q4i, kBlocks * kBlockCols)));
  for (int round = 0; round < 20; ++round) {
    for (std::byte& b : panel) b = static_cast<std::byte>(dice());
    packed_vnni::unpack_blocks(panel.data(), kFirst, kBlocks, unpacked[0].steps);
    for (int64_t b = kFirst; b < kBlocks; ++b) {
      const std::byte* const block = panel.data() + kPanelHeaderBytes + b * block_bytes(Scheme::q4i);
      const Unpacked& got = unpacked[b - kFirst];
      if (has_vbmi) packed_vbmi::unpack_products(block, shifted);
      for (int64_t r = 0; r < kPanelRows; ++r) {
        const IntegerScales scales = integer_scales_at(block, r);
        ASSERT_EQ(got.scales[r], scales.block()) << "row " << r;
        for (int64_t c = 0; c < kBlockCols; ++c) {
          const int level =
              code_value(Scheme::q4i, code_at(Scheme::q4i, reinterpret_cast<const uint8_t*>(block), r, c));
          const int product = level * scales.group(c / kGroupCols);
          const int64_t at = c / 4 * 64 + 4 * r + c % 4;
          ASSERT_EQ(static_cast<int8_t>(got.steps[at]), product) << "row " << r << " column " << c;
          if (has_vbmi) {
            ASSERT_EQ(static_cast<int>(shifted[at]), product + packed_dot::kAdded)
                << "row " << r << " column " << c;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace jaju

#endif
