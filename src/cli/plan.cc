// jaju plan: what a model takes and how fast it will be, before a weight is read.
#include <CLI/CLI.hpp>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/machine_here.h"
#include "cli/model_path.h"
#include "cli/size_value.h"
#include "memory/routing_histogram.h"
#include "runtime/prediction.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct PlanWords {
  std::string model, config, scheme, rest, machine, routing;
  int64_t memory = 0;
  std::string kv = "auto";
  int64_t context = 0;
  int64_t batch = 1;
  int64_t prompt = 1000;
  int threads = 0;
  bool json = false;
};

constexpr int64_t kDefaultContext = 32768;  // as the engine's
constexpr int64_t kServedContext = 4096;    // as the scheduler reckons for each of several
constexpr int64_t kGB = 1'000'000'000;

// Everything the two kinds of output print.
struct Answer {
  PlanInput input;
  fs::path where;       // the model, or the config
  std::string storage;  // "experts q4, rest q8"
  Plan plan;
  Speed uniform, skewed;
  std::string skewed_name;  // "skewed routing", "your routing"
  std::vector<Advice> advice;
};

std::string bytes(int64_t n) {
  return human_bytes(static_cast<double>(n));
}
std::string bytes(double n) {
  return human_bytes(n);
}

// The model in question: measured from its files, or from a config and schemes.
Status find_sizes(const PlanWords& words, Answer* a, fs::path* dir) {
  const bool alone = !words.config.empty();
  if (alone) {
    a->where = words.config;
  } else if (words.model.ends_with(".json")) {
    a->where = words.model;  // a config.json by itself, as `show` takes it
  } else if (words.model.empty()) {
    JAJU_ASSIGN(const DefaultModel choice, default_model());
    a->where = *dir = choice.dir;
  } else {
    JAJU_ASSIGN(a->where, find_model(words.model));
    *dir = a->where;
  }
  PlanInput& in = a->input;
  JAJU_ASSIGN(in.config, load_config(a->where));
  const bool files = !dir->empty() && !weight_files(*dir).empty();
  if (files && words.scheme.empty()) {
    if (!words.rest.empty())
      return error(
          "--rest: this model is measured as it is stored; give --scheme too, as what its experts are");
    JAJU_ASSIGN(in.model, measure_model(*dir, in.config));
    a->storage = in.model.experts.empty() ? "no routed experts" : "experts in " + in.model.experts;
    return {};
  }
  if (!files) dir->clear();
  const std::string scheme = words.scheme.empty() ? "q4" : words.scheme;
  const std::optional<Storage> experts = storage_from_name(scheme);
  const std::string rest_name = !words.rest.empty()               ? words.rest
                                : experts->scheme != Scheme::none ? "q8"
                                                                  : scheme;
  const std::optional<Storage> rest = storage_from_name(rest_name);
  in.model = measure_config(in.config, *experts, *rest);
  a->storage = fmt::format("experts in {}, the rest in {}", scheme, rest_name);
  return {};
}

// What `jaju pack` would make of it, for a model that must be streamed and is not packed.
void plan_packed(Answer* a) {
  const LayerKinds kinds = a->input.model.kinds;
  a->input.model = measure_config(a->input.config, *storage_from_name("q4"), *storage_from_name("q8"));
  a->input.model.kinds = kinds;
  a->storage = "as `jaju pack` makes it: experts in q4, the rest in q8";
}

