// jaju bench: tokens a second, and which share of this machine's limits that is.
#include <CLI/CLI.hpp>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/predicted.h"
#include "cli/stream_options.h"
#include "memory/machine_profile.h"
#include "runtime/benchmark.h"
#include "runtime/describe_store.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

struct BenchWords {
  std::string model;
  std::string synthetic;
  BenchmarkPlan plan;
  std::string precision = "auto";
  std::string kv = "auto";
  std::string numa = "auto";
  std::string huge_pages = "auto";
  int threads = 0;
  int64_t chunk = 0;
  StreamWords stream;
  bool json = false;
};

constexpr double kGiga = 1e9;

// The longest context a test of the plan needs.
int64_t context_for(const BenchmarkPlan& plan) {
  int64_t most = 64;
  for (const int64_t n : plan.prompts) most = std::max(most, n);
  for (const int64_t depth : plan.depths) most = std::max(most, depth + plan.generated);
  return most;
}

// dir: the model's directory; empty for random weights.
Result<std::unique_ptr<Engine>> open_engine(const BenchWords& words, const fs::path& dir) {
  EngineOptions o;
  o.threads = words.threads;
  constexpr int64_t kChunk = 512;
  o.prefill_chunk = words.chunk > 0 ? words.chunk : kChunk;
  words.stream.apply(&o);
  o.stream.fixed_chunk = words.chunk > 0;
  o.context = context_for(words.plan);
  for (const int64_t batch : words.plan.batches) o.prefill_chunk = std::max(o.prefill_chunk, batch);
  if (words.precision != "auto") o.precision = words.precision == "bf16" ? Precision::bf16 : Precision::f32;
  o.kv_type = *kv_type_from_name(words.kv);
  o.numa = *numa_from_name(words.numa);
  o.huge_pages = *huge_pages_from_name(words.huge_pages);
  // A step has no more rows than the context; a batch may.
  o.context = std::max(o.context, o.prefill_chunk);
  if (!words.synthetic.empty()) {
    JAJU_ASSIGN(SyntheticShape shape, parse_shape(words.synthetic));
    o.context = std::min(o.context, shape.config.max_context);
    return Engine::open_random(shape.config, shape.types, o);
  }
  JAJU_ASSIGN(const ModelConfig config, load_config(dir));
  o.context = std::min(o.context, config.max_context);
  return Engine::open(dir, o);
}

// Tokens a second of a repeat: least, median, most.
struct Speeds {
  double least, median, most;
  explicit Speeds(const BenchmarkRow& row)
      : least(static_cast<double>(row.tokens) / row.seconds.back()),
        median(static_cast<double>(row.tokens) / row.median_seconds()),
        most(static_cast<double>(row.tokens) / row.seconds.front()) {}
};

// Of all repeats.
int64_t all_tokens(const BenchmarkRow& row) {
  return row.tokens * static_cast<int64_t>(row.seconds.size());
}

// What a decode test gave, to be held against a prediction.
Decoded decoded(const BenchmarkRow& row) {
  return {Speeds(row).median, all_tokens(row), *row.store};
}

// What most products run at in this engine: int8 where weights are packed, bf16 pairs or f32.
double arithmetic_peak(const Engine& engine, const MachinePeaks& peaks) {
  if (engine.weights().packed && peaks.int8 > 0) return peaks.int8;
  const bool pairs = engine.kernels().find("bf16 dot") != std::string::npos;
  return pairs ? peaks.bf16 : peaks.f32;
}

std::string peak_text(const MachinePeaks& peaks) {
  const auto giga = [](double value) {
    return value > 0 ? fmt::format("{:.0f}", value / kGiga) : std::string("none");
  };
  // Beside experts that come from the drive there may be no room to measure it in.
  const std::string memory =
      peaks.stream > 0 ? fmt::format("{:.0f} GB/s", peaks.stream / kGiga) : std::string("not measured");
  return fmt::format("memory {}; GFLOP/s: f32 {}, bf16 dot {}; int8 dot {} GOP/s", memory, giga(peaks.f32),
                     giga(peaks.bf16), giga(peaks.int8));
}

