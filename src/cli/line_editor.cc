#include "cli/line_editor.h"

#include <histedit.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/file.h"
#include "base/utf8.h"

namespace jaju::cli {
namespace {

constexpr size_t kMaxLine = 16'000'000;

std::string to_utf8(const wchar_t* text, size_t length) {
  std::string out;
  for (size_t i = 0; i < length; ++i) utf8_append(out, static_cast<uint32_t>(text[i]));
  return out;
}

std::wstring to_wide(std::string_view text) {
  std::wstring out;
  while (!text.empty()) {
    uint32_t c = 0xfffd;
    const int length = utf8_length(text, &c);
    if (length == 0) c = 0xfffd;
    // A control character in the line would confuse what libedit draws.
    if (c >= 0x20 || c == '\n' || c == '\t') out += static_cast<wchar_t>(c);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace

struct LineEditor::Impl {
  EditLine* edit = nullptr;
  History* history = nullptr;
  std::string prompt;
  bool interrupted = false;

  static Impl& of(EditLine* edit) {
    void* data = nullptr;
    el_get(edit, EL_CLIENTDATA, &data);
    return *static_cast<Impl*>(data);
  }
  static char* show_prompt(EditLine* edit) { return of(edit).prompt.data(); }

  static unsigned char on_interrupt(EditLine* edit, int) {
    of(edit).interrupted = true;
    return CC_EOF;
  }

  // Ctrl-D deletes under the cursor, and ends the session on an empty line.
  static unsigned char on_end(EditLine* edit, int) {
    const LineInfoW* line = el_wline(edit);
    if (line->buffer == line->lastchar) return CC_EOF;
    if (line->cursor == line->lastchar) return CC_REFRESH_BEEP;
    el_cursor(edit, 1);
    el_deletestr(edit, 1);
    return CC_REFRESH;
  }

  // The terminal announced a paste: take it whole, newlines and all, up to the closing mark.
  static unsigned char on_paste(EditLine* edit, int) {
    constexpr std::wstring_view kEnd = L"\x1b[201~";
    std::wstring text;
    wchar_t c = 0;
    while (text.size() < kMaxLine && el_wgetc(edit, &c) == 1) {
      text += c == L'\r' ? L'\n' : c;
      if (text.size() >= kEnd.size() && text.compare(text.size() - kEnd.size(), kEnd.size(), kEnd) == 0) {
        text.resize(text.size() - kEnd.size());
        break;
      }
    }
    const std::wstring clean = to_wide(to_utf8(text.data(), text.size()));
    if (!clean.empty() && el_winsertstr(edit, clean.c_str()) != 0) return CC_ERROR;
    return CC_REFRESH;
  }

  static unsigned char on_editor(EditLine* edit, int) {
    const LineInfoW* line = el_wline(edit);
    Impl& self = of(edit);
    const Result<std::string> text =
        self.edit_elsewhere(to_utf8(line->buffer, line->lastchar - line->buffer));
    if (!text.ok()) {
      std::fprintf(stderr, "\njaju: %s\n", text.message().c_str());
      return CC_REDISPLAY;
    }
    const LineInfoW* now = el_wline(edit);
    el_cursor(edit, static_cast<int>(now->lastchar - now->cursor));
    el_deletestr(edit, static_cast<int>(now->lastchar - now->buffer));
    const std::wstring wide = to_wide(*text);
    if (!wide.empty()) el_winsertstr(edit, wide.c_str());
    return CC_REDISPLAY;
  }

  // Runs $VISUAL or $EDITOR on a private file that holds `text`; returns what the file holds afterwards.
  Result<std::string> edit_elsewhere(const std::string& text) {
    const char* folder = std::getenv("TMPDIR");
    std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/jaju-XXXXXX";
    const int fd = ::mkstemp(path.data());
    if (fd < 0)
      return error("no temporary file could be made for the editor; set TMPDIR to a folder you can write");
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    Result<std::string> result =
        error("the editor could not be started; set EDITOR to one that is installed");
    if (written) {
      ::setenv("JAJU_EDIT_FILE", path.c_str(), 1);
      el_set(edit, EL_PREP_TERM, 0);
      const int ended = std::system("${VISUAL:-${EDITOR:-vi}} \"$JAJU_EDIT_FILE\" >/dev/tty </dev/tty");
      el_set(edit, EL_PREP_TERM, 1);
      ::unsetenv("JAJU_EDIT_FILE");
      if (ended == 0) result = read_file(path, kMaxLine);
    }
    ::unlink(path.c_str());
    if (result.ok()) {
      while (!result->empty() && result->back() == '\n') result->pop_back();
    }
    return result;
  }
};

LineEditor::LineEditor() : impl_(std::make_unique<Impl>()) {
  impl_->edit = el_init("jaju", stdin, stderr, stderr);
  impl_->history = history_init();
  HistEvent event;
  history(impl_->history, &event, H_SETSIZE, 1000);
  history(impl_->history, &event, H_SETUNIQUE, 1);
  EditLine* edit = impl_->edit;
  el_set(edit, EL_CLIENTDATA, impl_.get());
  el_set(edit, EL_PROMPT, &Impl::show_prompt);
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_SIGNAL, 0);
  el_set(edit, EL_HIST, history, impl_->history);
  el_set(edit, EL_ADDFN, "jaju-interrupt", "leave the line", &Impl::on_interrupt);
  el_set(edit, EL_ADDFN, "jaju-end", "delete, or end the session", &Impl::on_end);
  el_set(edit, EL_ADDFN, "jaju-paste", "take a pasted text", &Impl::on_paste);
  el_set(edit, EL_ADDFN, "jaju-editor", "open $EDITOR", &Impl::on_editor);
  // Ctrl-C arrives as a character while a line is edited, so it leaves the line and nothing else.
  el_set(edit, EL_SETTY, "-d", "-isig", NULL);
  el_set(edit, EL_BIND, "^C", "jaju-interrupt", NULL);
  el_set(edit, EL_BIND, "^D", "jaju-end", NULL);
  el_set(edit, EL_BIND, "^G", "jaju-editor", NULL);
  el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_set(edit, EL_BIND, "\033[200~", "jaju-paste", NULL);
  // Home, End, Delete and Ctrl/Alt with the arrows, as xterm and its kin send them.
  const char* keys[][2] = {
      {"\033[H", "ed-move-to-beg"},  {"\033[F", "ed-move-to-end"},  {"\033[3~", "ed-delete-next-char"},
      {"\033[1;5D", "ed-prev-word"}, {"\033[1;5C", "em-next-word"}, {"\033b", "ed-prev-word"},
      {"\033f", "em-next-word"},     {"^W", "ed-delete-prev-word"}, {"^U", "vi-kill-line-prev"}};
  for (const auto& [key, function] : keys) el_set(edit, EL_BIND, key, function, NULL);
}

LineEditor::~LineEditor() {
  history_end(impl_->history);
  el_end(impl_->edit);
}

LineEditor::Outcome LineEditor::read(const std::string& prompt, std::string* line) {
  impl_->prompt = prompt;
  impl_->interrupted = false;
  std::fflush(stdout);
  std::fputs("\x1b[?2004h", stderr);  // bracketed paste
  std::fflush(stderr);
  // libedit itself changes the terminal's mode after it has shown the prompt; a Ctrl-D in between would be
  // lost.
  el_set(impl_->edit, EL_PREP_TERM, 1);
  int length = 0;
  const char* text = el_gets(impl_->edit, &length);
  std::fputs("\x1b[?2004l", stderr);
  std::fflush(stderr);
  line->clear();
  if (impl_->interrupted) {
    el_reset(impl_->edit);
    return Outcome::interrupted;
  }
  if (text == nullptr || length <= 0) return Outcome::end;
  line->assign(text, length);
  if (line->back() == '\n') line->pop_back();
  return Outcome::line;
}

void LineEditor::add_history(const std::string& entry) {
  HistEvent event;
  history(impl_->history, &event, H_ENTER, entry.c_str());
}

}  // namespace jaju::cli
