// value is name(argument)
#include <fmt/format.h>

#include <unordered_map>

#include "chat/jinja/builtins.h"

namespace jaju::jinja {
namespace {

using Test = bool (*)(Interpreter&, const Value&, const Args&);

const Value& operand(const Args& args) {
  if (args.positional.empty()) throw TemplateError("this test needs a value to compare with");
  return args.positional[0];
}

int64_t integer_of(const Value& v) {
  v.require_defined();
  if (!v.is_int() && !v.is_bool())
    throw TemplateError(fmt::format("this test needs an integer, not a {}", v.type_name()));
  return v.integer();
}

bool has_case(const Value& v, char how) {
  const Text& text = text_of(v, how == 'l' ? "lower" : "upper");
  return change_case(text, how).bytes() == text.bytes() &&
         change_case(text, how == 'l' ? 'u' : 'l').bytes() != text.bytes();
}

bool less(const Value& a, const Value& b) {
  return compare(a, b) < 0;
}

const std::unordered_map<std::string_view, Test>& tests() {
  // clang-format off
  static const std::unordered_map<std::string_view, Test> kTests = {
    {"defined", [](Interpreter&, const Value& v, const Args&) { return !v.is_undefined(); }},
    {"undefined", [](Interpreter&, const Value& v, const Args&) { return v.is_undefined(); }},
    {"none", [](Interpreter&, const Value& v, const Args&) { return v.is_none(); }},
    {"boolean", [](Interpreter&, const Value& v, const Args&) { return v.is_bool(); }},
    {"true", [](Interpreter&, const Value& v, const Args&) { return v.is_bool() && v.truthy(); }},
    {"false", [](Interpreter&, const Value& v, const Args&) { return v.is_bool() && !v.truthy(); }},
    {"string", [](Interpreter&, const Value& v, const Args&) { return v.is_string(); }},
    {"integer", [](Interpreter&, const Value& v, const Args&) { return v.is_int(); }},
    {"float", [](Interpreter&, const Value& v, const Args&) { return v.is_float(); }},
    {"number", [](Interpreter&, const Value& v, const Args&) { return v.is_number(); }},
    {"mapping", [](Interpreter&, const Value& v, const Args&) { return v.is_dict(); }},
    {"sequence", [](Interpreter&, const Value& v, const Args&) {
       return v.is_string() || v.is_list() || v.is_dict() || v.is_undefined(); }},
    {"iterable", [](Interpreter&, const Value& v, const Args&) {
       return v.is_string() || v.is_list() || v.is_dict() || v.is_undefined(); }},
    {"callable", [](Interpreter&, const Value& v, const Args&) { return v.is_callable(); }},
    {"escaped", [](Interpreter&, const Value&, const Args&) { return false; }},
    {"sameas", [](Interpreter&, const Value& v, const Args& a) {
       const Value& other = operand(a);
       if (v.identity() != nullptr || other.identity() != nullptr) return v.identity() == other.identity();
       return v.data().index() == other.data().index() && equal(v, other); }},
    {"even", [](Interpreter&, const Value& v, const Args&) { return integer_of(v) % 2 == 0; }},
    {"odd", [](Interpreter&, const Value& v, const Args&) { return integer_of(v) % 2 != 0; }},
    {"divisibleby", [](Interpreter&, const Value& v, const Args& a) {
       int64_t n = integer_of(operand(a));
       if (n == 0) throw TemplateError("division by zero");
       return n == -1 || integer_of(v) % n == 0; }},
    {"lower", [](Interpreter&, const Value& v, const Args&) { return has_case(v, 'l'); }},
    {"upper", [](Interpreter&, const Value& v, const Args&) { return has_case(v, 'u'); }},
    {"in", [](Interpreter&, const Value& v, const Args& a) { return contains(operand(a), v); }},
    {"eq", [](Interpreter&, const Value& v, const Args& a) { return equal(v, operand(a)); }},
    {"ne", [](Interpreter&, const Value& v, const Args& a) { return !equal(v, operand(a)); }},
    {"lt", [](Interpreter&, const Value& v, const Args& a) { return less(v, operand(a)); }},
    {"gt", [](Interpreter&, const Value& v, const Args& a) { return less(operand(a), v); }},
    {"le", [](Interpreter&, const Value& v, const Args& a) { return !less(operand(a), v); }},
    {"ge", [](Interpreter&, const Value& v, const Args& a) { return !less(v, operand(a)); }},
  };
  // clang-format on
  return kTests;
}

}  // namespace

bool apply_test(Interpreter& in, const std::string& name, const Value& value, const Args& args) {
  static const std::unordered_map<std::string_view, std::string_view> kOtherNames = {
      {"equalto", "eq"}, {"==", "eq"}, {"!=", "ne"},          {"<", "lt"},  {"lessthan", "lt"},
      {"<=", "le"},      {">", "gt"},  {"greaterthan", "gt"}, {">=", "ge"},
  };
  auto other = kOtherNames.find(name);
  auto it = tests().find(other == kOtherNames.end() ? std::string_view(name) : other->second);
  if (it == tests().end())
    throw TemplateError(fmt::format("there is no test '{}' in chat templates", clip(name)));
  in.charge(value.weight());
  in.charge(args);
  return it->second(in, value, args);
}

}  // namespace jaju::jinja
