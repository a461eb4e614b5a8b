// Expectations follow the library's own documentation of its decoders.
#include "tokenizer/decoder.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

using Kind = DecoderSpec::Kind;

std::string decode(std::vector<DecoderSpec> specs, std::vector<std::string> tokens) {
  auto d = Decoder::create(std::move(specs), true, "test");
  EXPECT_TRUE(d.ok()) << d.message();
  const std::string whole = d->decode(tokens);
  Decoder::Stream stream;
  std::string streamed;
  for (const auto& t : tokens) streamed += d->push(stream, t);
  streamed += d->finish(stream);
  EXPECT_EQ(streamed, whole);
  return whole;
}

DecoderSpec of(Kind kind, std::string content = "", int64_t start = 0, int64_t stop = 0) {
  DecoderSpec spec{};
  spec.kind = kind;
  spec.content = std::move(content);
  spec.start = start;
  spec.stop = stop;
  return spec;
}

TEST(Decoder, Steps) {
  EXPECT_EQ(decode({of(Kind::byte_level)}, {"Hello", "Ġmy", "ìķ", "Ī", "<| é"}), "Hello my안<| é");
  EXPECT_EQ(decode({of(Kind::byte_fallback)}, {"<0xEC>", "<0x95>", "<0x88>", "x", "<0xEC>", "<0x95>"}),
            "안x\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(decode({of(Kind::strip, "H", 1, 0)}, {"Hey", "HHH", " friend!"}), "eyHH friend!");
  EXPECT_EQ(decode({of(Kind::strip, "y", 0, 1)}, {"Hey", "yyy", "a"}), "Heyya");
  EXPECT_EQ(decode({of(Kind::fuse), of(Kind::strip, " ", 2, 1)}, {" ", "  a", " ", " "}), " a ");
  EXPECT_EQ(decode({of(Kind::fuse), of(Kind::strip, " ", 2, 0)}, {" ", "", "  a", " b"}), " a b");
  DecoderSpec replace = of(Kind::replace, " ");
  replace.pattern = {false, "_"};
  EXPECT_EQ(decode({replace, of(Kind::fuse)}, {"_a", "b__"}), " ab  ");
  replace.pattern = {true, "_+"};
  EXPECT_EQ(decode({of(Kind::fuse), replace}, {"_a", "b_", "_"}), " ab ");
}

}  // namespace
}  // namespace jaju
