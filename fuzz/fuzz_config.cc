// Feeds arbitrary JSON to the config parser; an accepted config must have counts that make sense.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = jaju::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!config.ok()) {
    JAJU_CHECK(config.message().starts_with("fuzz") && config.message().find('\n') == std::string::npos);
    return 0;
  }
  const jaju::ParameterCount n = jaju::count_parameters(*config, true, true);
  JAJU_CHECK(n.active > 0 && n.active <= n.total() && n.mtp >= 0);
  JAJU_CHECK(config->n_routed_experts % config->n_group == 0 && config->qk_rope_dim % 2 == 0);
  return 0;
}
