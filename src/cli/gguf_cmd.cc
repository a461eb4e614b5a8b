// jaju gguf: shows GGUF files, imports them, exports models as them.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/gguf_tokenizer.h"
#include "cli/model_path.h"
#include "cli/size_value.h"
#include "formats/gguf.h"
#include "formats/safetensors_header.h"
#include "model/gguf_export.h"
#include "model/gguf_import.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// --- show

struct ShowOptions {
  std::string file;
  bool tensors = false;
  bool json = false;
};

Json value_json(const GgufValue& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (int64_t i = 0; i < value.size(); ++i) list.push_back(value_json(value.at(i)));
    return list;
  }
  if (const auto text = value.text()) return std::string(*text);
  if (const auto flag = value.boolean()) return *flag;
  if (const auto whole = value.integer()) return *whole;
  return *value.number();
}

std::string type_text(const GgufValue& value) {
  if (!value.is_array()) return std::string(name_of(value.type()));
  return fmt::format("{}[{}]", name_of(value.element_type()), value.size());
}

// One line of a terminal: long texts and arrays are cut.
std::string value_text(const GgufValue& value) {
  constexpr size_t kWidth = 72;
  constexpr int64_t kElements = 6;
  std::string text;
  if (value.is_array()) {
    for (int64_t i = 0; i < std::min(value.size(), kElements); ++i) {
      text += (i > 0 ? ", " : "") + value_text(value.at(i));
    }
    if (value.size() > kElements) text += ", ...";
  } else if (const auto content = value.text()) {
    text = printable(content->substr(0, kWidth)) + (content->size() > kWidth ? "..." : "");
  } else {
    text = value_json(value).dump();
  }
  return text;
}

