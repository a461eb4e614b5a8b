// str(), repr() and json.dumps() of values, as CPython prints them.
#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "chat/jinja/value.h"

namespace jaju::jinja {
namespace {

bool printable(uint32_t cp) {
  if (cp < 0x7F) return cp >= 0x20;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(cp))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

void string_repr(Text& out, const Text& text) {
  const std::string& s = text.bytes();
  char quote = s.find('\'') != std::string::npos && s.find('"') == std::string::npos ? '"' : '\'';
  out.append(std::string_view(&quote, 1), true);
  text.for_runs([&](std::string_view run, bool trusted) {
    for (size_t i = 0; i < run.size();) {
      uint32_t cp = 0;
      size_t n = static_cast<size_t>(std::max(1, utf8_length(run.substr(i), &cp)));
      std::string_view c = run.substr(i, n);
      i += n;
      if (c[0] == quote || c[0] == '\\') {
        out.append("\\", trusted);
        out.append(c, trusted);
      } else if (cp == '\n' || cp == '\r' || cp == '\t') {
        out.append(cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t", trusted);
      } else if (printable(cp)) {
        out.append(c, trusted);
      } else {
        const std::string escape = cp < 0x100     ? fmt::format("\\x{:02x}", cp)
                                   : cp < 0x10000 ? fmt::format("\\u{:04x}", cp)
                                                  : fmt::format("\\U{:08x}", cp);
        out.append(escape, trusted);
      }
    }
  });
  out.append(std::string_view(&quote, 1), true);
}

void append_repr(Text& out, const Value& value);

void append_items(Text& out, const std::vector<Value>& items, const char* open, const char* close) {
  out.append(open, true);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ", true);
    append_repr(out, items[i]);
  }
  out.append(close, true);
}

void check_text_size(const Text& out) {
  if (out.size() > kMaxTextBytes) throw TemplateError("a printed value grows larger than 64 MB");
}

void append_repr(Text& out, const Value& value) {
  check_text_size(out);
  if (value.is_string()) {
    string_repr(out, value.text());
  } else if (value.is_list()) {
    const List& list = value.list();
    if (!list.tuple) {
      append_items(out, list.items, "[", "]");
    } else {
      append_items(out, list.items, "(", list.items.size() == 1 ? ",)" : ")");
    }
  } else if (value.is_dict()) {
    out.append("{", true);
    bool first = true;
    for (const auto& [key, item] : value.dict().items()) {
      if (!first) out.append(", ", true);
      first = false;
      append_repr(out, key);
      out.append(": ", true);
      append_repr(out, item);
    }
    out.append("}", true);
  } else if (value.is_undefined()) {
    out.append("Undefined", true);
  } else {
    out.append(to_text(value));
  }
}

void json_string(Text& out, const Text& text, bool ensure_ascii) {
  out.append("\"", true);
  text.for_runs([&](std::string_view run, bool trusted) {
    for (size_t i = 0; i < run.size();) {
      uint32_t cp = 0;
      size_t n = static_cast<size_t>(std::max(1, utf8_length(run.substr(i), &cp)));
      std::string_view c = run.substr(i, n);
      i += n;
      switch (cp) {
        case '"':
          out.append("\\\"", trusted);
          break;
        case '\\':
          out.append("\\\\", trusted);
          break;
        case '\n':
          out.append("\\n", trusted);
          break;
        case '\r':
          out.append("\\r", trusted);
          break;
        case '\t':
          out.append("\\t", trusted);
          break;
        case '\b':
          out.append("\\b", trusted);
          break;
        case '\f':
          out.append("\\f", trusted);
          break;
        default:
          if (cp < 0x20 || (ensure_ascii && cp >= 0x7F && cp < 0x10000 && cp != 0x7F)) {
            out.append(fmt::format("\\u{:04x}", cp), trusted);
          } else if (ensure_ascii && cp >= 0x10000) {
            uint32_t v = cp - 0x10000;
            out.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (v >> 10), 0xDC00 + (v & 0x3FF)), trusted);
          } else {
            out.append(c, trusted);
          }
      }
    }
  });
  out.append("\"", true);
}

