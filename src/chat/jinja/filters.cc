// value | name(...)
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "chat/jinja/builtins.h"

namespace jaju::jinja {
namespace {

using Filter = Value (*)(Interpreter&, const Value&, const Args&);

// The string a text filter works on: Jinja turns any value into one.
Text soft(Interpreter& in, const Value& v) {
  in.charge(v.weight());
  return to_text(v);
}

// "a.b.0" or 3: what attribute= follows.
Value follow(Interpreter& in, Value value, const Value& path) {
  if (path.is_int()) return in.item(value, path);
  const std::string& s = text_of(path, "attribute").bytes();
  for (size_t begin = 0; begin <= s.size();) {
    size_t end = std::min(s.find('.', begin), s.size());
    std::string part = s.substr(begin, end - begin);
    bool digits =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    value = in.item(value, digits ? Value(static_cast<int64_t>(std::stol(part))) : Value::literal(part));
    begin = end + 1;
  }
  return value;
}

Value key_of(Interpreter& in, const Value& item, const Value* attribute, bool case_sensitive) {
  Value key = attribute != nullptr && !attribute->is_none() ? follow(in, item, *attribute) : item;
  if (!case_sensitive && key.is_string()) {
    in.charge(key.weight());
    return change_case(key.text(), 'l');
  }
  return key;
}

Value list_length(Interpreter& in, const Value& v) {
  if (v.is_string()) {
    in.charge(v.weight());
    return Value::of(count_chars(v.text().bytes()));
  }
  if (v.is_list()) return Value::of(v.list().items.size());
  if (v.is_dict()) return Value::of(v.dict().size());
  if (v.is_undefined()) return static_cast<int64_t>(0);
  throw TemplateError(fmt::format("a {} has no length", v.type_name()));
}

Value to_integer(const Value& v, const Args& args) {
  const Value* fallback = args.get(0, "default");
  const Value otherwise = fallback != nullptr ? *fallback : Value(static_cast<int64_t>(0));
  const int64_t base = int_argument(args, 1, "base", "int", 10);
  if (v.is_int() || v.is_bool()) return v.integer();
  double d = 0;
  if (v.is_float()) {
    d = v.real();
  } else if (v.is_string()) {
    std::string s = strip(v.text(), nullptr, true, true).bytes();
    s.erase(std::remove(s.begin(), s.end(), '_'), s.end());
    if (s.starts_with("+")) s.erase(0, 1);
    if (base == 16 && (s.starts_with("0x") || s.starts_with("0X"))) s.erase(0, 2);
    int64_t i = 0;
    if (base >= 2 && base <= 36) {
      auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), i, static_cast<int>(base));
      if (code == std::errc() && end == s.data() + s.size()) return i;
    }
    auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), d);
    if (code != std::errc() || end != s.data() + s.size()) return otherwise;
  } else {
    return otherwise;
  }
  if (!std::isfinite(d)) return otherwise;
  if (std::abs(d) >= 9.2e18) throw TemplateError("an integer is larger than 64 bits");
  return static_cast<int64_t>(d);
}

Value to_float(const Value& v, const Args& args) {
  const Value* fallback = args.get(0, "default");
  if (v.is_number()) return v.real();
  if (v.is_string()) {
    std::string s = strip(v.text(), nullptr, true, true).bytes();
    if (s.starts_with("+")) s.erase(0, 1);
    double d = 0;
    auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), d);
    if (code == std::errc() && end == s.data() + s.size() && !s.empty()) return d;
  }
  return fallback != nullptr ? *fallback : Value(0.0);
}