int show_json(const Gguf& file) {
  Json metadata = Json::object();
  // A list of pairs would be nearer to the file, an object is what every reader wants; keys are unique.
  for (const auto& [key, value] : file.header().metadata) {
    metadata.push_back({key, {{"type", type_text(value)}, {"value", value_json(value)}}});
  }
  Json tensors = Json::array();
  for (const GgufTensor& t : file.tensors()) {
    tensors.push_back({{"name", t.name},
                       {"type", gguf_type_info(t.type).name},
                       {"shape", t.shape},
                       {"bytes", t.bytes},
                       {"file", t.file},
                       {"offset", t.begin}});
  }
  Json files = Json::array();
  for (int i = 0; i < file.file_count(); ++i) files.push_back(file.file_name(i));
  const Json report = {{"version", file.header().version},
                       {"alignment", file.header().alignment},
                       {"files", files},
                       {"bytes", file.file_bytes()},
                       {"metadata", metadata},
                       {"tensors", tensors}};
  print(report.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  return kOk;
}

int run_show(const ShowOptions& options) {
  const auto file = Gguf::open(options.file);
  if (!file.ok()) return fail(file.status());
  const Gguf& g = **file;
  if (options.json) {
    show_json(g);
  } else {
    print(fmt::format("{}: GGUF version {}, {} in {} file{}\n\n", g.file_name(0), g.header().version,
                      human_bytes(static_cast<double>(g.file_bytes())), g.file_count(),
                      g.file_count() == 1 ? "" : "s"));
    for (const auto& [key, value] : g.header().metadata) {
      print(fmt::format("{:<46} {:<14} {}\n", key, type_text(value), value_text(value)));
    }
    struct Sum {
      int64_t tensors = 0, values = 0, bytes = 0;
    };
    std::map<std::string_view, Sum> by_type;
    Sum all;
    for (const GgufTensor& t : g.tensors()) {
      for (Sum* sum : {&by_type[gguf_type_info(t.type).name], &all}) {
        ++sum->tensors;
        sum->values += t.elements;
        sum->bytes += t.bytes;
      }
    }
    const auto line = [](std::string_view name, const Sum& sum) {
      const double bits =
          8.0 * static_cast<double>(sum.bytes) / static_cast<double>(std::max<int64_t>(sum.values, 1));
      print(fmt::format("{:<10}{:>8}{:>22}{:>12}{:>8.2f}\n", name, sum.tensors, with_commas(sum.values),
                        human_bytes(static_cast<double>(sum.bytes)), bits));
    };
    print(fmt::format("\n{:<10}{:>8}{:>22}{:>12}{:>8}\n", "type", "tensors", "parameters", "bytes", "bits"));
    for (const auto& [name, sum] : by_type) line(name, sum);
    line("all", all);
    if (options.tensors) print("\n");
    for (const GgufTensor& t : g.tensors()) {
      if (options.tensors) {
        print(fmt::format("{:<46} {:<8} {}\n", printable(t.name), gguf_type_info(t.type).name,
                          shape_text(t.shape)));
      }
    }
  }
  if (const Status intact = g.intact(); !intact.ok()) return fail(intact);
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

// --- import

struct ImportOptions {
  std::string file;
  std::string to;
  std::string dtype = "keep";
  std::string tokenizer;
  uint64_t shard = 5'000'000'000;
  int threads = 0;
  bool quiet = false;
};

int run_import(const ImportOptions& options) {
  const auto file = Gguf::open(options.file);
  if (!file.ok()) return fail(file.status());
  const Gguf& g = **file;
  // The vocabulary's size decides whether the tokenizer fits; a wrong config is reported by the import.
  const auto config = config_from_gguf(g, "bfloat16");
  if (!config.ok()) return fail(config.status());
  std::vector<std::string> notes;
  GgufImportOptions wanted;
  auto files = tokenizer_files_from_gguf(g, config->config.vocab_size, options.tokenizer, notes);
  if (!files.ok()) return fail(files.status());
  wanted.files = std::move(*files);
  wanted.dtype = options.dtype == "f32"    ? GgufImportDtype::f32
                 : options.dtype == "bf16" ? GgufImportDtype::bf16
                                           : GgufImportDtype::keep;
  wanted.shard_bytes = static_cast<int64_t>(std::clamp<uint64_t>(options.shard, 1, INT64_MAX));
  ThreadTeam team(options.threads);
  std::unique_ptr<Progress> bar;
  wanted.progress = [&](int64_t done, int64_t total) {
    if (!bar) bar = std::make_unique<Progress>("importing", "B", total, options.quiet);
    bar->update(done);
  };
  const auto start = std::chrono::steady_clock::now();
  const auto report = import_gguf(g, options.to, wanted, team);
  bar.reset();
  if (!report.ok()) return fail(report.status());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const std::string& sentence : report->config.notes) note(sentence);
  for (const std::string& sentence : notes) note(sentence);
  if (report->shards_kept > 0)
    note(
        fmt::format("{} of {} shards were there from an earlier start", report->shards_kept, report->shards));
  print(fmt::format("{}: {} parameters in {} tensors, {} ({}), {:.1f} s\n", options.to,
                    with_commas(report->parameters), report->tensors,
                    human_bytes(static_cast<double>(report->bytes)), report->config.architecture, seconds));
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

// --- export

struct ExportOptions {
  std::string model;
  std::string to;
  std::string type;
  std::string arch;
  std::string name;
  int threads = 0;
  bool force = false;
  bool quiet = false;
};

// No name: what the matrices are; a packed or F8 one has no such type.
Result<GgufType> type_named(const std::string& name, const Weights& weights) {
  if (name.empty()) {
    const DType stored = weights.layers.front().attention.o.dtype;
    return stored == DType::f32 ? GgufType::f32 : stored == DType::f16 ? GgufType::f16 : GgufType::bf16;
  }
  for (const GgufTypeInfo& info : gguf_types()) {
    if (!info.writable) continue;
    std::string lower(info.name);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower == name) return info.type;
  }
  return error("--type {} is not one jaju writes", name);
}

struct Exported {
  GgufExportReport report;
  std::vector<std::string> notes;
};

Result<Exported> export_model(const ExportOptions& options) {
  std::error_code failure;
  const fs::path to = follow_links(options.to);
  if (!options.force && fs::exists(fs::symlink_status(options.to, failure)))
    return error("{} exists; --force replaces it", options.to);
  JAJU_ASSIGN(const fs::path dir, find_model(options.model));
  for (fs::directory_iterator entry(dir, failure), end; entry != end; entry.increment(failure)) {
    std::error_code gone;
    if (entry->path().extension() != ".gguf" && fs::equivalent(entry->path(), to, gone))
      return error("{} is a file of the model itself; give another --to", options.to);
  }
  JAJU_RETURN_IF_ERROR(check_writable(to));
  JAJU_ASSIGN(const ModelConfig config, load_config(dir));
  JAJU_ASSIGN(const auto weights, Weights::load(dir, config));
  Exported out;
  GgufExportOptions e;
  e.architecture = options.arch;
  JAJU_ASSIGN(e.type, type_named(options.type, *weights));
  e.name = options.name.empty() ? name_of_directory(dir) : options.name;
  if (!utf8_valid(e.name)) return error("the model's name is not UTF-8: give one with --name");
  JAJU_RETURN_IF_ERROR(tokenizer_to_gguf(dir, config, e.metadata, out.notes));
  ThreadTeam team(options.threads);
  std::unique_ptr<Progress> bar;
  e.progress = [&](int64_t done, int64_t total) {
    if (!bar) bar = std::make_unique<Progress>("exporting", "B", total, options.quiet);
    bar->update(done);
  };
  JAJU_ASSIGN(out.report, export_gguf(*weights, config, to, e, team));
  out.notes.insert(out.notes.end(), out.report.notes.begin(), out.report.notes.end());
  if (out.report.fallbacks > 0) {
    out.notes.push_back(fmt::format("{} matrices are F16: their rows do not fit the blocks of {}",
                                    out.report.fallbacks, options.type));
  }
  return out;
}

int run_export(const ExportOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto exported = export_model(options);
  if (!exported.ok()) return fail(exported.status());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const std::string& sentence : exported->notes) note(sentence);
  print(fmt::format("{}: {} tensors, {} ({}), {:.1f} s\n", options.to, exported->report.tensors,
                    human_bytes(static_cast<double>(exported->report.bytes)), exported->report.architecture,
                    seconds));
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

// --- the verbs

void add_show_verb(CLI::App& parent, Action& action) {
  CLI::App* verb = parent.add_subcommand("show", "Shows what is in a GGUF file: metadata, types, tensors");
  auto options = std::make_shared<ShowOptions>();
  verb->add_option("FILE", options->file, "A .gguf file; any shard of several")->required();
  verb->add_flag("--tensors", options->tensors, "Also a line per tensor");
  verb->add_flag("--json", options->json, "One JSON object with everything");
  verb->footer(R"(Shapes are written outermost first, (out, in), the reverse of the file's own order.

Examples
  jaju gguf show model.gguf
  jaju gguf show model-00001-of-00005.gguf --tensors
  jaju gguf show model.gguf --json | python3 -m json.tool)");
  verb->callback([&action, options] { action = [options] { return run_show(*options); }; });
}

void add_import_verb(CLI::App& parent, Action& action) {
  CLI::App* verb = parent.add_subcommand("import", "Turns a GGUF file into a model directory that jaju runs");
  auto options = std::make_shared<ImportOptions>();
  verb->add_option("FILE", options->file,
                   "A .gguf file of architecture axk1 or deepseek2; any shard of several")
      ->required();
  verb->add_option("--to", options->to, "The directory to make")->required();
  verb->add_option(
          "--dtype", options->dtype,
          "Of the matrices. keep: F32, F16 and BF16 stay, quantised ones become bf16; f32 loses nothing")
      ->check(CLI::IsMember({"keep", "bf16", "f32"}))
      ->capture_default_str();
  verb->add_option("--tokenizer", options->tokenizer,
                   "The model's own tokenizer.json, where the file's is not enough");
  verb->add_option("--shard-size", options->shard, "Cuts the weights into files of about this size (5GB)")
      ->transform(size_value(1));
  verb->add_option("--threads", options->threads, "Default: one per CPU")->check(CLI::Range(1, 4096));
  verb->add_flag("--quiet", options->quiet, "No progress");
  verb->footer(
      R"(Reads F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS and MXFP4. Memory use does not
depend on the model's size. The work is done in DIR.partial, which gets its name when it is complete; the same command
after an interruption goes on where it stopped.

Examples
  jaju gguf import A.X-K1-Q4_K-00001-of-00030.gguf --to ~/models/A.X-K1
  jaju gguf import small.gguf --to small --dtype f32
  jaju gguf import deepseek.gguf --to ds --tokenizer ~/models/DeepSeek-V3/tokenizer.json)");
  verb->callback([&action, options] { action = [options] { return run_import(*options); }; });
}

void add_export_verb(CLI::App& parent, Action& action) {
  CLI::App* verb = parent.add_subcommand("export", "Writes a model as one GGUF file");
  auto options = std::make_shared<ExportOptions>();
  verb->add_option("MODEL", options->model, "A directory, or a name")->required();
  verb->add_option("--to", options->to, "The .gguf file to write")->required();
  verb->add_option("--type", options->type,
                   "Of the matrices: f32, f16, bf16, q8_0 or q4_0. Default: the checkpoint's own. Norms and "
                   "routers are F32")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0", "q4_0"}));
  verb->add_option("--arch", options->arch,
                   "Default: axk1 for A.X K1, deepseek2 for models without its post-MLP norm")
      ->check(CLI::IsMember({"axk1", "deepseek2"}));
  verb->add_option("--name", options->name, "general.name. Default: the directory's");
  verb->add_option("--threads", options->threads, "Default: one per CPU")->check(CLI::Range(1, 4096));
  verb->add_flag("--force", options->force, "Replaces a file that is there");
  verb->add_flag("--quiet", options->quiet, "No progress");
  verb->footer(
      R"(Tokenizer, chat template and generation_config.json go into the file. No released program runs 'axk1' files yet; jaju
imports them exactly. 'deepseek2' files run in llama.cpp and ik_llama.cpp, which know no A.X K1.

Examples
  jaju gguf export models/nano --to nano.gguf
  jaju gguf export ~/models/A.X-K1 --type q8_0 --to A.X-K1-Q8_0.gguf)");
  verb->callback([&action, options] { action = [options] { return run_export(*options); }; });
}

}  // namespace

void add_gguf(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("gguf", "Shows, imports and exports GGUF files (llama.cpp's format)");
  verb->require_subcommand(1);
  verb->footer(
      R"(jaju runs directories of safetensors; GGUF is how models travel to and from llama.cpp, ik_llama.cpp and what is built
on them. Two architectures: axk1 (A.X K1; our own mapping) and deepseek2 (DeepSeek-V3 and its kin, without A.X K1's norm
after the experts). Each verb's --help says more.

Examples
  jaju gguf show model.gguf                        metadata, number types, bits per weight
  jaju gguf import model.gguf --to my-model        then: jaju run my-model
  jaju gguf export my-model --to my-model.gguf --type q8_0)");
  add_show_verb(*verb, action);
  add_import_verb(*verb, action);
  add_export_verb(*verb, action);
}

}  // namespace jaju::cli
