// Global functions, and the string work that filters and methods share.
#include "chat/jinja/builtins.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <ctime>
#include <unordered_set>

#include "base/utf8.h"

namespace jaju::jinja {

// ---- arguments

const Value& required(const Args& args, size_t position, std::string_view name, std::string_view function) {
  const Value* value = args.get(position, name);
  if (value == nullptr) throw TemplateError(fmt::format("'{}' needs the argument '{}'", function, name));
  return *value;
}

int64_t int_argument(const Args& args, size_t position, std::string_view name, std::string_view function,
                     int64_t fallback) {
  const Value* value = args.get(position, name);
  if (value == nullptr || value->is_none()) return fallback;
  value->require_defined();
  if (!value->is_int() && !value->is_bool()) {
    throw TemplateError(fmt::format("the argument '{}' of '{}' must be an integer, not a {}", name, function,
                                    value->type_name()));
  }
  return value->integer();
}

bool bool_argument(const Args& args, size_t position, std::string_view name, bool fallback) {
  const Value* value = args.get(position, name);
  return value == nullptr ? fallback : value->truthy();
}

const Text& text_of(const Value& value, std::string_view function) {
  value.require_defined();
  if (!value.is_string()) {
    throw TemplateError(fmt::format("'{}' needs a string, not a {}", function, value.type_name()));
  }
  return value.text();
}

// ---- strings

Text strip(const Text& text, const Value* chars, bool left, bool right) {
  const std::string_view s = text.bytes();
  size_t begin = 0, end = s.size();
  if (chars == nullptr || chars->is_none()) {
    if (left) {
      while (size_t n = space_at(s, begin)) begin += n;
    }
    if (right) {
      while (end > begin) {
        size_t n = space_before(s, end);
        if (n == 0) break;
        end -= n;
      }
    }
    return text.substr(begin, end);
  }
  // A set of characters.
  const std::string& set = text_of(*chars, "strip").bytes();
  std::vector<size_t> set_offsets = char_offsets(set);
  std::unordered_set<std::string_view> members;
  for (size_t i = 0; i + 1 < set_offsets.size(); ++i) {
    members.insert(std::string_view(set).substr(set_offsets[i], set_offsets[i + 1] - set_offsets[i]));
  }
  auto in_set = [&](std::string_view c) { return members.contains(c); };
  std::vector<size_t> offsets = char_offsets(s);
  size_t first = 0, last = offsets.size() - 1;
  auto at = [&](size_t i) { return s.substr(offsets[i], offsets[i + 1] - offsets[i]); };
  while (left && first < last && in_set(at(first))) ++first;
  while (right && last > first && in_set(at(last - 1))) --last;
  return text.substr(offsets[first], offsets[last]);
}

Text change_case(const Text& text, char how) {
  Text out;
  bool at_start = true;  // of the string, or of a word for 't'
  text.for_runs([&](std::string_view run, bool trusted) {
    std::string mapped;
    for (size_t i = 0; i < run.size();) {
      uint32_t cp = 0;
      size_t n = static_cast<size_t>(std::max(1, utf8_length(run.substr(i), &cp)));
      i += n;
      const auto c = static_cast<utf8proc_int32_t>(cp);
      const auto upper = utf8proc_toupper(c), lower = utf8proc_tolower(c);
      auto to = lower;
      if (how == 'u' || ((how == 'c' || how == 't') && at_start)) to = upper;
      if (how == 's') to = upper == c ? lower : upper;
      if (how == 'c') at_start = false;
      if (how == 't') at_start = upper == lower;  // Python: a word is a run of cased letters
      utf8_append(mapped, static_cast<uint32_t>(to));
    }
    out.append(mapped, trusted);
  });
  return out;
}

Value replace(Interpreter& in, const Text& text, const Text& from, const Text& to, int64_t count) {
  const std::string& s = text.bytes();
  if (count < 0) count = std::numeric_limits<int64_t>::max();
  Text out;
  size_t at = 0;
  if (from.empty()) {  // Python puts `to` around every character
    std::vector<size_t> offsets = char_offsets(s);
    for (size_t i = 0; i < offsets.size(); ++i) {
      if (count-- > 0) {
        in.charge_bytes(to.size());
        out.append(to);
      }
      if (i + 1 < offsets.size()) out.append(text, offsets[i], offsets[i + 1]);
    }
    return in.make(std::move(out));
  }
  for (; count > 0; --count) {
    size_t found = find_text(s, from.bytes(), at);
    if (found == std::string::npos) break;
    out.append(text, at, found);
    in.charge_bytes(to.size());
    out.append(to);
    at = found + from.size();
  }
  if (at < s.size()) out.append(text, at, s.size());
  return in.make(std::move(out));
}

Value join(Interpreter& in, const Text& separator, const std::vector<Value>& items, bool strings_only) {
  Text out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) {
      in.charge_bytes(separator.size());
      out.append(separator);
    }
    if (strings_only) text_of(items[i], "join");
    in.charge(items[i].weight());
    Text part = to_text(items[i]);
    in.charge_bytes(part.size());
    out.append(part);
  }
  return Value(std::move(out));
}

