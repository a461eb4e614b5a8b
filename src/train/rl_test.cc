// GSPO's arithmetic against sums and slopes made here, and the whole loop on a toy: a model that was taught
// to answer "yes" or "no" by chance must come to say what is rewarded.
#include "train/rl.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "data/synth.h"
#include "eval/prompt.h"
#include "train/gspo.h"
#include "train/model.h"
#include "train/optimizer.h"
#include "train/recipe_release.h"
#include "train/run_dir.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

ModelConfig toy_config() {
  const auto config = parse_config(R"({
    "model_type": "AXK1", "torch_dtype": "float32", "vocab_size": 2059, "hidden_size": 32, "intermediate_size": 48,
    "moe_intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 2,
    "n_shared_experts": 1, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1,
    "first_k_dense_replace": 1, "moe_layer_freq": 1, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8, "v_head_dim": 8, "max_position_embeddings": 128, "tie_word_embeddings": true,
    "num_nextn_predict_layers": 1, "rope_scaling": null, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
    "topk_method": "noaux_tc", "scoring_func": "sigmoid", "hidden_act": "silu"})",
                                   "test");
  EXPECT_TRUE(config.ok()) << config.message();
  return *config;
}

TEST(Advantages, AreCentredAndScaled) {
  const std::vector<double> rewards = {1, -1, -1, 1, -2, 1};
  const std::vector<double> a = group_advantages(rewards);
  double sum = 0, squares = 0;
  for (const double v : a) {
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum, 0, 1e-12);
  EXPECT_NEAR(squares / 6, 1, 1e-12);
  EXPECT_NEAR((a[0] - a[1]) / (a[0] - a[4]), 2.0 / 3.0, 1e-12);
  // Equal rewards give exact zeros, also where their mean is rounded.
  for (const double v : group_advantages(std::vector<double>(7, 0.1))) EXPECT_EQ(v, 0.0);
  EXPECT_TRUE(group_advantages({}).empty());
}

TEST(Gspo, ObjectiveIsTheClippedRatioOfWholeAnswers) {
  // Ratio, advantage, expected term, clipped: with low 0.1 and high 0.2.
  struct Case {
    double ratio, advantage, term;
    bool clipped;
  };
  const Case cases[] = {{1.0, 2.0, 2.0, false},   {1.5, 2.0, 2.4, true},   {0.5, 2.0, 1.0, false},
                        {1.5, -2.0, -3.0, false}, {0.5, -2.0, -1.8, true}, {1.15, 1.0, 1.15, false}};
  for (const Case& c : cases) {
    torch::Tensor now = torch::tensor({-1.0 + std::log(c.ratio)}, torch::kFloat64).requires_grad_(true);
    const GspoTerms terms = gspo_terms(now, torch::tensor({-1.0}, torch::kFloat64),
                                       torch::tensor({c.advantage}, torch::kFloat64), 0.1, 0.2);
    EXPECT_NEAR(terms.objective.item<double>(), c.term, 1e-12);
    EXPECT_EQ(terms.clipped, c.clipped ? 1 : 0) << c.ratio << " " << c.advantage;
    EXPECT_NEAR(terms.ratio_off, std::abs(c.ratio - 1), 1e-12);
    terms.objective.backward();
    EXPECT_NEAR(now.grad().item<double>(), c.clipped ? 0.0 : c.ratio * c.advantage, 1e-12);
  }
}

struct Samples {
  std::vector<std::vector<int32_t>> texts;  // prompt, answer, prompt, ...
  std::vector<Sample> list;
};

Samples some_samples(int64_t vocab) {
  Samples s;
  const std::vector<std::pair<int, int>> lengths = {{3, 5}, {7, 1}, {1, 9}, {4, 4}, {2, 6}, {5, 2}};
  data::Dice dice(5);
  for (const auto& [prompt, answer] : lengths) {
    for (const int n : {prompt, answer}) {
      std::vector<int32_t>& text = s.texts.emplace_back();
      for (int i = 0; i < n; ++i) text.push_back(static_cast<int32_t>(dice.between(0, vocab - 1)));
    }
  }
  const std::vector<double> rewards = {1, -1, 1, -2, -1, 1};
  const std::vector<double> advantages = group_advantages(rewards);
  for (size_t i = 0; i < lengths.size(); ++i) {
    s.list.push_back({&s.texts[2 * i], &s.texts[2 * i + 1], advantages[i]});
  }
  return s;
}

