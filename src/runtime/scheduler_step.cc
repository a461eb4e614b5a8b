// One step of the scheduler: notes, admission, plan, model, dice, and what follows from them.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

#include "base/check.h"
#include "runtime/scheduler_impl.h"

namespace jaju {
namespace {

constexpr int64_t kPage = LatentCache::kPositions;
// A shorter common beginning is cheaper to read again than to wait for.
constexpr int64_t kWorthWaiting = 16;
constexpr size_t kMostTenants = 1024;
constexpr double kFading = 0.2;        // weight of the newest measurement
constexpr double kAnswerWeight = 2.0;  // service of an answer's row; a prompt's counts one

int64_t pages_for(int64_t positions) {
  return (positions + kPage - 1) / kPage;
}

int64_t size(const std::vector<int32_t>& v) {
  return static_cast<int64_t>(v.size());
}

int64_t common(std::span<const int32_t> a, std::span<const int32_t> b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

std::span<const int32_t> part(const std::vector<int32_t>& v, int64_t first, int64_t n) {
  return std::span(v).subspan(static_cast<size_t>(first), static_cast<size_t>(n));
}

bool ranks_before(const Sequence& a, const Sequence& b) {
  if (a.request.priority != b.request.priority) return a.request.priority > b.request.priority;
  return a.id < b.id;
}

// Who goes first where there is a choice between those who wait.
bool served_before(const Sequence& a, const Sequence& b) {
  if (a.request.priority != b.request.priority) return a.request.priority > b.request.priority;
  if (a.tenant->service != b.tenant->service) return a.tenant->service < b.tenant->service;
  return a.id < b.id;
}

std::unique_ptr<Sequence> remove(std::vector<std::unique_ptr<Sequence>>& from, const Sequence& s) {
  const auto at = std::find_if(from.begin(), from.end(), [&](const auto& p) { return p.get() == &s; });
  JAJU_CHECK(at != from.end());
  std::unique_ptr<Sequence> taken = std::move(*at);
  from.erase(at);
  return taken;
}

// For one more, so that adding it cannot fail.
template <typename T>
void make_room(std::vector<T>& list) {
  if (list.size() == list.capacity()) list.reserve(2 * list.size() + 8);
}

void fade_in(double& mean, double value) {
  mean = mean == 0 ? value : (1 - kFading) * mean + kFading * value;
}

}  // namespace

bool Scheduler::Impl::step() {
  batch.clear();
  retry = false;
  const Status status = within_memory("go on", [&]() -> Status {
    take_notes();
    admit();
    plan();
    if (batch.empty()) return {};
    const double start = now();
    if (const Status ran = run_model(); !ran.ok()) return end_failed(ran);
    JAJU_RETURN_IF_ERROR(engine.weights->intact());
    sample();
    const double seconds = now() - start;
    counters.step_seconds += seconds;
    int64_t prompt_rows = 0, answer_rows = 0, answers = 0;
    for (const Sequence* s : batch) {
      const int64_t rows = s->rows + size(s->drafts);
      (s->rows > 1 ? prompt_rows : answer_rows) += rows;
      answers += s->rows > 1 ? 0 : 1;
    }
    if (prompt_rows == 0) {
      answer_cost.add(answer_rows, seconds);
    } else {
      fade_in(prompt_row_seconds,
              std::max(0.0, seconds - answer_cost.seconds(answer_rows)) / static_cast<double>(prompt_rows));
    }
    commit();
    return {};
  });
  if (!status.ok()) {
    // Ending them may want memory, too: what has ended stays so, and some has come back.
    const auto end = [&]() -> Status {
      fail_all(status);
      return {};
    };
    while (!within_memory("end the answers", end).ok())
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const bool worked = !batch.empty() || !ended.empty() || !status.ok() || retry;
  ended.clear();
  publish_snapshot();
  return worked;
}

// ---- Notes from other threads ----

void Scheduler::Impl::activate(Sequence& s) {
  double least_service = std::numeric_limits<double>::max();
  for (const auto& [name, tenant] : tenants) {
    if (tenant.requests > 0) least_service = std::min(least_service, tenant.service);
  }
  if (least_service == std::numeric_limits<double>::max()) {  // nobody is served: nothing to be fair about
    tenants.clear();
    least_service = 0;
  } else if (tenants.size() >= kMostTenants) {  // those who have no more to make up for than a newcomer
    std::erase_if(tenants, [&](const auto& entry) {
      return entry.second.requests == 0 && entry.second.service <= least_service;
    });
  }
  const auto [it, fresh] = tenants.try_emplace(s.request.tenant);
  Tenant& tenant = it->second;
  if (fresh) tenant.name = s.request.tenant;
  if (tenant.requests == 0) tenant.service = std::max(tenant.service, least_service);
  ++tenant.requests;
  s.tenant = &tenant;
}

void Scheduler::Impl::take_notes() {
  std::vector<std::unique_ptr<Sequence>> fresh;
  std::vector<RequestId> gone;
  bool everything = false;
  {
    const std::lock_guard lock(mutex);
    waiting.reserve(waiting.size() + inbox.size());  // or they stay where they are
    fresh.swap(inbox);
    gone.swap(cancels);
    everything = cancel_all;
    cancel_all = false;
  }
  size_t next = waiting.size();
  for (auto& s : fresh) waiting.push_back(std::move(s));
  while (next < waiting.size()) {
    Sequence& s = *waiting[next];
    const Status known = within_memory("begin the answer", [&]() -> Status {
      activate(s);
      return {};
    });
    if (!known.ok()) {
      finish(s, StopReason::cancelled, known);
      continue;
    }
    const ThinkingBudget& budget = s.request.thinking;
    s.thinking = s.request.think_close >= 0 && s.request.thinking_open;
    s.forcing = s.thinking && budget.max_tokens == 0;
    s.constrained = s.request.constraint != nullptr && s.request.constraint_after < 0;
    s.mtp = has_mtp && s.request.speculate && !s.request.want_hidden;
    ++next;
  }
  if (everything) return cancel_everything();
  for (const RequestId id : gone) {
    for (const auto* list : {&waiting, &running}) {
      const auto at = std::find_if(list->begin(), list->end(), [&](const auto& s) { return s->id == id; });
      if (at == list->end()) continue;
      finish(**at, StopReason::cancelled, {});
      break;
    }
  }
}

void Scheduler::Impl::cancel_everything() {
  while (!running.empty()) finish(*running.back(), StopReason::cancelled, {});
  while (!waiting.empty()) finish(*waiting.back(), StopReason::cancelled, {});
}

// ---- Admission ----

void Scheduler::Impl::admit() {
  for (const auto& s : running) {
    if (s->leader == nullptr || s->leader->cached < s->shared) continue;
    s->leader = nullptr;
    match(*s);
  }
  while (!waiting.empty()) {
    const auto best = std::min_element(waiting.begin(), waiting.end(),
                                       [](const auto& a, const auto& b) { return served_before(*a, *b); });
    if (!try_admit(**best)) return;
  }
}

// Fills the sequence's pages with what is stored of its text.
void Scheduler::Impl::match(Sequence& s) {
  JAJU_CHECK(s.pages.empty());
  if (!options.prefix_cache) return;
  s.place = cache.open(s.request.tenant);
  if (s.request.want_hidden) return;  // every position's state is wanted, so every position is read
  PrefixCache::Match m = cache.match(s.place, s.tokens, size(s.tokens) - 1, s.pages);
  s.stored_pages = static_cast<int64_t>(s.pages.size());
  if (m.part != nullptr) {
    pool.hold(m.part);  // taking a page may give up others
    if (take_page(s)) {
      pool.copy(*m.part, *s.pages.back(), m.part_positions);
    } else {
      m.positions -= m.part_positions;
    }
    pool.release(m.part);
  }
  s.page_data.clear();
  for (const CachePage* page : s.pages) s.page_data.push_back(page->data);
  s.cached = m.positions;
  s.high_water = std::max(s.high_water, s.cached);
  if (s.stats.preemptions > 0) return;
  s.stats.cached_tokens = m.positions;
  s.stats.cache_stop = m.stop;
  s.stats.stored_token = m.stored_token;
}

// What it will need memory for, pages aside: from here on neither a list of pages nor a queue can fail to
// grow.
Status Scheduler::Impl::prepare(Sequence& s) {
  return within_memory("begin the answer", [&]() -> Status {
    const auto most_pages = static_cast<size_t>(pages_for(most_positions) + 1);
    s.pages.reserve(most_pages);
    s.page_data.reserve(most_pages);
    if (!s.sampler && s.wants_logits()) {
      s.sampler.emplace(s.request.params, engine.config.vocab_size);
      s.sampler->observe_prompt(s.tokens);
    }
    return {};
  });
}

// False: there is no place for it yet. True also where it ended instead, for want of memory.
bool Scheduler::Impl::try_admit(Sequence& s) {
  s.leader = nullptr;  // of an attempt that failed half-way
  const auto outranked = [&] {
    return !running.empty() && running.back()->request.priority < s.request.priority;
  };
  while (static_cast<int64_t>(running.size()) >= options.max_sequences) {
    if (!outranked()) return false;
    preempt(*running.back());
  }
  // A prompt that begins like one that is being read waits for that one's pages. What is stored is left alone
  // until then.
  const int64_t stored = s.request.want_hidden || !options.prefix_cache
                             ? 0
                             : cache.peek(s.request.tenant, s.tokens, size(s.tokens) - 1);
  if (options.prefix_cache && !s.request.want_hidden) {
    int64_t longest = stored + kWorthWaiting - 1;
    for (const auto& r : running) {
      if (r->tenant != s.tenant || !r->reading() || r->request.priority < s.request.priority) continue;
      const int64_t same = std::min(common(part(r->tokens, 0, r->n_prompt), s.tokens), size(s.tokens) - 1);
      if (same <= longest) continue;
      longest = same;
      s.leader = r.get();
      s.shared = std::min(pages_for(same) * kPage, r->n_prompt);
    }
  }
  // Pages: what it will read, what others still have to read, and one more for each that answers.
  for (;;) {
    const int64_t kept = stored / kPage;
    int64_t needed = pages_for(size(s.tokens) + 1) - kept;
    for (const auto& r : running) {
      needed += std::max<int64_t>(1, pages_for(size(r->tokens) + 1) - static_cast<int64_t>(r->pages.size()));
    }
    // Idle pages of its own beginning are not to be had for others.
    if (running.empty() || needed <= pool.obtainable() - std::min(kept, pool.idle())) break;
    if (!outranked()) {
      s.leader = nullptr;
      return false;
    }
    if (s.leader == running.back().get()) s.leader = nullptr;
    preempt(*running.back());
  }
  if (const Status ready = prepare(s); !ready.ok()) {
    finish(s, StopReason::cancelled, ready);
    return true;
  }
  if (!s.started) {
    s.started = true;
    s.stats.queue_seconds = now() - s.submitted;
    counters.prompt_tokens += static_cast<uint64_t>(s.n_prompt);
    const std::lock_guard lock(mutex);
    --queued;
  }
  s.running = true;
  std::unique_ptr<Sequence> owned = remove(waiting, s);
  const auto at =
      std::find_if(running.begin(), running.end(), [&](const auto& r) { return ranks_before(s, *r); });
  running.insert(at, std::move(owned));
  if (s.leader == nullptr) match(s);
  return true;
}

// ---- Pages ----

// Free, or given up by the prefix cache. False: every page is in use.
bool Scheduler::Impl::take_page(Sequence& s) {
  CachePage* page = pool.take();
  if (page == nullptr && cache.evict()) page = pool.take();
  if (page == nullptr) return false;
  s.pages.push_back(page);
  s.page_data.push_back(page->data);
  return true;
}

// Room for `positions` in all, at the cost of those who rank lower. False: it is the lowest itself.
bool Scheduler::Impl::reserve(Sequence& s, int64_t positions) {
  while (static_cast<int64_t>(s.pages.size()) * kPage < positions) {
    if (take_page(s)) continue;
    if (running.back().get() == &s) return false;
    preempt(*running.back());
  }
  return true;
}

void Scheduler::Impl::release_pages(Sequence& s) {
  for (CachePage* page : s.pages) pool.release(page);
  s.pages.clear();
  s.page_data.clear();
  cache.close(s.place);
  s.stored_pages = 0;
  s.prompt_stored = false;
  s.cached = 0;
  s.hidden_sum.clear();
  s.rows = 0;
  s.drafts.clear();
  s.leader = nullptr;
  for (const auto& r : running) {
    if (r->leader != &s) continue;
    r->leader = nullptr;  // it reads for itself what is not stored by now, without memory for that all
    [[maybe_unused]] const Status matched = within_memory("look into the cache", [&]() -> Status {
      match(*r);
      return {};
    });
  }
}

// Back to the queue. Its pages go to the prefix cache, so what nobody needs meanwhile is found again.
void Scheduler::Impl::preempt(Sequence& s) {
  make_room(waiting);
  store_pages(s, true);
  std::unique_ptr<Sequence> owned = remove(running, s);
  s.running = false;
  ++s.stats.preemptions;
  ++counters.preemptions;
  std::erase(batch, &s);
  release_pages(s);
  waiting.push_back(std::move(owned));
}

// Offers the cache what this sequence has read or said: every whole page once it is full.
void Scheduler::Impl::store_pages(Sequence& s, bool partial_too) {
  if (!s.place) return;
  while ((s.stored_pages + 1) * kPage <= s.cached) {
    CachePage*& page = s.pages[static_cast<size_t>(s.stored_pages)];
    page = cache.store(s.place, part(s.tokens, s.stored_pages * kPage, kPage), page);
    s.page_data[static_cast<size_t>(s.stored_pages)] = page->data;
    ++s.stored_pages;
  }
  const int64_t rest = s.cached - s.stored_pages * kPage;
  if (partial_too && rest > 0) {
    cache.store(s.place, part(s.tokens, s.stored_pages * kPage, rest),
                s.pages[static_cast<size_t>(s.stored_pages)]);
  }
}

// ---- Plan ----

AttentionMode Scheduler::Impl::mode_at(const Sequence& s) const {
  return options.prompt_attention == PromptAttention::fast && s.reading() ? AttentionMode::expanded
                                                                          : AttentionMode::absorbed;
}

// Answers first, one row each and their guesses, so that no reader waits; prompts share what is left.
void Scheduler::Impl::plan() {
  int64_t answers = 0;
  for (const auto& s : running) {
    s->rows = 0;
    answers += s->leader == nullptr && s->pending() == 1 ? 1 : 0;
  }
  int64_t room = max_rows - answers;  // for guesses
  int64_t answer_rows = 0;
  for (size_t i = 0; i < running.size(); ++i) {  // reserve() may take sequences off the end
    Sequence& s = *running[i];
    if (s.leader != nullptr || s.pending() != 1) continue;
    if (!reserve(s, s.cached + 1)) {
      if (running.size() == 1) {
        finish(s, StopReason::length, error("no memory for another page of cache: lower the KV budget"));
      } else {
        preempt(s);
      }
      break;  // it was the last
    }
    s.rows = 1;
    const int64_t wanted = s.cached + 1 + size(s.drafts);
    while (static_cast<int64_t>(s.pages.size()) * kPage < wanted && take_page(s)) {
    }
    const int64_t most = std::min(room, static_cast<int64_t>(s.pages.size()) * kPage - s.cached - 1);
    if (size(s.drafts) > most) s.drafts.resize(static_cast<size_t>(most));
    room -= size(s.drafts);
    answer_rows += 1 + size(s.drafts);
  }
  plan_prompts(answers, max_rows - answer_rows);

  tokens.clear();
  slices.clear();
  logit_rows.clear();
  sampling.clear();
  with_hidden = false;
  for (const auto& owned : running) {
    Sequence& s = *owned;
    if (s.rows == 0) continue;
    s.first_pos = s.cached;
    s.first_row = size(tokens);
    const auto text = part(s.tokens, s.cached, s.rows);
    tokens.insert(tokens.end(), text.begin(), text.end());
    tokens.insert(tokens.end(), s.drafts.begin(), s.drafts.end());
    const int64_t rows = s.rows + size(s.drafts);
    slices.push_back({rows, s.cached, {s.page_data.data(), pool.layout()}, mode_at(s)});
    batch.push_back(&s);
    s.first_logits = -1;
    with_hidden = with_hidden || s.mtp || s.request.want_hidden;
    if (s.rows < s.pending() || !s.wants_logits()) continue;
    s.first_logits = static_cast<int64_t>(logit_rows.size());
    for (int64_t row = s.first_row + s.rows - 1; row < s.first_row + rows; ++row) {
      logit_rows.push_back(static_cast<int32_t>(row));
    }
    sampling.push_back(&s);
  }
}

int64_t Scheduler::Impl::plan_prompts(int64_t answers, int64_t room) {
  prompts.clear();
  for (const auto& s : running) {
    if (s->leader == nullptr && s->pending() > 1) prompts.push_back(s.get());
  }
  if (prompts.empty()) return 0;
  if (answers > 0) {
    int64_t rows = options.max_prefill_rows;
    if (prompt_row_seconds > 0) {
      const double spare = (options.decode_stretch - 1) * answer_cost.seconds(answers);
      if (spare > 0) rows = std::min(rows, static_cast<int64_t>(std::min(1e6, spare / prompt_row_seconds)));
    }
    room = std::min(room, std::max(rows, options.min_prefill_rows));
  }
  std::sort(prompts.begin(), prompts.end(),
            [](const Sequence* a, const Sequence* b) { return served_before(*a, *b); });
  int64_t planned = 0;
  for (Sequence* s : prompts) {
    if (room == planned) break;
    if (!s->running) continue;  // preempted for the one before
    int64_t rows = std::min(s->pending(), room - planned);
    if (s->reading() && options.prompt_attention == PromptAttention::fast) {
      rows = std::min(rows, s->n_prompt - s->cached);  // the answer's part is recomputed as it was made
    }
    if (!reserve(*s, s->cached + rows)) {
      rows = std::min(rows, static_cast<int64_t>(s->pages.size()) * kPage - s->cached);
      if (rows == 0 && running.size() == 1) {
        finish(*s, StopReason::length, error("no memory for another page of cache: lower the KV budget"));
        continue;
      }
    }
    s->rows = rows;
    planned += rows;
  }
  return planned;
}

// ---- The model ----

Status Scheduler::Impl::run_model() {
  const int64_t width = engine.config.hidden_size;
  ForwardExtras extras;
  if (with_hidden) {
    hidden.resize(static_cast<size_t>(max_rows * width));
    extras.hidden = MutRows(hidden.data(), size(tokens), width);
  }
  JAJU_RETURN_IF_ERROR(engine.forward->run({tokens, slices, logit_rows},
                                           MutRows(logits.get(), size(logit_rows), engine.config.vocab_size),
                                           extras));
  ++counters.steps;
  counters.rows += static_cast<uint64_t>(size(tokens));
  counters.last_rows = size(tokens);
  counters.last_sequences = static_cast<int64_t>(batch.size());
  return {};
}

void Scheduler::Impl::sample() {
  const int64_t vocab = engine.config.vocab_size;
  const auto one = [&](int64_t i, int) {
    Sequence& s = *sampling[static_cast<size_t>(i)];
    s.events.clear();
    s.sample(logits.get() + s.first_logits * vocab, vocab, most_positions);
  };
  const auto n = static_cast<int64_t>(sampling.size());
  if (n == 1) {
    one(0, 0);
  } else if (n > 1) {
    engine.team->parallel_for(n, one);
  }
}

// ---- What follows ----

void Scheduler::Impl::commit() {
  const double time = now();
  const int64_t width = engine.config.hidden_size;
  for (Sequence* s : batch) {
    const bool sampled = s->first_logits >= 0;
    if (sampled && !s->failure.ok()) continue;
    const int64_t first = s->first_pos;
    s->cached += s->rows + (sampled ? s->accepted : 0);
    const int64_t again = std::clamp<int64_t>(s->high_water - first, 0, s->rows);
    const int64_t read_before = std::min(s->high_water, s->n_prompt);
    s->stats.recomputed_tokens += again;
    counters.recomputed_tokens += static_cast<uint64_t>(again);
    s->high_water = std::max(s->high_water, s->cached);
    if (s->request.want_hidden) {
      s->hidden_sum.resize(static_cast<size_t>(width));
      for (int64_t row = s->first_row; row < s->first_row + s->rows; ++row) {
        const float* const x = hidden.data() + row * width;
        for (int64_t k = 0; k < width; ++k)
          s->hidden_sum[static_cast<size_t>(k)] += static_cast<double>(x[k]);
      }
    }
    if (const int64_t read = std::min(s->cached, s->n_prompt); read > read_before) {
      s->tenant->service += static_cast<double>(read - read_before);
      s->sink->on_prefill(read, s->n_prompt);
    }
    if (!sampled) continue;
    const int64_t fresh = s->accepted + 1;
    s->tenant->service += kAnswerWeight * static_cast<double>(fresh);
    counters.generated_tokens += static_cast<uint64_t>(fresh);
    if (s->stats.generated_tokens == fresh) s->stats.first_token_seconds = time - s->submitted;
    if (!s->drafts.empty()) {
      const int64_t drafted = size(s->drafts);
      s->stats.drafted_tokens += drafted;
      s->stats.accepted_tokens += s->accepted;
      counters.drafted_tokens += static_cast<uint64_t>(drafted);
      counters.accepted_tokens += static_cast<uint64_t>(s->accepted);
      if (s->drafts_gate != nullptr) s->drafts_gate->report(drafted, s->accepted);
    }
    if (!s->events.empty()) s->sink->on_tokens(s->events);
  }
  draft();
  // Sequences leave running here, so the list of the step is walked.
  for (Sequence* s : batch) {
    if (s->first_logits >= 0 && !s->failure.ok()) {
      finish(*s, StopReason::cancelled, s->failure);
      continue;
    }
    const bool read = !s->reading();
    store_pages(*s, read && !s->prompt_stored);
    s->prompt_stored = s->prompt_stored || read;
    if (s->reason) {
      finish(*s, *s->reason, {});
    } else if (read && !s->wants_logits()) {
      finish(*s, StopReason::length, {});
    }
  }
}

// Guesses for the next step: forced tokens, what followed the same words before, or what the MTP layer says.
void Scheduler::Impl::draft() {
  const int64_t width = engine.config.hidden_size;
  const int64_t vocab = engine.config.vocab_size;
  int64_t answers = 0;
  for (const Sequence* s : batch) answers += s->first_logits >= 0 ? 1 : 0;
  const double row_seconds = answer_cost.per_row();
  const double token_seconds = answers == 0 ? 0 : answer_cost.seconds(answers) / static_cast<double>(answers);
  tokens.clear();
  slices.clear();
  logit_rows.clear();
  sampling.clear();
  for (Sequence* s : batch) {
    const bool answering = s->first_logits >= 0 && s->failure.ok() && !s->reason;
    s->drafts.clear();
    s->drafts_gate = nullptr;
    bool ask_mtp = false;
    if (answering && options.speculation) {
      int64_t most = std::min(options.max_draft, most_positions - size(s->tokens));
      if (s->request.params.max_tokens >= 0) {
        most = std::min(most, s->request.params.max_tokens - s->stats.generated_tokens - 1);
      }
      if (s->forcing) {
        const auto& close = s->request.thinking.close;
        const int64_t n = std::min(most, size(close) - static_cast<int64_t>(s->forced));
        for (int64_t i = 0; i < n; ++i) s->drafts.push_back(close[s->forced + static_cast<size_t>(i)]);
      } else if (s->request.speculate && most > 0) {
        s->lookup.extend(s->tokens);
        const int64_t guesses = s->lookup_gate.width(row_seconds, token_seconds, most);
        if (guesses > 0 && s->lookup.draft(s->tokens, guesses, s->drafts) > 0) {
          s->drafts_gate = &s->lookup_gate;
        } else if (s->mtp) {
          ask_mtp = s->mtp_gate.width(row_seconds + mtp_row_seconds, token_seconds, most) > 0;
          if (ask_mtp) s->drafts_gate = &s->mtp_gate;
        }
      }
      if (s->drafts_gate != &s->lookup_gate) s->lookup_gate.idle();
      if (s->drafts_gate != &s->mtp_gate) s->mtp_gate.idle();
    }
    if (!s->mtp || (s->first_logits >= 0 && !s->failure.ok())) continue;
    // The MTP layer reads every position's state with the token that follows, so that its cache has no holes.
    const int64_t known = std::min(s->cached, size(s->tokens) - 1);
    const int64_t first = s->first_pos;
    const int64_t rows = known - first;
    if (rows <= 0) continue;
    const int64_t at = size(tokens);
    std::memmove(hidden.data() + at * width, hidden.data() + s->first_row * width,
                 static_cast<size_t>(rows * width) * sizeof(float));
    const auto next = part(s->tokens, first + 1, rows);
    tokens.insert(tokens.end(), next.begin(), next.end());
    slices.push_back({rows, first, {s->page_data.data(), pool.layout()}, AttentionMode::absorbed});
    if (!ask_mtp) continue;
    logit_rows.push_back(static_cast<int32_t>(size(tokens)) - 1);
    sampling.push_back(s);
  }
  if (tokens.empty()) return;
  const double start = now();
  engine.forward->run_mtp({tokens, slices, logit_rows}, Rows(hidden.data(), size(tokens), width),
                          MutRows(logits.get(), size(logit_rows), vocab));
  for (size_t i = 0; i < sampling.size(); ++i) {
    const float* const row = logits.get() + static_cast<int64_t>(i) * vocab;
    sampling[i]->drafts.push_back(static_cast<int32_t>(std::max_element(row, row + vocab) - row));
  }
  if (!sampling.empty()) fade_in(mtp_row_seconds, (now() - start) / static_cast<double>(size(tokens)));
}

// ---- Ends ----

void Scheduler::Impl::finish(Sequence& s, StopReason reason, Status status) {
  const double seconds = now() - s.submitted;
  if (status.ok() && s.running) store_pages(s, true);
  // Before anything has changed: this may want memory.
  make_room(ended);
  FinishEvent event;
  event.reason = reason;
  event.stop_token = s.stop_token;
  event.constraint_failed = s.constraint_failed && !status.ok();
  event.stats = s.stats;
  event.stats.total_seconds = seconds;
  if (s.request.want_hidden && status.ok() && reason != StopReason::cancelled) {
    for (const double sum : s.hidden_sum) {
      event.hidden.push_back(static_cast<float>(sum / static_cast<double>(s.n_prompt)));
    }
  }
  std::unique_ptr<Sequence> owned = remove(s.running ? running : waiting, s);
  const bool was_running = s.running;
  s.running = false;
  if (was_running) release_pages(s);
  ++(!status.ok()                      ? counters.failed
     : reason == StopReason::cancelled ? counters.cancelled
                                       : counters.finished);
  counters.cached_tokens += static_cast<uint64_t>(s.stats.cached_tokens);
  event.status = std::move(status);
  if (s.tenant != nullptr) --s.tenant->requests;
  {
    const std::lock_guard lock(mutex);
    if (!s.started) --queued;
    if (reason != StopReason::cancelled) mean_seconds = 0.9 * mean_seconds + 0.1 * seconds;
  }
  s.sink->on_finish(std::move(event));
  s.sink.reset();
  ended.push_back(std::move(owned));
}

// An expert cannot be had from the disk: those whose rows wanted it end, unless it was for guesses, which
// they lose: the MTP layer alone wants the last layer of every row. The others are as they were before this
// step, and it is done again without those.
Status Scheduler::Impl::end_failed(const Status& status) {
  const auto failed = engine.forward->failed_rows();
  if (failed.empty()) return status;
  const auto any_in = [&](int64_t first, int64_t n) {
    return std::any_of(failed.begin(), failed.end(),
                       [&](int32_t row) { return row >= first && row < first + n; });
  };
  for (Sequence* s : batch) {
    const bool rows_failed = any_in(s->first_row, s->rows);
    if (rows_failed && !s->mtp) {
      finish(*s, StopReason::cancelled, status);
    } else if (rows_failed || any_in(s->first_row + s->rows, size(s->drafts))) {
      s->mtp = s->mtp && !rows_failed;
      if (s->drafts_gate != nullptr) s->drafts_gate->report(size(s->drafts), 0);
      s->drafts.clear();
      retry = true;
    }
  }
  batch.clear();
  return {};
}

// The model's files are damaged, or there is no memory to go on with: nobody's answer can be trusted or
// finished.
void Scheduler::Impl::fail_all(const Status& status) {
  batch.clear();
  if (!engine.weights->intact().ok()) {
    const std::lock_guard lock(mutex);
    health = engine.weights->intact();
  }
  while (!running.empty()) finish(*running.back(), StopReason::cancelled, status);
  if (!health.ok()) {
    while (!waiting.empty()) finish(*waiting.back(), StopReason::cancelled, status);
    cache.clear();
  }
}

void Scheduler::Impl::publish_snapshot() {
  counters.waiting = static_cast<int64_t>(waiting.size());
  counters.running = static_cast<int64_t>(running.size());
  counters.pages_total = pool.capacity();
  counters.pages_running = pool.in_use() - pool.idle();
  counters.pages_cached = pool.idle();
  counters.cache_evictions = cache.evictions();
  const std::lock_guard lock(mutex);
  counters.waiting += static_cast<int64_t>(inbox.size());
  published = counters;
  busy = !waiting.empty() || !running.empty() || !inbox.empty();
  if (!busy) idle.notify_all();
}

}  // namespace jaju
