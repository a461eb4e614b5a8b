// A chat template: a sandboxed subset of Jinja2 with the settings Transformers uses (trim_blocks,
// lstrip_blocks, loop controls, its own tojson), rendered to text that remembers where every byte came from.
//
// Not there on purpose: include, import, extends, block, recursive loops, changing lists and dicts in place,
// and every attribute that is not data or a string, list or dict method named in methods.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "chat/jinja/text.h"
#include "chat/jinja/value.h"

namespace jaju::jinja {

// Budgets of one rendering. Each one exceeded is an error that names it.
struct Limits {
  int64_t max_steps = 20'000'000;        // operations; about a second
  int64_t max_output_bytes = 64 << 20;   // text written
  int64_t max_string_bytes = 512 << 20;  // all strings made on the way
  int max_depth = 600;                   // nested evaluations, macros included
};

inline constexpr size_t kMaxTemplateBytes = 1 << 20;

class Template {
 public:
  // `what` names the source in messages: "model/chat_template.jinja: line 3: ...".
  // Errors: too large, not UTF-8, syntax, nesting.
  static Result<std::unique_ptr<Template>> parse(std::string_view source, const std::string& what);
  ~Template();

  using Variables = std::vector<std::pair<std::string, Value>>;
  // `now` (seconds since 1970) is what strftime_now sees; -1 is the clock. Errors: the template's own
  // raise_exception, undefined values, type errors, budgets. May be called from many threads.
  Result<Text> render(const Variables& variables, const Limits& limits = {}, int64_t now = -1) const;

  const std::string& source() const { return source_; }

 private:
  struct Tree;
  Template(std::string source, std::string what, std::unique_ptr<Tree> tree);
  std::string source_;
  std::string what_;
  std::unique_ptr<Tree> tree_;
};

}  // namespace jaju::jinja
