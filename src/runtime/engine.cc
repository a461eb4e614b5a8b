#include "runtime/engine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/huge_pages.h"
#include "memory/routing_histogram.h"
#include "model/placement.h"
#include "runtime/engine_impl.h"
#include "runtime/engine_memory.h"

namespace jaju {
namespace {

constexpr int64_t kDefaultContext = 32768;
constexpr int64_t kWorthMoving = int64_t{256} << 20;  // into huge pages

KvType resolve(KvType type, const ModelConfig& config) {
  if (type != KvType::automatic) return type;
  return config.dtype == "float32" ? KvType::f32 : KvType::bf16;
}

// This thread gets a sixtieth of a CPU that others want, and all of one that nobody does.
void yield_to_others() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
}

bool wants_huge_pages(HugePages mode, const Weights& weights) {
  if (mode == HugePages::automatic) return weights.file_bytes() >= kWorthMoving && has_huge_pages();
  return mode == HugePages::on;
}

Status check_options(const EngineOptions& o, const ModelConfig& config) {
  if (o.context < 0 || o.context > config.max_context) {
    return error("context {} is outside 1 to {}, this model's maximum", o.context, config.max_context);
  }
  if (o.threads < 0 || o.threads > 4096) return error("threads {} is outside 1 to 4096", o.threads);
  if (o.memory_bytes < 0) return error("memory {} is less than nothing", o.memory_bytes);
  const StreamOptions& s = o.stream;
  if (s.piece_bytes < 0 || s.piece_bytes > (int64_t{1} << 30) || s.queue_depth < 0 || s.queue_depth > 256) {
    return error("pieces of {} bytes, {} under way: at most 1 GiB and 256", s.piece_bytes, s.queue_depth);
  }
  if (o.prefill_chunk < 1 || o.prefill_chunk > 65536) {
    return error("prefill chunk {} is outside 1 to 65536", o.prefill_chunk);
  }
  return {};
}

int64_t physical_memory() {
  return static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
}

// Working memory grows with the rows of a step, and the sizes in a small file can make a row very large: the
// step is cut down to what fits half of this machine. Results do not depend on it.
Status fit_prefill_chunk(const std::string& where, const ModelConfig& config, const Weights& weights,
                         EngineOptions& o) {
  const int64_t memory = physical_memory();
  const auto working = [&](int64_t rows) {
    return Forward::working_bytes(config, kinds_of(weights), rows, o.threads);
  };
  const int64_t rows = rows_that_fit(o.prefill_chunk, memory / 2, working);
  if (rows > 0) {
    o.prefill_chunk = rows;
    return {};
  }
  return error("{}: one token needs {} of working memory, half of this machine's is {}: use a larger machine",
               where, human_bytes(static_cast<double>(working(1))),
               human_bytes(static_cast<double>(memory / 2)));
}

}  // namespace

