// What the operators, built-ins and methods of the small Python give, and the line of working for those that
// are more than one fact. Letters are spelled out one by one, because a tokenizer hides them inside words.
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "data/synth/mini_python_ast.h"
#include "data/synth/steps.h"

namespace jaju::data::minipy {
namespace {

constexpr int64_t kLargest = 1'000'000'000;
constexpr size_t kLongest = 200;

std::string letters(std::string_view s) {
  std::string out;
  for (const char c : s) out += (out.empty() ? "" : " ") + std::string(1, c);
  return out;
}

Value number(int64_t n) {
  if (n > kLargest || n < -kLargest) throw Error("number too large");
  return Value::of(n);
}

Value sized(Value v) {
  if (v.text.size() > kLongest || (v.items && v.items->size() > kLongest)) throw Error("too long");
  return v;
}

void want(bool ok, const std::string& what) {
  if (!ok) throw Error("wrong type for " + what);
}

// Facts a small model can know by heart; everything else is written out.
bool known_sum(int64_t a, int64_t b) {
  if (a < 0 || b < 0) return std::abs(a) < 20 && std::abs(b) < 20;
  return a < 100 && b < 100 && (a < 10 || b < 10);
}
bool known_difference(int64_t a, int64_t b) {
  if (a < 0 || b < 0) return std::abs(a) < 20 && std::abs(b) < 20;
  return a < 100 && b < 100 && (b < 10 || (a < 20 && b < 20));
}
bool known_product(int64_t a, int64_t b) {
  return (std::abs(a) <= 10 && std::abs(b) <= 10) || (std::min(std::abs(a), std::abs(b)) <= 1);
}
bool known_quotient(int64_t a, int64_t b) {
  return a >= 0 && b > 0 && (a < 20 || (a < 100 && (b == 2 || b == 5 || b == 10)));
}

int64_t floor_divide(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

Value arithmetic(const std::string& op, int64_t a, int64_t b, std::string& note) {
  if (op == "+") {
    if (!known_sum(a, b)) {
      if (a >= 0 && b >= 0)
        note = add_steps(a, b);
      else if (a >= 0)
        note = sub_steps(a, -b);
      else if (b >= 0)
        note = sub_steps(b, -a);
      else
        note = add_steps(-a, -b);
    }
    return number(a + b);
  }
  if (op == "-") {
    if (!known_difference(a, b)) {
      if (a >= 0 && b >= 0)
        note = sub_steps(a, b);
      else if (b < 0 && a >= 0)
        note = add_steps(a, -b);
      else if (b < 0)
        note = sub_steps(-b, -a);
      else
        note = add_steps(-a, b);
    }
    return number(a - b);
  }
  if (op == "*") {
    if (!known_product(a, b)) note = mul_steps(std::abs(a), std::abs(b));
    return number(a * b);
  }
  if (op == "//" || op == "%") {
    if (b == 0) throw Error("division by zero");
    if (!known_quotient(a, b)) {
      if (a < 0 || b < 0) throw Error("division of negative numbers is left out");
      note = div_steps(a, b);
    }
    const int64_t q = floor_divide(a, b);
    return number(op == "//" ? q : a - q * b);
  }
  if (op == "**") {
    if (b < 0 || b > 12) throw Error("power out of range");
    int64_t result = 1;
    for (int64_t k = 0; k < b; ++k) {
      if (k > 0) note += (note.empty() ? "" : ", ") + std::to_string(result) + "*" + std::to_string(a) + "=";
      result = number(result * a).number;
      if (k > 0) note += std::to_string(result);
    }
    if (b < 2 || (b == 2 && known_product(a, a))) note.clear();
    if (!note.empty()) note = std::to_string(a) + "**" + std::to_string(b) + ": " + note;
    return number(result);
  }
  throw Error("unknown operator " + op);
}

int64_t position(const Value& index, size_t size) {
  want(index.is_number(), "an index");
  const int64_t i = index.number < 0 ? index.number + static_cast<int64_t>(size) : index.number;
  if (i < 0 || i >= static_cast<int64_t>(size)) throw Error("index out of range");
  return i;
}

// One element as it stands in a listing: letters bare, everything else as repr.
std::string element(const Value& object, size_t i) {
  return object.type == Value::Type::text ? std::string(1, object.text[i]) : repr((*object.items)[i]);
}
size_t length(const Value& object) {
  if (object.type == Value::Type::text) return object.text.size();
  want(object.is_container(), "len");
  return object.type == Value::Type::dict ? object.items->size() / 2 : object.items->size();
}
// "0 c, 1 a, 2 t" for texts, "0:3, 1:5" for lists.
std::string listing(const Value& object, int64_t first_label, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    const std::string label = std::to_string(first_label + static_cast<int64_t>(i));
    out += (i > 0 ? ", " : "") + label + (object.type == Value::Type::text ? " " : ":") + element(object, i);
  }
  return out;
}

std::string plain_list(const std::vector<Value>& items) {
  std::string out;
  for (const Value& v : items) out += (out.empty() ? "" : " ") + repr(v);
  return out;
}

std::vector<Value> sorted_items(std::vector<Value> items, bool reverse) {
  std::stable_sort(items.begin(), items.end(),
                   [&](const Value& a, const Value& b) { return reverse ? less(b, a) : less(a, b); });
  return items;
}

// "min 1, left 3 2; min 2, left 3": selection, one element at a time.
std::string sort_note(std::vector<Value> left, bool reverse) {
  std::string out;
  while (left.size() > 1) {
    auto best = left.begin();
    for (auto it = left.begin(); it != left.end(); ++it) {
      if (reverse ? less(*best, *it) : less(*it, *best)) best = it;
    }
    out += (out.empty() ? "" : "; ") + std::string(reverse ? "max " : "min ") + repr(*best) + ", left ";
    left.erase(best);
    out += plain_list(left);
  }
  return out;
}

bool contains(const Value& object, const Value& item) {
  if (object.type == Value::Type::text) {
    want(item.type == Value::Type::text, "in");
    return object.text.find(item.text) != std::string::npos;
  }
  want(object.is_container(), "in");
  const size_t stride = object.type == Value::Type::dict ? 2 : 1;
  for (size_t i = 0; i < object.items->size(); i += stride) {
    if (equal((*object.items)[i], item)) return true;
  }
  return false;
}

}  // namespace

bool truthy(const Value& v) {
  switch (v.type) {
    case Value::Type::none:
      return false;
    case Value::Type::integer:
    case Value::Type::boolean:
      return v.number != 0;
    case Value::Type::text:
      return !v.text.empty();
    default:
      return !v.items->empty();
  }
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a.number == b.number;
  if (a.type != b.type) return false;
  if (a.type == Value::Type::none) return true;
  if (a.type == Value::Type::text) return a.text == b.text;
  if (a.type == Value::Type::dict) throw Error("comparing dicts is left out");
  return std::equal(a.items->begin(), a.items->end(), b.items->begin(), b.items->end(), equal);
}

bool less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a.number < b.number;
  want(a.type == Value::Type::text && b.type == Value::Type::text, "<");
  return a.text < b.text;
}

