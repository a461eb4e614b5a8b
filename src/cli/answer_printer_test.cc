#include "cli/answer_printer.h"

#include <gtest/gtest.h>

namespace jaju::cli {
namespace {

std::string wrap(int columns, const std::string& text, size_t piece) {
  TerminalText wrapper(columns);
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += wrapper.push(text.substr(at, piece));
  return out + wrapper.finish();
}

TEST(ColumnWidth, HangulTakesTwo) {
  EXPECT_EQ(column_width(U'a'), 1);
  EXPECT_EQ(column_width(U'가'), 2);
  EXPECT_EQ(column_width(U'漢'), 2);
  EXPECT_EQ(column_width(0x301), 0);  // combining acute
}

TEST(TerminalText, MovesWordsWhole) {
  for (const size_t piece : {1, 3, 100}) {
    EXPECT_EQ(wrap(10, "one two three four", piece), "one two\nthree four");
    EXPECT_EQ(wrap(0, "one two three four", piece), "one two three four");
    EXPECT_EQ(wrap(10, "a\n\n  b c", piece), "a\n\n  b c");
  }
  EXPECT_EQ(wrap(10, "안녕하세요 반갑습니다", 100), "안녕하세요\n반갑습니다");
  EXPECT_EQ(wrap(10, "안녕 하세요 너", 100), "안녕\n하세요 너");
  // Ideographs break anywhere; a word longer than the line is cut.
  EXPECT_EQ(wrap(6, "漢字漢字", 100), "漢字漢\n字");
  EXPECT_EQ(wrap(4, "abcdefghij k", 100), "abcd\nefgh\nij k");
  EXPECT_EQ(wrap(5, "가나다라마", 100), "가나\n다라\n마");
}

TEST(TerminalText, ShowsControlCharactersInsteadOfObeyingThem) {
  const std::string out = wrap(80,
                               "a\x1b[2Jb\x07\xc2\x9b"
                               "31mc\rd",
                               100);
  EXPECT_EQ(out.find('\x1b'), std::string::npos);
  EXPECT_EQ(out.find('\x07'), std::string::npos);
  EXPECT_EQ(out.find('\r'), std::string::npos);
  EXPECT_EQ(out.find("\xc2\x9b"), std::string::npos);
  EXPECT_NE(out.find("\xef\xbf\xbd[2Jb"), std::string::npos);
}

}  // namespace
}  // namespace jaju::cli
