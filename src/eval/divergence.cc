#include "eval/divergence.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace jaju::eval {
namespace {

using Json = nlohmann::ordered_json;

// Where the largest logit is, and ln of the sum of e to all: a token's ln probability is its logit minus
// that.
struct Softmax {
  size_t top = 0;
  double log_sum = 0;

  explicit Softmax(std::span<const float> logits) {
    top = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    const auto most = static_cast<double>(logits[top]);
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x) - most);
    log_sum = most + std::log(sum);
  }
};

bool has_nan(std::span<const float> values) {
  return std::any_of(values.begin(), values.end(), [](float x) { return std::isnan(x); });
}

std::string interval(const Estimate& e, double scale, int digits) {
  if (std::isnan(e.low)) return "-";
  return fmt::format("{:.{}f}-{:.{}f}", scale * e.low, digits, scale * e.high, digits);
}

// e to an estimate.
Estimate exp_of(const Estimate& e) {
  return {std::exp(e.mean), std::exp(e.low), std::exp(e.high)};
}

Json json_of(const Estimate& e) {
  return {{"mean", e.mean}, {"low", e.low}, {"high", e.high}};
}

}  // namespace

void DivergenceTally::begin_sequence() {
  sequences_.emplace_back();
}

void DivergenceTally::add(std::span<const float> reference, std::span<const float> model, int32_t next) {
  const Softmax p(reference);
  const Softmax q(model);
  double kl = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double log_p = static_cast<double>(reference[i]) - p.log_sum;
    const double log_q = static_cast<double>(model[i]) - q.log_sum;
    const double weight = std::exp(log_p);
    if (weight > 0) kl += weight * (log_p - log_q);
  }
  kl = std::max(kl, 0.0);  // below it by rounding only
  const auto token = static_cast<size_t>(next);
  const double log_p = static_cast<double>(reference[token]) - p.log_sum;
  const double log_q = static_cast<double>(model[token]) - q.log_sum;
  const bool same = p.top == q.top;
  Sums& sums = sequences_.back();
  sums.positions += 1;
  sums.kl += kl;
  sums.same_top += same ? 1 : 0;
  sums.loss -= log_q;
  sums.reference_loss -= log_p;
  kls_.push_back(static_cast<float>(kl));
  const double change = std::exp(log_q) - std::exp(log_p);
  squared_changes_ += change * change;
  if (std::exp(static_cast<double>(reference[p.top]) - p.log_sum) > 0.5) {
    ++sure_;
    sure_same_ += same ? 1 : 0;
  }
}

// The mean over positions, and its error when sequences are what was drawn (the ratio estimator; Cochran,
// Sampling Techniques, 2.11).
Estimate DivergenceTally::estimate(double (*of)(const Sums&)) const {
  double total = 0, positions = 0, n = 0;
  for (const Sums& s : sequences_) {
    if (s.positions == 0) continue;
    total += of(s);
    positions += s.positions;
    n += 1;
  }
  Estimate e;
  if (positions == 0) return e;
  e.mean = total / positions;
  double spread = 0;
  for (const Sums& s : sequences_) {
    const double off = of(s) - e.mean * s.positions;
    spread += off * off;
  }
  constexpr double kNormal95 = 1.959964;
  const double half = n < 2 ? std::numeric_limits<double>::quiet_NaN()
                            : kNormal95 * std::sqrt(n / (n - 1) * spread) / positions;
  e.low = e.mean - half;
  e.high = e.mean + half;
  return e;
}

Divergence DivergenceTally::finish() const {
  Divergence d;
  for (const Sums& s : sequences_) d.sequences += s.positions > 0 ? 1 : 0;
  d.positions = static_cast<int64_t>(kls_.size());
  if (d.positions == 0) return d;
  d.kl = estimate([](const Sums& s) { return s.kl; });
  d.kl.low = std::isnan(d.kl.low) ? d.kl.low : std::max(d.kl.low, 0.0);
  d.same_top = estimate([](const Sums& s) { return s.same_top; });
  d.same_top.high = std::isnan(d.same_top.high) ? d.same_top.high : std::min(d.same_top.high, 1.0);
  d.loss = estimate([](const Sums& s) { return s.loss; });
  d.reference_loss = estimate([](const Sums& s) { return s.reference_loss; });
  d.loss_change = estimate([](const Sums& s) { return s.loss - s.reference_loss; });
  std::vector<float> sorted = kls_;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double share) {
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return static_cast<double>(sorted[std::max<size_t>(rank, 1) - 1]);
  };
  d.kl_median = at(0.5);
  d.kl_99 = at(0.99);
  d.kl_999 = at(0.999);
  d.kl_most = static_cast<double>(sorted.back());
  d.change_rms = std::sqrt(squared_changes_ / static_cast<double>(d.positions));
  d.sure = sure_;
  d.same_top_of_sure = sure_ == 0 ? 0 : static_cast<double>(sure_same_) / static_cast<double>(sure_);
  return d;
}

