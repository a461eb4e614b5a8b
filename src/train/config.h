// TrainConfig: what a recipe (TOML) says about one run, checked once.
//
//   [run]        seed, precision, device, threads, checkpoint_minutes, checkpoint_tokens, keep, eval_tokens,
//                held_out_tokens, load_every, export_dtype, tokenizer
//   [model]      the keys of config.json, or
//                init_from = "DIR" (a model directory, or the directory of another run)
//   [data]       name = "DIR" of a prepared shard set, one line per source
//   [held_out]   name = "DIR": shard sets never trained on, whose loss is reported every eval_tokens
//   [optimizer]  kind = "adamw" | "muon", betas, eps, weight_decay, clip,
//                muon_lr, muon_momentum, muon_weight_decay, muon_steps
//   [balance]    bias_step, sequence_loss, every, off_after
//   [[stage]]    name, tokens, context, batch_tokens, lr, lr_end, shape, warmup, mix, mtp_weight,
//                yarn_factor, long_documents, balance
//
// A recipe for reinforcement learning (`jaju train rl`) has [run], [model] with init_from, [optimizer]
// (AdamW) and
//   [rl]         problems, steps, prompts, samples, modes, tasks, languages, min_difficulty, max_difficulty,
//                temperature, max_tokens, lr, warmup, minibatches, epochs, clip_low, clip_high, max_rounds,
//                overlong, overlong_buffer, batch_tokens, slots, rollout_dtype
//
// Pre-training and supervised fine-tuning differ only in their data (the loss bits of the shards) and their
// stages. Relative paths count from the current directory. `--set a.b=value` overrides one key; a stage is
// named by its number or its name (stage.decay.tokens=1000000).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/config.h"

namespace jaju::train {

struct SourceConfig {
  std::string name;
  std::filesystem::path dir;  // absolute
};

struct MixPart {
  std::string source;   // a name of [data]
  double weight = 1.0;  // share of the tokens, in any unit
};

enum class LrShape { constant, linear, cosine };
enum class LongDocuments {
  automatic,  // cut where the loss counts everywhere (plain text), drop where it does not (chats)
  cut,        // into pieces of at most `context` tokens
  drop        // and count them
};

struct StageConfig {
  std::string name;
  int64_t tokens = 0;           // how much data this stage sees
  int64_t context = 256;        // longest document; longer ones are cut or dropped
  int64_t batch_tokens = 8192;  // a step takes whole documents up to this many tokens
  double lr = 2e-3;             // after the warm-up
  double lr_end = 2e-3;         // at the end of the stage; the same as lr unless given
  LrShape shape = LrShape::constant;
  int64_t warmup = 0;  // tokens over which the learning rate rises from 0 to lr
  std::vector<MixPart> mix;
  double mtp_weight = 0.3;
  double yarn_factor = 0.0;  // above 0: from this stage on positions are YaRN's with this factor
  LongDocuments long_documents = LongDocuments::automatic;
  bool balance = true;  // false: no sequence loss and no bias steps in this stage
};

enum class OptimizerKind { adamw, muon };
const char* name_of(OptimizerKind kind);

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::adamw;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.1;  // of matrices; vectors (norms) never decay
  double clip = 1.0;          // of the global gradient norm; 0: off
  // Muon moves the hidden matrices (experts, attention, dense layer); embedding, head, router and norms stay
  // with AdamW. Its rate follows the stages' shape: muon_lr where lr is at its highest.
  double muon_lr = 0.02;
  double muon_momentum = 0.95;
  double muon_weight_decay = 0.01;
  int muon_steps = 5;  // Newton-Schulz iterations
};

struct BalanceConfig {
  double bias_step = 1e-3;
  double sequence_loss = 1e-4;
  int64_t every = 4;        // steps over which the load is counted before the biases move
  double off_after = 0.95;  // share of all tokens after which the biases stand still
};

