// jaju pack: quantises a model into the order the kernels read, and verifies one.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/staged_dir.h"
#include "cli/calibrate.h"
#include "cli/cli.h"
#include "cli/model_path.h"
#include "cli/size_value.h"
#include "data/records.h"
#include "model/importance.h"
#include "model/pack.h"
#include "model/packed_manifest.h"
#include "runtime/benchmark.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kKeep = "keep";

struct PackWords {
  std::string model;
  std::string random;
  double skew = 0;
  std::string to;
  std::string experts = kKeep;
  std::string rest = kKeep;
  std::string calibration;  // a text
  int64_t calibration_tokens = kCalibrationTokens;
  std::string importance, save_importance;
  uint64_t shard = 5'000'000'000;
  int threads = 0;
  bool dry_run = false;
  bool verify = false;
  bool json = false;
  bool quiet = false;
};

// Files of a model besides its weights, as they are.
constexpr const char* kCopied[] = {"config.json",
                                   "tokenizer.json",
                                   "tokenizer_config.json",
                                   "chat_template.jinja",
                                   "generation_config.json",
                                   "special_tokens_map.json",
                                   "chat_template.json",
                                   "README.md",
                                   "LICENSE"};
// Those of them by which a calibration text becomes tokens.
constexpr const char* kReadWithTexts[] = {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                                          "chat_template.json"};
constexpr int64_t kMaxCopied = int64_t{1} << 30;
constexpr const char* kKeptImportance = "importance.kept";

// What the matrices are weighed by, for the fingerprint; null: nothing.
Result<Json> calibration_of(const PackWords& words) {
  if (!words.importance.empty()) {
    JAJU_ASSIGN(const std::string hash, data::hash_file(words.importance));
    return Json{{"importance", hash}};
  }
  if (words.calibration.empty()) return Json();
  JAJU_ASSIGN(const std::string hash, data::hash_file(words.calibration));
  return Json{{"text", hash}, {"tokens", words.calibration_tokens}};
}

// What decides the bytes of a packed model: the weights, by size and time, and what says how they are read.
// The other files are copied when all else is done.
Result<std::string> fingerprint(const fs::path& dir, const PackWords& words, const Json& calibration) {
  Json files = Json::array();
  std::vector<fs::path> names;
  std::error_code ignored;
  for (fs::directory_iterator entry(dir, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().extension() == ".safetensors") names.push_back(entry->path());
  }
  std::sort(names.begin(), names.end());
  for (const fs::path& name : names) {
    files.push_back({{"name", name.filename().string()},
                     {"bytes", fs::file_size(name, ignored)},
                     {"changed", fs::last_write_time(name, ignored).time_since_epoch().count()}});
  }
  std::vector<const char*> read = {"config.json", "model.safetensors.index.json"};
  if (!calibration.is_null()) read.insert(read.end(), std::begin(kReadWithTexts), std::end(kReadWithTexts));
  for (const char* name : read) {
    if (!fs::exists(dir / name, ignored)) continue;
    JAJU_ASSIGN(const std::string hash, data::hash_file(dir / name));
    files.push_back({{"name", name}, {"hash", hash}});
  }
  constexpr int kEncoder = 1;  // counts up when quantize_panel gives other bytes
  Json all = {{"encoder", kEncoder},
              {"experts", words.experts},
              {"rest", words.rest},
              {"shard_bytes", words.shard},
              {"files", files}};
  if (!calibration.is_null()) all["calibration"] = calibration;
  return all.dump(1, ' ', true, Json::error_handler_t::replace) + "\n";
}

// Output by what it is for; the sizes that `--dry-run` shows.
struct Sizes {
  struct Part {
    std::string name;
    std::string scheme;
    int64_t values = 0;
    int64_t bytes = 0;
  };
  std::vector<Part> parts;
  int64_t bytes = 0;
  int64_t stored_twice = 0;  // values: of a head that is the embedding, which keeps its type
  int shards = 0;
};

