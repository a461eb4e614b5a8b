// jaju show: what is in a model, counted from its config and, where they are, its weights.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "chat/chat.h"
#include "cli/cli.h"
#include "cli/model_path.h"
#include "runtime/engine.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct ShowOptions {
  std::string model;
  bool layers = false;
  bool json = false;
  std::string kv = "auto";
};

struct Report {
  fs::path dir;  // or a config file on its own
  ModelConfig config;
  ParameterCount parameters;
  std::unique_ptr<Weights> weights;  // null: only a config.json
  int64_t kv_bytes = 0;
  std::string kv_type;
  std::string chat_template;
};

struct LayerLine {
  int64_t layer = 0;
  bool moe = false;
  int64_t attention = 0;
  int64_t mlp = 0;  // router and shared experts included
  int64_t norms = 0;
  int64_t total = 0;
  int64_t active = 0;
};

bool has_weights(const fs::path& dir) {
  std::error_code failure;
  return fs::exists(dir / "model.safetensors", failure) ||
         fs::exists(dir / "model.safetensors.index.json", failure);
}

Result<Report> look(const std::string& model, KvType kv) {
  Report report;
  std::error_code failure;
  if (model.ends_with(".json") && fs::is_regular_file(model, failure)) {
    report.dir = model;  // whatever its name, and whatever lies beside it
  } else {
    JAJU_ASSIGN(report.dir, find_model(model));
  }
  JAJU_ASSIGN(report.config, load_config(report.dir));
  if (has_weights(report.dir)) {
    JAJU_ASSIGN(report.weights, Weights::load(report.dir, report.config, StoredFp4::wanted));
    report.parameters = report.weights->parameters;
  } else {
    // Without files to look into: A.X K1's release has no selection bias and no MTP layer, DeepSeek-V3 has
    // the bias.
    const bool bias = report.config.model_type == "deepseek_v3";
    report.parameters = count_parameters(report.config, bias, false);
  }
  const CacheRow row = cache_row(report.config, kv);
  report.kv_bytes = kv_bytes_per_token(report.config, kv);
  report.kv_type = name_of(row.type);
  const Result<std::unique_ptr<ChatTemplate>> chat = ChatTemplate::load(report.dir);
  report.chat_template = chat.ok() ? (*chat)->source() : "damaged: " + chat.message();
  return report;
}

// One layer of the kind, counted by the same arithmetic as the whole.
std::vector<LayerLine> count_layers(const Report& report) {
  const ModelConfig& config = report.config;
  // The bias counts where the whole count has it.
  const bool router_bias = report.parameters.routers == count_parameters(config, true, false).routers;
  std::vector<LayerLine> lines;
  for (int64_t layer = 0; layer < config.n_layers; ++layer) {
    ModelConfig one = config;
    one.n_layers = 1;
    one.first_dense_layers = config.is_moe(layer) ? 0 : 1;
    one.moe_layer_freq = 1;
    const ParameterCount count = count_parameters(one, router_bias, false);
    LayerLine line;
    line.layer = layer;
    line.moe = config.is_moe(layer);
    line.attention = count.attention;
    line.mlp = count.dense_mlp + count.routed_experts + count.shared_experts + count.routers;
    line.norms = count.norms - config.hidden_size;  // less the norm after the last layer
    // A.X K1's release has a norm behind the dense layer that nothing applies; other files leave it out.
    const bool left_out = report.weights != nullptr && config.has_post_mlp_norm &&
                          report.weights->layers[static_cast<size_t>(layer)].post_mlp_norm.empty() &&
                          report.parameters.norms < count_parameters(config, router_bias, false).norms;
    if (left_out) line.norms -= config.hidden_size;
    line.total = line.attention + line.mlp + line.norms;
    line.active = line.total - (count.total() - count.active);
    lines.push_back(line);
  }
  return lines;
}