std::string repr(const Value& v) {
  switch (v.type) {
    case Value::Type::none:
      return "None";
    case Value::Type::integer:
      return std::to_string(v.number);
    case Value::Type::boolean:
      return v.number != 0 ? "True" : "False";
    case Value::Type::text:
      return "'" + v.text + "'";
    case Value::Type::list: {
      std::string out;
      for (const Value& item : *v.items) out += (out.empty() ? "" : ", ") + repr(item);
      return "[" + out + "]";
    }
    case Value::Type::dict: {
      std::string out;
      for (size_t i = 0; i < v.items->size(); i += 2) {
        out += (i > 0 ? ", " : "") + repr((*v.items)[i]) + ": " + repr((*v.items)[i + 1]);
      }
      return "{" + out + "}";
    }
  }
  return "";
}

std::string str(const Value& v) {
  return v.type == Value::Type::text ? v.text : repr(v);
}

Value apply_binary(const std::string& op, const Value& a, const Value& b, std::string& note) {
  if (a.is_number() && b.is_number()) return arithmetic(op, a.number, b.number, note);
  if (op == "+" && a.type == Value::Type::text && b.type == Value::Type::text) {
    return sized(Value::of_text(a.text + b.text));
  }
  if (op == "+" && a.type == Value::Type::list && b.type == Value::Type::list) {
    std::vector<Value> items = *a.items;
    items.insert(items.end(), b.items->begin(), b.items->end());
    return sized(Value::of_list(std::move(items)));
  }
  if (op == "*" && a.is_number() && (b.type == Value::Type::text || b.type == Value::Type::list)) {
    return apply_binary(op, b, a, note);
  }
  if (op == "*" && b.is_number() && (a.type == Value::Type::text || a.type == Value::Type::list)) {
    if (b.number > 20) throw Error("too long");
    Value out = a.type == Value::Type::text ? Value::of_text("") : Value::of_list({});
    for (int64_t k = 1; k <= b.number; ++k) {
      if (a.type == Value::Type::text) {
        out.text += a.text;
        note += (note.empty() ? "" : ", ") + std::to_string(k) + " " + a.text;
      } else {
        out.items->insert(out.items->end(), a.items->begin(), a.items->end());
      }
    }
    if (!note.empty()) note += " → " + out.text;
    return sized(std::move(out));
  }
  throw Error("wrong types for " + op);
}

