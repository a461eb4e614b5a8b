#include "data/synth/families.h"

namespace jaju::data {

std::span<const Family> families() {
  static const std::vector<Family> all = [] {
    std::vector<Family> list;
    for (const auto part : {arithmetic_families(), algebra_families(), word_families(), clock_families(),
                            logic_families(), code_families(), chat_families()}) {
      list.insert(list.end(), part.begin(), part.end());
    }
    return list;
  }();
  return all;
}

std::string_view code_of(Language language) {
  return choose<std::string_view>(language, "ko", "en", "zh", "ja", "es");
}

}  // namespace jaju::data