Json config_json(const ModelConfig& c) {
  Json rope = {{"theta", c.rope.theta}, {"interleaved", c.rope.interleaved}, {"yarn", c.rope.yarn}};
  if (c.rope.yarn) {
    rope["factor"] = c.rope.factor;
    rope["original_context"] = c.rope.original_context;
  }
  return {{"model_type", c.model_type},
          {"dtype", c.dtype},
          {"vocab_size", c.vocab_size},
          {"hidden_size", c.hidden_size},
          {"intermediate_size", c.intermediate_size},
          {"moe_intermediate_size", c.moe_intermediate_size},
          {"layers", c.n_layers},
          {"dense_layers", c.first_dense_layers},
          {"heads", c.n_heads},
          {"q_lora_rank", c.q_lora_rank},
          {"kv_lora_rank", c.kv_lora_rank},
          {"qk_nope_dim", c.qk_nope_dim},
          {"qk_rope_dim", c.qk_rope_dim},
          {"v_dim", c.v_dim},
          {"experts", c.n_routed_experts},
          {"shared_experts", c.n_shared_experts},
          {"experts_per_token", c.n_experts_per_token},
          {"groups", c.n_group},
          {"groups_per_token", c.topk_group},
          {"post_mlp_norm", c.has_post_mlp_norm},
          {"tied_embeddings", c.tie_word_embeddings},
          {"context", c.max_context},
          {"rope", rope}};
}

