#include "chat/jinja/template.h"

#include <ctime>
#include <new>

#include "base/utf8.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/parser.h"

namespace jaju::jinja {

struct Template::Tree {
  Body body;
};

Template::Template(std::string source, std::string what, std::unique_ptr<Tree> tree)
    : source_(std::move(source)), what_(std::move(what)), tree_(std::move(tree)) {}
Template::~Template() = default;

Result<std::unique_ptr<Template>> Template::parse(std::string_view source, const std::string& what) {
  if (source.size() > kMaxTemplateBytes) {
    return error("{}: the chat template has {} bytes, more than the {} allowed; shorten it", what,
                 source.size(), kMaxTemplateBytes);
  }
  if (!utf8_valid(source)) return error("{}: the chat template is not UTF-8 text; save it as UTF-8", what);
  try {
    auto tree = std::make_unique<Tree>();
    tree->body = jinja::parse(source);
    return std::unique_ptr<Template>(new Template(std::string(source), what, std::move(tree)));
  } catch (const TemplateError& e) {
    return error("{}: line {}: {}", what, e.line, e.what());
  }
}

Result<Text> Template::render(const Variables& variables, const Limits& limits, int64_t now) const {
  Interpreter interpreter(limits, now >= 0 ? now : static_cast<int64_t>(std::time(nullptr)));
  try {
    for (const auto& [name, value] : variables) interpreter.define(name, value);
    return interpreter.run(tree_->body);
  } catch (const TemplateError& e) {
    return error("{}: line {}: {}", what_, e.line != 0 ? e.line : interpreter.line(), e.what());
  } catch (const std::bad_alloc&) {
    return error("{}: line {}: not enough memory to render the chat template", what_, interpreter.line());
  }
}

}  // namespace jaju::jinja
