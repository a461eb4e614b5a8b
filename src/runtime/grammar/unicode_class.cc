#include "runtime/grammar/unicode_class.h"

#include <utf8proc.h>

#include <string>

namespace jaju::grammar {
namespace {

struct Name {
  std::string_view shorter, longer;
};
// The groups and their members: a name is a prefix of what utf8proc says.
constexpr Name kNames[] = {
    {"L", "Letter"},
    {"Lu", "Uppercase_Letter"},
    {"Ll", "Lowercase_Letter"},
    {"Lt", "Titlecase_Letter"},
    {"Lm", "Modifier_Letter"},
    {"Lo", "Other_Letter"},
    {"M", "Mark"},
    {"Mn", "Nonspacing_Mark"},
    {"Mc", "Spacing_Mark"},
    {"Me", "Enclosing_Mark"},
    {"N", "Number"},
    {"Nd", "Decimal_Number"},
    {"Nl", "Letter_Number"},
    {"No", "Other_Number"},
    {"P", "Punctuation"},
    {"Pc", "Connector_Punctuation"},
    {"Pd", "Dash_Punctuation"},
    {"Ps", "Open_Punctuation"},
    {"Pe", "Close_Punctuation"},
    {"Pi", "Initial_Punctuation"},
    {"Pf", "Final_Punctuation"},
    {"Po", "Other_Punctuation"},
    {"S", "Symbol"},
    {"Sm", "Math_Symbol"},
    {"Sc", "Currency_Symbol"},
    {"Sk", "Modifier_Symbol"},
    {"So", "Other_Symbol"},
    {"Z", "Separator"},
    {"Zs", "Space_Separator"},
    {"Zl", "Line_Separator"},
    {"Zp", "Paragraph_Separator"},
    {"C", "Other"},
    {"Cc", "Control"},
    {"Cf", "Format"},
    {"Co", "Private_Use"},
    {"Cn", "Unassigned"},
};

}  // namespace

std::optional<CodePointSet> unicode_category(std::string_view name) {
  for (std::string_view prefix : {"gc=", "General_Category="}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
  if (name == "Any") return CodePointSet::all();
  if (name == "ASCII") return CodePointSet(0, 0x7F);
  for (const Name& n : kNames) {
    if (name != n.shorter && name != n.longer) continue;
    CodePointSet set;
    uint32_t start = 0;
    bool inside = false;
    for (uint32_t c = 0; c <= kMaxCodePoint + 1; ++c) {
      const bool member =
          c <= kMaxCodePoint &&
          std::string_view(utf8proc_category_string(static_cast<utf8proc_int32_t>(c))).starts_with(n.shorter);
      if (member && !inside) start = c;
      if (!member && inside) set.add(start, c - 1);
      inside = member;
    }
    return set;
  }
  return std::nullopt;
}

}  // namespace jaju::grammar