void print_table(const BenchWords& words, const fs::path& dir, const Engine& engine,
                 const BenchmarkReport& report) {
  const Weights& weights = engine.weights();
  const EngineOptions& o = engine.options();
  print(fmt::format("model     {}: {} parameters, {} active; {} kernels, {} cache, {} rows a step\n",
                    words.synthetic.empty() ? words.model : "random weights, " + words.synthetic,
                    short_count(weights.parameters.total()), short_count(weights.parameters.active),
                    engine.kernels(), name_of(o.kv_type), o.prefill_chunk));
  print(fmt::format("machine   {}, {} thread{}\n", cpu_name(), o.threads, o.threads == 1 ? "" : "s"));
  print(fmt::format("before    {}\nafter     {}\n", peak_text(report.before), peak_text(report.after)));
  print(fmt::format(
      "checked   logits of {} positions against f32: {:.2g} away as a prompt, {:.2g} token by token\n\n",
      report.checked_positions, report.prompt_difference, report.decode_difference));
  const MachinePeaks peaks = report.peaks();
  print(fmt::format("{:<16}{:>31}{:>9}{:>7}{:>11}{:>7}\n", "", "tokens/s: least median most", "GB/s", "share",
                    "GFLOP/s", "share"));
  for (const BenchmarkRow& row : report.rows) {
    const Speeds speeds(row);
    const double seconds = row.median_seconds();
    const double peak = arithmetic_peak(engine, peaks);
    std::string line = fmt::format("{:<16}{:>11.1f}{:>10.1f}{:>10.1f}", row.name(), speeds.least,
                                   speeds.median, speeds.most);
    line += row.bytes > 0 && peaks.stream > 0 ? fmt::format("{:>9.1f}{:>6.0f}%", row.bytes / seconds / kGiga,
                                                            100 * row.bytes / seconds / peaks.stream)
                                              : fmt::format("{:>9}{:>7}", "", "");
    line += fmt::format("{:>11.0f}", row.flop / seconds / kGiga);
    if (peak > 0) line += fmt::format("{:>6.0f}%", 100 * row.flop / seconds / peak);
    print(line + "\n");
    if (!row.store) continue;
    constexpr int kWidth = 16;
    print(describe_store(*row.store, row.all_seconds(), all_tokens(row), kWidth));
    if (!row.prompt) print(describe_predicted(engine, dir, row.batch, decoded(row), kWidth));
  }
}

nlohmann::ordered_json to_json(const MachinePeaks& peaks) {
  return {{"bytes_per_second", peaks.stream},
          {"f32_flops", peaks.f32},
          {"bf16_dot_flops", peaks.bf16},
          {"int8_dot_ops", peaks.int8}};
}

nlohmann::ordered_json to_json(const StoreFigures& f, const BenchmarkRow& row) {
  const double needed = static_cast<double>((f.prefetched + f.read) * static_cast<uint64_t>(f.slot_bytes));
  return {{"asked", f.asked()},
          {"pinned", f.pinned},
          {"cached", f.cached},
          {"prefetched", f.prefetched},
          {"read", f.read},
          {"bytes", f.bytes},
          {"bytes_needed", needed},
          {"hit_rate", f.hit_rate()},
          {"bytes_per_token", static_cast<double>(f.bytes) / static_cast<double>(all_tokens(row))},
          {"bytes_per_second", f.bytes_per_second()},
          {"busy_seconds", f.busy_seconds},
          {"wait_seconds", f.wait_seconds},
          {"wait_share", row.all_seconds() > 0 ? f.wait_seconds / row.all_seconds() : 0},
          {"prefetch_on", f.prefetch_on},
          {"prefetch_precision", f.precision()},
          {"prefetch_recall", f.recall()},
          {"prefetched_in_time", f.in_time},
          {"hidden_seconds", f.hidden_seconds()},
          {"evictions", f.evictions},
          {"slots", f.slots},
          {"slots_pinned", f.slots_pinned},
          {"slot_bytes", f.slot_bytes}};
}

nlohmann::ordered_json to_json(const Speed& s) {
  return {{"tokens_per_second", s.decode}, {"hit_rate", s.hit_rate}, {"bytes_per_token", s.read_per_token}};
}