TEST(Gspo, MeansAreOverTheAnswersTokensAlone) {
  Model model(toy_config(), MatmulPrecision::f32, 3);
  const Samples samples = some_samples(2059);
  torch::NoGradGuard no_grad;
  // In one pass or cut, and each from the logits of its own text.
  const SampleBatch whole = pack(samples.list, torch::kCPU);
  const torch::Tensor means = sequence_means(whole, model->token_log_probs(whole.batch, 0.8));
  const std::vector<size_t> edges = cut(samples.list, 12);
  ASSERT_GT(edges.size(), 3u);
  EXPECT_EQ(edges.back(), samples.list.size());
  for (size_t e = 0; e + 1 < edges.size(); ++e) {
    const auto piece = std::span(samples.list).subspan(edges[e], edges[e + 1] - edges[e]);
    const SampleBatch packed = pack(piece, torch::kCPU);
    EXPECT_TRUE(packed.tokens() <= 12 || packed.answers() == 1);
    const torch::Tensor part = sequence_means(packed, model->token_log_probs(packed.batch, 0.8));
    for (size_t i = 0; i < piece.size(); ++i) {
      std::vector<int64_t> text(piece[i].prompt->begin(), piece[i].prompt->end());
      text.insert(text.end(), piece[i].answer->begin(), piece[i].answer->end());
      Batch alone{torch::tensor(text, torch::kInt64), {}, {}, {static_cast<int64_t>(text.size())}};
      const torch::Tensor log_p =
          torch::log_softmax(model->logits(model->hidden(alone)).to(torch::kFloat64) / 0.8, 1);
      double want = 0;
      for (size_t t = piece[i].prompt->size(); t < text.size(); ++t) {
        want += log_p[static_cast<int64_t>(t) - 1][text[t]].item<double>() /
                static_cast<double>(piece[i].answer->size());
      }
      EXPECT_NEAR(part[static_cast<int64_t>(i)].item<double>(), want, 1e-4);
      EXPECT_NEAR(means[static_cast<int64_t>(edges[e] + i)].item<double>(), want, 1e-4);
    }
  }
}

TEST(Gspo, GradientIsTheSlopeOfTheObjective) {
  Model model(toy_config(), MatmulPrecision::f32, 4);
  model->to(torch::kFloat64);
  const Samples samples = some_samples(2059);
  const SampleBatch packed = pack(samples.list, torch::kCPU);
  const auto means = [&] { return sequence_means(packed, model->token_log_probs(packed.batch, 1.0)); };
  torch::Tensor old;
  {
    torch::NoGradGuard no_grad;
    // Some answers far outside the range, some inside.
    old = means() + torch::tensor({0.0, 0.01, -0.01, 0.01, 0.0001, 0.01}, torch::kFloat64);
  }
  GspoTerms terms = gspo_terms(means(), old, packed.advantage, 3e-4, 4e-4);
  EXPECT_GT(terms.clipped, 0);
  EXPECT_LT(terms.clipped, 5);
  terms.objective.backward();
  torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  double largest = 0;
  for (const auto& [name, t] : model->trainable()) {
    if (!t.grad().defined()) {
      EXPECT_NE(name.find("model.layers.3."), std::string::npos) << name;  // the MTP block has no part in it
      continue;
    }
    torch::Tensor parameter = t;
    const torch::Tensor direction = torch::randn_like(parameter);
    const auto value = [&] {
      return gspo_terms(means(), old, packed.advantage, 3e-4, 4e-4).objective.item<double>();
    };
    constexpr double kStep = 3e-8;  // too small to change which experts are chosen
    parameter.add_(direction, kStep);
    const double up = value();
    parameter.add_(direction, -2 * kStep);
    const double down = value();
    parameter.add_(direction, kStep);
    const double want = (up - down) / (2 * kStep);
    largest = std::max(largest, std::abs(want));
    EXPECT_NEAR((t.grad() * direction).sum().item<double>(), want, 1e-5 * std::max(1.0, std::abs(want)))
        << name;
  }
  EXPECT_GT(largest, 0.1);
}