Sizes sizes_of(const std::vector<PackShard>& shards, const ModelConfig& config) {
  Sizes sizes;
  sizes.shards = static_cast<int>(shards.size());
  Sizes::Part experts{"routed experts", "", 0, 0}, rest{"other matrices", "", 0, 0},
      plain{"embedding", "", 0, 0}, vectors{"norms, routers", "F32", 0, 0};
  for (const PackShard& shard : shards) {
    for (const PackPart& p : shard.parts) {
      Sizes::Part& part = p.vector != nullptr        ? vectors
                          : p.matrices.size() == 3   ? experts
                          : p.scheme != Scheme::none ? rest
                                                     : plain;
      if (part.scheme.empty())
        part.scheme = p.scheme != Scheme::none ? name_of(p.scheme) : name_of(p.spec.dtype);
      if (&part == &plain && p.spec.name.find("kv_b") != std::string::npos) plain.name = "embedding, kv_b";
      if (config.tie_word_embeddings && p.spec.name.starts_with("lm_head.weight"))
        sizes.stored_twice = p.values;
      part.values += p.values;
      part.bytes += p.bytes;
      sizes.bytes += p.bytes;
    }
  }
  sizes.parts = {experts, rest, plain, vectors};
  return sizes;
}

void print_sizes(const Sizes& sizes, const std::string& name, bool json) {
  if (json) {
    Json parts = Json::array();
    for (const Sizes::Part& p : sizes.parts) {
      parts.push_back({{"name", p.name}, {"scheme", p.scheme}, {"parameters", p.values}, {"bytes", p.bytes}});
    }
    return print(Json{{"bytes", sizes.bytes}, {"shards", sizes.shards}, {"parts", parts}}.dump() + "\n");
  }
  print(
      fmt::format("{}\n\n{:<18}{:>8}{:>20}{:>12}{:>8}\n", name, "", "scheme", "parameters", "bytes", "bits"));
  const auto line = [](const std::string& what, const std::string& scheme, int64_t values, int64_t bytes) {
    const double bits = 8.0 * static_cast<double>(bytes) / static_cast<double>(std::max<int64_t>(values, 1));
    print(fmt::format("{:<18}{:>8}{:>20}{:>12}{:>8.2f}\n", what, scheme, with_commas(values),
                      human_bytes(static_cast<double>(bytes)), bits));
  };
  int64_t values = 0;
  for (const Sizes::Part& p : sizes.parts) {
    if (p.values == 0) continue;
    line(p.name, p.scheme, p.values, p.bytes);
    values += p.values;
  }
  line("all", "", values - sizes.stored_twice, sizes.bytes);
  print(fmt::format("\n{} file{}\n", sizes.shards, sizes.shards == 1 ? "" : "s"));
}

Status copy_files(const fs::path& from, const fs::path& to) {
  for (const char* name : kCopied) {
    std::error_code failed;
    if (!fs::exists(from / name, failed)) continue;
    JAJU_ASSIGN(const std::string content, read_file(from / name, kMaxCopied));
    JAJU_RETURN_IF_ERROR(write_file_atomic(to / name, content));
  }
  return {};
}

// Whether files of an earlier start are there.
bool was_started(const fs::path& stage, const std::vector<PackShard>& shards) {
  std::error_code failed;
  return fs::exists(stage / kKeptImportance, failed) ||
         std::any_of(shards.begin(), shards.end(),
                     [&](const PackShard& shard) { return fs::exists(stage / shard.file, failed); });
}

// A full disk is better known before the hours of work than after them.
Status check_disk(const StagedDir& staged, const std::vector<PackShard>& shards) {
  int64_t needed = 0;
  std::error_code failed;
  for (const PackShard& shard : shards) {
    if (!fs::exists(staged.stage() / shard.file, failed)) needed += shard.bytes;
  }
  const bool started = was_started(staged.stage(), shards);
  const Status room = check_room(staged.stage().parent_path(), needed,
                                 started ? "what is missing of the packed model" : "the packed model");
  if (!room.ok() && !started) staged.abandon();
  return room;
}

CalibrationOptions calibration_options(const PackWords& words) {
  return {words.calibration, words.calibration_tokens, words.threads, words.quiet};
}

// The importance of a packing in `stage`, null when it is packed without. What a text gave is kept there
// until the work is complete, so that it is not read again after an interruption.
Result<std::unique_ptr<Importance>> open_importance(const PackWords& words, const fs::path& dir,
                                                    const fs::path& stage, const Weights& weights,
                                                    const ModelConfig& config) {
  fs::path file = words.importance;
  if (file.empty()) {
    if (words.calibration.empty()) return std::unique_ptr<Importance>();
    file = stage / kKeptImportance;
    std::error_code failed;
    if (!fs::exists(file, failed)) JAJU_RETURN_IF_ERROR(calibrate(dir, calibration_options(words), file));
    if (!words.save_importance.empty()) {
      JAJU_ASSIGN(const std::string content, read_file(file, kMaxCopied));
      JAJU_RETURN_IF_ERROR(write_file_atomic(words.save_importance, content));
    }
  }
  return Importance::open(file, weights, config);
}