void print_json(const BenchWords& words, const fs::path& dir, const Engine& engine,
                const BenchmarkReport& report) {
  const MachinePeaks peaks = report.peaks();
  nlohmann::ordered_json out;
  out["model"] = words.synthetic.empty() ? words.model : "synthetic: " + words.synthetic;
  out["parameters"] = engine.weights().parameters.total();
  out["active_parameters"] = engine.weights().parameters.active;
  out["kernels"] = engine.kernels();
  out["cache"] = name_of(engine.options().kv_type);
  out["rows_per_step"] = engine.options().prefill_chunk;
  out["all_logits"] = words.plan.all_logits;
  out["machine"] = {{"cpu", cpu_name()},
                    {"threads", engine.options().threads},
                    {"before", to_json(report.before)},
                    {"after", to_json(report.after)}};
  out["check"] = {{"positions", report.checked_positions},
                  {"prompt_difference", report.prompt_difference},
                  {"decode_difference", report.decode_difference}};
  out["tests"] = nlohmann::ordered_json::array();
  for (const BenchmarkRow& row : report.rows) {
    const Speeds speeds(row);
    nlohmann::ordered_json test = {
        {"name", row.name()},
        {"kind", row.prompt ? "prompt" : "decode"},
        {"tokens", row.tokens},
        {"depth", row.depth},
        {"batch", row.batch},
        {"seconds", row.seconds},
        {"tokens_per_second", {{"min", speeds.least}, {"median", speeds.median}, {"max", speeds.most}}},
        {"flop", row.flop}};
    const double peak = arithmetic_peak(engine, peaks);
    if (peak > 0) test["arithmetic_share"] = row.flop / row.median_seconds() / peak;
    if (row.bytes > 0) {
      test["bytes"] = row.bytes;
      if (peaks.stream > 0) test["bandwidth_share"] = row.bytes / row.median_seconds() / peaks.stream;
    }
    if (row.store) test["experts"] = to_json(*row.store, row);
    if (const auto plan = row.prompt ? std::nullopt : predict_here(engine, dir, row.batch); plan) {
      test["plan"] = {{"uniform", to_json(plan->uniform)}, {"skewed", to_json(plan->skewed)}};
      if (plan->own) test["plan"]["own"] = to_json(*plan->own);
    }
    out["tests"].push_back(std::move(test));
  }
  print(out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

int run_bench(BenchWords words) {
  if (words.model.empty() == words.synthetic.empty()) {
    return fail_usage(error("give a MODEL, or --synthetic with a shape, and not both"));
  }
  if (!words.synthetic.empty()) {
    if (const Result<SyntheticShape> shape = parse_shape(words.synthetic); !shape.ok())
      return fail_usage(shape.status());
  }
  const Result<fs::path> dir = words.model.empty() ? fs::path() : find_model(words.model);
  if (!dir.ok()) return fail(dir.status());
  if (const Status writable = words.stream.check(); !writable.ok()) return fail(writable);
  const Result<std::unique_ptr<Engine>> engine = open_engine(words, *dir);
  if (!engine.ok()) return fail(engine.status());
  if (!(*engine)->notice().empty()) note((*engine)->notice());
  bool stopped = false;
  Result<BenchmarkReport> report = [&] {
    const InterruptScope interrupt(/*second_ends=*/true);
    std::unique_ptr<Progress> bar;
    words.plan.cancel = interrupt.flag();
    words.plan.on_progress = [&](const std::string& test, int done, int total) {
      if (done == 0) bar = std::make_unique<Progress>(test, "runs", total);
      bar->update(done);
    };
    Result<BenchmarkReport> done = run_benchmark(**engine, words.plan);
    stopped = interrupt.flag()->load();
    return done;
  }();
  if (!report.ok() && stopped) {
    note("interrupted; a speed is only printed when all was measured");
    return kInterrupted;
  }
  if (!report.ok()) return fail(report.status());
  if (words.json) {
    print_json(words, *dir, **engine, *report);
  } else {
    print_table(words, *dir, **engine, *report);
  }
  const Status written = flush_stdout();
  if (!written.ok()) return fail(written);
  const Status saved = words.stream.save(**engine);
  return saved.ok() ? kOk : fail(saved);
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("bench", "Measures speed, as a share of what this machine can do");
  auto words = std::make_shared<BenchWords>();
  verb->add_option("MODEL", words->model, "A directory or a name");
  verb->add_option("--synthetic", words->synthetic, "Random weights of a shape instead: name=value,...");
  verb->add_option("-p,--prompt", words->plan.prompts, "Lengths of prompts to read (default 512)")
      ->delimiter(',')
      ->check(CLI::Range(0, 1 << 20));
  verb->add_option("-n,--tokens", words->plan.generated,
                   "Tokens each sequence generates (default 64; 0: none)")
      ->check(CLI::Range(0, 1 << 20));
  verb->add_option("--depth", words->plan.depths, "Tokens a sequence holds before it generates (default 0)")
      ->delimiter(',')
      ->check(CLI::Range(0, 1 << 20));
  verb->add_option("--batch", words->plan.batches, "Sequences that generate together (default 1)")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536));
  verb->add_option("-t,--threads", words->threads, "CPU threads (default: every CPU)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--repeat", words->plan.repeats, "Runs of every test (default 5)")
      ->check(CLI::Range(1, 1000));
  verb->add_flag("--all", words->plan.all_logits,
                 "Prompts: compute the logits of every token, not only the last, so that none skips the last "
                 "layer's experts");
  verb->add_option("--chunk", words->chunk,
                   "Rows of a step that reads a prompt (default 512; more when experts come from the disk)")
      ->check(CLI::Range(1, 65536));
  verb->add_option("--precision", words->precision,
                   "How activations enter attention and products with bf16 weights: f32, bf16, or auto "
                   "(default: whichever is faster on this CPU)")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}));
  verb->add_option("--kv", words->kv, kKvHelp)->check(CLI::IsMember(kKvTypes));
  verb->add_option("--numa", words->numa, kNumaHelp)->check(CLI::IsMember(kNumaModes));
  verb->add_option("--huge-pages", words->huge_pages, kHugePagesHelp)->check(CLI::IsMember(kHugePageModes));
  add_stream_options(*verb, words->stream, "Larger than memory");
  verb->add_flag("--json", words->json, "One JSON object with every run's seconds");
  verb->footer(R"(What the columns mean
  ppN            reads a prompt of N tokens; of the last layer only what the next token needs (--all: all)
  tgN @D xB      B sequences of D tokens each generate N more, together; tokens/s is their sum
  GB/s, share    weights and cache read, an expert only when somebody visits it, and the share of what a
                 loop that only reads memory gets from this machine with the same threads
  GFLOP/s, share multiplications and additions, and the share of what a loop of nothing else gets
Decoding one sequence is bound by memory, prompts by arithmetic; look at the share that binds.
Under a decode test of a model read from the disk: what its experts did, and what `jaju plan` says of it (where
`jaju tune` has measured this machine), for routing of two kinds and for the routing of this run, beside what it was.
Tokens are random and differ between sequences. Logits are compared with f32 ones before anything is measured.
Machines drift: compare two runs only when their `before` and `after` agree.

Names of --synthetic (what is left out is A.X K1's)
)" + shape_help() +
               R"(
Examples
  jaju bench models/nano
  jaju bench ~/models/A.X-K1 -p 512,2048 -n 64 --depth 0,4096 --batch 1,8,32 --json > bench.json
  jaju bench --synthetic layers=3,vocab=8192,dtype=q4,rest=q4
  jaju bench ~/models/A.X-K1-q4 --memory 16G -n 32 -p 1000 --all    experts come from the disk
  jaju bench --synthetic hidden=2048,layers=8,experts=64,width=768,ff=6144,heads=16,q_lora=768,vocab=32768)");
  verb->callback([&action, words] {
    action = [words] {
      std::erase(words->plan.prompts, 0);  // -p 0: no prompts
      return run_bench(*words);
    };
  });
}

}  // namespace jaju::cli