// A model that knows the forms of both modes, and says "yes" or "no" by chance.
class Toy : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = new fs::path(fs::temp_directory_path() / fmt::format("jaju_rl_{}", ::getpid()));
    fs::remove_all(*root_);
    at::set_num_threads(1);
    const fs::path tiny = fs::path(JAJU_TESTS_DIR) / "golden" / "tiny-chat";
    const auto tokenizer = Tokenizer::load(tiny);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
    const auto chat = ChatTemplate::built_in();
    const int32_t end = *(*tokenizer)->id_of("<|im_end|>");

    std::string lines;
    std::vector<std::vector<int32_t>> prompts, answers;
    std::vector<Sample> samples;
    for (int i = 0; i < 12; ++i) {
      eval::Item item;
      item.problem.task = "toy";
      item.problem.language = "en";
      item.problem.question = fmt::format("Is {} nice?", i);
      item.problem.expected = item.problem.answer = "yes";
      item.problem.id = data::problem_id("en", item.problem.question);
      lines += data::to_json_line(item.problem) + "\n";
      for (const eval::Mode mode : {eval::Mode::think, eval::Mode::direct}) {
        const auto prompt = eval::prompt_tokens(**tokenizer, *chat, item, mode, "");
        ASSERT_TRUE(prompt.ok()) << prompt.message();
        for (const char* word : {"yes", "no"}) {
          prompts.push_back(*prompt);
          answers.push_back(
              (*tokenizer)->encode(mode == eval::Mode::think ? fmt::format("well</think>{}", word) : word));
          answers.back().push_back(end);
        }
      }
    }
    for (size_t i = 0; i < prompts.size(); ++i) samples.push_back({&prompts[i], &answers[i], 0});
    Model model(toy_config(), MatmulPrecision::f32, 1);
    Optimizer optimizer({}, model->trainable(), false);
    const SampleBatch packed = pack(samples, torch::kCPU);
    for (int step = 0; step < 80; ++step) {
      model->losses(packed.batch, false).main.backward();
      optimizer.step(step < 60 ? 1e-2 : 1e-3, 0, 1.0);
      optimizer.zero_gradients();
    }
    ASSERT_TRUE(save_model(model, *root_ / "model", "float32").ok());
    fs::copy_file(tiny / "tokenizer.json", *root_ / "model" / "tokenizer.json");
    ASSERT_TRUE(write_file_atomic(*root_ / "problems.jsonl", lines).ok());
  }
  static void TearDownTestSuite() {
    std::error_code ignored;
    fs::remove_all(*root_, ignored);
    delete root_;
  }

  struct Watcher : RlObserver {
    void step(const RlReport& report) override { reports.push_back(report); }
    void sampling(int64_t step, int64_t, int64_t, int64_t) override {
      if (step == stop_in) signal = 2;
    }
    void note(const std::string& sentence) override { notes += sentence + "\n"; }
    std::vector<RlReport> reports;
    std::string notes;
    int64_t stop_in = -1;
    std::atomic<int> signal{0};
  };

  static Result<TrainResult> run(const std::string& name, Watcher& watcher,
                                 const std::vector<std::string>& sets) {
    const auto recipe = parse_rl_recipe(fmt::format(R"(
[run]
threads = 1
seed = 5
load_every = 2
[model]
init_from = "{0}/model"
[rl]
problems = "{0}/problems.jsonl"
prompts = 4
samples = 8
minibatches = 2
max_tokens = 12
lr = 1e-3
)",
                                                    root_->string()),
                                        "test", sets);
    if (!recipe.ok()) return recipe.status();
    TrainOptions options;
    options.run_dir = *root_ / name;
    options.stop = &watcher.signal;
    options.commit = "0123abc";
    return train_rl(*recipe, options, watcher);
  }

  // metrics.jsonl without the times.
  static std::vector<nlohmann::json> metrics(const std::string& name) {
    std::ifstream in(*root_ / name / "metrics.jsonl");
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(in, line);) {
      nlohmann::json entry = nlohmann::json::parse(line);
      for (const char* key : {"seconds", "run_seconds", "tokens_per_second", "sampling_seconds"})
        entry.erase(key);
      lines.push_back(entry);
    }
    return lines;
  }

  static void expect_same_weights(const fs::path& a, const fs::path& b) {
    const auto left = read_file(a / "model.safetensors", 1 << 30);
    const auto right = read_file(b / "model.safetensors", 1 << 30);
    ASSERT_TRUE(left.ok() && right.ok()) << left.message() << right.message();
    EXPECT_TRUE(*left == *right) << a << " and " << b;
  }

  static fs::path* root_;
};
fs::path* Toy::root_ = nullptr;