Value percent_format(Interpreter& in, const Text& format, const Value& values) {
  const std::string& s = format.bytes();
  std::vector<Value> list;
  if (values.is_list() && values.list().tuple) {
    list = values.list().items;
  } else {
    list.push_back(values);
  }
  size_t used = 0, at = 0;
  Text out;
  while (true) {
    size_t percent = s.find('%', at);
    if (percent == std::string::npos) break;
    out.append(format, at, percent);
    size_t i = percent + 1;
    if (i >= s.size()) throw TemplateError("a format string ends with '%'");
    if (s[i] == '%') {
      out.append(format, i, i + 1);
      at = i + 1;
      continue;
    }
    Value value;
    if (s[i] == '(') {
      size_t close = s.find(')', i);
      if (close == std::string::npos || !values.is_dict()) {
        throw TemplateError("'%(name)' in a format string needs a dict and a ')'");
      }
      const Value* found = values.dict().find(std::string_view(s).substr(i + 1, close - i - 1));
      if (found == nullptr) throw TemplateError("a format string names a key that is not in the dict");
      value = *found;
      i = close + 1;
    } else {
      if (used >= list.size()) throw TemplateError("a format string has more places than values");
      value = list[used++];
    }
    size_t digits = i;
    int width = 0, precision = -1;
    bool zero = i < s.size() && s[i] == '0';
    auto number = [&](int from) {
      while (digits < s.size() && s[digits] >= '0' && s[digits] <= '9') {
        from = std::min(from * 10 + (s[digits++] - '0'), 100);
      }
      return from;
    };
    width = number(0);
    if (digits < s.size() && s[digits] == '.') {
      ++digits;
      precision = number(0);
    }
    const char kind = digits < s.size() ? s[digits] : 0;
    value.require_defined();
    Text part;
    if (kind == 's') {
      in.charge(value.weight());
      part = to_text(value);
    } else if (kind == 'r') {
      in.charge(value.weight());
      part = repr(value);
    } else if ((kind == 'd' || kind == 'i') && value.is_number()) {
      int64_t n =
          value.is_float() ? static_cast<int64_t>(std::clamp(value.real(), -9e18, 9e18)) : value.integer();
      part = Text(zero ? fmt::format("{:0{}}", n, width) : std::to_string(n), true);
    } else if (kind == 'f' && value.is_number()) {
      part = Text(fmt::format("{:.{}f}", value.real(), precision < 0 ? 6 : precision), true);
    } else if ((kind == 'x' || kind == 'X') && (value.is_int() || value.is_bool())) {
      part = Text(kind == 'x' ? fmt::format("{:x}", value.integer()) : fmt::format("{:X}", value.integer()),
                  true);
    } else {
      throw TemplateError(fmt::format("'%{}' in a format string does not fit a {}",
                                      kind >= 0x20 && kind < 0x7F ? std::string(1, kind) : std::string("?"),
                                      value.type_name()));
    }
    size_t chars = count_chars(part.bytes());
    if (chars < static_cast<size_t>(width))
      out.append(std::string(static_cast<size_t>(width) - chars, ' '), true);
    in.charge_bytes(part.size());
    out.append(part);
    at = digits + 1;
  }
  if (at < s.size()) out.append(format, at, s.size());
  if (used < list.size() && !values.is_dict())
    throw TemplateError("a format string has fewer places than values");
  return in.make(std::move(out));
}

