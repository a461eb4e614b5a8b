// A string that knows which of its bytes were written by the template and which came from outside.
//
// Trust is per byte and survives every operation, so that text from users can never become a special token:
// a template literal is trusted, a message's content, a tool's description or a name is not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace jaju::jinja {

class Text {
 public:
  Text() = default;
  Text(std::string_view bytes, bool trusted) { append(bytes, trusted); }

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  size_t runs() const { return runs_.size(); }
  bool trusted_at(size_t byte) const;
  // True when no byte came from outside.
  bool trusted() const { return runs_.empty() || (runs_.size() == 1 && runs_[0].trusted); }

  void append(std::string_view bytes, bool trusted);
  void append(const Text& other) { append(other, 0, other.size()); }
  // Bytes [begin, end) of `other`.
  void append(const Text& other, size_t begin, size_t end);
  Text substr(size_t begin, size_t end) const;

  // Calls body(bytes, trusted) for every run of equal trust in [begin, end), in order.
  template <typename F>
  void for_runs(size_t begin, size_t end, F&& body) const {
    for (size_t r = run_at(begin); begin < end; ++r) {
      size_t stop = runs_[r].end < end ? runs_[r].end : end;
      body(std::string_view(bytes_).substr(begin, stop - begin), runs_[r].trusted);
      begin = stop;
    }
  }
  template <typename F>
  void for_runs(F&& body) const {
    for_runs(0, size(), static_cast<F&&>(body));
  }

 private:
  struct Run {
    size_t end;  // runs are adjacent and neighbours differ in trust
    bool trusted;
  };
  size_t run_at(size_t byte) const;

  std::string bytes_;
  std::vector<Run> runs_;
};

// Python counts characters, not bytes. Byte offset of every character of `bytes`, and of the end.
std::vector<size_t> char_offsets(std::string_view bytes);
size_t count_chars(std::string_view bytes);
// Like bytes.find(part, from), in linear time whatever the two are.
size_t find_text(std::string_view bytes, std::string_view part, size_t from = 0);
// At most `most` bytes from the start, cut between characters: what a message may quote.
std::string_view clip(std::string_view bytes, size_t most = 60);
bool is_ascii(std::string_view bytes);

// Length in bytes of the white space character (Python's str.isspace) at `at`, 0 when there is none.
size_t space_at(std::string_view bytes, size_t at);
// The same for the character that ends before `end`.
size_t space_before(std::string_view bytes, size_t end);

}  // namespace jaju::jinja