Value apply_compare(const std::string& op, const Value& a, const Value& b, std::string& note) {
  if (op == "in" || op == "not in") {
    const bool found = contains(b, a);
    if (b.type == Value::Type::text)
      note = letters(b.text) + ": " + a.text + " → " + (found ? "True" : "False");
    if (b.type == Value::Type::list) {
      note = plain_list(*b.items) + ": " + repr(a) + " → " + (found ? "True" : "False");
    }
    return Value::of_bool(found == (op == "in"));
  }
  if (op == "==") return Value::of_bool(equal(a, b));
  if (op == "!=") return Value::of_bool(!equal(a, b));
  if (op == "<") return Value::of_bool(less(a, b));
  if (op == ">") return Value::of_bool(less(b, a));
  if (op == "<=") return Value::of_bool(!less(b, a));
  if (op == ">=") return Value::of_bool(!less(a, b));
  throw Error("unknown comparison " + op);
}

Value apply_index(const Value& object, const Value& index, std::string& note) {
  if (object.type == Value::Type::dict) {
    for (size_t i = 0; i < object.items->size(); i += 2) {
      if (equal((*object.items)[i], index)) return (*object.items)[i + 1];
    }
    throw Error("no such key");
  }
  want(object.type == Value::Type::text || object.type == Value::Type::list, "an index");
  const size_t size = length(object);
  const int64_t i = position(index, size);
  const bool is_text = object.type == Value::Type::text;
  if (index.number >= 0) {
    note = listing(object, 0, static_cast<size_t>(i) + 1);
  } else {
    for (int64_t k = -1; k >= index.number; --k) {
      note += (k < -1 ? ", " : "") + std::to_string(k) + (is_text ? " " : ":") +
              element(object, static_cast<size_t>(k + static_cast<int64_t>(size)));
    }
  }
  note += " → " + element(object, static_cast<size_t>(i));
  return is_text ? Value::of_text(object.text.substr(static_cast<size_t>(i), 1))
                 : (*object.items)[static_cast<size_t>(i)];
}