// Before the hours of work: --save-importance replaces its own kind of file only.
Status check_outputs(const PackWords& words) {
  if (words.save_importance.empty()) return {};
  std::error_code failed;
  if (fs::exists(words.save_importance, failed) && !is_importance(words.save_importance)) {
    return error("--save-importance {}: that file is there and holds no importance; give another name",
                 words.save_importance);
  }
  return check_writable(words.save_importance);
}

// A tokenizer that cannot be read is better known before the hours of work, too. One that is missing is no
// error.
Status check_copied(const fs::path& dir) {
  std::error_code failed;
  for (const char* name : kCopied) {
    const fs::path file = dir / name;
    if (fs::is_symlink(file, failed) && !fs::exists(file, failed)) {
      return error("{} is a link to a file that is not there; put the file there, or remove the link",
                   file.string());
    }
    if (!fs::exists(file, failed)) continue;
    JAJU_ASSIGN(const std::string content, read_file(file, kMaxCopied));
    // What jaju itself reads.
    const std::string_view read = name;
    if (read == "tokenizer.json" || read == "tokenizer_config.json" || read == "generation_config.json")
      JAJU_RETURN_IF_ERROR(parse_json(content, file.string()).status());
  }
  if (!fs::exists(dir / "tokenizer.json", failed)) {
    note(fmt::format("{} has no tokenizer.json: the packed model takes token ids, not text", dir.string()));
  }
  return {};
}

Status pack_model(const PackWords& words) {
  JAJU_ASSIGN(const fs::path dir, find_model(words.model));
  JAJU_ASSIGN(const ModelConfig config, load_config(dir));
  JAJU_ASSIGN(const auto weights, Weights::load(dir, config, StoredFp4::wanted));
  if (weights->packed)
    return error("{} is packed already: pack the checkpoint it was made from", dir.string());
  PackOptions options;
  options.keep_fp4_experts = words.experts == kKeep;
  options.keep_fp4_rest = words.rest == kKeep;
  if (!options.keep_fp4_experts) options.experts = *scheme_named(words.experts);
  if (!options.keep_fp4_rest) options.rest = *scheme_named(words.rest);
  options.shard_bytes = static_cast<int64_t>(std::clamp<uint64_t>(words.shard, 1, INT64_MAX));
  std::vector<PackShard> shards = plan_pack(*weights, config, options);
  const Sizes sizes = sizes_of(shards, config);
  if (words.dry_run) {
    print_sizes(sizes, dir.string(), words.json);
    return flush_stdout();
  }
  if (words.to.empty()) {
    JAJU_RETURN_IF_ERROR(check_outputs(words));
    return calibrate(dir, calibration_options(words), words.save_importance);
  }
  JAJU_RETURN_IF_ERROR(check_outputs(words));
  JAJU_RETURN_IF_ERROR(check_copied(dir));
  JAJU_ASSIGN(const Json calibration, calibration_of(words));
  JAJU_ASSIGN(const std::string mark, fingerprint(dir, words, calibration));
  JAJU_ASSIGN(const StagedDir staged, StagedDir::open(words.to, mark));
  JAJU_RETURN_IF_ERROR(check_disk(staged, shards));
  const Result<std::unique_ptr<Importance>> importance =
      open_importance(words, dir, staged.stage(), *weights, config);
  if (!importance.ok()) {
    if (!was_started(staged.stage(), shards)) staged.abandon();
    return importance.status();
  }
  if (*importance) {
    options.importance = importance->get();
    shards = plan_pack(*weights, config, options);
  }
  options.source = name_of_directory(dir);
  ThreadTeam team(words.threads);
  std::unique_ptr<Progress> bar;
  options.progress = [&](int64_t done, int64_t total) {
    if (!bar) bar = std::make_unique<Progress>("packing", "B", total, words.quiet);
    bar->update(done);
  };
  const auto start = std::chrono::steady_clock::now();
  const Result<PackReport> report = write_packed(*weights, shards, staged.stage(), options, team);
  bar.reset();
  if (!report.ok()) return report.status();
  JAJU_RETURN_IF_ERROR(copy_files(dir, staged.stage()));
  std::error_code ignored;
  fs::remove(staged.stage() / kKeptImportance, ignored);
  JAJU_RETURN_IF_ERROR(staged.publish());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (report->shards_kept > 0) {
    note(fmt::format("{} of {} files were there from an earlier start", report->shards_kept, report->shards));
  }
  if (words.json) {
    print_sizes(sizes, dir.string(), true);
  } else {
    print(fmt::format("{}: {} tensors, {} in {} file{}, {:.1f} s\n", words.to, report->tensors,
                      human_bytes(static_cast<double>(report->bytes)), report->shards,
                      report->shards == 1 ? "" : "s", seconds));
  }
  return flush_stdout();
}

