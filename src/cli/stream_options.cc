#include "cli/stream_options.h"

#include "base/file.h"
#include "cli/size_value.h"

namespace jaju::cli {

void StreamWords::apply(EngineOptions* options) const {
  options->memory_bytes = memory;
  StreamOptions& s = options->stream;
  s.mirror = mirror;
  s.pin = pin;
  s.prefetch = !no_prefetch;
  s.verify = verify == "always" ? Verify::always : verify == "never" ? Verify::never : Verify::first_read;
  s.reader = reader == "uring"     ? ReaderKind::uring
             : reader == "threads" ? ReaderKind::threads
                                   : ReaderKind::automatic;
  s.piece_bytes = read_size;
  s.queue_depth = read_depth;
}

Status StreamWords::check() const {
  return save_routing.empty() ? Status() : check_writable(save_routing);
}

Status StreamWords::save(const Engine& engine) const {
  return save_routing.empty() ? Status() : engine.save_routing(save_routing);
}

void add_stream_options(CLI::App& verb, StreamWords& words, const std::string& group) {
  verb.add_option(
          "--memory", words.memory,
          "Most memory to take, like 16G (16 GB; 16Gi is binary); a packed model that does not fit keeps its "
          "experts on the disk (default: what is free, less a margin)")
      ->transform(size_value(1))
      ->group(group);
  verb.add_option("--mirror", words.mirror,
                  "A copy of the packed model on another drive; reads are split over both")
      ->group(group);
  verb.add_option("--pin", words.pin, "Routing histogram: the experts visited most stay in memory")
      ->group(group);
  verb.add_option("--save-routing", words.save_routing, "Write how often each expert was visited, for --pin")
      ->group(group);
  verb.add_flag("--no-prefetch", words.no_prefetch, "Read no expert before it is needed")->group(group);
  verb.add_option("--verify", words.verify,
                  "Compare experts with their checksums: first (when first read), always or never")
      ->check(CLI::IsMember({"first", "always", "never"}))
      ->group(group);
  verb.add_option("--reader", words.reader, "How experts are read: auto, uring or threads")
      ->check(CLI::IsMember({"auto", "uring", "threads"}))
      ->group(group);
  verb.add_option("--read-size", words.read_size,
                  "Bytes of one read, like 1Mi (default: as `jaju tune` measured, else 1Mi)")
      ->transform(size_value(4096, int64_t{1} << 30))
      ->group(group);
  verb.add_option("--read-depth", words.read_depth,
                  "Reads a drive has under way (default: as `jaju tune` measured, else 16)")
      ->check(CLI::Range(1, 256))
      ->group(group);
}

}  // namespace jaju::cli