int64_t rows_that_fit(int64_t rows, int64_t memory, const std::function<int64_t(int64_t)>& bytes_for) {
  while (rows > 0 && bytes_for(rows) > memory) rows /= 2;
  return rows;
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::open(const std::filesystem::path& model_dir,
                                             const EngineOptions& options) {
  return within_memory("open the model", [&]() -> Result<std::unique_ptr<Engine>> {
    JAJU_ASSIGN(ModelConfig config, load_config(model_dir));
    JAJU_RETURN_IF_ERROR(check_options(options, config));  // a wrong option should not wait for the weights
    const int64_t program = resident_set();
    JAJU_ASSIGN(std::unique_ptr<Weights> weights, Weights::load(model_dir, config));
    JAJU_ASSIGN(std::unique_ptr<Impl> impl,
                Impl::open(model_dir.string(), std::move(config), std::move(weights), options, program));
    return std::unique_ptr<Engine>(new Engine(std::move(impl)));
  });
}

Result<std::unique_ptr<Engine>> Engine::open_random(const ModelConfig& config, const RandomTypes& types,
                                                    const EngineOptions& options) {
  return within_memory("make random weights", [&]() -> Result<std::unique_ptr<Engine>> {
    JAJU_RETURN_IF_ERROR(check_options(options, config));
    if (options.memory_bytes > 0) {
      return error(
          "random weights are made in memory and cannot be left on the disk: pack them first, "
          "`jaju pack --random SHAPE --to DIR`");
    }
    JAJU_ASSIGN(std::unique_ptr<Weights> weights, Weights::random(config, types));
    JAJU_ASSIGN(std::unique_ptr<Impl> impl,
                Impl::open("random weights", config, std::move(weights), options, std::nullopt));
    return std::unique_ptr<Engine>(new Engine(std::move(impl)));
  });
}

Result<std::unique_ptr<Engine::Impl>> Engine::Impl::open(const std::string& where, ModelConfig config,
                                                         std::unique_ptr<Weights> weights,
                                                         const EngineOptions& options,
                                                         std::optional<int64_t> program) {
  auto impl = std::make_unique<Impl>();
  JAJU_ASSIGN(const Ops* ops, select_ops());
  impl->config = std::move(config);
  impl->weights = std::move(weights);

  impl->options = options;
  EngineOptions& o = impl->options;
  if (o.context == 0) o.context = std::min(impl->config.max_context, kDefaultContext);
  o.kv_type = resolve(o.kv_type, impl->config);
  o.prefill_chunk = std::min(o.prefill_chunk, o.context);
  if (!o.precision) o.precision = impl->config.dtype == "bfloat16" ? Precision::fastest : Precision::f32;
  if (o.numa != Numa::off) {
    Result<Topology> topology = Topology::of_this_machine();
    if (!topology.ok() && o.numa == Numa::on) return topology.status();
    if (topology.ok() && topology->n_nodes() > 1) impl->topology = std::move(*topology);
  }
  impl->team = std::make_unique<ThreadTeam>(o.threads, impl->topology ? &*impl->topology : nullptr);
  if (impl->team->size() < o.threads) {
    return error("cannot start {} threads, the system allows {}: use fewer", o.threads, impl->team->size());
  }
  o.threads = impl->team->size();
  JAJU_RETURN_IF_ERROR(fit_prefill_chunk(where, impl->config, *impl->weights, o));
  bool fits = false;
  if (program) {
    JAJU_ASSIGN(MemoryChoice choice, choose_memory(where, impl->config, o, *program));
    impl->notice = std::move(choice.notice);
    fits = choice.fits;
    // A promise about memory covers the shared cache too, whether or not the model fits.
    if (choice.streamed || (o.memory_bytes > 0 && o.stream.sequences > 0)) impl->kv_budget = choice.kv_bytes;
    if (choice.streamed) {
      o.prefill_chunk = choice.chunk;
      impl->streamed = StreamedModel{choice.model, choice.budget};
      JAJU_ASSIGN(impl->store,
                  open_store(where, impl->config, choice, o.stream, *impl->weights, *impl->team));
    }
  }
  if (impl->topology && impl->store == nullptr) {  // slots are filled by whoever comes first
    const Status placed = place_weights(*impl->weights, *impl->team, *impl->topology);
    if (!placed.ok() && o.numa == Numa::on) return placed;
  }
  if (fits && !impl->topology && wants_huge_pages(o.huge_pages, *impl->weights)) {
    impl->mover = std::jthread([i = impl.get()](std::stop_token stop) {
      yield_to_others();
      i->moved = i->weights->move_to_huge_pages([&] { return !stop.stop_requested(); });
    });
  }
  impl->context = std::make_unique<Context>(*impl->team, *ops, *o.precision);
  impl->forward = std::make_unique<Forward>(impl->config, *impl->weights, *impl->context, o.prefill_chunk,
                                            impl->store.get());
  impl->pool = std::make_unique<KvPool>(impl->config.n_layers, cache_row(impl->config, o.kv_type));
  return impl;
}

const ModelConfig& Engine::config() const {
  return impl_->config;
}
const Weights& Engine::weights() const {
  return *impl_->weights;
}
const EngineOptions& Engine::options() const {
  return impl_->options;
}

int64_t Engine::settle() {
  if (impl_->mover.joinable()) impl_->mover.join();
  return impl_->moved;
}

const std::string& Engine::notice() const {
  return impl_->notice;
}

const StreamedModel* Engine::streamed() const {
  return impl_->streamed ? &*impl_->streamed : nullptr;
}

std::optional<StoreFigures> Engine::store_figures() const {
  return impl_->store != nullptr ? std::optional(impl_->store->figures()) : std::nullopt;
}

RoutingHistogram Engine::routing() const {
  return impl_->forward->experts().histogram();
}

Status Engine::save_routing(const std::filesystem::path& file) const {
  const RoutingHistogram histogram = routing();
  if (histogram.layers.empty()) return error("the model has no routed experts whose visits could be saved");
  return write_file_atomic(file, to_json(histogram));
}

std::string Engine::kernels() const {
  return describe_kernels(impl_->context->ops, *impl_->options.precision, impl_->weights->packed);
}

std::optional<HugePages> huge_pages_from_name(std::string_view name) {
  if (name == "auto") return HugePages::automatic;
  if (name == "off") return HugePages::off;
  if (name == "on") return HugePages::on;
  return std::nullopt;
}

std::optional<Numa> numa_from_name(std::string_view name) {
  if (name == "auto") return Numa::automatic;
  if (name == "off") return Numa::off;
  if (name == "on") return Numa::on;
  return std::nullopt;
}

std::string_view name_of(KvType type) {
  switch (type) {
    case KvType::automatic:
      return "auto";
    case KvType::f32:
      return "f32";
    case KvType::bf16:
      return "bf16";
    case KvType::q8:
      return "q8";
  }
  return "?";
}

std::optional<KvType> kv_type_from_name(std::string_view name) {
  for (const KvType type : {KvType::automatic, KvType::f32, KvType::bf16, KvType::q8}) {
    if (name_of(type) == name) return type;
  }
  return std::nullopt;
}

CacheRow cache_row(const ModelConfig& config, KvType type) {
  const KvType resolved = resolve(type, config);
  return {resolved == KvType::q8     ? CacheType::q8
          : resolved == KvType::bf16 ? CacheType::bf16
                                     : CacheType::f32,
          config.kv_lora_rank, config.qk_rope_dim};
}

int64_t kv_bytes_per_token(const ModelConfig& config, KvType type) {
  return config.n_layers * cache_row(config, type).bytes();
}

int64_t Engine::kv_bytes_per_token() const {
  return jaju::kv_bytes_per_token(impl_->config, impl_->options.kv_type);
}

Result<std::unique_ptr<Session>> Engine::new_session() {
  return within_memory("start a session", [&]() -> Result<std::unique_ptr<Session>> {
    auto session = std::make_unique<Session::Impl>(*impl_);
    session->logits.resize(static_cast<size_t>(impl_->config.vocab_size));
    return std::unique_ptr<Session>(new Session(std::move(session)));
  });
}

Result<Evaluation> Engine::evaluate(std::span<const int32_t> tokens, bool all_positions) {
  const Precision precision = impl_->context->precision;
  auto result =
      within_memory("evaluate that many tokens", [&] { return impl_->evaluate(tokens, all_positions); });
  impl_->context->precision = precision;
  return result;
}

Result<Evaluation> Engine::Impl::evaluate(std::span<const int32_t> tokens, bool all_positions) {
  Impl& e = *this;
  const auto n = static_cast<int64_t>(tokens.size());
  const int64_t vocab = e.config.vocab_size;
  if (n == 0) return error("no tokens to evaluate: give at least one");
  if (n > e.options.context) return error("{} tokens are more than the context of {}", n, e.options.context);
  for (const int32_t token : tokens) {
    if (token < 0 || token >= vocab)
      return error("token {} is outside the vocabulary (0 to {})", token, vocab - 1);
  }

  const int64_t wanted_bytes = (all_positions ? n : 1) * vocab * static_cast<int64_t>(sizeof(float));
  if (wanted_bytes > physical_memory() / 2) {
    return error("the logits of {} positions need {}: ask for fewer tokens, or the last position only", n,
                 human_bytes(static_cast<double>(wanted_bytes)));
  }

  // Truth before speed: an f32 cache and no activations rounded to bf16, whatever the session options say.
  KvPool f32_pool(e.forward->cache_layers(), cache_row(e.config, KvType::f32));
  KvPages pages(f32_pool);
  JAJU_RETURN_IF_ERROR(pages.reserve(n));
  e.context->precision = Precision::f32;  // Engine::evaluate puts it back
  const int64_t hidden = e.config.hidden_size;
  const bool with_mtp = e.weights->mtp.has_value() && n > 1;

  Evaluation result;
  result.vocab_size = vocab;
  result.logits.resize(static_cast<size_t>((all_positions ? n : 1) * vocab));
  if (with_mtp) result.mtp_logits.resize(static_cast<size_t>(vocab));
  for (int64_t i = 0; i < e.config.n_layers; ++i) {
    if (e.config.is_moe(i)) result.experts.emplace_back();
  }
  std::vector<float> hidden_rows(with_mtp ? static_cast<size_t>(e.options.prefill_chunk * hidden) : 0);
  std::vector<int32_t> wanted;
  ForwardExtras extras;
  extras.data = &result;
  extras.on_experts = [](void* data, int64_t layer, std::span<const int32_t> ids) {
    auto& r = *static_cast<Evaluation*>(data);
    r.experts[static_cast<size_t>(layer)].emplace_back(ids.begin(), ids.end());
  };
  for (int64_t first = 0; first < n; first += e.options.prefill_chunk) {
    const int64_t rows = std::min(e.options.prefill_chunk, n - first);
    const bool last = first + rows == n;
    const BatchSequence sequence{rows, first, pages.view(), AttentionMode::expanded};
    wanted.clear();
    for (int64_t i = all_positions ? 0 : rows - 1; i < rows && (all_positions || last); ++i) {
      wanted.push_back(static_cast<int32_t>(i));
    }
    float* const out = result.logits.data() + (all_positions ? first * vocab : 0);
    if (with_mtp) extras.hidden = MutRows(hidden_rows.data(), rows, hidden);
    JAJU_RETURN_IF_ERROR(e.forward->run(
        {tokens.subspan(static_cast<size_t>(first), static_cast<size_t>(rows)), {&sequence, 1}, wanted},
        MutRows(out, static_cast<int64_t>(wanted.size()), vocab), extras));
    // The draft for row i reads the token after it, so the very last position has none.
    const int64_t drafts = last ? rows - 1 : rows;
    if (with_mtp && drafts > 0) {
      const BatchSequence shifted{drafts, first, pages.view(), AttentionMode::expanded};
      const int32_t last_row = static_cast<int32_t>(drafts) - 1;
      const bool final_draft = first + drafts == n - 1;
      e.forward->run_mtp({tokens.subspan(static_cast<size_t>(first) + 1, static_cast<size_t>(drafts)),
                          {&shifted, 1},
                          std::span<const int32_t>(&last_row, final_draft ? 1 : 0)},
                         Rows(hidden_rows.data(), drafts, hidden),
                         MutRows(result.mtp_logits.data(), final_draft ? 1 : 0, vocab));
    }
  }
  JAJU_RETURN_IF_ERROR(e.weights->intact());

  // on_experts saw (rows * k) ids per chunk: cut them into positions.
  const auto k = static_cast<size_t>(e.config.n_experts_per_token);
  for (auto& layer : result.experts) {
    std::vector<std::vector<int32_t>> positions;
    for (const auto& chunk : layer) {
      for (size_t i = 0; i < chunk.size(); i += k) {
        positions.emplace_back(chunk.begin() + static_cast<int64_t>(i),
                               chunk.begin() + static_cast<int64_t>(i + k));
      }
    }
    layer = std::move(positions);
  }
  return result;
}

}  // namespace jaju