TEST_F(Toy, RewardRises) {
  Watcher watcher;
  const auto result = run("rises", watcher, {"rl.steps=20"});
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->end, TrainEnd::finished);
  ASSERT_EQ(watcher.reports.size(), 20u);
  for (const char* mode : {"think", "direct"}) {
    const auto accuracy = [&](size_t step) { return watcher.reports[step].modes.at(mode).accuracy; };
    // 64 answers a step by chance: a share of 0.5 within four standard deviations of it.
    EXPECT_NEAR(accuracy(0), 0.5, 0.25) << mode;
    // How fast it rises depends on the rounding of this machine's products; that it gets there does not.
    EXPECT_GT((accuracy(18) + accuracy(19)) / 2, 0.9) << mode;
    EXPECT_GT(watcher.reports[19].modes.at(mode).reward, 0.8) << mode;
  }
  const RlReport& first = watcher.reports[0];
  EXPECT_GE(first.groups + first.groups_dropped, 8);
  EXPECT_GT(first.groups, 0);
  EXPECT_EQ(first.updates, 2);
  // The first minibatch is on policy; after an update of 1e-3 the second one's ratios have left 3e-4 on
  // either side.
  EXPECT_GT(first.clipped, 0);
  EXPECT_LT(first.clipped, 0.6);
  EXPECT_GT(first.ratio_off, 0);

  const std::vector<nlohmann::json> lines = metrics("rises");
  ASSERT_EQ(lines.size(), 20u);
  EXPECT_EQ(lines[4]["step"], 5);
  EXPECT_EQ(lines[4]["stage"], "rl");
  EXPECT_TRUE(lines[4]["reward"]["think"].is_number());
  EXPECT_TRUE(lines[4].contains("grad_norm"));
  EXPECT_TRUE(lines[1].contains("load"));
  // The run's directory is a model's, and nothing else is left in it.
  EXPECT_TRUE(find_model_dir(*root_ / "rises").ok());
  EXPECT_FALSE(fs::exists(*root_ / "rises" / "rollout-model"));
  const auto exported = load_run_config(*root_ / "rises" / "config.toml");
  ASSERT_TRUE(exported.ok()) << exported.message();
  EXPECT_EQ(exported->tokenizer, *root_ / "model");
}

TEST_F(Toy, AStoppedRunGoesOnAsIfNothingHadHappened) {
  Watcher whole;
  ASSERT_TRUE(run("whole", whole, {"rl.steps=4"}).ok());
  Watcher first;
  first.stop_in = 3;
  const auto stopped = run("parts", first, {"rl.steps=4"});
  ASSERT_TRUE(stopped.ok()) << stopped.message();
  EXPECT_EQ(stopped->end, TrainEnd::stopped);
  EXPECT_EQ(stopped->step, 2);
  EXPECT_EQ(first.reports.size(), 2u);
  Watcher second;
  const auto rest = run("parts", second, {"rl.steps=4"});
  ASSERT_TRUE(rest.ok()) << rest.message();
  EXPECT_EQ(second.reports.size(), 2u);
  EXPECT_EQ(metrics("parts"), metrics("whole"));
  expect_same_weights(*find_model_dir(*root_ / "parts"), *find_model_dir(*root_ / "whole"));
}