void print_json(const Report& report, bool with_layers) {
  const ParameterCount& p = report.parameters;
  Json out = {{"model", report.dir.string()}, {"architecture", config_json(report.config)}};
  out["parameters"] = {{"total", p.total()},
                       {"active", p.active},
                       {"embedding", p.embedding},
                       {"head", p.head},
                       {"attention", p.attention},
                       {"dense_mlp", p.dense_mlp},
                       {"routed_experts", p.routed_experts},
                       {"shared_experts", p.shared_experts},
                       {"routers", p.routers},
                       {"norms", p.norms},
                       {"mtp", p.mtp}};
  out["kv_bytes_per_token"] = report.kv_bytes;
  out["kv_type"] = report.kv_type;
  out["chat_template"] = report.chat_template;
  out["weights"] = nullptr;
  if (report.weights != nullptr) {
    Json groups = Json::array();
    int64_t bytes = 0;
    for (const TensorGroup& g : report.weights->groups) {
      groups.push_back({{"name", g.name},
                        {"dtypes", g.dtypes},
                        {"tensors", g.tensors},
                        {"parameters", g.parameters},
                        {"bytes", g.bytes}});
      bytes += g.bytes;
    }
    out["weights"] = {{"bytes", bytes}, {"groups", groups}};
  }
  if (with_layers) {
    Json layers = Json::array();
    for (const LayerLine& l : count_layers(report)) {
      layers.push_back({{"layer", l.layer},
                        {"kind", l.moe ? "experts" : "dense"},
                        {"attention", l.attention},
                        {"mlp", l.mlp},
                        {"norms", l.norms},
                        {"total", l.total},
                        {"active", l.active}});
    }
    out["layers"] = layers;
  }
  print(out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void print_architecture(const Report& report) {
  const ModelConfig& c = report.config;
  int64_t moe = 0;
  for (int64_t layer = 0; layer < c.n_layers; ++layer) moe += c.is_moe(layer) ? 1 : 0;
  print(fmt::format("model         {}\n", report.dir.string()));
  print(fmt::format("architecture  {}, {} layers ({} dense, {} with experts), hidden {}\n", c.model_type,
                    c.n_layers, c.n_layers - moe, moe, c.hidden_size));
  print(fmt::format("attention     MLA, {} heads, latent {} + rope {}, query rank {}\n", c.n_heads,
                    c.kv_lora_rank, c.qk_rope_dim,
                    c.q_lora_rank == 0 ? "none" : std::to_string(c.q_lora_rank)));
  if (moe > 0) {
    print(fmt::format("experts       {} routed + {} shared a layer, {} chosen from {} of {} groups\n",
                      c.n_routed_experts, c.n_shared_experts, c.n_experts_per_token, c.topk_group,
                      c.n_group));
  }
  print(fmt::format(
      "context       {} tokens, rope theta {:g}{}\n", with_commas(c.max_context), c.rope.theta,
      c.rope.yarn ? fmt::format(", YaRN x{:g} over {}", c.rope.factor, with_commas(c.rope.original_context))
                  : ""));
  print(fmt::format("vocabulary    {} tokens\n", with_commas(c.vocab_size)));
  print(fmt::format("parameters    {} total ({}), {} active ({})\n", with_commas(report.parameters.total()),
                    short_count(report.parameters.total()), with_commas(report.parameters.active),
                    short_count(report.parameters.active)));
  print(fmt::format("cache         {} bytes per token ({}); {} for {} tokens\n", with_commas(report.kv_bytes),
                    report.kv_type,
                    human_bytes(static_cast<double>(report.kv_bytes) * static_cast<double>(c.max_context)),
                    with_commas(c.max_context)));
  print(fmt::format("template      {}\n", report.chat_template));
}

void print_groups(const Report& report) {
  if (report.weights == nullptr) {
    const ParameterCount& p = report.parameters;
    print(fmt::format("\n{:<16}{:>22}\n", "part", "parameters"));
    const std::pair<const char*, int64_t> parts[] = {{"embedding", p.embedding},
                                                     {"attention", p.attention},
                                                     {"dense mlp", p.dense_mlp},
                                                     {"routed experts", p.routed_experts},
                                                     {"shared experts", p.shared_experts},
                                                     {"routers", p.routers},
                                                     {"norms", p.norms},
                                                     {"head", p.head}};
    for (const auto& [name, n] : parts) print(fmt::format("{:<16}{:>22}\n", name, with_commas(n)));
    note(fs::is_directory(report.dir)
             ? "no weights are here; the counts follow from the config"
             : "counted from the config alone; name the directory to count its files");
    return;
  }
  print(fmt::format("\n{:<16}{:<12}{:>8}{:>22}{:>12}\n", "part", "dtype", "tensors", "parameters", "bytes"));
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t bytes = 0;
  for (const TensorGroup& g : report.weights->groups) {
    print(fmt::format("{:<16}{:<12}{:>8}{:>22}{:>12}\n", g.name, g.dtypes, g.tensors,
                      with_commas(g.parameters), human_bytes(static_cast<double>(g.bytes))));
    tensors += g.tensors;
    parameters += g.parameters;
    bytes += g.bytes;
  }
  print(fmt::format("{:<16}{:<12}{:>8}{:>22}{:>12}\n", "in the files", "", tensors, with_commas(parameters),
                    human_bytes(static_cast<double>(bytes))));
}

int run_show(const ShowOptions& options) {
  std::string model = options.model;
  if (model.empty()) {
    const Result<DefaultModel> choice = default_model();
    if (!choice.ok()) return fail(choice.status());
    model = choice->dir.string();
  }
  const Result<Report> report = look(model, *kv_type_from_name(options.kv));
  if (!report.ok()) return fail(report.status());
  if (options.json) {
    print_json(*report, options.layers);
  } else {
    print_architecture(*report);
    print_groups(*report);
    if (options.layers) {
      print(fmt::format("\n{:>5}  {:<8}{:>16}{:>18}{:>10}{:>18}{:>16}\n", "layer", "kind", "attention", "mlp",
                        "norms", "total", "active"));
      for (const LayerLine& l : count_layers(*report)) {
        print(fmt::format("{:>5}  {:<8}{:>16}{:>18}{:>10}{:>18}{:>16}\n", l.layer,
                          l.moe ? "experts" : "dense", with_commas(l.attention), with_commas(l.mlp),
                          with_commas(l.norms), with_commas(l.total), with_commas(l.active)));
      }
    }
  }
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace

void add_show(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("show", "Shows what is in a model: architecture, parameters, bytes, cache");
  auto options = std::make_shared<ShowOptions>();
  verb->add_option(
      "MODEL", options->model,
      "A directory (weights need not be there), a config.json, or a name (default: the small model "
      "that comes with jaju)");
  verb->add_option("--kv", options->kv, kKvHelp)->check(CLI::IsMember(kKvTypes));
  verb->add_flag("--layers", options->layers, "Also a line per layer");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      R"(Active parameters are those one token meets: everything less the routed experts it does not visit.

Examples
  jaju show ~/models/A.X-K1
  jaju show config.json --layers
  jaju show models/nano --json)");
  verb->callback([&action, options] { action = [options] { return run_show(*options); }; });
}

}  // namespace jaju::cli