class JsonWriter {
 public:
  JsonWriter(Text& out, const JsonStyle& style) : out_(out), style_(style) {
    item_ = !style.item_separator.empty() ? style.item_separator : Text(style.indent >= 0 ? "," : ", ", true);
    key_ = !style.key_separator.empty() ? style.key_separator : Text(": ", true);
  }

  void write(const Value& value, int level) {
    check_text_size(out_);
    if (value.is_string()) return json_string(out_, value.text(), style_.ensure_ascii);
    if (value.is_list()) return write_list(value.list(), level);
    if (value.is_dict()) return write_dict(value.dict(), level);
    value.require_defined();
    if (value.is_none()) return out_.append("null", true);
    if (value.is_bool()) return out_.append(value.truthy() ? "true" : "false", true);
    if (value.is_int()) return out_.append(std::to_string(value.integer()), true);
    if (value.is_float()) return out_.append(number(value.real()), true);
    throw TemplateError(fmt::format("a {} can not be written as JSON", value.type_name()));
  }

 private:
  static std::string number(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d > 0 ? "Infinity" : "-Infinity";
    return float_repr(d);
  }

  void newline(int level) {
    if (style_.indent < 0) return;
    out_.append("\n", true);
    out_.append(std::string(static_cast<size_t>(level) * static_cast<size_t>(style_.indent), ' '), true);
  }

  void write_list(const List& list, int level) {
    if (list.items.empty()) return out_.append("[]", true);
    out_.append("[", true);
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out_.append(item_);
      newline(level + 1);
      write(list.items[i], level + 1);
    }
    newline(level);
    out_.append("]", true);
  }

  void write_dict(const Dict& dict, int level) {
    if (dict.size() == 0) return out_.append("{}", true);
    std::vector<std::pair<Value, Value>> items = dict.items();
    if (style_.sort_keys) {
      std::stable_sort(items.begin(), items.end(),
                       [](const auto& a, const auto& b) { return compare(a.first, b.first) < 0; });
    }
    out_.append("{", true);
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(item_);
      newline(level + 1);
      if (items[i].first.is_string()) {
        write(items[i].first, level + 1);
      } else {  // json.dumps writes other scalar keys as strings
        out_.append("\"", true);
        write(items[i].first, level + 1);
        out_.append("\"", true);
      }
      out_.append(key_);
      write(items[i].second, level + 1);
    }
    newline(level);
    out_.append("}", true);
  }

  Text& out_;
  const JsonStyle& style_;
  Text item_;
  Text key_;
};

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view s(buffer, static_cast<size_t>(end - buffer));
  // Shortest digits; CPython writes them plainly for exponents from -4 to 15.
  size_t e = s.find('e');
  int exponent = 0;
  const char* from = s.data() + e + 1;
  if (*from == '+') ++from;
  std::from_chars(from, s.data() + s.size(), exponent);
  std::string sign = s[0] == '-' ? "-" : "";
  std::string digits;
  for (char c : s.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (exponent < -4 || exponent >= 16) {
    std::string mantissa = digits;
    if (digits.size() > 1) mantissa.insert(1, 1, '.');
    return fmt::format("{}{}e{}{:02}", sign, mantissa, exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return fmt::format("{}0.{:0>{}}", sign, digits, digits.size() + static_cast<size_t>(-exponent) - 1);
  size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return fmt::format("{}{:0<{}}.0", sign, digits, whole);
  digits.insert(whole, 1, '.');
  return sign + digits;
}

Text to_text(const Value& value) {
  if (value.is_string()) return value.text();
  if (value.is_undefined()) return {};
  if (value.is_none()) return Text("None", true);
  if (value.is_bool()) return Text(value.truthy() ? "True" : "False", true);
  if (value.is_int()) return Text(std::to_string(value.integer()), true);
  if (value.is_float()) return Text(float_repr(value.real()), true);
  if (value.is_namespace()) return Text("<Namespace>", true);
  if (value.is_callable()) return Text(fmt::format("<function {}>", value.callable().name), true);
  if (value.is_loop()) return Text("<LoopContext>", true);
  return repr(value);
}

Text repr(const Value& value) {
  Text out;
  append_repr(out, value);
  return out;
}

Text to_json(const Value& value, const JsonStyle& style) {
  Text out;
  JsonWriter(out, style).write(value, 0);
  return out;
}

}  // namespace jaju::jinja