// Random weights of a shape, for measuring.
Status pack_random(const PackWords& words) {
  JAJU_ASSIGN(const SyntheticShape shape, parse_shape(words.random, "--random"));
  JAJU_ASSIGN(const auto weights, Weights::random_shape(shape.config, DType::bf16, words.skew));
  PackOptions options;
  if (shape.types.experts != Scheme::none) options.experts = shape.types.experts;
  if (shape.types.rest != Scheme::none) options.rest = shape.types.rest;
  if (words.experts != kKeep) options.experts = *scheme_named(words.experts);
  if (words.rest != kKeep) options.rest = *scheme_named(words.rest);
  options.shard_bytes = static_cast<int64_t>(std::clamp<uint64_t>(words.shard, 1, INT64_MAX));
  options.random = true;
  options.source = "random: " + words.random;
  const std::vector<PackShard> shards = plan_pack(*weights, shape.config, options);
  const Sizes sizes = sizes_of(shards, shape.config);
  if (words.dry_run) {
    print_sizes(sizes, options.source, words.json);
    return flush_stdout();
  }
  const Json print_of = {{"random", words.random},
                         {"skew", words.skew},
                         {"experts", words.experts},
                         {"rest", words.rest},
                         {"shard_bytes", words.shard}};
  JAJU_ASSIGN(const StagedDir staged, StagedDir::open(words.to, print_of.dump() + "\n"));
  JAJU_RETURN_IF_ERROR(check_disk(staged, shards));
  ThreadTeam team(words.threads);
  std::unique_ptr<Progress> bar;
  options.progress = [&](int64_t done, int64_t total) {
    if (!bar) bar = std::make_unique<Progress>("packing", "B", total, words.quiet);
    bar->update(done);
  };
  const Result<PackReport> report = write_packed(*weights, shards, staged.stage(), options, team);
  bar.reset();
  if (!report.ok()) return report.status();
  JAJU_RETURN_IF_ERROR(write_file_atomic(staged.stage() / "config.json", shape.config_json));
  JAJU_RETURN_IF_ERROR(staged.publish());
  print_sizes(sizes, words.to, words.json);
  return flush_stdout();
}

Status verify_model(const PackWords& words) {
  JAJU_ASSIGN(const fs::path dir, find_model(words.model));
  ThreadTeam team(words.threads);
  std::unique_ptr<Progress> bar;
  const auto start = std::chrono::steady_clock::now();
  const Result<VerifyReport> report = verify_packed(dir, team, [&](int64_t done, int64_t total) {
    if (!bar) bar = std::make_unique<Progress>("verifying", "B", total, words.quiet);
    bar->update(done);
  });
  bar.reset();
  if (!report.ok()) return report.status();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (words.json) {
    print(Json{{"tensors", report->tensors}, {"bytes", report->bytes}, {"seconds", seconds}}.dump() + "\n");
  } else {
    print(fmt::format("{}: {} tensors, {}, as they were written ({:.1f} s)\n", dir.string(), report->tensors,
                      human_bytes(static_cast<double>(report->bytes)), seconds));
  }
  return flush_stdout();
}

}  // namespace

