// jaju serve: the model for a team, over HTTP, in three dialects and with a web page.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/paths.h"
#include "cli/cli.h"
#include "cli/generation_defaults.h"
#include "cli/machine_here.h"
#include "cli/model_path.h"
#include "cli/stream_options.h"
#include "runtime/engine.h"
#include "runtime/grammar/grammar.h"
#include "runtime/scheduler.h"
#include "server/api_server.h"
#include "server/config.h"

extern char** environ;

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using server::ServeConfig;
using server::Setting;

struct ServeOptions {
  std::string model, config_file, new_key;
  bool wants_key = false;                                     // --new-key was said, also with nothing
  std::vector<std::pair<const Setting*, std::string>> given;  // from the command line, in order
};

// The scheduler as the server's back end.
class SchedulerBackend : public server::Backend {
 public:
  explicit SchedulerBackend(Scheduler& scheduler) : scheduler_(scheduler) {}
  Submission submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink) override {
    return scheduler_.submit(std::move(request), std::move(sink));
  }
  void cancel(RequestId id) override { scheduler_.cancel(id); }
  SchedulerSnapshot snapshot() const override { return scheduler_.snapshot(); }
  std::vector<ExpertFigures> experts() const override { return scheduler_.experts(); }
  int64_t max_tokens_per_request() const override { return scheduler_.max_tokens_per_request(); }

 private:
  Scheduler& scheduler_;
};

fs::path default_config() {
  return config_dir() / "serve.toml";
}
fs::path default_keys() {
  return config_dir() / "serve-keys";
}

bool is_there(const fs::path& path) {
  std::error_code failure;
  return fs::exists(path, failure);
}

Result<ServeConfig> read_settings(const ServeOptions& options) {
  ServeConfig config;
  std::string file = options.config_file;
  if (const char* named = std::getenv("JAJU_SERVE_CONFIG"); file.empty() && named != nullptr) file = named;
  if (file.empty() && is_there(default_config())) file = default_config().string();
  if (!file.empty()) JAJU_RETURN_IF_ERROR(server::apply_config_file(file, &config));
  JAJU_RETURN_IF_ERROR(server::apply_environment(environ, &config));
  for (const auto& [setting, value] : options.given) {
    if (const Status set = setting->set(config, value); !set.ok()) {
      return error("{}: {}", server::flag_of(*setting), set.message());
    }
  }
  if (!options.model.empty()) config.model = options.model;
  if (config.keys.empty() && is_there(default_keys())) config.keys = default_keys().string();
  if (config.server.tls_certificate.empty() != config.server.tls_key.empty()) {
    return error("--tls-certificate and --tls-key go together");
  }
  config.server.version = JAJU_VERSION;
  return config;
}

int add_key(const ServeOptions& options) {
  Result<ServeConfig> config = read_settings(options);
  if (!config.ok()) return fail_usage(config.status());
  const fs::path file = config->keys.empty() ? default_keys() : fs::path(config->keys);
  const Result<server::NewKey> made = server::make_key(options.new_key);
  if (!made.ok()) return fail_usage(made.status());
  std::string content;
  if (is_there(file)) {
    Result<std::string> old = read_file(file, 10'000'000);
    if (!old.ok()) return fail(old.status());
    content = *std::move(old);
    if (!content.empty() && content.back() != '\n') content += '\n';
  } else {
    content =
        "# Keys of jaju serve: name, SHA-256 of the key, limits (docs/serve.md). SIGHUP reads this file "
        "anew.\n";
  }
  const auto old_keys = server::KeyStore::parse(content, file.string(), {});
  if (old_keys.ok()) {
    const std::vector<std::string> names = (*old_keys)->names();
    if (std::find(names.begin(), names.end(), options.new_key) != names.end()) {
      return fail(error("{} has a key named '{}' already; choose another name, or remove its line",
                        file.string(), options.new_key));
    }
  }
  content += made->line;
  // A damaged file is noticed now and not at the next start.
  const auto valid = server::KeyStore::parse(content, file.string(), {});
  if (!valid.ok()) return fail(valid.status());
  std::error_code failure;
  fs::create_directories(file.parent_path(), failure);
  const Status written = write_file_atomic(file, content, 0600);
  if (!written.ok()) return fail(written);
  print(made->key + "\n");
  note(fmt::format(
      "this is the key of '{}', shown this once; its hash is in {}. A running server reads it on SIGHUP",
      options.new_key, file.string()));
  const Status done = flush_stdout();
  return done.ok() ? kOk : fail(done);
}

