// The values of `format` as expressions. They accept no more than the RFCs do, and a little less where the
// whole truth would be long: hosts in ASCII, URIs with an authority.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "runtime/grammar/schema.h"

namespace jaju::grammar {
namespace {

// RFC 3339. Days fit their month, 29 February only in leap years.
#define JAJU_LEAP_YEAR "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
#define JAJU_DATE                                                                                            \
  "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?" \
  ":0[1-9]|"                                                                                                 \
  "1[0-9]|2[0-8]))|" JAJU_LEAP_YEAR "-02-29)"
#define JAJU_TIME                                                                                            \
  "(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])" \
  ")"
#define JAJU_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define JAJU_BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define JAJU_IPV4 JAJU_BYTE "(?:\\." JAJU_BYTE "){3}"
#define JAJU_H16 "[0-9A-Fa-f]{1,4}"
// The left and the right of ::, by how many groups are on the left.
#define JAJU_IPV6                                                                                           \
  "(?:(?:" JAJU_H16 ":){7}" JAJU_H16 "|(?:" JAJU_H16 ":){1,7}:|(?:" JAJU_H16 ":){1,6}:" JAJU_H16            \
  "|(?:" JAJU_H16 ":){1,5}(?::" JAJU_H16 "){1,2}|(?:" JAJU_H16 ":){1,4}(?::" JAJU_H16 "){1,3}|(?:" JAJU_H16 \
  ":){1,3}(?::" JAJU_H16 "){1,4}|(?:" JAJU_H16 ":){1,2}(?::" JAJU_H16 "){1,5}|" JAJU_H16 ":(?::" JAJU_H16   \
  "){1,6}|:(?::" JAJU_H16 "){1,7}|::)"
#define JAJU_PCHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"

struct Format {
  std::string_view name, pattern;
};
constexpr Format kFormats[] = {
    {"date", "^" JAJU_DATE "$"},
    {"time", "^" JAJU_TIME "$"},
    {"date-time", "^" JAJU_DATE "T" JAJU_TIME "$"},
    {"duration",
     "^P(?:[0-9]{1,9}W|(?:[0-9]{1,9}Y(?:[0-9]{1,9}M)?(?:[0-9]{1,9}D)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}"
     "D)(?:T(?:"
     "[0-9]{1,9}H(?:[0-9]{1,9}M)?(?:[0-9]{1,9}S)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S))?|T(?:[0-9]{1,9}H("
     "?:[0-9]{"
     "1,9}M)?(?:[0-9]{1,9}S)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S))$"},
    {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
    {"email", "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:" JAJU_LABEL
              "\\.)+" JAJU_LABEL "$"},
    {"hostname", "^" JAJU_LABEL "(?:\\." JAJU_LABEL "){0,3}$"},
    {"ipv4", "^" JAJU_IPV4 "$"},
    {"ipv6", "^" JAJU_IPV6 "$"},
    {"uri", "^[A-Za-z][A-Za-z0-9+.-]*://" JAJU_LABEL "(?:\\." JAJU_LABEL ")*(?::[0-9]{1,5})?(?:/" JAJU_PCHAR
            "*)*(?:\\?(?:" JAJU_PCHAR "|[/?])*)?(?:#(?:" JAJU_PCHAR "|[/?])*)?$"},
    // Of numbers, and hints that restrict nothing.
    {"int32", ""},
    {"int64", ""},
    {"float", ""},
    {"double", ""},
    {"password", ""},
};

}  // namespace

std::optional<std::string_view> format_pattern(std::string_view format) {
  const auto at = std::find_if(std::begin(kFormats), std::end(kFormats),
                               [&](const Format& f) { return f.name == format; });
  if (at == std::end(kFormats)) return std::nullopt;
  return at->pattern;
}

}  // namespace jaju::grammar