Result<Answer> work_out(const PlanWords& words) {
  Answer a;
  fs::path dir;
  JAJU_RETURN_IF_ERROR(find_sizes(words, &a, &dir));
  PlanInput& in = a.input;
  in.shape.context =
      words.context > 0 ? words.context
                        : std::min(in.config.max_context, words.batch > 1 ? kServedContext : kDefaultContext);
  if (in.shape.context > in.config.max_context)
    return error("--context: {} is more than the model's {}", in.shape.context, in.config.max_context);
  in.shape.sequences = words.batch;
  in.shape.kv_type = *kv_type_from_name(words.kv);
  in.shape.chunk = 0;
  in.prompt_tokens = words.prompt;
  std::optional<RoutingHistogram> histogram;
  if (!words.routing.empty()) {
    JAJU_ASSIGN(histogram, load_routing_histogram(words.routing));
    if (static_cast<int64_t>(histogram->layers.size()) != in.model.sizes.moe_layers ||
        histogram->experts() != in.model.sizes.experts_per_layer ||
        histogram->experts_per_token != in.model.sizes.experts_per_token) {
      return error(
          "{} is of a model with {} layers of {} experts, {} a token; this one has {} of {}, {} a token",
          words.routing, histogram->layers.size(), histogram->experts(), histogram->experts_per_token,
          in.model.sizes.moe_layers, in.model.sizes.experts_per_layer, in.model.sizes.experts_per_token);
    }
  }
  if (!words.machine.empty()) {
    JAJU_ASSIGN(in.machine, parse_machine(words.machine));
    if (words.threads > 0) in.machine.threads = words.threads;
  } else {
    JAJU_ASSIGN(in.machine, machine_here(dir, words.threads, in.model.sizes.slot_bytes));
  }
  in.shape.threads = in.machine.threads;
  in.memory = words.memory > 0 ? words.memory : default_memory(in.machine.free_bytes);
  if (!in.model.one_read && in.model.sizes.experts() > 0 && words.scheme.empty()) {
    RunShape shape = in.shape;
    shape.chunk = 256;
    if (full_memory(in.model.sizes, run_sizes(in.config, in.model.kinds, shape)) > in.memory) plan_packed(&a);
  }
  const ModelSizes& s = in.model.sizes;
  const Routing uniform = Routing::uniform(s.moe_layers, s.experts_per_layer, s.experts_per_token);
  const Routing skewed =
      histogram ? Routing::measured(*histogram)
                : Routing::zipf(s.moe_layers, s.experts_per_layer, s.experts_per_token, kUsualSkew);
  a.skewed_name = histogram ? "your routing" : "skewed routing";
  a.advice = advise(in, skewed, in.model.experts);
  const Result<Plan> plan = make_plan(in);
  if (!plan.ok()) {
    std::string hint;
    for (const Advice& one : a.advice)
      hint += fmt::format("{}{}{}", hint.empty() ? "; it runs with " : ", or with ", one.change,
                          one.command.empty() ? "" : " (" + one.command + ")");
    return error("{}{}", plan.message(), hint);
  }
  a.plan = *plan;
  a.uniform = predict(in, a.plan, uniform);
  a.skewed = predict(in, a.plan, skewed);
  return a;
}

std::string speed_text(double tokens) {
  return tokens >= 100    ? fmt::format("{:.0f}", tokens)
         : tokens >= 9.95 ? fmt::format("{:.1f}", tokens)
                          : fmt::format("{:.2f}", tokens);
}