// What serves: opened in this order, closed in the other.
struct Running {
  std::unique_ptr<Engine> engine;
  std::shared_ptr<GrammarCache> grammars;
  std::unique_ptr<Scheduler> scheduler;
  server::ServedModel model;
  std::unique_ptr<server::KeyStore> keys;
  std::unique_ptr<server::AccessLog> log;
  std::unique_ptr<server::ApiServer> server;
};

Status open_model(const ServeConfig& config, const fs::path& dir, Running* r) {
  server::ServedModel& m = r->model;
  JAJU_ASSIGN(m.tokenizer, Tokenizer::load(dir));
  JAJU_ASSIGN(m.chat_template, ChatTemplate::load(dir));
  EngineOptions engine;
  engine.context = config.context;
  const Tuned best = tuned();
  if (!best.note.empty()) note(best.note);
  engine.threads = config.threads > 0 ? config.threads : best.threads;
  engine.kv_type = *kv_type_from_name(config.kv);
  engine.numa = *numa_from_name(config.numa);
  engine.huge_pages = *huge_pages_from_name(config.huge_pages);
  if (config.precision != "auto")
    engine.precision = config.precision == "f32" ? Precision::f32 : Precision::bf16;
  StreamWords{.memory = config.memory,
              .mirror = config.mirror,
              .pin = config.pin,
              .save_routing = config.save_routing,
              .no_prefetch = !config.prefetch,
              .verify = config.verify,
              .reader = config.reader,
              .read_size = config.read_size,
              .read_depth = config.read_depth}
      .apply(&engine);
  engine.stream.sequences = config.max_sequences;
  engine.stream.kv_bytes = config.cache_bytes;
  JAJU_ASSIGN(r->engine, Engine::open(dir, engine));
  if (!r->engine->notice().empty()) note(r->engine->notice());
  const ModelConfig& shape = r->engine->config();
  if (m.tokenizer->vocab_size() > shape.vocab_size) {
    return error(
        "{}: tokenizer.json has {} tokens, but the model's vocabulary has {}; use the tokenizer.json that "
        "belongs to it",
        dir.string(), m.tokenizer->vocab_size(), shape.vocab_size);
  }
  JAJU_ASSIGN(const GenerationDefaults defaults, load_generation_defaults(dir, shape, *m.tokenizer));
  m.defaults = defaults.sampling;
  std::error_code failure;
  const fs::path named = fs::canonical(dir, failure);
  m.facts.names = {failure ? dir.filename().string() : named.filename().string()};
  m.facts.names.insert(m.facts.names.end(), config.names.begin(), config.names.end());
  m.facts.vocab_size = shape.vocab_size;
  m.facts.context = r->engine->options().context;
  m.facts.hidden_size = shape.hidden_size;
  // Our small model computes by writing its steps down; a named one follows A.X K1's default.
  m.think_by_default = config.think.value_or(config.model.empty());
  m.created = std::time(nullptr);
  for (const auto& entry : fs::directory_iterator(dir, failure)) {
    if (entry.path().extension() == ".safetensors") m.bytes += static_cast<int64_t>(entry.file_size(failure));
  }
  const Result<std::string> text = read_file(dir / "config.json", 10'000'000);
  m.digest = server::hex(server::sha256(text.ok() ? *text : ""));
  m.parameters = r->engine->weights().parameters.total();
  m.precision = config.precision;

  Result<std::shared_ptr<const TokenVocabulary>> vocabulary =
      TokenVocabulary::build(server::grammar_vocabulary(*m.tokenizer, m.defaults, shape.vocab_size));
  if (vocabulary.ok()) {
    r->grammars =
        std::make_shared<GrammarCache>(*vocabulary, static_cast<size_t>(config.grammar_cache_bytes));
    m.compile = [cache = r->grammars](GrammarKind kind,
                                      std::string_view grammar) -> Result<std::unique_ptr<TokenConstraint>> {
      JAJU_ASSIGN(const std::shared_ptr<const CompiledGrammar> compiled, cache->compile(kind, grammar));
      return compiled->start();
    };
  } else {
    note("answers can not be constrained: " + vocabulary.message());
  }

  SchedulerOptions s;
  s.max_sequences = std::min(config.max_sequences, r->engine->options().prefill_chunk);
  s.kv_budget_bytes = config.cache_bytes;
  s.queue_capacity = config.queue;
  s.prompt_attention = config.exact_cache ? PromptAttention::same_bits : PromptAttention::fast;
  s.prefix_cache = config.prefix_cache;
  s.cache_dir = config.cache_dir;
  s.speculation = config.speculation;
  JAJU_ASSIGN(r->scheduler, Scheduler::start(*r->engine, s));
  m.backend = std::make_unique<SchedulerBackend>(*r->scheduler);
  m.prepare();
  return {};
}

