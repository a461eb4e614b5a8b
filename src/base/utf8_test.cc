#include "base/utf8.h"

#include <gtest/gtest.h>

namespace jaju {
namespace {

TEST(Utf8, EveryCodePointRoundTrips) {
  for (uint32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text;
    utf8_append(text, c);
    uint32_t back = 0;
    ASSERT_EQ(utf8_length(text, &back), static_cast<int>(text.size())) << c;
    ASSERT_EQ(back, c);
    for (size_t n = 1; n < text.size(); ++n) ASSERT_TRUE(utf8_is_prefix(std::string_view(text).substr(0, n)));
    ASSERT_FALSE(utf8_is_prefix(text));
  }
}

TEST(Utf8, RefusesWhatUnicodeRefuses) {
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(utf8_valid(bad));
    EXPECT_EQ(utf8_length(bad), 0);
  }
}

// Expected strings from Python: bytes.decode('utf-8', 'replace').
TEST(Utf8, ReplacesMaximalParts) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(utf8_replace_invalid("a\xff z"), "a" + r + " z");
  EXPECT_EQ(utf8_replace_invalid("\xe2\x82"), r);
  EXPECT_EQ(utf8_replace_invalid("\xf0\x9f\x98 x"), r + " x");
  EXPECT_EQ(utf8_replace_invalid("\xed\xa0\x80"), r + r + r);
  EXPECT_EQ(utf8_replace_invalid("\xe1\x80\xc3\xa9"), r + "é");
}

TEST(Utf8, NamesInMessagesAreHarmless) {
  EXPECT_EQ(printable("model.\x1b[31m\n\x7f"), "model.?[31m??");
  EXPECT_EQ(printable(std::string(500, 'a')), std::string(120, 'a') + "...");
  EXPECT_EQ(printable("\xff"), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace jaju