struct RunConfig {
  uint64_t seed = 1;
  std::string precision = "auto";  // auto, f32, bf16
  std::string device = "auto";     // auto, cpu, cuda
  int threads = 0;                 // 0: every CPU this process may use
  double checkpoint_minutes = 5.0;
  int64_t checkpoint_tokens = 0;  // 0: by time alone
  int64_t keep = 2;               // newest checkpoints kept beside the stages' ends
  int64_t eval_tokens = 1'000'000;
  int64_t held_out_tokens = 100'000;  // read of each held-out set
  int64_t load_every = 20;            // steps between two lines with the experts' load
  std::string export_dtype = "bfloat16";
  std::filesystem::path tokenizer;  // directory whose tokenizer files an export takes along; may be empty
};

struct TrainConfig {
  RunConfig run;
  std::filesystem::path init_from;  // absolute; empty: fresh weights of `model`
  ModelConfig model;                // only when init_from is empty
  std::vector<SourceConfig> data;
  std::vector<SourceConfig> held_out;
  OptimizerConfig optimizer;
  BalanceConfig balance;
  std::vector<StageConfig> stages;

  int64_t total_tokens() const;
  double peak_lr() const;
  const SourceConfig* find_source(const std::string& name) const;

  std::string
      toml;  // the whole recipe with every --set applied and paths absolute: what RUN/config.toml holds
};

// What to do with an answer that reached max_tokens or filled the context.
enum class Overlong {
  keep,    // its reward is what the rules give: -2, wrong and not well formed
  filter,  // it belongs to the group's mean, but is not learnt from (DAPO, 3.4)
  soft     // keep, and well before the limit: minus up to 1 over the last overlong_buffer tokens (same place)
};

struct RlConfig {
  std::filesystem::path
      problems;  // absolute: JSON lines, or a directory of `jaju data synth` (its train.jsonl)
  // Which of the problems; empty or 0 to 5: all. Test problems (data/synth.h) are never taken.
  std::vector<std::string> tasks;
  std::vector<std::string> languages;
  int64_t min_difficulty = 0;
  int64_t max_difficulty = 5;

  int64_t steps = 50;          // rollout batches; each gives up to minibatches * epochs updates
  int64_t prompts = 16;        // problems of a batch; each asked in both modes
  int64_t samples = 8;         // answers to each of these prompts: one group
  std::string modes = "both";  // both, think, direct
  double temperature = 1.0;
  int64_t max_tokens = 300;
  int64_t max_rounds = 3;  // of sampling, to replace groups whose rewards are all equal; 1: never replaced
  Overlong overlong = Overlong::keep;
  int64_t overlong_buffer = 64;

  double lr = 2e-5;
  int64_t warmup = 0;  // steps over which the learning rate rises from 0 to lr
  int64_t minibatches = 4;
  int64_t epochs = 1;
  double clip_low = 3e-4;  // the sequence's ratio may leave 1 by so much before its gradient stops
  double clip_high = 4e-4;
  int64_t batch_tokens = 8192;  // of one forward pass; gradients are added up over a minibatch

  // Performance.
  int64_t slots = 64;  // answers sampled side by side
  std::string rollout_dtype =
      "float32";  // of the weights the engine samples with; bfloat16 is no exact policy
};

struct RlRecipe {
  RunConfig run;
  std::filesystem::path init_from;  // absolute
  OptimizerConfig optimizer;        // weight_decay is 0 unless given
  RlConfig rl;
  std::string toml;  // as TrainConfig's
};

// `what` names the text in messages. Errors: syntax, an unknown or missing key, a wrong type, a value out of
// range, a mix that names no source; one sentence with file, line and key. Directories are not opened here.
Result<TrainConfig> parse_train_config(std::string_view text, const std::string& what,
                                       const std::vector<std::string>& overrides = {});
// Reads a file of at most 1 MB.
Result<TrainConfig> load_train_config(const std::filesystem::path& path,
                                      const std::vector<std::string>& overrides = {});

Result<RlRecipe> parse_rl_recipe(std::string_view text, const std::string& what,
                                 const std::vector<std::string>& overrides = {});
Result<RlRecipe> load_rl_recipe(const std::filesystem::path& path,
                                const std::vector<std::string>& overrides = {});
// The [run] table of a recipe of either kind; a tokenizer it leaves open is that of model.init_from, if that
// has one.
Result<RunConfig> load_run_config(const std::filesystem::path& path);

}  // namespace jaju::train