void add_pack(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("pack", "Quantises a model into the order the kernels read it");
  auto words = std::make_shared<PackWords>();
  verb->add_option("MODEL", words->model, "A directory or a name");
  CLI::Option* const to = verb->add_option("--to", words->to, "The directory to make");
  const auto scheme = CLI::IsMember({"q8", "q6", "q4", "q4i", "q3", "q2", "mxfp4", kKeep});
  verb->add_option("--experts", words->experts,
                   "Scheme of the routed experts: q8, q6, q4, q3 or q2 (8.5, 6.5, 4.5, 3.5, 2.5 bits); q4i, "
                   "as large as q4, faster for prompts (most on AMX) and without AVX-512, its error a little "
                   "larger, packing slower; or mxfp4; keep: MXFP4 and NVFP4 stay as they "
                   "are, all else gets q4")
      ->check(scheme)
      ->capture_default_str();
  verb->add_option(
          "--rest", words->rest,
          "Scheme of attention, dense and shared MLPs and the head; keep: as above, all else gets q8")
      ->check(scheme)
      ->capture_default_str();
  CLI::Option* const calibration = verb->add_option(
      "--calibration", words->calibration,
      "A text (or JSON lines) the model reads first: columns that matter there keep more precision");
  verb->add_option("--calibration-tokens", words->calibration_tokens, "How much of it is read")
      ->check(CLI::Range(int64_t{16}, int64_t{100'000'000}))
      ->needs(calibration)
      ->capture_default_str();
  verb->add_option("--save-importance", words->save_importance,
                   "Keeps what the text told in this file; without --to nothing else is made")
      ->needs(calibration);
  CLI::Option* const importance =
      verb->add_option("--importance", words->importance, "Such a file, in place of a text")
          ->excludes(calibration);
  verb->add_option("--shard-size", words->shard, "Cuts the weights into files of about this size (5GB)")
      ->transform(size_value(1));
  CLI::Option* const random =
      verb->add_option(
              "--random", words->random,
              "Instead of MODEL: random weights of a shape as `jaju bench --synthetic` takes, for measuring")
          ->excludes(calibration)
          ->excludes(importance);
  verb->add_option("--skew", words->skew,
                   "With --random: how unevenly experts are visited (0: evenly, 0.5: as trained models)")
      ->check(CLI::Range(0.0, 10.0))
      ->needs(random);
  verb->add_option("--threads", words->threads, "Default: one per CPU")->check(CLI::Range(1, 4096));
  CLI::Option* const dry_run =
      verb->add_flag("--dry-run", words->dry_run, "Prints the sizes and writes nothing");
  verb->add_flag("--verify", words->verify,
                 "MODEL is a packed model: compares every tensor with its checksum")
      ->excludes(random)
      ->excludes(calibration)
      ->excludes(importance)
      ->excludes(dry_run)
      ->excludes(to);
  verb->add_flag("--json", words->json, "Figures as JSON");
  verb->add_flag("--quiet", words->quiet, "No progress");
  verb->footer(
      R"(The packed model is a directory like any other: jaju run, serve, eval, compare, bench and plan take it as it is,
and any reader of safetensors opens it. Norms and routers stay F32, the embedding keeps its type. Memory use
does not depend on the model's size. The work is done in DIR.partial, which gets its name when it is complete; the same
command after an interruption goes on where it stopped. `jaju compare` says what the fewer bits cost.

A calibration text should look like what the model will be used for: conversations as JSON lines ({"messages": [...]},
{"question", "answer"}) are written by the model's chat template, {"text"} and plain files are read as they are.

A checkpoint in MXFP4 or NVFP4 (compressed-tensors, ModelOpt, transformers' stacked experts) runs packed, each number as it was.
One that came in as GGUF in MXFP4 is bf16 now: --experts mxfp4 finds the same numbers again.

Examples
  jaju pack ~/models/A.X-K1 --dry-run
  jaju pack ~/models/A.X-K1 --to ~/models/A.X-K1-q4
  jaju pack ~/models/A.X-K1 --to ~/models/A.X-K1-q6 --experts q6
  jaju pack ~/models/A.X-K1 --to ~/models/A.X-K1-q4 --calibration texts.jsonl
  jaju pack ~/models/A.X-K1 --calibration texts.jsonl --save-importance k1.importance
  jaju pack ~/models/A.X-K1 --to ~/models/A.X-K1-q4 --importance k1.importance
  jaju pack ~/models/A.X-K1 --to ~/models/A.X-K1-q2 --experts q2 --rest q6
  jaju pack --random layers=4,hidden=1024,width=512 --to /tmp/random-q4    to measure reads from the disk
  jaju pack --verify ~/models/A.X-K1-q4)");
  verb->callback([&action, words] {
    action = [words] {
      if (words->model.empty() == words->random.empty())
        return fail_usage(error("give a MODEL, or --random with a shape, and not both"));
      if (!std::isfinite(words->skew)) return fail_usage(error("--skew must be a number from 0 to 10"));
      if (words->to.empty() && words->save_importance.empty() && !words->dry_run && !words->verify)
        return fail_usage(error("where to? --to DIR names the directory to make"));
      const Status done = words->verify           ? verify_model(*words)
                          : words->random.empty() ? pack_model(*words)
                                                  : pack_random(*words);
      return done.ok() ? kOk : fail(done);
    };
  });
}

}  // namespace jaju::cli