Result<Divergence> compare(Engine& model, Engine& reference, std::span<const TokenSequence> sequences,
                           const CompareOptions& options) {
  const int64_t vocab = reference.config().vocab_size;
  if (model.config().vocab_size != vocab) {
    return error(
        "the vocabularies have {} and {} tokens: models are compared token by token, give two that share one",
        model.config().vocab_size, vocab);
  }
  TextReader model_reader(model);
  TextReader reference_reader(reference);
  const int64_t most = std::min(model_reader.max_tokens(), reference_reader.max_tokens());
  for (const TokenSequence& s : sequences) {
    if (static_cast<int64_t>(s.size()) > most) {
      return error("a sequence of {} tokens is longer than a step of {}", s.size(), most);
    }
  }
  std::vector<float> logits(static_cast<size_t>(most * vocab));
  std::vector<float> reference_logits(logits.size());
  DivergenceTally tally;
  int64_t done = 0;
  bool cancelled = false;
  for (const auto& step : steps_of(sequences, most)) {
    if ((cancelled = options.cancel != nullptr && options.cancel->load())) break;
    int64_t rows = 0;
    for (const TokenSequence& s : step) rows += static_cast<int64_t>(s.size());
    JAJU_RETURN_IF_ERROR(reference_reader.read(step, nullptr, MutRows(reference_logits.data(), rows, vocab)));
    JAJU_RETURN_IF_ERROR(model_reader.read(step, nullptr, MutRows(logits.data(), rows, vocab)));
    const auto size = static_cast<size_t>(rows * vocab);
    for (const auto& [values, whose] : {std::pair{&logits, "model"}, {&reference_logits, "reference"}}) {
      if (has_nan({values->data(), size})) {
        return error("the {} gives NaN as a logit: its weights may be damaged (`jaju run MODEL --check`)",
                     whose);
      }
    }
    const auto width = static_cast<size_t>(vocab);
    size_t row = 0;
    for (const TokenSequence& s : step) {
      tally.begin_sequence();
      for (size_t i = 0; i + 1 < s.size(); ++i) {
        tally.add({reference_logits.data() + (row + i) * width, width},
                  {logits.data() + (row + i) * width, width}, s[i + 1]);
      }
      row += s.size();
    }
    done += rows;
    if (options.on_tokens) options.on_tokens(done);
  }
  Divergence d = tally.finish();
  d.cancelled = cancelled;
  return d;
}

std::string to_text(const Divergence& d) {
  const Estimate perplexity = exp_of(d.loss);
  const Estimate reference = exp_of(d.reference_loss);
  const Estimate ratio = exp_of(d.loss_change);
  std::string out = fmt::format("{:<30}{:>12}   {}\n", "", "", "95 % interval");
  const auto line = [&](const char* what, const std::string& value, const std::string& rest) {
    out += fmt::format("{:<30}{:>12}   {}\n", what, value, rest);
  };
  line("KL divergence, mean (nats)", fmt::format("{:.6f}", d.kl.mean), interval(d.kl, 1, 6));
  line("  median", fmt::format("{:.6f}", d.kl_median), "");
  line("  99 %", fmt::format("{:.6f}", d.kl_99), "");
  line("  99.9 %", fmt::format("{:.6f}", d.kl_999), "");
  line("  most", fmt::format("{:.6f}", d.kl_most), "");
  line("same likeliest token (%)", fmt::format("{:.2f}", 100 * d.same_top.mean),
       interval(d.same_top, 100, 2));
  line("  where it has over one half", fmt::format("{:.2f}", 100 * d.same_top_of_sure), "");
  line("perplexity", fmt::format("{:.4f}", perplexity.mean), interval(perplexity, 1, 4));
  line("  of the reference", fmt::format("{:.4f}", reference.mean), interval(reference, 1, 4));
  line("  ratio", fmt::format("{:.5f}", ratio.mean), interval(ratio, 1, 5));
  line("next token's probability (%)", fmt::format("{:.3f}", 100 * d.change_rms),
       "root mean square of its change");
  return out;
}

nlohmann::ordered_json to_json(const Divergence& d) {
  return {{"sequences", d.sequences},
          {"positions", d.positions},
          {"complete", !d.cancelled},
          {"kl",
           {{"mean", d.kl.mean},
            {"low", d.kl.low},
            {"high", d.kl.high},
            {"p50", d.kl_median},
            {"p99", d.kl_99},
            {"p999", d.kl_999},
            {"max", d.kl_most}}},
          {"same_top", json_of(d.same_top)},
          {"same_top_of_sure", d.same_top_of_sure},
          {"sure", d.sure},
          {"perplexity", json_of(exp_of(d.loss))},
          {"reference_perplexity", json_of(exp_of(d.reference_loss))},
          {"perplexity_ratio", json_of(exp_of(d.loss_change))},
          {"probability_change_rms", d.change_rms}};
}

}  // namespace jaju::eval
