// Plain text for pre-training: two thirds short explanations, stories, how-tos and dialogues, one third
// tables.
#include "data/synth/text.h"

namespace jaju::data {

std::span<const std::string_view> text_skeletons_ko();
std::span<const std::string_view> text_skeletons_en();
std::span<const std::string_view> text_skeletons_zh();
std::span<const std::string_view> text_skeletons_ja();
std::span<const std::string_view> text_skeletons_es();

std::span<const std::string_view> text_skeletons(Language language) {
  return choose<std::span<const std::string_view>>(language, text_skeletons_ko(), text_skeletons_en(),
                                                   text_skeletons_zh(), text_skeletons_ja(),
                                                   text_skeletons_es());
}

std::string make_text(Dice& dice, Language language) {
  if (dice.chance(0.35)) return make_table(dice, language);
  const auto skeletons = text_skeletons(language);
  const auto first = static_cast<size_t>(dice.between(0, static_cast<int64_t>(skeletons.size()) - 1));
  std::string text = fill_text(dice, language, skeletons[first]);
  // A second one now and then, so that length varies; a different one, or the same numbers would stand twice.
  if (text.size() < 260 && dice.chance(0.4)) {
    const auto step = static_cast<size_t>(dice.between(1, static_cast<int64_t>(skeletons.size()) - 1));
    text += "\n" + fill_text(dice, language, skeletons[(first + step) % skeletons.size()]);
  }
  return text;
}

}  // namespace jaju::data