Value apply_slice(const Value& object, const Value* start, const Value* stop, const Value* step,
                  std::string& note) {
  want(object.type == Value::Type::text || object.type == Value::Type::list, "a slice");
  const auto size = static_cast<int64_t>(length(object));
  for (const Value* bound : {start, stop, step}) want(bound == nullptr || bound->is_number(), "a slice");
  const int64_t by = step == nullptr ? 1 : step->number;
  if (by == 0) throw Error("slice step is zero");
  const auto clamp = [&](const Value* v, int64_t absent) {
    if (v == nullptr) return absent;
    const int64_t n = v->number < 0 ? v->number + size : v->number;
    return by > 0 ? std::clamp<int64_t>(n, 0, size) : std::clamp<int64_t>(n, -1, size - 1);
  };
  const int64_t from = clamp(start, by > 0 ? 0 : size - 1);
  const int64_t to = clamp(stop, by > 0 ? size : -1);
  std::vector<int64_t> picked;
  for (int64_t i = from; by > 0 ? i < to : i > to; i += by) picked.push_back(i);
  Value out = object.type == Value::Type::text ? Value::of_text("") : Value::of_list({});
  for (const int64_t i : picked) {
    if (object.type == Value::Type::text)
      out.text += object.text[static_cast<size_t>(i)];
    else
      out.items->push_back((*object.items)[static_cast<size_t>(i)]);
  }
  const std::string result = object.type == Value::Type::text ? out.text : repr(out);
  if (by == -1 && start == nullptr && stop == nullptr) {
    note = (object.type == Value::Type::text ? letters(object.text) : plain_list(*object.items)) + " → " +
           (object.type == Value::Type::text ? letters(out.text) : plain_list(*out.items)) + " → " + result;
  } else {
    note = listing(object, 0, static_cast<size_t>(size)) + " →";
    for (const int64_t i : picked) {
      note += " " + std::to_string(i) + (object.type == Value::Type::text ? " " : ":") +
              element(object, static_cast<size_t>(i));
    }
    note += " → " + result;
  }
  return out;
}