// ---- global functions

namespace {

Value range(Interpreter& in, const Args& args) {
  if (args.positional.empty() || args.positional.size() > 3) {
    throw TemplateError("range takes one to three integers");
  }
  int64_t start = 0, stop = int_argument(args, 0, "stop", "range", 0), step = 1;
  if (args.positional.size() > 1) {
    start = stop;
    stop = int_argument(args, 1, "stop", "range", 0);
    step = int_argument(args, 2, "step", "range", 1);
  }
  if (step == 0) throw TemplateError("the step of range can not be zero");
  constexpr int64_t kMost = 100'000;  // Jinja2's own sandbox limit
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(items.size()) >= kMost) {
      throw TemplateError(fmt::format("range gives more than {} numbers", kMost));
    }
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  in.charge(static_cast<int64_t>(items.size()));
  return Value::list(std::move(items));
}

Dict make_dict(Interpreter& in, const Args& args) {
  Dict dict;
  for (const Value& value : args.positional) {
    if (!value.is_dict())
      throw TemplateError(fmt::format("dict() takes a dict, not a {}", value.type_name()));
    in.charge(value.weight());
    for (const auto& [key, item] : value.dict().items()) dict.set(key, item);
  }
  for (const auto& [name, value] : args.named) dict.set(Text(name, !args.outside_names), value);
  return dict;
}

Value make_namespace(Interpreter& in, const Args& args) {
  Value space = in.new_namespace();
  const Dict dict = make_dict(in, args);
  for (const auto& [key, value] : dict.items()) {
    if (key.is_string()) space.space().attributes.insert_or_assign(key.text().bytes(), value);
  }
  return space;
}

Value strftime_now(Interpreter& in, const Args& args) {
  const Text& given = text_of(required(args, 0, "format", "strftime_now"), "strftime_now");
  const std::string& format = given.bytes();
  if (format.size() > 256) throw TemplateError("the format of strftime_now is longer than 256 bytes");
  std::time_t t = static_cast<std::time_t>(in.now());
  std::tm local{};
  localtime_r(&t, &local);
  char buffer[4096];
  size_t n = format.empty() ? 0 : std::strftime(buffer, sizeof buffer, format.c_str(), &local);
  std::string text(buffer, n);
  return in.make(Text(utf8_valid(text) ? text : utf8_replace_invalid(text), given.trusted()));
}

void define(Interpreter& in, const char* name, Value (*function)(Interpreter&, const Args&)) {
  auto callable = std::make_shared<Callable>();
  callable->name = name;
  callable->call = function;
  in.define(name, Value(CallablePtr(std::move(callable))));
}

}  // namespace

void define_globals(Interpreter& in) {
  define(in, "range", range);
  define(in, "dict", [](Interpreter& i, const Args& args) { return Value::dict(make_dict(i, args)); });
  define(in, "namespace", make_namespace);
  define(in, "strftime_now", strftime_now);
  define(in, "raise_exception", [](Interpreter&, const Args& args) -> Value {
    const Value* message = args.get(0, "message");
    std::string text = message != nullptr ? to_text(*message).bytes() : "";
    throw TemplateError("the chat template refuses these messages: " + std::string(clip(text, 500)));
  });
}

}  // namespace jaju::jinja