Value round_number(const Value& v, const Args& args) {
  v.require_defined();
  if (!v.is_number()) throw TemplateError(fmt::format("'round' needs a number, not a {}", v.type_name()));
  const int64_t precision = std::clamp<int64_t>(int_argument(args, 0, "precision", "round", 0), -300, 300);
  const Value* method = args.get(1, "method");
  const std::string how = method != nullptr ? text_of(*method, "round").bytes() : "common";
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (how == "ceil") return std::ceil(v.real() * scale) / scale;
  if (how == "floor") return std::floor(v.real() * scale) / scale;
  if (how != "common") throw TemplateError("the method of 'round' is common, ceil or floor");
  if (!v.is_float()) {
    if (precision >= 0) return v.integer();
    const double rounded = std::nearbyint(v.real() * scale) / scale;
    if (!(std::abs(rounded) < 9.2e18)) throw TemplateError("an integer is larger than 64 bits");
    return static_cast<int64_t>(rounded);
  }
  if (!std::isfinite(v.real())) return v.real();
  if (precision < 0) return std::nearbyint(v.real() * scale) / scale;
  // Correct rounding in decimal, ties to even, as Python's round().
  std::string s = fmt::format("{:.{}f}", v.real(), std::min<int64_t>(precision, 60));
  return std::strtod(s.c_str(), nullptr);
}

Value indent(Interpreter& in, const Value& v, const Args& args) {
  const Text text = soft(in, v);
  Text pad;
  const Value* width = args.get(0, "width");
  if (width != nullptr && width->is_string()) {
    pad = width->text();
  } else {
    int64_t n = std::clamp<int64_t>(int_argument(args, 0, "width", "indent", 4), 0, 10'000);
    pad = Text(std::string(static_cast<size_t>(n), ' '), true);
  }
  const bool first = bool_argument(args, 1, "first", false), blank = bool_argument(args, 2, "blank", false);
  Text out;
  const std::string& s = text.bytes();
  for (size_t begin = 0, line = 0; begin <= s.size(); ++line) {
    size_t end = std::min(s.find('\n', begin), s.size());
    // Jinja adds a line end and splits: a final newline does not open one more line.
    if (line > 0 && begin == s.size() && s.ends_with('\n')) {
      out.append("\n", text.trusted_at(begin - 1));
      if (blank) out.append(pad);
      break;
    }
    if (line > 0) out.append("\n", text.trusted_at(begin - 1));
    if (line == 0 ? first : (blank || end > begin)) {
      in.charge_bytes(pad.size());
      out.append(pad);
    }
    out.append(text.substr(begin, end));
    begin = end + 1;
  }
  return in.make(std::move(out));
}

Value title(Interpreter& in, const Value& v) {
  // Jinja's own rule: a word starts behind white space or one of - ( { [ <.
  Text text = soft(in, v), out;
  const std::string& s = text.bytes();
  auto breaks = [&](size_t i) {
    return s[i] == '-' || s[i] == '(' || s[i] == '{' || s[i] == '[' || s[i] == '<' || space_at(s, i) > 0;
  };
  for (size_t begin = 0; begin < s.size();) {
    size_t end = begin;
    while (end < s.size() && breaks(end)) end += std::max<size_t>(1, space_at(s, end));
    if (end == begin) {
      while (end < s.size() && !breaks(end)) ++end;
    }
    out.append(change_case(text.substr(begin, end), 'c'));
    begin = end;
  }
  return in.make(std::move(out));
}

Value html_escape(Interpreter& in, const Value& v) {
  Text text = soft(in, v), out;
  text.for_runs([&](std::string_view run, bool trusted) {
    std::string s;
    for (char c : run) {
      switch (c) {
        case '&':
          s += "&amp;";
          break;
        case '<':
          s += "&lt;";
          break;
        case '>':
          s += "&gt;";
          break;
        case '"':
          s += "&#34;";
          break;
        case '\'':
          s += "&#39;";
          break;
        default:
          s += c;
      }
    }
    out.append(s, trusted);
  });
  return in.make(std::move(out));
}

Value truncate(Interpreter& in, const Value& v, const Args& args) {
  Text text = soft(in, v);
  const int64_t length = int_argument(args, 0, "length", "truncate", 255);
  const bool kill = bool_argument(args, 1, "killwords", false);
  const Value* end = args.get(2, "end");
  const Text tail = end != nullptr ? text_of(*end, "truncate") : Text("...", true);
  const int64_t leeway = int_argument(args, 3, "leeway", "truncate", 5);
  in.charge(static_cast<int64_t>(text.size()));
  std::vector<size_t> offsets = char_offsets(text.bytes());
  const int64_t chars = static_cast<int64_t>(offsets.size()) - 1;
  const int64_t keep = std::max<int64_t>(length, -1) - static_cast<int64_t>(count_chars(tail.bytes()));
  if (keep < 0 || leeway < 0) throw TemplateError("'truncate' needs a length of at least its end");
  if (chars - leeway <= length) return in.make(std::move(text));
  Text out = text.substr(0, offsets[static_cast<size_t>(keep)]);
  if (!kill) {
    size_t space = out.bytes().rfind(' ');
    if (space != std::string::npos) out = out.substr(0, space);
  }
  out.append(tail);
  return in.make(std::move(out));
}

Value tojson(Interpreter& in, const Value& v, const Args& args) {
  JsonStyle style;
  style.ensure_ascii = bool_argument(args, 0, "ensure_ascii", false);
  style.indent = static_cast<int>(std::clamp<int64_t>(int_argument(args, 1, "indent", "tojson", -1), -1, 64));
  // One integer alone is the indentation (Jinja's own tojson), as templates written for other engines use it.
  if (args.positional.size() == 1 && args.positional[0].is_int()) {
    style.ensure_ascii = false;
    style.indent = static_cast<int>(std::clamp<int64_t>(args.positional[0].integer(), -1, 64));
  }
  if (const Value* separators = args.get(2, "separators"); separators != nullptr && separators->is_list()) {
    const auto& items = separators->list().items;
    if (items.size() != 2) throw TemplateError("the separators of 'tojson' are two strings");
    style.item_separator = text_of(items[0], "tojson");
    style.key_separator = text_of(items[1], "tojson");
  }
  style.sort_keys = bool_argument(args, 3, "sort_keys", false);
  in.charge(v.weight());
  return in.make(to_json(v, style));
}

Value sorted(Interpreter& in, const Value& v, const Args& args) {
  const bool reverse = bool_argument(args, 0, "reverse", false);
  const bool case_sensitive = bool_argument(args, 1, "case_sensitive", false);
  const Value* attribute = args.get(2, "attribute");
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& item : in.iterate_charged(v)) {
    Value key = key_of(in, item, attribute, case_sensitive);
    keyed.emplace_back(std::move(key), std::move(item));
  }
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    in.charge(1 + std::min(a.first.weight(), b.first.weight()));
    return reverse ? compare(b.first, a.first) < 0 : compare(a.first, b.first) < 0;
  });
  std::vector<Value> out;
  out.reserve(keyed.size());
  for (auto& item : keyed) out.push_back(std::move(item.second));
  return Value::list(std::move(out));
}

