// Filters, tests, methods and global functions: the names a template may call.
#pragma once

#include <string>
#include <string_view>

#include "chat/jinja/interpreter.h"

namespace jaju::jinja {

// value | name(args) and value is name(args). Throw for unknown names and wrong arguments.
Value apply_filter(Interpreter& in, const std::string& name, const Value& value, const Args& args);
bool apply_test(Interpreter& in, const std::string& name, const Value& value, const Args& args);

// object.name(args) for strings, lists and dicts.
bool has_method(const Value& object, std::string_view name);
Value call_method(Interpreter& in, const Value& object, std::string_view name, const Args& args);

// range, namespace, dict, raise_exception, strftime_now.
void define_globals(Interpreter& in);

// "%s has %d" % (a, b); a list or tuple gives several values, a dict names them.
Value percent_format(Interpreter& in, const Text& format, const Value& values);

// Shared by filters and methods.
Text strip(const Text& text, const Value* chars, bool left, bool right);
Text change_case(const Text& text, char how);  // 'u'pper, 'l'ower, 'c'apitalize, 't'itle (str.title), 's'wap
Value replace(Interpreter& in, const Text& text, const Text& from, const Text& to, int64_t count);
Value join(Interpreter& in, const Text& separator, const std::vector<Value>& items, bool strings_only);

// Arguments with their types; errors name the function and the argument.
const Value& required(const Args& args, size_t position, std::string_view name, std::string_view function);
int64_t int_argument(const Args& args, size_t position, std::string_view name, std::string_view function,
                     int64_t fallback);
bool bool_argument(const Args& args, size_t position, std::string_view name, bool fallback);
const Text& text_of(const Value& value, std::string_view function);

}  // namespace jaju::jinja