// Room for as many sockets as connections may be open.
void raise_file_limit(int connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(connections) + 256;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    note(fmt::format("this process may open {} files, so fewer than {} connections fit; raise `ulimit -n`",
                     static_cast<uint64_t>(limit.rlim_cur), connections));
  }
}

void greet(const ServeConfig& config, const Running& r) {
  const bool tls = !config.server.tls_certificate.empty();
  const std::string host = config.server.host == "0.0.0.0" || config.server.host == "::" ? "localhost"
                           : config.server.host.find(':') != std::string::npos
                               ? "[" + config.server.host + "]"
                               : config.server.host;
  const std::string url = fmt::format("{}://{}:{}", tls ? "https" : "http", host, r.server->port());
  const bool keys = r.keys->has_keys();
  note(fmt::format("{} is served at {} (web page, OpenAI, Anthropic and Ollama APIs)",
                   r.model.facts.names.front(), url));
  if (r.server->metrics_port() >= 0) {
    note(
        fmt::format("metrics at http://{}:{}/metrics", config.server.metrics_host, r.server->metrics_port()));
  }
  note(
      fmt::format("try: curl {}{}/v1/chat/completions -d '{{\"messages\": [{{\"role\": \"user\", "
                  "\"content\": \"사과 12개에서 5개를 "
                  "먹으면?\"}}]}}'",
                  keys ? "-H \"Authorization: Bearer $JAJU_API_KEY\" " : "", url));
  if (keys) {
    note(fmt::format("keys: {} in {}; `jaju serve --new-key NAME` adds one, SIGHUP reads them anew",
                     r.keys->names().size(), config.keys));
  } else {
    note(fmt::format("no keys: {}; `jaju serve --new-key NAME` makes one",
                     server::is_loopback(config.server.host) ? "only this machine can reach it"
                                                             : "anybody who reaches it may use it"));
  }
}

// Like note(), but loses the sentence where nobody reads stderr: a server must not wait for that.
void tell(const std::string& sentence) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 0) note(sentence);
}

void reload(const ServeConfig& config, Running& r) {
  r.log->reopen();
  if (const Status tls = r.server->reload_tls(); !tls.ok())
    tell("the certificate stays as it was: " + tls.message());
  // Also the first keys of a server that had none: from then on it asks for them.
  const fs::path file = config.keys.empty() ? default_keys() : fs::path(config.keys);
  if (!r.keys->has_keys() && !is_there(file)) return;
  auto fresh = server::KeyStore::load(file.string(), config.key_limits);
  if (!fresh.ok()) return tell("the keys stay as they were: " + fresh.message());
  r.keys->replace(**fresh);
  tell(fmt::format("read {} keys from {}", r.keys->names().size(), file.string()));
}

