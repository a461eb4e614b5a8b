#include "memory/machine.h"

#include <algorithm>
#include <cmath>

#include "base/quantity.h"
#include "base/utf8.h"

namespace jaju {

void set_speeds(const ThreadSpeeds& s, const std::string& from, Machine* machine) {
  machine->threads = s.threads;
  machine->decode_bytes = s.decode_bytes > 0 ? s.decode_bytes : kStreamShare * s.stream;
  // Without dot products of bytes the kernels widen to 16 bits first: two instructions for one.
  const double int8 = s.int8 > 0 ? s.int8 : 2 * s.f32;
  machine->int8_ops = s.prompt_ops > 0 ? s.prompt_ops : kInt8Share * int8;
  machine->bf16_ops = kBf16Share * (s.bf16 > 0 ? s.bf16 : s.f32);
  machine->memory_from = from;
  machine->compute_from = from;
}

Result<Machine> parse_machine(std::string_view words) {
  Machine m;
  m.name = "as described";
  double ram = 0, disk = 0, cores = 0, membw = 0, int8 = 0, bf16 = 0;
  const std::pair<std::string_view, double*> keys[] = {{"ram", &ram},     {"disk", &disk}, {"cores", &cores},
                                                       {"membw", &membw}, {"int8", &int8}, {"bf16", &bf16}};
  for (size_t from = 0; from <= words.size();) {
    const size_t comma = std::min(words.find(',', from), words.size());
    const std::string_view word = trim_spaces(words.substr(from, comma - from));
    from = comma + 1;
    const size_t equals = word.find('=');
    const std::string_view name = trim_spaces(word.substr(0, equals));
    const auto* const key =
        std::find_if(std::begin(keys), std::end(keys), [&](const auto& k) { return k.first == name; });
    if (equals == std::string_view::npos || key == std::end(keys)) {
      return error(
          "'{}' says nothing about a machine; write ram=64G,disk=7GB/s,cores=16,membw=80GB/s,int8=2TOPS "
          "(also bf16), only ram is needed",
          printable(word));
    }
    if (*key->second > 0) return error("'{}' is given twice", name);
    const Result<double> value = parse_quantity(word.substr(equals + 1));
    if (!value.ok()) return error("{}: {}", name, value.message());
    *key->second = *value;
  }
  if (ram <= 0) return error("the machine's memory is missing; add ram=64G");
  if (cores != std::floor(cores) || cores > 4096) return error("cores: give a whole number from 1 to 4096");
  if (ram < 1e6 || ram > 1e16) return error("ram: no machine has {:.3g} bytes; write ram=64G", ram);
  m.memory_bytes = static_cast<int64_t>(ram);
  m.free_bytes = m.memory_bytes;
  const auto from = [](double said) { return said > 0 ? "as said" : "assumed"; };
  m.drive_bytes = disk > 0 ? disk : kAssumedDrive;
  m.drive_from = from(disk);
  ThreadSpeeds s;
  s.threads = cores > 0 ? static_cast<int>(cores) : 8;
  s.stream = membw > 0 ? membw : kAssumedStream;
  s.int8 = int8 > 0 ? int8 : s.threads * kAssumedInt8PerCore;
  s.bf16 = bf16 > 0 ? bf16 : s.int8 / 2;
  set_speeds(s, "", &m);
  m.memory_from = from(membw);
  m.compute_from = from(int8);
  return m;
}

}  // namespace jaju
