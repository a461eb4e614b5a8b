#include "runtime/prediction.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"

namespace jaju {
namespace {

double d(int64_t n) {
  return static_cast<double>(n);
}

double products(const PlanInput& in) {
  return in.model.packed ? in.machine.int8_ops : in.machine.bf16_ops;
}

// How long the parts of a step take.
struct StepSeconds {
  double residents = 0, experts = 0, drive = 0;
  bool by_memory = false;  // more time for bytes than for products
};

StepSeconds step(const PlanInput& in, const Plan& plan, const TokenCosts& costs, const Routing& routing,
                 double rows, double cached_bytes, double logit_rows, double slots) {
  const ModelSizes& sizes = in.model.sizes;
  const double ops = products(in);
  const double dense_bytes = (costs.dense_bytes + cached_bytes) / in.machine.decode_bytes;
  const double dense_ops = (rows * costs.dense_ops + logit_rows * costs.head_ops) / ops;
  StepSeconds s;
  s.residents = std::max(dense_bytes, dense_ops) + d(in.config.n_layers) * in.machine.layer_seconds;
  double expert_bytes = 0, expert_ops = 0;
  if (sizes.experts() > 0) {
    expert_bytes = routing.touched(rows) * d(sizes.expert_read_bytes) / in.machine.decode_bytes;
    expert_ops = rows * routing.per_token() * costs.expert_ops / ops;
    s.experts = std::max(expert_bytes, expert_ops);
    const double missed = plan.budget.all_resident ? 0 : routing.missed(rows, slots, kCacheHalfLife);
    s.drive = missed * d(sizes.expert_read_bytes) / in.machine.drive_bytes;
  }
  s.by_memory = dense_bytes + expert_bytes > dense_ops + expert_ops;
  return s;
}

Limit limit_of(double drive, double others, bool by_memory) {
  return drive > others ? Limit::drive : by_memory ? Limit::memory : Limit::arithmetic;
}

struct PromptSeconds {
  double all = 0, drive = 0, others = 0;
  bool by_memory = false;
};

PromptSeconds prompt_seconds(const PlanInput& in, const Plan& plan, const TokenCosts& costs,
                             const Routing& routing, double slots) {
  PromptSeconds p;
  for (int64_t first = 0; first < plan.prompt_tokens; first += plan.shape.chunk) {
    const double rows = d(std::min(plan.shape.chunk, plan.prompt_tokens - first));
    const StepSeconds s = step(in, plan, costs, routing, rows, costs.kv_bytes * d(first), 1, slots);
    // Scores and sums are f32 or bf16, whatever the weights are.
    const double attention = rows * (d(first) + rows / 2) * costs.position_ops / in.machine.bf16_ops;
    p.all += s.residents + attention + std::max(s.experts, s.drive);
    p.drive += s.drive;
    p.others += s.residents + attention + s.experts;
    p.by_memory = s.by_memory;
    // Whatever came in the first chunk is the cache of the next.
    if (slots <= 0) slots = d(plan.budget.slots());
  }
  return p;
}

}  // namespace

TokenCosts token_costs(const ModelConfig& c, const MeasuredModel& model, KvType kv_type) {
  TokenCosts t;
  // The table is looked up by rows; without a head of its own it is the head.
  const auto& parts = model.sizes.resident;
  const bool head =
      std::any_of(parts.begin(), parts.end(), [](const NamedBytes& p) { return p.name == "head"; });
  for (const NamedBytes& part : parts) {
    if (part.name == "mtp" || (head && part.name == "embedding")) continue;
    t.dense_bytes += d(part.bytes);
  }
  t.dense_bytes -= d(model.keys_twice);
  const ParameterCount count = count_parameters(c, false, false);
  t.kv_bytes = d(kv_bytes_per_token(c, kv_type));
  const double expert = 3.0 * d(c.hidden_size) * d(c.moe_intermediate_size);
  t.expert_ops = 2 * expert;
  t.head_ops = 2.0 * d(c.vocab_size) * d(c.hidden_size);
  t.dense_ops = 2.0 * d(count.attention + count.dense_mlp + count.shared_experts + count.routers);
  t.position_ops = 2.0 * d(c.n_heads * c.n_layers) * d(c.qk_dim() + c.v_dim);
  return t;
}

const char* name_of(Limit limit) {
  switch (limit) {
    case Limit::drive:
      return "drive";
    case Limit::memory:
      return "memory bandwidth";
    case Limit::arithmetic:
      break;
  }
  return "arithmetic";
}

Result<Plan> make_plan(const PlanInput& in) {
  Plan plan;
  plan.shape = in.shape;
  plan.shape.threads = in.machine.threads;
  plan.prompt_tokens = std::clamp<int64_t>(in.prompt_tokens, 1, in.shape.context);
  if (plan.shape.chunk == 0) {
    plan.shape.chunk =
        std::min(std::max(EngineOptions().prefill_chunk, in.shape.sequences), in.shape.context);
    plan.shape = fit_shape(in.config, in.model, plan.shape, in.memory);
  }
  JAJU_ASSIGN(plan.budget,
              divide_memory(in.model.sizes, run_sizes(in.config, in.model.kinds, plan.shape), in.memory));
  // Residents are copied from the drive; where there is a slot for every expert they all come, too.
  const int64_t experts =
      plan.budget.all_resident ? in.model.sizes.experts() * in.model.sizes.expert_read_bytes : 0;
  plan.load_seconds = d(in.model.sizes.resident_bytes() + experts) / in.machine.drive_bytes;
  return plan;
}

Speed predict(const PlanInput& in, const Plan& plan, const Routing& routing) {
  const TokenCosts costs = token_costs(in.config, in.model, in.shape.kv_type);
  const double slots = d(plan.budget.slots());
  const double batch = d(plan.shape.sequences);
  Speed speed;
  // Half of the context is in the cache, on average.
  const double cached = batch * costs.kv_bytes * d(plan.shape.context) / 2;
  const StepSeconds s = step(in, plan, costs, routing, batch, cached, batch, slots);
  const double seconds = s.residents + std::max(s.experts, s.drive);
  speed.hit_rate = plan.budget.all_resident ? 1 : routing.hit_frequency(slots, kCacheHalfLife);
  speed.decode = batch / seconds;
  speed.read_per_token = s.drive * in.machine.drive_bytes / batch;
  speed.decode_drive_share = s.drive > s.experts ? s.drive / seconds : 0;
  speed.decode_limit = limit_of(s.drive, s.residents + s.experts, s.by_memory);
  const PromptSeconds p = prompt_seconds(in, plan, costs, routing, slots);
  speed.prompt = d(plan.prompt_tokens) / p.all;
  speed.prompt_limit = limit_of(p.drive, p.others, p.by_memory);
  speed.first_token_seconds = p.all;
  const PromptSeconds cold = plan.budget.all_resident ? p : prompt_seconds(in, plan, costs, routing, 0);
  speed.cold_first_token_seconds = plan.load_seconds + cold.all;
  return speed;
}

std::optional<Prediction> predict(const Engine& engine, const Machine& machine, int64_t sequences) {
  const StreamedModel* const streamed = engine.streamed();
  if (streamed == nullptr) return std::nullopt;
  PlanInput in;
  in.config = engine.config();
  in.model = streamed->model;
  in.machine = machine;
  in.memory = streamed->budget.memory;
  in.shape.context = engine.options().context;
  in.shape.sequences = sequences;
  in.shape.kv_type = engine.options().kv_type;
  in.shape.threads = engine.options().threads;
  in.shape.chunk = engine.options().prefill_chunk;
  Plan plan;
  plan.budget = streamed->budget;
  plan.shape = in.shape;
  plan.prompt_tokens = std::min(in.prompt_tokens, in.shape.context);
  const ModelSizes& s = in.model.sizes;
  const auto with = [&](const Routing& routing) { return predict(in, plan, routing); };
  Prediction p;
  p.uniform = with(Routing::uniform(s.moe_layers, s.experts_per_layer, s.experts_per_token));
  p.skewed = with(Routing::zipf(s.moe_layers, s.experts_per_layer, s.experts_per_token, kUsualSkew));
  const RoutingHistogram seen = engine.routing();
  const bool visited = std::any_of(seen.layers.begin(), seen.layers.end(), [](const auto& layer) {
    return std::any_of(layer.visits.begin(), layer.visits.end(), [](uint64_t n) { return n > 0; });
  });
  if (visited) p.own = with(Routing::measured(seen));
  return p;
}

std::string describe_prediction(const Prediction& p, const Decoded& was, int width) {
  const double read = was.tokens > 0 ? d(static_cast<int64_t>(was.store.bytes)) / d(was.tokens) : 0;
  const auto line = [&](const char* label, double speed, double hit_rate, double bytes) {
    return fmt::format("{:<{}}{:.2f} tokens/s, {:.0f}% in memory, {} a token\n", label, width, speed,
                       100 * hit_rate, human_bytes(bytes));
  };
  std::string text = fmt::format(
      "{:<{}}{:.2f} to {:.2f} tokens/s, {:.0f} to {:.0f}% in memory, {} to {} a token (uniform to "
      "skewed routing)\n",
      "plan", width, p.uniform.decode, p.skewed.decode, 100 * p.uniform.hit_rate, 100 * p.skewed.hit_rate,
      human_bytes(p.uniform.read_per_token), human_bytes(p.skewed.read_per_token));
  if (p.own) text += line("its routing", p.own->decode, p.own->hit_rate, p.own->read_per_token);
  return text + line("it was", was.speed, was.store.hit_rate(), read);
}

std::vector<Advice> advise(const PlanInput& in, const Routing& routing, const std::string& experts,
                           size_t most) {
  struct Before {
    double decode = 0, prompt = 0;
  } before;
  const Result<Plan> now = make_plan(in);
  if (now.ok()) {
    const Speed speed = predict(in, *now, routing);
    before = {speed.decode, speed.prompt};
  }
  std::vector<Advice> all;
  const auto consider = [&](PlanInput changed, std::string change, std::string command, double scale = 1) {
    const Result<Plan> plan = make_plan(changed);
    if (!plan.ok()) return;
    const Speed speed = predict(changed, *plan, routing);
    Advice a{std::move(change), std::move(command), speed.decode, speed.prompt, 1e9};
    if (now.ok()) {
      const double answers = a.decode / before.decode;
      a.gain = std::cbrt(answers * answers * a.prompt / before.prompt) * scale;
    }
    constexpr double kWorthSaying = 1.03;
    if (a.gain >= kWorthSaying) all.push_back(std::move(a));
  };
  const auto text = [](int64_t bytes) { return human_bytes(d(bytes)); };
  const bool streams = !now.ok() || !now->budget.all_resident;

  // Memory: first what is there already, then the next size a person could buy.
  if (streams) {
    constexpr int64_t kGB = 1'000'000'000;
    const int64_t usual = default_memory(in.machine.free_bytes);
    if (in.memory < usual - kGB) {
      PlanInput more = in;
      more.memory = usual / kGB * kGB;
      consider(more, fmt::format("the memory that is free here, {}", text(more.memory)),
               fmt::format("--memory {}G", more.memory / kGB));
    }
    const int64_t step_bytes = (in.memory < 48 * kGB    ? 16
                                : in.memory < 120 * kGB ? 32
                                : in.memory < 250 * kGB ? 64
                                                        : 128) *
                               kGB;
    PlanInput bought = in;
    bought.memory = std::max(in.memory, usual) + step_bytes;
    consider(bought, fmt::format("{} more memory", text(step_bytes)), "");
    PlanInput second = in;
    second.machine.drive_bytes *= 2;
    consider(second, "a second drive with a copy of the model", "--mirror DIR");
  }
  // Fewer bits. The first scheme below the present one that this program knows.
  const bool packed = in.model.packed;
  const std::vector<std::string> ladder = {"q8", "q6", "q4", "q3", "q2"};
  auto at = std::find(ladder.begin(), ladder.end(), experts == "q4i" ? "q4" : experts);
  const auto next = !packed              ? std::find(ladder.begin(), ladder.end(), "q4")
                    : at == ladder.end() ? at
                                         : at + 1;
  if (next != ladder.end() && in.model.sizes.experts() > 0) {
    if (const std::optional<Storage> storage = storage_from_name(*next)) {
      PlanInput fewer = in;
      fewer.model = measure_config(in.config, *storage, *storage_from_name("q8"));
      fewer.model.kinds = in.model.kinds;
      consider(
          fewer,
          packed ? fmt::format("experts in {} instead of {}", *next, experts) : "packing it, experts in q4",
          fmt::format("jaju pack MODEL --to DIR --experts {}", *next));
    }
  }
  if (in.shape.context > 4096) {
    PlanInput shorter = in;
    shorter.shape.context = std::max<int64_t>(4096, in.shape.context / 4);
    shorter.shape.chunk = 0;
    const int64_t saved =
        run_sizes(in.config, in.model.kinds, now.ok() ? now->shape : in.shape).kv_bytes * 3 / 4;
    consider(shorter, fmt::format("a context of {} ({} less cache)", shorter.shape.context, text(saved)),
             fmt::format("--context {}", shorter.shape.context));
  }
  if (cache_row(in.config, in.shape.kv_type).type != CacheType::q8) {
    PlanInput smaller = in;
    smaller.shape.kv_type = KvType::q8;
    consider(smaller, "a KV cache in 8 bits", "--kv q8");
  }
  if (in.shape.sequences == 1) {
    PlanInput eight = in;
    eight.shape.sequences = 8;
    eight.shape.context = std::max<int64_t>(1, std::min<int64_t>(in.shape.context, 4096));
    eight.shape.chunk = 0;
    // It helps only who has eight questions: what helps everybody goes first.
    consider(eight, "eight answers at once (together)", "jaju serve", 0.7);
  }
  PlanInput cores = in;
  cores.machine.int8_ops *= 2;
  cores.machine.bf16_ops *= 2;
  consider(cores, "twice the cores", "");

  std::stable_sort(all.begin(), all.end(), [](const Advice& a, const Advice& b) { return a.gain > b.gain; });
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace jaju