// Signals come as a file that a thread of its own reads; every thread started after keeps them blocked.
class Signals {
 public:
  static Result<std::unique_ptr<Signals>> start() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, s);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    const int file = ::signalfd(-1, &signals, SFD_CLOEXEC);
    if (file < 0) return error("this system gives no signalfd");
    auto made = std::make_unique<Signals>();
    std::thread([file, state = made->state_] {  // dies with the process
      for (;;) state->take(read_one(file));
    })
        .detach();
    return made;
  }
  // Until now a signal that ends did so at once: there was nothing to finish.
  void serving() {
    const std::lock_guard lock(state_->mutex);
    state_->serving = true;
  }
  // Waits for one. After one that ends, a second ends at once.
  int next() {
    std::unique_lock lock(state_->mutex);
    state_->came.wait(lock, [this] { return !state_->signals.empty(); });
    const int signal = state_->signals.front();
    state_->signals.pop_front();
    return signal;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable came;
    std::deque<int> signals;
    bool serving = false, ending = false;

    void take(int signal) {
      const std::lock_guard lock(mutex);
      if (signal != SIGHUP) {
        if (ending) tell("a second signal: ending at once");
        if (ending || !serving) ::_exit(kInterrupted);
        ending = true;
      }
      signals.push_back(signal);
      came.notify_one();
    }
  };
  static int read_one(int file) {
    signalfd_siginfo info{};
    while (::read(file, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
    }
    return static_cast<int>(info.ssi_signo);
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

int serve(const ServeOptions& options) {
  if (options.wants_key) return add_key(options);
  Result<ServeConfig> config = read_settings(options);
  if (!config.ok()) return fail_usage(config.status());
  Running r;
  // Mistakes in small things first: they should not cost the wait for the weights.
  if (config->keys.empty()) {
    r.keys = server::KeyStore::open_to_all(config->key_limits);
  } else {
    auto keys = server::KeyStore::load(config->keys, config->key_limits);
    if (!keys.ok()) return fail(keys.status());
    r.keys = *std::move(keys);
  }
  if (!config->save_routing.empty()) {
    if (const Status writable = check_writable(config->save_routing); !writable.ok()) return fail(writable);
  }
  auto log = server::AccessLog::open(config->access_log);
  if (!log.ok()) return fail(log.status());
  r.log = *std::move(log);
  fs::path dir;
  if (config->model.empty()) {
    const Result<DefaultModel> choice = default_model();
    if (!choice.ok()) return fail(choice.status());
    dir = choice->dir;
    if (choice->noise)
      note(
          "no model was named and models/nano is not there; a tiny random model answers, and its answers are "
          "noise");
  } else {
    const Result<fs::path> found = find_model(config->model);
    if (!found.ok()) return fail(found.status());
    dir = *found;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Result<std::unique_ptr<Signals>> signals = Signals::start();
  if (!signals.ok()) return fail(signals.status());
  raise_file_limit(config->server.http.max_connections);
  if (const Status opened = open_model(*config, dir, &r); !opened.ok()) return fail(opened);
  // Before anybody can ask: answers may be under way before the greeting is out.
  (*signals)->serving();
  auto started = server::ApiServer::start(r.model, *r.keys, *r.log, config->server);
  if (!started.ok()) return fail(started.status());
  r.server = *std::move(started);
  greet(*config, r);
  if (const std::string kept = r.scheduler->snapshot().cache_file; !kept.empty())
    note("prefix cache: " + kept);

  while ((*signals)->next() == SIGHUP) reload(*config, r);
  tell(fmt::format("finishing what runs, at most {} s; a second signal ends at once", config->drain_seconds));
  r.server->begin_drain();
  r.scheduler->drain(config->drain_seconds);
  r.server->drain_connections(std::chrono::milliseconds(2000));
  r.server.reset();
  r.model.backend.reset();
  r.scheduler.reset();  // writes the cache file
  if (!config->save_routing.empty()) {
    if (const Status saved = r.engine->save_routing(config->save_routing); !saved.ok()) return fail(saved);
  }
  return kOk;
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("serve", "Serves the model over HTTP: web page, OpenAI, Anthropic and Ollama APIs");
  auto o = std::make_shared<ServeOptions>();
  verb->add_option("MODEL", o->model, "Directory or name (default: the small model that comes with jaju)");
  verb->add_option("--config", o->config_file,
                   "Settings in a TOML file (default: serve.toml in jaju's configuration folder)");
  CLI::Option* const new_key = verb->add_option(
      "--new-key", o->new_key, "Make a key of this name, show it once, keep its hash, and end");
  for (const Setting& setting : server::settings()) {
    const std::string flag = server::flag_of(setting);
    const std::string help(setting.help);
    const Setting* s = &setting;
    if (setting.kind == Setting::Kind::flag) {
      verb->add_flag_callback(
              flag, [o, s] { o->given.emplace_back(s, "true"); }, help)
          ->group(std::string(setting.group));
      verb->add_flag_callback("--no-" + flag.substr(2), [o, s] { o->given.emplace_back(s, "false"); })
          ->group("");
    } else {
      verb->add_option_function<std::vector<std::string>>(
              flag,
              [o, s](const std::vector<std::string>& values) {
                // A list given in several options is one list; of anything else the last counts.
                if (s->kind == Setting::Kind::texts)
                  o->given.emplace_back(s, fmt::format("{}", fmt::join(values, ",")));
                else
                  o->given.emplace_back(s, values.back());
              },
              help)
          ->group(std::string(setting.group))
          ->expected(1)  // one value a flag, however often it is given: what follows may be the model
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  verb->footer(
      R"(Settings come from --config FILE, then the environment (JAJU_SERVE_PORT=8080), then the command line; the later wins.
--no-NAME turns a switch off. Sizes are decimal: 16G is 16 GB, 16Gi binary. SIGHUP reads keys and certificates anew, SIGTERM
finishes what runs and ends.

Examples
  jaju serve                                        the small model, this machine only
  jaju serve ~/models/A.X-K1 --port 9000 --think
  jaju serve --new-key alice                        prints the key once
  jaju serve ~/models/A.X-K1 --host 0.0.0.0 --tls-certificate cert.pem --tls-key key.pem
  curl http://127.0.0.1:8080/v1/models
  OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=none your-program
  jaju run http://127.0.0.1:8080 "하늘은 왜 파란가?"    talks to a running server

Everything else: docs/serve.md and docs/security.md.)");
  verb->callback([&action, o, new_key] {
    o->wants_key = new_key->count() > 0;
    action = [o] { return serve(*o); };
  });
}

}  // namespace jaju::cli
