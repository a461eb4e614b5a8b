#include <algorithm>

#include "data/synth/code_snippets.h"

namespace jaju::data {
namespace {

constexpr std::string_view kNumbers[] = {"x",     "y",   "z",      "a",     "b",     "c",   "n",    "m",
                                         "total", "num", "result", "value", "score", "age", "size", "count"};
constexpr std::string_view kLoops[] = {"i", "j", "k"};
constexpr std::string_view kElements[] = {"x", "n", "v", "num", "item", "y"};
constexpr std::string_view kLists[] = {"a", "b", "nums", "numbers", "items", "data", "values", "lst", "xs"};
constexpr std::string_view kTexts[] = {"s", "t", "word", "name", "text", "msg"};
constexpr std::string_view kLetters[] = {"c", "ch", "letter"};
constexpr std::string_view kLoopWords[] = {"w", "word", "name", "s"};
constexpr std::string_view kKeys[] = {"k", "key", "name"};
constexpr std::string_view kFunctions[] = {"f", "g", "h", "func", "calc", "foo", "run", "work"};
constexpr std::string_view kParams[] = {"x", "y", "n", "a", "b", "m"};
constexpr std::string_view kDicts[] = {"d", "prices", "ages", "scores", "stock", "box"};

// Short and few: the letters of each must be known by heart.
constexpr std::string_view kWords[] = {
    "cat",  "dog",  "sun",    "moon", "star",  "tree", "book",  "fish",  "bird",  "rain",   "snow",
    "milk", "cake", "apple",  "pear", "plum",  "kiwi", "lemon", "grape", "melon", "banana", "bread",
    "rice", "tea",  "red",    "blue", "green", "pink", "gold",  "gray",  "one",   "two",    "three",
    "four", "five", "six",    "cow",  "pig",   "hen",  "fox",   "bear",  "lion",  "wolf",   "frog",
    "ant",  "bee",  "hat",    "cup",  "pen",   "box",  "key",   "map",   "car",   "bus",    "ship",
    "road", "home", "door",   "king", "queen", "hi",   "hello", "yes",   "no",    "ok",     "go",
    "up",   "jaju", "python", "code", "data",  "test", "seoul", "busan", "jeju",  "korea",  "spain",
    "ann",  "bob",  "mina",   "tom",  "kim",   "lee",  "park"};

int64_t number_of(std::string_view s) {
  return std::stoll(std::string(s));
}

struct Range {
  int64_t low, high;
};
Range range_of(std::string_view s) {  // "3-9" or "3"
  const size_t dash = s.find('-', 1);
  if (dash == std::string_view::npos) return {number_of(s), number_of(s)};
  return {number_of(s.substr(0, dash)), number_of(s.substr(dash + 1))};
}

}  // namespace

std::span<const std::string_view> snippet_words() {
  return kWords;
}

std::string SnippetFiller::pick_new(std::span<const std::string_view> pool) {
  for (int tries = 0; tries < 100; ++tries) {
    std::string name(dice_.pick(pool));
    if (used_.insert(name).second) return name;
  }
  return "other";
}

std::string SnippetFiller::slot(const std::string& name) {
  if (const auto it = known_.find(name); it != known_.end()) return it->second;
  const auto roll = [&](Range r) { return dice_.between(r.low, r.high); };
  if (name.size() == 1 && name[0] >= 'a' && name[0] <= 'z') {
    std::span<const std::string_view> pool = kNumbers;
    switch (name[0]) {
      case 'i':
      case 'j':
        pool = kLoops;
        break;
      case 'x':
      case 'y':
        pool = kElements;
        break;
      case 'l':
      case 'm':
        pool = kLists;
        break;
      case 's':
      case 't':
        pool = kTexts;
        break;
      case 'w':
        pool = kLoopWords;
        break;
      case 'h':
        pool = kLetters;
        break;
      case 'k':
        pool = kKeys;
        break;
      case 'f':
      case 'g':
        pool = kFunctions;
        break;
      case 'p':
      case 'q':
        pool = kParams;
        break;
      case 'd':
        pool = kDicts;
        break;
      default:
        break;
    }
    return known_[name] = pick_new(pool);
  }
  if (name[0] == '#') {
    const size_t equals = name.find('=');
    const std::string key = name.substr(0, equals);
    return known_[key] = std::to_string(roll(range_of(name.substr(equals + 1))));
  }
  if (name[0] == 'W') {
    std::string word = pick_new(kWords);
    if (name.size() > 1) known_[name] = word;
    return word;
  }
  if (name.find('|') != std::string::npos) {
    std::vector<std::string> choices;
    size_t from = 0;
    for (size_t i = 0; i <= name.size(); ++i) {
      if (i == name.size() || name[i] == '|') {
        choices.push_back(name.substr(from, i - from));
        from = i + 1;
      }
    }
    return dice_.pick(choices);
  }
  if (name[0] == 'L' || name[0] == 'D') {
    const size_t colon = name.find(':');
    const int64_t count = roll(range_of(std::string_view(name).substr(1, colon - 1)));
    const Range range = range_of(std::string_view(name).substr(colon + 1));
    std::vector<int64_t> items;
    while (static_cast<int64_t>(items.size()) < count) {
      const int64_t n = roll(range);
      if (name[0] == 'L' || std::find(items.begin(), items.end(), n) == items.end()) items.push_back(n);
    }
    std::string out;
    for (const int64_t n : items) out += (out.empty() ? "" : ", ") + std::to_string(n);
    return "[" + out + "]";
  }
  if (name[0] == 'Q') {
    std::string out;
    const int64_t count = roll(range_of(std::string_view(name).substr(1)));
    for (int64_t k = 0; k < count; ++k) out += (k > 0 ? ", \"" : "\"") + pick_new(kWords) + "\"";
    return "[" + out + "]";
  }
  return std::to_string(roll(range_of(name)));
}

std::string SnippetFiller::fill(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "{{" || text.substr(i, 2) == "}}") {
      out += text[i++];
    } else if (text[i] == '{') {
      const size_t end = text.find('}', i);
      out += slot(std::string(text.substr(i + 1, end - i - 1)));
      i = end;
    } else {
      out += text[i];
    }
  }
  if (quote_ == '\'') std::replace(out.begin(), out.end(), '"', '\'');
  return out;
}

}  // namespace jaju::data