Value dictsort(Interpreter& in, const Value& v, const Args& args) {
  v.require_defined();
  if (!v.is_dict()) throw TemplateError(fmt::format("'dictsort' needs a dict, not a {}", v.type_name()));
  const bool case_sensitive = bool_argument(args, 0, "case_sensitive", false);
  const Value* by = args.get(1, "by");
  const bool by_value = by != nullptr && text_of(*by, "dictsort").bytes() == "value";
  Args inner;
  inner.named = {{"reverse", bool_argument(args, 2, "reverse", false)},
                 {"case_sensitive", case_sensitive},
                 {"attribute", static_cast<int64_t>(by_value ? 1 : 0)}};
  return sorted(in, call_method(in, v, "items", {}), inner);
}

Value unique(Interpreter& in, const Value& v, const Args& args) {
  const bool case_sensitive = bool_argument(args, 0, "case_sensitive", false);
  Dict seen;
  std::vector<Value> out;
  for (Value& item : in.iterate_charged(v)) {
    Value key = key_of(in, item, args.get(1, "attribute"), case_sensitive);
    if (seen.find(key) != nullptr) continue;
    seen.set(key, None{});
    out.push_back(std::move(item));
  }
  return Value::list(std::move(out));
}

Value extreme(Interpreter& in, const Value& v, const Args& args, bool want_max) {
  const bool case_sensitive = bool_argument(args, 0, "case_sensitive", false);
  const Value* attribute = args.get(1, "attribute");
  std::vector<Value> items = in.iterate_charged(v);
  if (items.empty()) return Value::undefined("there is no smallest or largest of nothing");
  size_t best = 0;
  Value best_key = key_of(in, items[0], attribute, case_sensitive);
  for (size_t i = 1; i < items.size(); ++i) {
    Value key = key_of(in, items[i], attribute, case_sensitive);
    int order = compare(key, best_key);
    if (want_max ? order > 0 : order < 0) {
      best = i;
      best_key = std::move(key);
    }
  }
  return items[best];
}

