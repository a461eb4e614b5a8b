// object.name(...) of strings, lists and dicts: the methods that give a value and change nothing.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "chat/jinja/builtins.h"

namespace jaju::jinja {
namespace {

using Method = Value (*)(Interpreter&, const Value&, const Args&);

// Python's str.split: None splits at runs of white space, a separator splits at each.
Value split(Interpreter& in, const Value& self, const Args& args, bool from_right) {
  const Text& text = self.text();
  const std::string& s = text.bytes();
  const Value* separator = args.get(0, "sep");
  int64_t most = int_argument(args, 1, "maxsplit", "split", -1);
  if (most < 0) most = std::numeric_limits<int64_t>::max();
  in.charge_bytes(s.size());
  std::vector<std::pair<size_t, size_t>> parts;
  if (separator == nullptr || separator->is_none()) {
    if (from_right) {
      size_t end = s.size();
      while (true) {
        while (size_t n = space_before(s, end)) end -= n;
        if (end == 0) break;
        size_t begin = end;
        while (begin > 0 && space_before(s, begin) == 0) --begin;
        if (most-- <= 0) begin = 0;
        parts.emplace_back(begin, end);
        if (begin == 0) break;
        end = begin;
      }
      std::reverse(parts.begin(), parts.end());
    } else {
      size_t begin = 0;
      while (true) {
        while (size_t n = space_at(s, begin)) begin += n;
        if (begin >= s.size()) break;
        size_t end = begin;
        while (end < s.size() && space_at(s, end) == 0) ++end;
        if (most-- <= 0) end = s.size();
        parts.emplace_back(begin, end);
        begin = end;
      }
    }
  } else {
    const std::string& by = text_of(*separator, "split").bytes();
    if (by.empty()) throw TemplateError("split needs a separator that is not empty");
    if (from_right) {
      size_t end = s.size();
      while (most-- > 0 && end >= by.size()) {
        size_t found = s.rfind(by, end - by.size());
        if (found == std::string::npos) break;
        parts.emplace_back(found + by.size(), end);
        end = found;
      }
      parts.emplace_back(0, end);
      std::reverse(parts.begin(), parts.end());
    } else {
      size_t begin = 0;
      while (most-- > 0) {
        size_t found = find_text(s, by, begin);
        if (found == std::string::npos) break;
        parts.emplace_back(begin, found);
        begin = found + by.size();
      }
      parts.emplace_back(begin, s.size());
    }
  }
  in.charge(static_cast<int64_t>(parts.size()));
  std::vector<Value> out;
  out.reserve(parts.size());
  for (auto [begin, end] : parts) out.emplace_back(text.substr(begin, end));
  return Value::list(std::move(out));
}

Value partition(Interpreter& in, const Value& self, const Args& args, bool from_right) {
  const Text& text = self.text();
  const Text& by = text_of(required(args, 0, "sep", "partition"), "partition");
  if (by.empty()) throw TemplateError("partition needs a separator that is not empty");
  in.charge_bytes(text.size());
  size_t found = from_right ? text.bytes().rfind(by.bytes()) : find_text(text.bytes(), by.bytes());
  if (found == std::string::npos) {
    Value empty{Text()};
    return from_right ? Value::list({empty, empty, self}, true) : Value::list({self, empty, empty}, true);
  }
  size_t after = found + by.size();
  return Value::list({text.substr(0, found), text.substr(found, after), text.substr(after, text.size())},
                     true);
}

Value split_lines(Interpreter& in, const Value& self, const Args& args) {
  const Text& text = self.text();
  const std::string& s = text.bytes();
  const bool keep = bool_argument(args, 0, "keepends", false);
  in.charge_bytes(s.size());
  std::vector<Value> out;
  for (size_t begin = 0; begin < s.size();) {
    size_t end = s.find_first_of("\r\n", begin);
    if (end == std::string::npos) end = s.size();
    size_t next = std::min(s.size(), end + (s.compare(end, 2, "\r\n") == 0 ? 2 : 1));
    out.emplace_back(text.substr(begin, keep ? next : end));
    begin = next;
  }
  in.charge(static_cast<int64_t>(out.size()));
  return Value::list(std::move(out));
}

// What the arguments `start` and `end`, 1 and 2, leave of a text: characters, from its end where negative, as
// slices count.
struct Part {
  std::string_view bytes;
  int64_t first_char;
};

// Nothing: it would end before it starts, or start behind the text; not even an empty text is found there.
std::optional<Part> part_of(Interpreter& in, const Value& self, const Args& args, std::string_view method) {
  const std::string& s = self.text().bytes();
  if (args.get(1, "start") == nullptr && args.get(2, "end") == nullptr) return Part{s, 0};
  in.charge(static_cast<int64_t>(s.size()));
  const std::vector<size_t> offsets = char_offsets(s);
  const auto chars = static_cast<int64_t>(offsets.size()) - 1;
  const auto from_front = [&](int64_t at) { return at < 0 ? std::max<int64_t>(at + chars, 0) : at; };
  const int64_t start = from_front(int_argument(args, 1, "start", method, 0));
  const int64_t end = std::min(from_front(int_argument(args, 2, "end", method, chars)), chars);
  if (start > end) return std::nullopt;
  const size_t begin = offsets[static_cast<size_t>(start)];
  return Part{std::string_view(s).substr(begin, offsets[static_cast<size_t>(end)] - begin), start};
}

bool affix(Interpreter& in, const Value& self, const Args& args, bool start) {
  const char* const method = start ? "startswith" : "endswith";
  const Value& what = required(args, 0, start ? "prefix" : "suffix", method);
  const std::optional<Part> part = part_of(in, self, args, method);
  const auto matches = [&](const Value& v) {
    const std::string& text = text_of(v, method).bytes();
    return part && (start ? part->bytes.starts_with(text) : part->bytes.ends_with(text));
  };
  if (what.is_list() && what.list().tuple) {
    return std::any_of(what.list().items.begin(), what.list().items.end(), matches);
  }
  return matches(what);
}

int64_t find(Interpreter& in, const Value& self, const Args& args, bool last) {
  const std::string& what = text_of(required(args, 0, "sub", "find"), "find").bytes();
  const std::optional<Part> part = part_of(in, self, args, "find");
  if (!part) return -1;
  const size_t found = last ? part->bytes.rfind(what) : find_text(part->bytes, what);
  if (found == std::string::npos) return -1;
  return part->first_char + static_cast<int64_t>(count_chars(part->bytes.substr(0, found)));
}

int64_t count(Interpreter& in, const Value& self, const Args& args) {
  const std::string& what = text_of(required(args, 0, "sub", "count"), "count").bytes();
  const std::optional<Part> part = part_of(in, self, args, "count");
  if (!part) return 0;
  if (what.empty()) return static_cast<int64_t>(count_chars(part->bytes)) + 1;
  int64_t n = 0;
  for (size_t i = find_text(part->bytes, what); i != std::string::npos; ++n) {
    i = find_text(part->bytes, what, i + what.size());
  }
  return n;
}

int64_t index(Interpreter& in, const Value& self, const Args& args, bool last) {
  const int64_t at = find(in, self, args, last);
  if (at < 0) throw TemplateError(fmt::format("{}: the text was not found", last ? "rindex" : "index"));
  return at;
}

template <typename F>
bool all_chars(const Value& self, F&& test) {
  const std::string& s = self.text().bytes();
  return !s.empty() && std::all_of(s.begin(), s.end(), test);
}

Value remove_affix(const Value& self, const Args& args, bool prefix) {
  const Text& text = self.text();
  const Text& part = text_of(required(args, 0, "affix", "removeprefix"), "removeprefix");
  if (prefix && text.bytes().starts_with(part.bytes())) return text.substr(part.size(), text.size());
  if (!prefix && text.bytes().ends_with(part.bytes())) return text.substr(0, text.size() - part.size());
  return self;
}

// '{} {name} {0}'.format(...)
Value format(Interpreter& in, const Value& self, const Args& args) {
  const Text& text = self.text();
  const std::string& s = text.bytes();
  Text out;
  size_t automatic = 0, at = 0;
  for (size_t i = 0; i < s.size();) {
    if (s[i] != '{' && s[i] != '}') {
      ++i;
      continue;
    }
    out.append(text.substr(at, i));
    if (i + 1 < s.size() && s[i + 1] == s[i]) {
      out.append(text, i, i + 1);
      at = i += 2;
      continue;
    }
    size_t close = s.find('}', i);
    if (s[i] == '}' || close == std::string::npos)
      throw TemplateError("a format string has a bracket without its pair");
    std::string name = s.substr(i + 1, close - i - 1);
    const Value* value = nullptr;
    if (name.empty()) {
      value = automatic < args.positional.size() ? &args.positional[automatic++] : nullptr;
    } else if (name.size() < 4 && name.find_first_not_of("0123456789") == std::string::npos) {
      size_t k = static_cast<size_t>(std::stoi(name));
      value = k < args.positional.size() ? &args.positional[k] : nullptr;
    } else {
      in.charge(static_cast<int64_t>(args.named.size() / 8));
      value = args.get(name);
    }
    if (value == nullptr) throw TemplateError("a format string names a value that was not given");
    in.charge(value->weight());
    Text part = to_text(*value);
    in.charge_bytes(part.size());
    out.append(part);
    at = i = close + 1;
  }
  out.append(text.substr(at, s.size()));
  return in.make(std::move(out));
}

Value cased(Interpreter& in, const Value& self, char how) {
  return in.make(change_case(self.text(), how));
}

using Methods = std::unordered_map<std::string_view, Method>;

const Methods& string_methods() {
  // clang-format off
  static const Methods kMethods = {
    {"strip", [](Interpreter& in, const Value& v, const Args& a) { return in.make(strip(v.text(), a.get(0, "chars"), true, true)); }},
    {"lstrip", [](Interpreter& in, const Value& v, const Args& a) { return in.make(strip(v.text(), a.get(0, "chars"), true, false)); }},
    {"rstrip", [](Interpreter& in, const Value& v, const Args& a) { return in.make(strip(v.text(), a.get(0, "chars"), false, true)); }},
    {"split", [](Interpreter& in, const Value& v, const Args& a) { return split(in, v, a, false); }},
    {"rsplit", [](Interpreter& in, const Value& v, const Args& a) { return split(in, v, a, true); }},
    {"partition", [](Interpreter& in, const Value& v, const Args& a) { return partition(in, v, a, false); }},
    {"rpartition", [](Interpreter& in, const Value& v, const Args& a) { return partition(in, v, a, true); }},
    {"splitlines", split_lines},
    {"startswith", [](Interpreter& in, const Value& v, const Args& a) -> Value { return affix(in, v, a, true); }},
    {"endswith", [](Interpreter& in, const Value& v, const Args& a) -> Value { return affix(in, v, a, false); }},
    {"removeprefix", [](Interpreter&, const Value& v, const Args& a) { return remove_affix(v, a, true); }},
    {"removesuffix", [](Interpreter&, const Value& v, const Args& a) { return remove_affix(v, a, false); }},
    {"replace", [](Interpreter& in, const Value& v, const Args& a) {
       return replace(in, v.text(), text_of(required(a, 0, "old", "replace"), "replace"),
                      text_of(required(a, 1, "new", "replace"), "replace"), int_argument(a, 2, "count", "replace", -1)); }},
    {"upper", [](Interpreter& in, const Value& v, const Args&) { return cased(in, v, 'u'); }},
    {"lower", [](Interpreter& in, const Value& v, const Args&) { return cased(in, v, 'l'); }},
    {"casefold", [](Interpreter& in, const Value& v, const Args&) { return cased(in, v, 'l'); }},
    {"title", [](Interpreter& in, const Value& v, const Args&) { return cased(in, v, 't'); }},
    {"capitalize", [](Interpreter& in, const Value& v, const Args&) { return cased(in, v, 'c'); }},
    {"swapcase", [](Interpreter& in, const Value& v, const Args&) { return cased(in, v, 's'); }},
    {"find", [](Interpreter& in, const Value& v, const Args& a) -> Value { return find(in, v, a, false); }},
    {"rfind", [](Interpreter& in, const Value& v, const Args& a) -> Value { return find(in, v, a, true); }},
    {"index", [](Interpreter& in, const Value& v, const Args& a) -> Value { return index(in, v, a, false); }},
    {"rindex", [](Interpreter& in, const Value& v, const Args& a) -> Value { return index(in, v, a, true); }},
    {"count", [](Interpreter& in, const Value& v, const Args& a) -> Value { return count(in, v, a); }},
    {"join", [](Interpreter& in, const Value& v, const Args& a) {
       return join(in, v.text(), in.iterate_charged(required(a, 0, "iterable", "join")), true); }},
    {"format", format},
    {"isdigit", [](Interpreter&, const Value& v, const Args&) -> Value {
       return all_chars(v, [](char c) { return c >= '0' && c <= '9'; }); }},
    {"isnumeric", [](Interpreter&, const Value& v, const Args&) -> Value {
       return all_chars(v, [](char c) { return c >= '0' && c <= '9'; }); }},
    {"isalpha", [](Interpreter&, const Value& v, const Args&) -> Value {
       return all_chars(v, [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }); }},
    {"isspace", [](Interpreter&, const Value& v, const Args&) -> Value {
       return !v.text().empty() && strip(v.text(), nullptr, true, true).empty(); }},
    {"islower", [](Interpreter& in, const Value& v, const Args& a) -> Value { return apply_test(in, "lower", v, a); }},
    {"isupper", [](Interpreter& in, const Value& v, const Args& a) -> Value { return apply_test(in, "upper", v, a); }},
  };
  // clang-format on
  return kMethods;
}

Value refuse_change(Interpreter&, const Value& self, const Args&) {
  throw TemplateError(fmt::format("a {} can not be changed in place in chat templates", self.type_name()));
}

const Methods& list_methods() {
  static const Methods kMethods = {
      {"index",
       [](Interpreter& in, const Value& v, const Args& a) -> Value {
         const Value& what = required(a, 0, "value", "index");
         in.charge(v.weight());
         for (size_t i = 0; i < v.list().items.size(); ++i) {
           if (equal(v.list().items[i], what)) return Value::of(i);
         }
         throw TemplateError("index: the value is not in the list");
       }},
      {"count",
       [](Interpreter& in, const Value& v, const Args& a) -> Value {
         const Value& what = required(a, 0, "value", "count");
         in.charge(v.weight());
         const auto& items = v.list().items;
         return static_cast<int64_t>(
             std::count_if(items.begin(), items.end(), [&](const Value& item) { return equal(item, what); }));
       }},
      {"copy", [](Interpreter&, const Value& v, const Args&) { return v; }},
      {"append", refuse_change},
      {"extend", refuse_change},
      {"insert", refuse_change},
      {"pop", refuse_change},
      {"remove", refuse_change},
      {"clear", refuse_change},
      {"sort", refuse_change},
      {"reverse", refuse_change},
  };
  return kMethods;
}

Value entries(Interpreter& in, const Value& self, bool keys, bool values) {
  in.charge(static_cast<int64_t>(self.dict().size()));
  std::vector<Value> out;
  out.reserve(self.dict().size());
  for (const auto& [key, value] : self.dict().items()) {
    out.push_back(keys && values ? Value::list({key, value}, true) : keys ? key : value);
  }
  return Value::list(std::move(out));
}

const Methods& dict_methods() {
  static const Methods kMethods = {
      {"items", [](Interpreter& in, const Value& v, const Args&) { return entries(in, v, true, true); }},
      {"keys", [](Interpreter& in, const Value& v, const Args&) { return entries(in, v, true, false); }},
      {"values", [](Interpreter& in, const Value& v, const Args&) { return entries(in, v, false, true); }},
      {"get",
       [](Interpreter&, const Value& v, const Args& a) -> Value {
         if (const Value* found = v.dict().find(required(a, 0, "key", "get"))) return *found;
         const Value* fallback = a.get(1, "default");
         return fallback != nullptr ? *fallback : Value(None{});
       }},
      {"copy", [](Interpreter&, const Value& v, const Args&) { return v; }},
      {"pop", refuse_change},
      {"popitem", refuse_change},
      {"update", refuse_change},
      {"setdefault", refuse_change},
      {"clear", refuse_change},
  };
  return kMethods;
}

const Methods* methods_of(const Value& object) {
  if (object.is_string()) return &string_methods();
  if (object.is_list()) return &list_methods();
  if (object.is_dict()) return &dict_methods();
  return nullptr;
}

}  // namespace

bool has_method(const Value& object, std::string_view name) {
  const Methods* methods = methods_of(object);
  return methods != nullptr && methods->count(name) > 0;
}

Value call_method(Interpreter& in, const Value& object, std::string_view name, const Args& args) {
  in.charge(object.is_string() ? object.weight() : 1);
  in.charge(args);
  if (object.is_string() &&
      (name == "rfind" || name == "rindex" || name == "rsplit" || name == "rpartition")) {
    // Searching from the end compares anew at every position.
    const Value* part = args.get(0, name == "rfind" || name == "rindex" ? "sub" : "sep");
    if (part != nullptr && part->is_string()) {
      in.charge(object.weight() * static_cast<int64_t>(part->text().size() / 64));
    }
  }
  return methods_of(object)->at(name)(in, object, args);
}

}  // namespace jaju::jinja