// Whatever a model card may ask for of a run (recipe_release.h): what nano's asks for, and every single
// figure.
TEST_F(Toy, ItsModelCanBeReleasedWithACard) {
  Watcher watcher;
  ASSERT_TRUE(run("released", watcher, {"rl.steps=1", "rl.max_rounds=1"}).ok());
  const auto run_json = read_json(*root_ / "released" / "run.json", 1 << 20);
  ASSERT_TRUE(run_json.ok()) << run_json.message();
  const nlohmann::json& machine = run_json->at("machine");
  for (const char* key : {"cpu", "memory", "system"}) EXPECT_TRUE(machine.at(key).is_string()) << key;
  EXPECT_GT(machine.at("cpus"), 0);
  EXPECT_EQ(run_json->at("commit"), "0123abc");
  EXPECT_EQ(run_json->at("problems"), 12);
  const nlohmann::json& parameters = run_json->at("parameters");
  const ParameterCount count = count_parameters(toy_config(), true, true);
  EXPECT_EQ(parameters.at("total"), count.total());
  EXPECT_EQ(parameters.at("active"), count.active);
  EXPECT_EQ(parameters.at("mtp"), count.mtp);

  // Figures of evaluations are not the run's.
  std::string card = *read_file(fs::path(JAJU_TESTS_DIR) / ".." / "recipes" / "nano-card.md", 1 << 20);
  for (const char* evaluation : {"{{test.", "{{sums.", "{{products.", "{{words.", "{{code."}) {
    for (size_t at = card.find(evaluation); at != std::string::npos; at = card.find(evaluation)) {
      card.erase(at, card.find("}}", at) + 2 - at);
    }
  }
  card += "[{{commit}}|{{machine}}|{{parameters.total}}|{{parameters.active}}|{{bytes}}|{{hours}}]";
  ASSERT_TRUE(write_file_atomic(*root_ / "card.md", card).ok());
  ReleaseSettings settings;
  settings.model = *root_ / "released";
  settings.tokenizer = *root_ / "model";
  settings.card = *root_ / "card.md";
  const auto bytes = write_release(settings, *root_ / "release", {3600, "0123abc"});
  ASSERT_TRUE(bytes.ok()) << bytes.message();
  const std::string readme = *read_file(*root_ / "release" / "README.md", 1 << 20);
  EXPECT_EQ(readme.find("{{"), std::string::npos);
  EXPECT_NE(readme.find(fmt::format("[0123abc|{}, {} CPUs|", machine.at("cpu").get<std::string>(),
                                    machine.at("cpus").get<int>())),
            std::string::npos)
      << readme;
}

TEST_F(Toy, EqualRewardsLeaveEveryBit) {
  // Nothing is ever right: answers differ, their rewards do not. A low temperature keeps their form.
  std::string lines = *read_file(*root_ / "problems.jsonl", 1 << 20);
  const std::string right = "\"expected\":\"yes\"";
  ASSERT_NE(lines.find(right), std::string::npos) << lines;
  for (size_t at = lines.find(right); at != std::string::npos; at = lines.find(right)) {
    lines.replace(at, right.size(), "\"expected\":\"maybe\"");
  }
  ASSERT_TRUE(write_file_atomic(*root_ / "hopeless.jsonl", lines).ok());
  Watcher watcher;
  const auto result =
      run("equal", watcher,
          {"rl.steps=2", "rl.temperature=0.3", "rl.max_rounds=2", "optimizer.weight_decay=0.1",
           fmt::format("rl.problems={}/hopeless.jsonl", root_->string())});
  ASSERT_TRUE(result.ok()) << result.message();
  ASSERT_EQ(watcher.reports.size(), 2u);
  for (const RlReport& report : watcher.reports) {
    ASSERT_EQ(report.groups, 0) << "an answer of the toy was malformed";
    EXPECT_EQ(report.rounds, 2);
    EXPECT_EQ(report.groups_dropped, 16);
    EXPECT_EQ(report.updates, 0);
    EXPECT_DOUBLE_EQ(report.modes.at("direct").reward, -1);
  }
  EXPECT_NE(watcher.notes.find("nothing to learn"), std::string::npos);
  expect_same_weights(*find_model_dir(*root_ / "equal"), *root_ / "model");
}