Value map(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> out;
  const Value* attribute = args.positional.empty() ? args.get("attribute") : nullptr;
  if (attribute != nullptr) {
    const Value* fallback = args.get("default");
    for (const Value& item : in.iterate_charged(v)) {
      Value value = follow(in, item, *attribute);
      out.push_back(value.is_undefined() && fallback != nullptr ? *fallback : std::move(value));
    }
    return Value::list(std::move(out));
  }
  const std::string name = text_of(required(args, 0, "filter", "map"), "map").bytes();
  // x | map('map', 'map', ...) goes one level deeper with each argument.
  const Interpreter::Entered entered(in);
  Args inner = args;
  if (!inner.positional.empty()) inner.positional.erase(inner.positional.begin());
  for (const Value& item : in.iterate_charged(v)) {
    in.charge(1 + static_cast<int64_t>(inner.positional.size()));
    out.push_back(apply_filter(in, name, item, inner));
  }
  return Value::list(std::move(out));
}

// select, reject, selectattr, rejectattr
Value choose(Interpreter& in, const Value& v, const Args& args, bool keep, bool by_attribute) {
  Args inner = args;
  Value attribute;
  if (by_attribute) {
    attribute = required(args, 0, "attribute", keep ? "selectattr" : "rejectattr");
    if (!inner.positional.empty()) inner.positional.erase(inner.positional.begin());
  }
  std::string test;
  if (!inner.positional.empty()) {
    test = text_of(inner.positional[0], "select").bytes();
    inner.positional.erase(inner.positional.begin());
  }
  std::vector<Value> out;
  for (Value& item : in.iterate_charged(v)) {
    Value subject = by_attribute ? follow(in, item, attribute) : item;
    bool holds = test.empty() ? subject.truthy() : apply_test(in, test, subject, inner);
    if (holds == keep) out.push_back(std::move(item));
  }
  return Value::list(std::move(out));
}

Value reverse(Interpreter& in, const Value& v) {
  std::vector<Value> items = in.iterate_charged(v);
  std::reverse(items.begin(), items.end());
  if (!v.is_string()) return Value::list(std::move(items));
  return join(in, Text(), items, true);
}

Value groupby(Interpreter& in, const Value& v, const Args& args) {
  const Value& attribute = required(args, 0, "attribute", "groupby");
  Args by;
  by.named = {{"attribute", attribute}};
  Value ordered = sorted(in, v, by);
  std::vector<Value> out, group;
  Value key;
  auto flush = [&] {
    if (!group.empty()) out.push_back(Value::list({key, Value::list(std::exchange(group, {}))}, true));
  };
  for (const Value& item : ordered.list().items) {
    Value next = follow(in, item, attribute);
    if (!group.empty() && !equal(next, key)) flush();
    key = std::move(next);
    group.push_back(item);
  }
  flush();
  return Value::list(std::move(out));
}