std::string time_text(double seconds) {
  if (seconds < 0.95) return fmt::format("{:.2f} s", seconds);
  if (seconds < 99.5) return fmt::format("{:.1f} s", seconds);
  const auto minutes = static_cast<int64_t>(seconds / 60);
  if (minutes < 100) return fmt::format("{} min {} s", minutes, static_cast<int64_t>(seconds) % 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

void print_memory(const Answer& a) {
  const MemoryBudget& b = a.plan.budget;
  const ModelSizes& s = a.input.model.sizes;
  const RunShape& shape = a.plan.shape;
  const auto line = [](const std::string& tier, const std::string& what, const std::string& size,
                       const std::string& of) {
    print(fmt::format("{:<8}{:<18}{:>9}   {}\n", tier, what, size, of));
  };
  print(fmt::format("\n{:<8}{:<18}{:>9}\n", "tier", "what", "bytes"));
  std::vector<NamedBytes> parts = s.resident;
  std::sort(parts.begin(), parts.end(),
            [](const NamedBytes& x, const NamedBytes& y) { return x.bytes > y.bytes; });
  constexpr size_t kRoom = 42;  // of 80 columns
  std::vector<std::string> texts = {""};
  for (const NamedBytes& part : parts) {
    const std::string one = fmt::format("{} {}", part.name, bytes(part.bytes));
    if (texts.back().empty()) {
      texts.back() = one;
    } else if (texts.back().size() + 3 + one.size() <= kRoom) {
      texts.back() += ", " + one;
    } else {
      texts.back() += ",";
      texts.push_back(one);
    }
  }
  line("memory", "residents", bytes(b.resident), texts[0]);
  for (size_t i = 1; i < texts.size(); ++i) line("", "", "", texts[i]);
  line("", "KV cache", bytes(b.kv),
       fmt::format("{} x {} tokens, {}", shape.sequences, with_commas(shape.context),
                   name_of(cache_row(a.input.config, shape.kv_type).type)));
  line("", "buffers", bytes(b.buffers), fmt::format("steps of {} rows", shape.chunk));
  line("", "margin", bytes(b.margin), "program, tokenizer, stacks");
  const int64_t away = s.experts() - b.slots();
  if (s.experts() > 0) {
    if (b.pinned_slots > 0)
      line("", "pinned experts", bytes(b.pinned_slots * b.slot_bytes), with_commas(b.pinned_slots));
    line(
        "", b.all_resident ? "experts" : "expert slots", bytes(b.cache_slots * b.slot_bytes),
        b.all_resident
            ? "all of them: " + with_commas(b.cache_slots)
            : fmt::format("{} of {} experts ({:.1f} %)", with_commas(b.cache_slots), with_commas(s.experts()),
                          100.0 * static_cast<double>(b.cache_slots) / static_cast<double>(s.experts())));
  }
  const Machine& m = a.input.machine;
  line("", "together", bytes(b.used()),
       m.name == "as described" ? fmt::format("of {} (machine {})", bytes(b.memory), bytes(m.memory_bytes))
                                : fmt::format("of {} ({} here, {} free)", bytes(b.memory),
                                              bytes(m.memory_bytes), bytes(m.free_bytes)));
  if (away > 0)
    line("drive", "other experts", bytes(away * s.expert_read_bytes),
         with_commas(away) + ", read when they are wanted");
  if (b.memory > m.memory_bytes)
    print("\nThis machine does not have that much memory: the plan is for one that has.\n");
}

void print_speeds(const Answer& a) {
  const ModelSizes& s = a.input.model.sizes;
  const bool streams = !a.plan.budget.all_resident;
  const auto line = [&](const std::string& what, const std::string& low, const std::string& high) {
    print(fmt::format("{:<34}{:>17}", what, low) + (streams ? fmt::format("{:>19}", high) : "") + "\n");
  };
  print("\n");
  if (streams) {
    line("", "uniform routing", a.skewed_name);
    const auto percent = [](const Speed& x) { return fmt::format("{:.0f} %", 100 * x.hit_rate); };
    line("experts found in memory", percent(a.uniform), percent(a.skewed));
    line("read for a token", bytes(a.uniform.read_per_token), bytes(a.skewed.read_per_token));
  }
  const int64_t answers = a.plan.shape.sequences;
  line(answers > 1 ? fmt::format("{} answers, tokens/s together", answers) : "answer, tokens/s",
       speed_text(a.uniform.decode), speed_text(a.skewed.decode));
  line(fmt::format("prompt of {}, tokens/s", with_commas(a.plan.prompt_tokens)), speed_text(a.uniform.prompt),
       speed_text(a.skewed.prompt));
  line("  to its first token", time_text(a.uniform.first_token_seconds),
       time_text(a.skewed.first_token_seconds));
  line("  the same from a cold start", time_text(a.uniform.cold_first_token_seconds),
       time_text(a.skewed.cold_first_token_seconds));
  print(fmt::format(
      "\nLoading reads {}: {}.\n",
      bytes(s.resident_bytes() + (a.plan.budget.all_resident ? s.experts() * s.expert_read_bytes : 0)),
      time_text(a.plan.load_seconds)));
  std::string bound = fmt::format("What binds: answers the {}", name_of(a.skewed.decode_limit));
  if (a.skewed.decode_limit == Limit::drive)
    bound += fmt::format(" ({:.0f} % of a token's time)", 100 * a.skewed.decode_drive_share);
  print(fmt::format("{}, prompts the {}.\n", bound, name_of(a.skewed.prompt_limit)));
}

void print_advice(const Answer& a) {
  if (a.advice.empty()) return;
  print(fmt::format("\n{:<42}{:>18}{:>18}\n", "What would help most", "answer, tokens/s", "prompt"));
  for (const Advice& one : a.advice) {
    print(fmt::format("{:<42}{:>18}{:>18}\n", one.change,
                      fmt::format("{} -> {}", speed_text(a.skewed.decode), speed_text(one.decode)),
                      fmt::format("{} -> {}", speed_text(a.skewed.prompt), speed_text(one.prompt))));
    if (!one.command.empty()) print(fmt::format("    {}\n", one.command));
  }
}

void print_table(const Answer& a) {
  const Machine& m = a.input.machine;
  print(fmt::format("model    {}\n         {}, {}\n", a.where.string(), a.storage,
                    bytes(a.input.model.file_bytes)));
  print(fmt::format("machine  {}, {} thread{}\n", m.name, m.threads, m.threads == 1 ? "" : "s"));
  print(fmt::format("         drive {}/s of whole experts ({})\n", bytes(m.drive_bytes), m.drive_from));
  print(fmt::format("         memory {}/s of weights ({}), products {:.3g} TOPS ({})\n",
                    bytes(m.decode_bytes), m.memory_from,
                    (a.input.model.packed ? m.int8_ops : m.bf16_ops) / 1e12, m.compute_from));
  print_memory(a);
  print_speeds(a);
  print_advice(a);
}

Json speed_json(const Speed& s) {
  return {{"hit_rate", s.hit_rate},
          {"read_bytes_per_token", s.read_per_token},
          {"decode_tokens_per_second", s.decode},
          {"decode_limit", name_of(s.decode_limit)},
          {"decode_drive_share", s.decode_drive_share},
          {"prompt_tokens_per_second", s.prompt},
          {"prompt_limit", name_of(s.prompt_limit)},
          {"first_token_seconds", s.first_token_seconds},
          {"cold_first_token_seconds", s.cold_first_token_seconds}};
}

void print_json(const Answer& a) {
  const MemoryBudget& b = a.plan.budget;
  const ModelSizes& s = a.input.model.sizes;
  const Machine& m = a.input.machine;
  Json residents = Json::object();
  for (const NamedBytes& part : s.resident) residents[part.name] = part.bytes;
  Json advice = Json::array();
  for (const Advice& one : a.advice) {
    advice.push_back({{"change", one.change},
                      {"command", one.command.empty() ? Json() : Json(one.command)},
                      {"decode_tokens_per_second", one.decode},
                      {"prompt_tokens_per_second", one.prompt}});
  }
  Json out = {{"model", a.where.string()},
              {"storage", a.storage},
              {"model_bytes", a.input.model.file_bytes},
              {"machine",
               {{"name", m.name},
                {"memory_bytes", m.memory_bytes},
                {"free_bytes", m.free_bytes},
                {"threads", m.threads},
                {"drive_bytes_per_second", m.drive_bytes},
                {"weights_bytes_per_second", m.decode_bytes},
                {"int8_ops", m.int8_ops},
                {"bf16_ops", m.bf16_ops},
                {"drive_from", m.drive_from},
                {"memory_from", m.memory_from},
                {"compute_from", m.compute_from}}},
              {"context", a.plan.shape.context},
              {"batch", a.plan.shape.sequences},
              {"prompt_tokens", a.plan.prompt_tokens},
              {"rows_per_step", a.plan.shape.chunk},
              {"memory",
               {{"budget", b.memory},
                {"resident", b.resident},
                {"residents", residents},
                {"kv", b.kv},
                {"buffers", b.buffers},
                {"margin", b.margin},
                {"slot_bytes", b.slot_bytes},
                {"pinned_slots", b.pinned_slots},
                {"cache_slots", b.cache_slots},
                {"used", b.used()},
                {"all_resident", b.all_resident}}},
              {"experts", s.experts()},
              {"experts_on_drive", s.experts() - b.slots()},
              {"load_seconds", a.plan.load_seconds},
              {"uniform", speed_json(a.uniform)},
              {a.skewed_name == "your routing" ? "routing" : "skewed", speed_json(a.skewed)},
              {"advice", advice}};
  print(out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

int run_plan(const PlanWords& words) {
  if (!words.model.empty() && !words.config.empty())
    return fail_usage(error("give a MODEL or --config, not both"));
  if (!words.machine.empty()) {
    if (const Result<Machine> machine = parse_machine(words.machine); !machine.ok())
      return fail_usage(error("--machine: {}", machine.message()));
  }
  const Result<Answer> answer = work_out(words);
  if (!answer.ok()) return fail(answer.status());
  if (words.json) {
    print_json(*answer);
  } else {
    print_table(*answer);
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("plan", "Says what fits and how fast it will be, before a weight is read");
  auto o = std::make_shared<PlanWords>();
  verb->add_option("MODEL", o->model,
                   "A directory or a name (default: the small model that comes with jaju)");
  verb->add_option("--config", o->config, "A config.json alone, for a model one does not have");
  const CLI::Validator storage(
      [](std::string& name) {
        return storage_from_name(name)
                   ? std::string()
                   : fmt::format("'{}' is not a scheme like q4 or q8, nor bf16, f16, f32 or f8", name);
      },
      "");
  verb->add_option("--scheme", o->scheme,
                   "Experts as if stored so: q8, q6, q4, q4i, q3, q2, mxfp4, nvfp4, bf16, f16, f32 or f8 "
                   "(default: as they are; without weights or where that does not fit, q4)")
      ->check(storage);
  verb->add_option("--rest", o->rest,
                   "Other matrices likewise (default: q8 beside packed experts, else the same)")
      ->check(storage);
  verb->add_option("--memory", o->memory,
                   "What it may take, like 16G (16 GB; 16Gi is binary; default: what is free, less a margin)")
      ->transform(size_value(1));
  verb->add_option("--context", o->context,
                   "Tokens of a conversation (default: the model's, at most 32,768; 4,096 with --batch)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31));
  verb->add_option("--batch", o->batch, "Conversations at the same time (default 1)")
      ->check(CLI::Range(1, 65536));
  verb->add_option("--prompt", o->prompt, "Tokens of the prompt that is timed (default 1000)")
      ->check(CLI::Range(1, 1 << 24));
  verb->add_option("--kv", o->kv, kKvHelp)->check(CLI::IsMember(kKvTypes));
  verb->add_option("-t,--threads", o->threads, "CPU threads (default: what `jaju tune` found best)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--machine", o->machine,
                   "A machine one does not have: ram=64G,disk=7GB/s,cores=16,membw=80GB/s,int8=2TOPS")
      ->check(CLI::Validator(
          [](std::string& text) { return std::string(text.empty() ? "no machine is named" : ""); }, ""));
  verb->add_option("--routing", o->routing, "A saved routing histogram instead of the assumed skew");
  verb->add_flag("--json", o->json, "One JSON object");
  verb->footer(
      R"(Only headers are read. What the table says is what `run` allocates: both use the same arithmetic. --batch
counts whole conversations; `serve` lets them share a cache and takes less.

Speeds are a range. Uniform routing visits every expert alike, the worst for a cache; skewed routing is what models of
this kind show on text (the e-th expert of a layer has weight 1 / e^0.8). The truth for your text is usually between
the two or better; --routing takes a histogram of it. Half of the context is taken to be filled.
Sizes are decimal: 6.3G is 6,300,000,000 bytes; write 16Gi for binary ones. A budget below about a gigabyte must also
hold the program itself, some tens of MB; `run` counts what of it is beyond the margin.

Examples
  jaju plan ~/models/A.X-K1-q4
  jaju plan ~/models/A.X-K1-q4 --memory 40G --context 8192
  jaju plan --config config.json --machine ram=64G,disk=7GB/s,cores=16,membw=80GB/s
  jaju plan ~/models/A.X-K1 --scheme q6 --batch 8 --json)");
  verb->callback([&action, o] { action = [o] { return run_plan(*o); }; });
}

}  // namespace jaju::cli