TEST_F(Toy, OverlongAnswersAreShapedOrLeftOut) {
  // Thinking answers need more than three tokens here; their groups all fail alike.
  for (const char* rule : {"keep", "filter"}) {
    Watcher watcher;
    const auto result =
        run(fmt::format("overlong-{}", rule), watcher,
            {"rl.steps=1", "rl.max_tokens=3", "rl.max_rounds=1", fmt::format("rl.overlong={}", rule)});
    ASSERT_TRUE(result.ok()) << result.message();
    const RlReport& report = watcher.reports[0];
    EXPECT_DOUBLE_EQ(report.modes.at("think").reward, -2);
    EXPECT_DOUBLE_EQ(report.modes.at("think").format_errors, 1);
    EXPECT_GE(report.overlong, 32);
    EXPECT_GT(report.modes.at("direct").reward, -1);
  }
  // Lengths differ, so no group is equal any more when every token of the limit counts.
  Watcher watcher;
  ASSERT_TRUE(run("overlong-soft", watcher,
                  {"rl.steps=1", "rl.max_rounds=1", "rl.overlong=soft", "rl.overlong_buffer=12"})
                  .ok());
  EXPECT_GT(watcher.reports[0].groups, 0);
}

TEST_F(Toy, StopsAtWhatItCannotUse) {
  Watcher watcher;
  const auto message = [&](const std::string& name, const std::vector<std::string>& sets) {
    return run(name, watcher, sets).message();
  };
  EXPECT_NE(message("none", {"rl.problems=/nowhere.jsonl"}).find("nowhere"), std::string::npos);
  EXPECT_NE(message("none", {"rl.tasks=[\"mul\"]"}).find("none that"), std::string::npos);
  EXPECT_NE(message("none", {"rl.clip_lo=1"}).find("clip_lo"), std::string::npos);
  EXPECT_NE(message("none", {"optimizer.kind=muon"}).find("adamw"), std::string::npos);
  EXPECT_NE(message("none", {"model.init_from=/nowhere"}).find("nowhere"), std::string::npos);

  // Weights that are not finite: from the start, and behind a good checkpoint.
  auto model = load_model(*root_ / "model", MatmulPrecision::f32);
  ASSERT_TRUE(model.ok());
  {
    torch::NoGradGuard no_grad;
    (*model)->trainable()[0].second.fill_(std::nan(""));
  }
  ASSERT_TRUE(save_model(*model, *root_ / "nan", "float32").ok());
  fs::copy_file(*root_ / "model" / "tokenizer.json", *root_ / "nan" / "tokenizer.json");
  const std::string problem = message("bad", {fmt::format("model.init_from={}/nan", root_->string())});
  EXPECT_NE(problem.find("step 1"), std::string::npos) << problem;
  EXPECT_NE(problem.find("no checkpoint"), std::string::npos) << problem;

  ASSERT_TRUE(run("diverges", watcher, {"rl.steps=1"}).ok());
  const fs::path good = *find_model_dir(*root_ / "diverges");
  const std::string before = *read_file(good / "model.safetensors", 1 << 30);
  const std::string diverged = message("diverges", {"rl.steps=40", "rl.lr=10", "optimizer.weight_decay=10"});
  EXPECT_NE(diverged.find("last good checkpoint"), std::string::npos) << diverged;
  EXPECT_EQ(*read_file(good / "model.safetensors", 1 << 30), before);
}

}  // namespace
}  // namespace jaju::train