Value batch(Interpreter& in, const Value& v, const Args& args) {
  const int64_t n = int_argument(args, 0, "linecount", "batch", 1);
  if (n < 1) throw TemplateError("'batch' needs a positive number");
  std::vector<Value> out, row;
  for (Value& item : in.iterate_charged(v)) {
    row.push_back(std::move(item));
    if (static_cast<int64_t>(row.size()) == n) out.push_back(Value::list(std::exchange(row, {})));
  }
  if (!row.empty()) out.push_back(Value::list(std::move(row)));
  return Value::list(std::move(out));
}

Value center(Interpreter& in, const Value& v, const Args& args) {
  Text text = soft(in, v);
  const int64_t width = std::clamp<int64_t>(int_argument(args, 0, "width", "center", 80), 0, 10'000);
  const int64_t pad = width - static_cast<int64_t>(count_chars(text.bytes()));
  if (pad <= 0) return in.make(std::move(text));
  const int64_t left = pad / 2 + (pad & width & 1);
  Text out(std::string(static_cast<size_t>(left), ' '), true);
  out.append(text);
  out.append(std::string(static_cast<size_t>(pad - left), ' '), true);
  return in.make(std::move(out));
}

Value sum(Interpreter& in, const Value& v, const Args& args) {
  const Value* attribute = args.get(0, "attribute");
  const Value* start = args.get(1, "start");
  Value total = start != nullptr ? *start : Value(static_cast<int64_t>(0));
  for (const Value& item : in.iterate_charged(v)) {
    total = in.binary("+", total,
                      attribute != nullptr && !attribute->is_none() ? follow(in, item, *attribute) : item);
  }
  return total;
}

Value word_count(Interpreter& in, const Value& v) {
  return list_length(in, call_method(in, Value(soft(in, v)), "split", {}));
}

const std::unordered_map<std::string_view, Filter>& filters() {
  // clang-format off
  static const std::unordered_map<std::string_view, Filter> kFilters = {
    {"tojson", tojson},
    {"trim", [](Interpreter& in, const Value& v, const Args& a) { return in.make(strip(soft(in, v), a.get(0, "chars"), true, true)); }},
    {"upper", [](Interpreter& in, const Value& v, const Args&) { return in.make(change_case(soft(in, v), 'u')); }},
    {"lower", [](Interpreter& in, const Value& v, const Args&) { return in.make(change_case(soft(in, v), 'l')); }},
    {"capitalize", [](Interpreter& in, const Value& v, const Args&) { return in.make(change_case(soft(in, v), 'c')); }},
    {"title", [](Interpreter& in, const Value& v, const Args&) { return title(in, v); }},
    {"replace", [](Interpreter& in, const Value& v, const Args& a) {
       return replace(in, soft(in, v), soft(in, required(a, 0, "old", "replace")), soft(in, required(a, 1, "new", "replace")),
                      int_argument(a, 2, "count", "replace", -1)); }},
    {"join", [](Interpreter& in, const Value& v, const Args& a) {
       const Value* separator = a.get(0, "d");
       std::vector<Value> items = in.iterate_charged(v);
       if (const Value* attribute = a.get(1, "attribute"); attribute != nullptr && !attribute->is_none()) {
         for (Value& item : items) item = follow(in, item, *attribute);
       }
       return join(in, separator != nullptr ? soft(in, *separator) : Text(), items, false); }},
    {"length", [](Interpreter& in, const Value& v, const Args&) { return list_length(in, v); }},
    {"count", [](Interpreter& in, const Value& v, const Args&) { return list_length(in, v); }},
    {"list", [](Interpreter& in, const Value& v, const Args&) { return Value::list(in.iterate_charged(v)); }},
    {"items", [](Interpreter& in, const Value& v, const Args&) {
       if (v.is_undefined()) return Value::list({});
       if (!v.is_dict()) throw TemplateError(fmt::format("'items' needs a dict, not a {}", v.type_name()));
       return call_method(in, v, "items", {}); }},
    {"dictsort", dictsort},
    {"default", [](Interpreter&, const Value& v, const Args& a) {
       const Value* fallback = a.get(0, "default_value");
       bool missing = v.is_undefined() || (bool_argument(a, 1, "boolean", false) && !v.truthy());
       return !missing ? v : fallback != nullptr ? *fallback : Value(Text()); }},
    {"first", [](Interpreter& in, const Value& v, const Args&) {
       std::vector<Value> items = in.iterate_charged(v);
       return items.empty() ? Value::undefined("there is no first item of nothing") : items.front(); }},
    {"last", [](Interpreter& in, const Value& v, const Args&) {
       std::vector<Value> items = in.iterate_charged(v);
       return items.empty() ? Value::undefined("there is no last item of nothing") : items.back(); }},
    {"map", map},
    {"select", [](Interpreter& in, const Value& v, const Args& a) { return choose(in, v, a, true, false); }},
    {"reject", [](Interpreter& in, const Value& v, const Args& a) { return choose(in, v, a, false, false); }},
    {"selectattr", [](Interpreter& in, const Value& v, const Args& a) { return choose(in, v, a, true, true); }},
    {"rejectattr", [](Interpreter& in, const Value& v, const Args& a) { return choose(in, v, a, false, true); }},
    {"sort", sorted},
    {"unique", unique},
    {"groupby", groupby},
    {"batch", batch},
    {"reverse", [](Interpreter& in, const Value& v, const Args&) { return reverse(in, v); }},
    {"int", [](Interpreter&, const Value& v, const Args& a) { return to_integer(v, a); }},
    {"float", [](Interpreter&, const Value& v, const Args& a) { return to_float(v, a); }},
    {"string", [](Interpreter& in, const Value& v, const Args&) { return in.make(soft(in, v)); }},
    {"safe", [](Interpreter& in, const Value& v, const Args&) { return in.make(soft(in, v)); }},
    {"escape", [](Interpreter& in, const Value& v, const Args&) { return html_escape(in, v); }},
    {"e", [](Interpreter& in, const Value& v, const Args&) { return html_escape(in, v); }},
    {"forceescape", [](Interpreter& in, const Value& v, const Args&) { return html_escape(in, v); }},
    {"indent", indent},
    {"truncate", truncate},
    {"center", center},
    {"wordcount", [](Interpreter& in, const Value& v, const Args&) { return word_count(in, v); }},
    {"format", [](Interpreter& in, const Value& v, const Args& a) {
       return percent_format(in, soft(in, v), Value::list(a.positional, true)); }},
    {"round", [](Interpreter&, const Value& v, const Args& a) { return round_number(v, a); }},
    {"abs", [](Interpreter& in, const Value& v, const Args&) -> Value {
       v.require_defined();
       if (!v.is_number()) throw TemplateError(fmt::format("'abs' needs a number, not a {}", v.type_name()));
       if (v.is_float()) return std::abs(v.real());
       return v.integer() < 0 ? in.binary("-", static_cast<int64_t>(0), v) : Value(v.integer()); }},
    {"sum", sum},
    {"min", [](Interpreter& in, const Value& v, const Args& a) { return extreme(in, v, a, false); }},
    {"max", [](Interpreter& in, const Value& v, const Args& a) { return extreme(in, v, a, true); }},
    {"attr", [](Interpreter& in, const Value& v, const Args& a) {
       return in.attribute(v, text_of(required(a, 0, "name", "attr"), "attr").bytes()); }},
  };
  // clang-format on
  return kFilters;
}

}  // namespace

Value apply_filter(Interpreter& in, const std::string& name, const Value& value, const Args& args) {
  auto it = filters().find(name == "d" ? "default" : name);
  if (it == filters().end())
    throw TemplateError(fmt::format("there is no filter '{}' in chat templates", clip(name)));
  if (value.is_string()) in.charge(value.weight());
  in.charge(args);
  return it->second(in, value, args);
}

}  // namespace jaju::jinja
