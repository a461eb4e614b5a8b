// Feeds arbitrary bytes to what plan and tune read: the machine profile, a routing histogram, and a machine
// in words. The first byte says which. What is accepted must survive being written and read again.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "memory/hit_rate.h"
#include "memory/machine.h"
#include "memory/machine_profile.h"
#include "memory/routing_histogram.h"

namespace {

void one_sentence(const std::string& message) {
  JAJU_CHECK(!message.empty() && message.find('\n') == std::string::npos);
}

void profile(std::string_view text) {
  const auto p = jaju::parse_machine_profile(text, "fuzz");
  if (!p.ok()) return one_sentence(p.message());
  const std::string json = to_json(*p);
  const auto again = jaju::parse_machine_profile(json, "again");
  JAJU_CHECK(again.ok() && to_json(*again) == json);
  for (const jaju::DriveProfile& d : p->drives) {
    if (!d.speeds.empty()) (void)jaju::best_read(d.speeds, d.extent_bytes);
  }
  (void)jaju::best_threads(p->speeds);
}

void histogram(std::string_view text) {
  const auto h = jaju::parse_routing_histogram(text, "fuzz");
  if (!h.ok()) return one_sentence(h.message());
  const std::string json = to_json(*h);
  const auto again = jaju::parse_routing_histogram(json, "again");
  JAJU_CHECK(again.ok() && to_json(*again) == json);
  const jaju::Routing routing = jaju::Routing::measured(*h);
  for (const double share : {0.0, 0.3, 1.0}) {
    const double hit = routing.hit_frequency(share * routing.experts(), 128);
    JAJU_CHECK(std::isfinite(hit) && hit >= -1e-6 && hit <= 1 + 1e-6);
  }
}

void machine(std::string_view words) {
  const auto m = jaju::parse_machine(words);
  if (!m.ok()) return one_sentence(m.message());
  JAJU_CHECK(m->memory_bytes > 0 && m->threads >= 1 && std::isfinite(m->drive_bytes) && m->drive_bytes > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'p':
      profile(text);
      break;
    case 'h':
      histogram(text);
      break;
    default:
      machine(text);
  }
  return 0;
}
