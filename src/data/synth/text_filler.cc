#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "base/check.h"
#include "data/synth/lexicon.h"
#include "data/synth/phrases.h"
#include "data/synth/text.h"
#include "data/synth/text_words.h"

namespace jaju::data {
namespace {

class Filler {
 public:
  Filler(Dice& dice, Language language) : dice_(dice), language_(language) {}

  // Nothing when a number fell below zero or beyond words.
  std::optional<std::string> fill_all(std::string_view skeleton) {
    define_numbers(skeleton);
    std::string out;
    size_t from = 0;
    while (from < skeleton.size()) {
      const size_t open = skeleton.find('{', from);
      if (open == std::string_view::npos) {
        out += skeleton.substr(from);
        break;
      }
      out += skeleton.substr(from, open - from);
      const size_t close = skeleton.find('}', open);
      JAJU_CHECK(close != std::string_view::npos);
      std::string_view slot = skeleton.substr(open + 1, close - open - 1);
      const size_t bar = slot.find('|');
      const std::string_view name = slot.substr(0, bar);
      const std::string text = value_of(name);
      if (bad_) return std::nullopt;
      out += bar == std::string_view::npos
                 ? text
                 : fill("{x|" + std::string(slot.substr(bar + 1)) + "}", {{"x", text}});
      from = close + 1;
    }
    return out;
  }

 private:
  // Rolls every "{a=2-9}", so that a sum may stand before its parts.
  void define_numbers(std::string_view skeleton) {
    for (size_t open = skeleton.find('{'); open != std::string_view::npos;
         open = skeleton.find('{', open + 1)) {
      const std::string_view slot = skeleton.substr(open + 1, skeleton.find_first_of("|}", open) - open - 1);
      const size_t equals = slot.find('=');
      if (equals == std::string_view::npos || equals == 0) continue;
      const size_t dash = slot.find('-', equals);
      JAJU_CHECK(dash != std::string_view::npos);
      numbers_[std::string(slot.substr(0, equals))] =
          dice_.between(std::stoll(std::string(slot.substr(equals + 1, dash - equals - 1))),
                        std::stoll(std::string(slot.substr(dash + 1))));
    }
  }
  int64_t number(std::string_view name) const {
    if (!name.empty() && std::isdigit(static_cast<unsigned char>(name[0])))
      return std::stoll(std::string(name));
    const auto it = numbers_.find(std::string(name));
    JAJU_CHECK(it != numbers_.end());
    return it->second;
  }
  int64_t calculate(std::string_view formula) {
    int64_t total = 0;
    char op = '+';
    while (!formula.empty()) {
      const size_t end = formula.find_first_of("+-*");
      const int64_t n = number(formula.substr(0, end));
      total = op == '+' ? total + n : op == '-' ? total - n : total * n;
      if (end == std::string_view::npos) break;
      op = formula[end];
      formula.remove_prefix(end + 1);
    }
    if (total < 0) bad_ = true;
    return total;
  }
  const Thing& thing(char name) {
    if (const auto it = things_.find(name); it != things_.end()) return *it->second;
    for (;;) {
      const Thing& t = dice_.pick(things(language_));
      if (t.kind != Kind::food && (name == 'F' || t.kind != Kind::thing)) continue;
      bool taken = false;
      for (const auto& [other, chosen] : things_) taken = taken || std::string_view(chosen->one) == t.one;
      if (!taken) return *(things_[name] = &t);
    }
  }

  std::string value_of(std::string_view name) {
    const std::string key(name);
    if (const auto it = texts_.find(key); it != texts_.end()) return it->second;
    if (name[0] == '=') return std::to_string(calculate(name.substr(1)));
    const size_t equals = name.find('=');
    if (equals != std::string_view::npos) return std::to_string(numbers_.at(key.substr(0, equals)));
    if (numbers_.contains(key)) return std::to_string(numbers_.at(key));
    if (name.size() > 2 && name[1] == ':') {
      const int64_t n = calculate(name.substr(2));
      if (name[0] == 'w' || name[0] == 'n' || name[0] == 'k') {
        if (n < (name[0] == 'w' ? 0 : 1) || n > 99) bad_ = true;
        if (bad_) return "";
        return name[0] == 'w' ? number_in_words(language_, n) : native_number(n, name[0] == 'n');
      }
      if (bad_ || n < 1) {
        bad_ = true;
        return "";
      }
      return counted(language_, n, thing(name[0]));
    }
    if (name == "A" || name == "B" || name == "C") {
      for (;;) {
        const std::string_view person = dice_.pick(names(language_));
        if (used_.insert(std::string(person)).second) return texts_[key] = std::string(person);
      }
    }
    if (name == "T" || name == "U" || name == "F") return thing(name[0]).one;
    if (name == "Ts" || name == "Us" || name == "Fs") return thing(name[0]).many;
    std::string category = key;
    while (std::isdigit(static_cast<unsigned char>(category.back()))) category.pop_back();
    const auto words = words_of(language_, category);
    JAJU_CHECK(!words.empty());
    for (;;) {
      const std::string_view word = dice_.pick(words);
      if (used_.insert(category + std::string(word)).second) return texts_[key] = std::string(word);
    }
  }

  Dice& dice_;
  Language language_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, int64_t> numbers_;
  std::map<char, const Thing*> things_;
  std::set<std::string> used_;
  bool bad_ = false;
};

}  // namespace

std::string fill_text(Dice& dice, Language language, std::string_view skeleton) {
  for (int tries = 0; tries < 200; ++tries) {
    if (auto text = Filler(dice, language).fill_all(skeleton)) return *text;
  }
  JAJU_CHECK(false);
  return {};
}

}  // namespace jaju::data