bool is_builtin(std::string_view name) {
  static constexpr std::string_view kNames[] = {"len", "sum", "max", "min",  "sorted", "range",
                                                "abs", "str", "int", "list", "bool",   "reversed"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Value apply_builtin(const std::string& name, const std::vector<Value>& args, std::string& note) {
  if (name == "range") {
    want(!args.empty() && args.size() <= 3, name);
    for (const Value& v : args) want(v.is_number(), name);
    const int64_t from = args.size() > 1 ? args[0].number : 0;
    const int64_t to = args.size() > 1 ? args[1].number : args[0].number;
    const int64_t by = args.size() > 2 ? args[2].number : 1;
    if (by == 0) throw Error("range step is zero");
    std::vector<Value> items;
    for (int64_t i = from; by > 0 ? i < to : i > to; i += by) {
      items.push_back(Value::of(i));
      if (items.size() > kLongest) throw Error("range too long");
    }
    return Value::of_list(std::move(items));
  }
  if ((name == "max" || name == "min") && args.size() > 1) {
    Value best = args[0];
    for (const Value& v : args) {
      if (name == "max" ? less(best, v) : less(v, best)) best = v;
    }
    return best;
  }
  want(args.size() == 1, name);
  const Value& v = args[0];
  if (name == "len") {
    const size_t n = length(v);
    if (v.type == Value::Type::dict) {
      for (size_t i = 0; i < n; ++i) {
        note += (i > 0 ? ", " : "") + std::to_string(i + 1) + ":" + repr((*v.items)[2 * i]);
      }
    } else {
      note = listing(v, 1, n);
    }
    note += (note.empty() ? "" : " ") + ("→ " + std::to_string(n));
    return Value::of(static_cast<int64_t>(n));
  }
  if (name == "abs") {
    want(v.is_number(), name);
    return Value::of(std::abs(v.number));
  }
  if (name == "str") return Value::of_text(str(v));
  if (name == "bool") return Value::of_bool(truthy(v));
  if (name == "int") {
    if (v.is_number()) return Value::of(v.number);
    want(v.type == Value::Type::text && !v.text.empty() && v.text.size() < 10 &&
             std::all_of(v.text.begin(), v.text.end(), [](unsigned char c) { return std::isdigit(c) != 0; }),
         name);
    return Value::of(std::stoll(v.text));
  }
  if (name == "sorted" && v.type == Value::Type::text) {
    Value out = Value::of_list({});
    for (const char c : v.text) out.items->push_back(Value::of_text(std::string(1, c)));
    note = letters(v.text);
    out.items = std::make_shared<std::vector<Value>>(sorted_items(*out.items, false));
    note += " → " + plain_list(*out.items);
    return out;
  }
  if (name == "list" && v.type == Value::Type::text) {
    Value out = Value::of_list({});
    for (const char c : v.text) out.items->push_back(Value::of_text(std::string(1, c)));
    note = letters(v.text) + " → " + repr(out);
    return out;
  }
  want(v.type == Value::Type::list, name);
  const std::vector<Value>& items = *v.items;
  if (name == "list") return Value::of_list(items);
  if (name == "reversed") {
    Value out = Value::of_list({items.rbegin(), items.rend()});
    note = plain_list(items) + " → " + plain_list(*out.items);
    return out;
  }
  if (name == "sorted") {
    Value out = Value::of_list(sorted_items(items, false));
    note = sort_note(items, false);
    return out;
  }
  if (name == "sum") {
    int64_t total = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      want(items[i].is_number(), name);
      const int64_t before = total;
      total = number(total + items[i].number).number;
      if (i == 0) continue;
      std::string step;
      arithmetic("+", before, items[i].number, step);
      if (step.empty()) {
        step = std::to_string(before) + "+" + std::to_string(items[i].number) + "=" + std::to_string(total);
      }
      note += (note.empty() ? "" : ", ") + step;
    }
    return Value::of(total);
  }
  if (items.empty()) throw Error("empty list");
  Value best = items[0];
  for (const Value& item : items) {  // max, min: the best so far after each element
    if (name == "max" ? less(best, item) : less(item, best)) best = item;
    note += (note.empty() ? "" : ", ") + repr(item) + " " + repr(best);
  }
  note = name + ": " + note;
  return best;
}

Value apply_method(const std::string& name, const Value& object, const std::vector<Value>& args,
                   std::string& note, bool& changed) {
  const auto count = [&](size_t n) { want(args.size() == n, name); };
  const auto text_at = [&](size_t i) -> const std::string& {
    want(args.size() > i && args[i].type == Value::Type::text, name);
    return args[i].text;
  };
  if (object.type == Value::Type::text) {
    const std::string& s = object.text;
    std::string out;
    if (name == "upper" || name == "lower" || name == "capitalize" || name == "title") {
      count(0);
      bool first = true;
      for (const char c : s) {
        const bool up = name == "upper" || (name != "lower" && first);
        out += static_cast<char>(up ? std::toupper(static_cast<unsigned char>(c))
                                    : std::tolower(static_cast<unsigned char>(c)));
        first = name == "title" && c == ' ';
      }
      note = letters(s) + " → " + letters(out) + " → " + out;
      return Value::of_text(out);
    }
    if (name == "replace") {
      count(2);
      const std::string& from = text_at(0);
      want(!from.empty(), name);
      for (size_t i = 0; i < s.size();) {
        if (s.compare(i, from.size(), from) == 0) {
          out += text_at(1);
          i += from.size();
        } else {
          out += s[i++];
        }
      }
      note = letters(s) + " → " + letters(out) + " → " + out;
      return sized(Value::of_text(out));
    }
    if (name == "count" || name == "find" || name == "index") {
      count(1);
      want(text_at(0).size() == 1, name);
      int64_t n = 0;
      for (size_t i = 0; i < s.size(); ++i) {
        note += (i > 0 ? ", " : "");
        if (name == "count") {
          n += s[i] == text_at(0)[0] ? 1 : 0;
          note += std::string(1, s[i]) + " " + std::to_string(n);
        } else {
          note += std::to_string(i) + " " + std::string(1, s[i]);
          if (s[i] == text_at(0)[0]) {
            n = static_cast<int64_t>(i);
            note += " → " + std::to_string(n);
            return Value::of(n);
          }
        }
      }
      if (name == "index") throw Error("not found");
      if (name == "find") n = -1;
      note += " → " + std::to_string(n);
      return Value::of(n);
    }
    if (name == "startswith") return Value::of_bool(s.starts_with(text_at(0)));
    if (name == "endswith") {
      note = letters(s);
      return Value::of_bool(s.ends_with(text_at(0)));
    }
    if (name == "strip") {
      count(0);
      const size_t from = s.find_first_not_of(' ');
      return Value::of_text(from == std::string::npos ? ""
                                                      : s.substr(from, s.find_last_not_of(' ') - from + 1));
    }
    if (name == "split") {
      const char by = args.empty() ? ' ' : text_at(0).at(0);
      std::vector<Value> parts;
      size_t from = 0;
      for (size_t i = 0; i <= s.size(); ++i) {
        if (i == s.size() || s[i] == by) {
          if (i > from || !args.empty()) parts.push_back(Value::of_text(s.substr(from, i - from)));
          from = i + 1;
        }
      }
      return Value::of_list(std::move(parts));
    }
    if (name == "join") {
      count(1);
      want(args[0].type == Value::Type::list, name);
      for (size_t i = 0; i < args[0].items->size(); ++i) {
        const Value& part = (*args[0].items)[i];
        want(part.type == Value::Type::text, name);
        out += (i > 0 ? s : "") + part.text;
      }
      return sized(Value::of_text(out));
    }
    throw Error("unknown method " + name);
  }
  if (object.type == Value::Type::dict) {
    auto& items = *object.items;
    if (name == "get") {
      want(!args.empty() && args.size() <= 2, name);
      for (size_t i = 0; i < items.size(); i += 2) {
        if (equal(items[i], args[0])) return items[i + 1];
      }
      return args.size() > 1 ? args[1] : Value{};
    }
    std::vector<Value> out;
    if (name == "keys" || name == "values") {
      count(0);
      for (size_t i = name == "keys" ? 0 : 1; i < items.size(); i += 2) out.push_back(items[i]);
      return Value::of_list(std::move(out));
    }
    throw Error("unknown method " + name);
  }
  want(object.type == Value::Type::list, name);
  auto& items = *object.items;
  if (name == "append") {
    count(1);
    changed = true;
    items.push_back(args[0]);
    sized(object);
    return {};
  }
  if (name == "insert") {
    count(2);
    changed = true;
    want(args[0].is_number() && args[0].number >= 0, name);
    items.insert(items.begin() + std::min<int64_t>(args[0].number, static_cast<int64_t>(items.size())),
                 args[1]);
    sized(object);
    return {};
  }
  if (name == "extend") {
    count(1);
    changed = true;
    want(args[0].type == Value::Type::list, name);
    const std::vector<Value> more = *args[0].items;
    items.insert(items.end(), more.begin(), more.end());
    sized(object);
    return {};
  }
  if (name == "remove") {
    count(1);
    changed = true;
    const auto it =
        std::find_if(items.begin(), items.end(), [&](const Value& v) { return equal(v, args[0]); });
    if (it == items.end()) throw Error("not in list");
    items.erase(it);
    return {};
  }
  if (name == "pop") {
    changed = true;
    const int64_t i = args.empty() ? static_cast<int64_t>(items.size()) - 1 : position(args[0], items.size());
    if (items.empty()) throw Error("pop from empty list");
    Value out = items[static_cast<size_t>(i)];
    items.erase(items.begin() + i);
    return out;
  }
  if (name == "sort" || name == "reverse") {
    count(0);
    changed = true;
    if (name == "sort") {
      note = sort_note(items, false);
      items = sorted_items(items, false);
    } else {
      std::reverse(items.begin(), items.end());
    }
    return {};
  }
  if (name == "index" || name == "count") {
    count(1);
    int64_t n = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      const bool same = equal(items[i], args[0]);
      if (name == "index") {
        note += (i > 0 ? ", " : "") + std::to_string(i) + ":" + repr(items[i]);
        if (!same) continue;
        note += " → " + std::to_string(i);
        return Value::of(static_cast<int64_t>(i));
      }
      n += same ? 1 : 0;
      note += (i > 0 ? ", " : "") + repr(items[i]) + " " + std::to_string(n);
    }
    if (name == "index") throw Error("not in list");
    note += (note.empty() ? "" : " ") + ("→ " + std::to_string(n));
    return Value::of(n);
  }
  throw Error("unknown method " + name);
}

}  // namespace jaju::data::minipy
