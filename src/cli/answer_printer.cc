#include "cli/answer_printer.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include "base/progress.h"
#include "base/utf8.h"

namespace jaju::cli {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";

int terminal_columns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 10) return 0;
  return size.ws_col;
}

// Ideographs and kana may break anywhere; Hangul breaks at spaces, as Latin does.
bool breaks_anywhere(uint32_t c) {
  return (c >= 0x2e80 && c < 0xac00) || (c >= 0x20000 && c < 0x40000);
}

void write(FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

}  // namespace

int column_width(uint32_t code_point) {
  const int width = utf8proc_charwidth(static_cast<utf8proc_int32_t>(code_point));
  return width < 0 ? 0 : width;
}

void TerminalText::flush_word(std::string& out) {
  if (word_.empty()) return;
  const int gap = static_cast<int>(spaces_.size());
  if (columns_ > 0 && column_ > 0 && column_ + gap + word_width_ > columns_) {
    out += '\n';
    column_ = 0;
  } else {
    out += spaces_;
    column_ += gap;
  }
  spaces_.clear();
  out += word_;
  column_ += word_width_;
  word_.clear();
  word_width_ = 0;
}

std::string TerminalText::push(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    uint32_t c = 0;
    const int length = utf8_length(text, &c);
    const std::string_view bytes = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(bytes.size());
    if (c == '\n' && length == 1) {
      flush_word(out);
      spaces_.clear();
      out += '\n';
      column_ = 0;
    } else if ((c == ' ' || c == '\t') && length == 1) {
      flush_word(out);
      spaces_ += c == ' ' ? " " : "    ";
    } else if (length == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      word_ += kReplacement;
      word_width_ += 1;
    } else {
      const int width = column_width(c);
      // A word longer than the line is cut where the line ends.
      if (breaks_anywhere(c) || (columns_ > 0 && word_width_ + width > columns_)) flush_word(out);
      word_ += bytes;
      word_width_ += width;
      if (breaks_anywhere(c) || columns_ == 0) flush_word(out);
    }
  }
  return out;
}

std::string TerminalText::finish() {
  std::string out;
  flush_word(out);
  spaces_.clear();
  return out;
}

AnswerPrinter::AnswerPrinter(const PrinterOptions& options)
    : options_(options),
      stdout_terminal_(stdout_is_terminal()),
      stderr_terminal_(stderr_is_terminal()),
      dim_(stderr_terminal_ && colour_allowed()),
      answer_text_(options.word_wrap && stdout_terminal_ ? terminal_columns(STDOUT_FILENO) : 0),
      reasoning_text_(options.word_wrap && stderr_terminal_ ? terminal_columns(STDERR_FILENO) : 0) {}

AnswerPrinter::~AnswerPrinter() {
  finish();
}

void AnswerPrinter::reasoning(std::string_view text) {
  if (text.empty()) return;
  if (!thinking_) {
    thinking_ = true;
    thinking_start_ = Clock::now();
    if (!options_.hide_thinking && dim_) write(stderr, "\x1b[2m");
  }
  if (options_.hide_thinking) return;
  write(stderr, stderr_terminal_ ? reasoning_text_.push(text) : std::string(text));
}

void AnswerPrinter::end_reasoning() {
  if (!thinking_) return;
  thinking_ = false;
  thinking_seconds_ += std::chrono::duration<double>(Clock::now() - thinking_start_).count();
  if (options_.hide_thinking) {
    write(stderr, fmt::format("{}thought for {:.1f} s{}\n", dim_ ? "\x1b[2m" : "", thinking_seconds_,
                              dim_ ? "\x1b[0m" : ""));
    return;
  }
  const std::string rest = reasoning_text_.finish();
  const bool fresh_line = reasoning_text_.at_line_start() && stderr_terminal_;
  write(stderr, rest + (dim_ ? "\x1b[0m" : "") + (fresh_line ? "\n" : "\n\n"));
}

void AnswerPrinter::answer(std::string_view text) {
  if (text.empty()) return;
  end_reasoning();
  answered_ = true;
  ends_with_newline_ = text.back() == '\n';
  write(stdout, stdout_terminal_ ? answer_text_.push(text) : std::string(text));
}

void AnswerPrinter::finish() {
  if (finished_) return;
  finished_ = true;
  end_reasoning();
  if (!answered_) return;
  write(stdout, answer_text_.finish() + (ends_with_newline_ ? "" : "\n"));
}

}  // namespace jaju::cli
