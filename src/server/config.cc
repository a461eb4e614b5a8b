#include "server/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/file.h"
#include "base/quantity.h"
#include "base/toml.h"
#include "base/utf8.h"

namespace jaju::server {
namespace {

using Kind = Setting::Kind;

Result<double> read_number(const std::string& text, double least, double most, const char* what) {
  char* end = nullptr;
  const double value = text.empty() ? NAN : std::strtod(text.c_str(), &end);
  if (!(value >= least && value <= most) || end != text.c_str() + text.size()) {
    return error("'{}' is not {} from {} to {}", printable(text), what, least, most);
  }
  return value;
}

Setting text(std::string_view name, std::string_view group, std::string_view help,
             std::string ServeConfig::*at) {
  return {name, Kind::text, group, help, [at](ServeConfig& c, const std::string& v) {
            c.*at = v;
            return Status();
          }};
}

template <typename Access>
Setting text_at(std::string_view name, std::string_view group, std::string_view help, Access at) {
  return {name, Kind::text, group, help, [at](ServeConfig& c, const std::string& v) {
            at(c) = v;
            return Status();
          }};
}

template <typename Access>
Setting texts(std::string_view name, std::string_view group, std::string_view help, Access at) {
  return {name, Kind::texts, group, help, [at](ServeConfig& c, const std::string& v) {
            std::vector<std::string>& list = at(c);
            list.clear();
            for (size_t from = 0; from <= v.size();) {
              const size_t comma = std::min(v.find(',', from), v.size());
              if (comma > from) list.push_back(v.substr(from, comma - from));
              from = comma + 1;
            }
            return Status();
          }};
}

template <typename Access>
Setting flag(std::string_view name, std::string_view group, std::string_view help, Access at) {
  return {name, Kind::flag, group, help, [at](ServeConfig& c, const std::string& v) -> Status {
            if (v != "true" && v != "false" && v != "1" && v != "0")
              return error("'{}' is neither true nor false", printable(v));
            at(c) = v == "true" || v == "1";
            return {};
          }};
}

template <typename Access>
Setting count(std::string_view name, std::string_view group, std::string_view help, int64_t least,
              int64_t most, Access at) {
  return {name, Kind::count, group, help, [least, most, at](ServeConfig& c, const std::string& v) -> Status {
            int64_t value = 0;
            const auto [end, failure] = std::from_chars(v.data(), v.data() + v.size(), value);
            if (failure != std::errc() || end != v.data() + v.size() || value < least || value > most) {
              return error("'{}' is not a whole number from {} to {}", printable(v), least, most);
            }
            at(c) = static_cast<std::remove_reference_t<decltype(at(c))>>(value);
            return {};
          }};
}

template <typename Access>
Setting bytes(std::string_view name, std::string_view group, std::string_view help, Access at,
              int64_t least = 0, int64_t most = std::numeric_limits<int64_t>::max()) {
  return {name, Kind::bytes, group, help, [at, least, most](ServeConfig& c, const std::string& v) -> Status {
            JAJU_ASSIGN(const int64_t value, parse_size(v));
            if (value < least || value > most)
              return error("'{}' is not from {} to {} bytes", printable(v), least, most);
            at(c) = static_cast<std::remove_reference_t<decltype(at(c))>>(value);
            return {};
          }};
}

template <typename Access>
Setting seconds(std::string_view name, std::string_view group, std::string_view help, Access at) {
  return {name, Kind::seconds, group, help, [at](ServeConfig& c, const std::string& v) -> Status {
            JAJU_ASSIGN(const double value, read_number(v, 0.01, 86400, "a number of seconds"));
            at(c) = std::chrono::milliseconds(static_cast<int64_t>(value * 1000));
            return {};
          }};
}

template <typename Access>
Setting number(std::string_view name, std::string_view group, std::string_view help, double most, Access at) {
  return {name, Kind::number, group, help, [most, at](ServeConfig& c, const std::string& v) -> Status {
            JAJU_ASSIGN(at(c), read_number(v, 0, most, "a number"));
            return {};
          }};
}

Setting choice(std::string_view name, std::string_view group, std::string_view help,
               std::vector<std::string> words, std::string ServeConfig::*at) {
  return {name, Kind::text, group, help,
          [words = std::move(words), at](ServeConfig& c, const std::string& v) -> Status {
            if (std::find(words.begin(), words.end(), v) == words.end()) {
              return error("'{}' is not one of {}", printable(v), fmt::join(words, ", "));
            }
            c.*at = v;
            return {};
          }};
}

std::vector<Setting> make_settings() {
  constexpr std::string_view kAddress = "Address", kAccess = "Access", kModel = "Model",
                             kWork = "Work and memory", kLimits = "Limits", kLogs = "Logs and shutdown";
  return {
      text_at("host", kAddress, "Address to listen on; beyond loopback only with keys (default 127.0.0.1)",
              [](ServeConfig& c) -> std::string& { return c.server.host; }),
      count("port", kAddress, "Port; 0: any free one (default 8080)", 0, 65535,
            [](ServeConfig& c) -> int& { return c.server.port; }),
      text_at("tls_certificate", kAddress, "PEM file with the certificate chain; then https",
              [](ServeConfig& c) -> std::string& { return c.server.tls_certificate; }),
      text_at("tls_key", kAddress, "PEM file with the certificate's key",
              [](ServeConfig& c) -> std::string& { return c.server.tls_key; }),
      text_at("metrics_host", kAddress,
              "Serve /metrics on an address of its own; without a key when it is loopback",
              [](ServeConfig& c) -> std::string& { return c.server.metrics_host; }),
      count("metrics_port", kAddress, "Port of the metrics' own address (default: any free one)", 0, 65535,
            [](ServeConfig& c) -> int& { return c.server.metrics_port; }),
      texts("host_name", kAddress,
            "More names this server may be called by while it has no keys, beside localhost, the machine's "
            "own and "
            "addresses; *: any",
            [](ServeConfig& c) -> std::vector<std::string>& { return c.server.host_names; }),
      texts("cors_origin", kAddress,
            "Web pages that may call this server, like https://app.example; * for any (default: none)",
            [](ServeConfig& c) -> std::vector<std::string>& { return c.server.cors_origins; }),
      text("keys", kAccess, "Key file (default: serve-keys in jaju's configuration folder, when it is there)",
           &ServeConfig::keys),
      flag("open_without_keys", kAccess, "Listen beyond loopback although there are no keys",
           [](ServeConfig& c) -> bool& { return c.server.open_without_keys; }),
      number("requests_per_minute", kAccess, "For keys that do not name their own; 0: no limit", 1e9,
             [](ServeConfig& c) -> double& { return c.key_limits.requests_per_minute; }),
      number("tokens_per_minute", kAccess, "Prompt and answer together, for each key; 0: no limit", 1e12,
             [](ServeConfig& c) -> double& { return c.key_limits.tokens_per_minute; }),
      count("concurrent", kAccess, "Requests at a time for each key; 0: no limit", 0, 100000,
            [](ServeConfig& c) -> int& { return c.key_limits.concurrent; }),
      texts("name", kModel,
            "More names the model answers to, like gpt-4o for a client that can say nothing else",
            [](ServeConfig& c) -> std::vector<std::string>& { return c.names; }),
      flag("think", kModel,
           "Reason before answering when a request does not say (default: only where no model is named)",
           [](ServeConfig& c) -> std::optional<bool>& { return c.think; }),
      count("context", kModel, "Tokens a conversation may hold (default: the model's, at most 32,768)", 1,
            int64_t{1} << 31, [](ServeConfig& c) -> int64_t& { return c.context; }),
      count("threads", kWork,
            "CPU threads of the model (default: what `jaju tune` found best, else every CPU)", 1, 4096,
            [](ServeConfig& c) -> int& { return c.threads; }),
      choice("kv", kWork,
             "Type of the cache: auto (bf16, or f32 for an f32 model), f32, bf16, or q8: room for 1.8 times "
             "as much as bf16 (A.X K1), logits a little less exact",
             {"auto", "f32", "bf16", "q8"}, &ServeConfig::kv),
      choice("numa", kWork,
             "Where there are several NUMA nodes, bind threads and place weights by them: auto, on (or fail) "
             "or off",
             {"auto", "on", "off"}, &ServeConfig::numa),
      choice("huge_pages", kWork,
             "Weights that fit in memory move into huge pages in idle time: auto (models of 256 MiB or "
             "more), on (of any size) or off",
             {"auto", "on", "off"}, &ServeConfig::huge_pages),
      choice("precision", kWork,
             "Activations in attention and matmuls with bf16 weights: auto (whichever is faster on this "
             "CPU), f32 (exact) or bf16",
             {"auto", "f32", "bf16"}, &ServeConfig::precision),
      count("max_sequences", kWork, "Answers side by side; more wait (default 32)", 1, 256,
            [](ServeConfig& c) -> int64_t& { return c.max_sequences; }),
      bytes("cache_bytes", kWork,
            "Memory for the cache, prefixes included, like 4GiB (default: chosen from what there is)",
            [](ServeConfig& c) -> int64_t& { return c.cache_bytes; }),
      bytes(
          "memory", kWork,
          "Most memory to take, like 16G (16 GB; 16Gi is binary); a packed model that does not fit keeps its "
          "experts on the disk (default: what is free, less a margin)",
          [](ServeConfig& c) -> int64_t& { return c.memory; }),
      text("mirror", kWork, "A copy of the packed model on another drive; reads are split over both",
           &ServeConfig::mirror),
      text("pin", kWork, "Routing histogram: the experts visited most stay in memory", &ServeConfig::pin),
      text("save_routing", kWork, "File for how often each expert was visited, written at the end",
           &ServeConfig::save_routing),
      flag("prefetch", kWork, "Read the next layer's experts ahead, while that pays (default true)",
           [](ServeConfig& c) -> bool& { return c.prefetch; }),
      choice("verify", kWork,
             "Compare experts with their checksums: first (when first read), always or never",
             {"first", "always", "never"}, &ServeConfig::verify),
      choice("reader", kWork, "How experts are read: auto, uring or threads", {"auto", "uring", "threads"},
             &ServeConfig::reader),
      bytes(
          "read_size", kWork, "Bytes of one read, like 1Mi (default: as `jaju tune` measured, else 1Mi)",
          [](ServeConfig& c) -> int64_t& { return c.read_size; }, 4096, int64_t{1} << 30),
      count("read_depth", kWork, "Reads a drive has under way (default: as `jaju tune` measured, else 16)", 1,
            256, [](ServeConfig& c) -> int& { return c.read_depth; }),
      flag("prefix_cache", kWork, "Keep what was read for requests that begin alike (default true)",
           [](ServeConfig& c) -> bool& { return c.prefix_cache; }),
      text("cache_dir", kWork, "Folder that keeps the prefix cache across restarts", &ServeConfig::cache_dir),
      flag("exact_cache", kWork,
           "Cached answers equal uncached ones to the bit; false reads long prompts faster (default true)",
           [](ServeConfig& c) -> bool& { return c.exact_cache; }),
      flag("speculation", kWork,
           "Guess tokens and check them together; never changes an answer (default true)",
           [](ServeConfig& c) -> bool& { return c.speculation; }),
      count("workers", kWork, "Threads for JSON, templates and text (default 2)", 1, 256,
            [](ServeConfig& c) -> int& { return c.server.workers; }),
      count("io_threads", kWork, "Threads for sockets (default 1)", 1, 64,
            [](ServeConfig& c) -> int& { return c.server.io_threads; }),
      bytes("grammar_cache_bytes", kWork, "Memory for compiled schemas and grammars (default 128MiB)",
            [](ServeConfig& c) -> int64_t& { return c.grammar_cache_bytes; }),
      count("queue", kLimits, "Requests that may wait; more get 429 (default 256)", 1, 100000,
            [](ServeConfig& c) -> int64_t& { return c.queue; }),
      count("max_connections", kLimits, "Open connections (default 4096)", 1, 1'000'000,
            [](ServeConfig& c) -> int& { return c.server.http.max_connections; }),
      bytes("max_body", kLimits, "Largest request body (default 16MiB)",
            [](ServeConfig& c) -> size_t& { return c.server.http.max_body_bytes; }),
      bytes("max_bodies", kLimits, "All request bodies together (default 256MiB)",
            [](ServeConfig& c) -> int64_t& { return c.server.http.max_bodies_bytes; }),
      seconds("header_timeout", kLimits, "Seconds for a request's head (default 15)",
              [](ServeConfig& c) -> std::chrono::milliseconds& { return c.server.http.header_timeout; }),
      seconds("body_timeout", kLimits, "Seconds for a request's body (default 60)",
              [](ServeConfig& c) -> std::chrono::milliseconds& { return c.server.http.body_timeout; }),
      seconds("idle_timeout", kLimits, "Seconds a connection may wait between requests (default 75)",
              [](ServeConfig& c) -> std::chrono::milliseconds& { return c.server.http.idle_timeout; }),
      seconds("write_timeout", kLimits, "Seconds a client may take nothing of its answer (default 30)",
              [](ServeConfig& c) -> std::chrono::milliseconds& { return c.server.http.write_timeout; }),
      seconds("keep_alive_comment", kLimits,
              "A stream with nothing to say sends a comment this often (default 10)",
              [](ServeConfig& c) -> std::chrono::milliseconds& { return c.server.http.keep_alive_comment; }),
      text("access_log", kLogs, "JSON lines: - for stderr, off, or a file (default -)",
           &ServeConfig::access_log),
      number("drain_seconds", kLogs, "After SIGTERM running answers may take this long (default 30)", 86400,
             [](ServeConfig& c) -> double& { return c.drain_seconds; }),
  };
}

}  // namespace

std::span<const Setting> settings() {
  static const std::vector<Setting> table = make_settings();
  return table;
}

std::string flag_of(const Setting& setting) {
  std::string name = "--" + std::string(setting.name);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string environment_of(const Setting& setting) {
  std::string name = "JAJU_SERVE_" + std::string(setting.name);
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return name;
}

Status apply_config_text(std::string_view toml_text, const std::string& what, ServeConfig* config) {
  JAJU_ASSIGN(const toml::table parsed, parse_toml(toml_text, what));
  for (const auto& [key, node] : parsed) {
    const std::string name(key.str());
    const auto at = [&, line = node.source().begin.line] {
      return fmt::format("{} line {}, {}", what, line, printable(name));
    };
    if (name == "model") {
      if (!node.is_string()) return error("{}: must be a text", at());
      config->model = node.value_or(std::string());
      continue;
    }
    const auto setting =
        std::find_if(settings().begin(), settings().end(), [&](const Setting& s) { return s.name == name; });
    if (setting == settings().end())
      return error("{}: is not a setting; `jaju serve --help` lists them", at());
    std::string value;
    if (const auto text_value = node.value_exact<std::string>()) {
      value = *text_value;
    } else if (const auto whole = node.value_exact<int64_t>()) {
      value = std::to_string(*whole);
    } else if (const auto real = node.value_exact<double>()) {
      value = fmt::format("{}", *real);
    } else if (const auto yes = node.value_exact<bool>()) {
      value = *yes ? "true" : "false";
    } else if (const toml::array* list = node.as_array(); list != nullptr && setting->kind == Kind::texts) {
      for (const toml::node& one : *list) {
        if (!one.is_string()) return error("{}: must be a list of texts", at());
        value += (value.empty() ? "" : ",") + one.value_or(std::string());
      }
    } else {
      return error("{}: has a value of the wrong kind", at());
    }
    if (const Status set = setting->set(*config, value); !set.ok())
      return error("{}: {}", at(), set.message());
  }
  return {};
}

Status apply_config_file(const std::filesystem::path& file, ServeConfig* config) {
  JAJU_ASSIGN(const std::string content, read_file(file, 1'000'000));
  return apply_config_text(content, file.string(), config);
}

Status apply_environment(char** environment, ServeConfig* config) {
  constexpr std::string_view kBegin = "JAJU_SERVE_";
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    if (!entry.starts_with(kBegin)) continue;
    const size_t equals = entry.find('=');
    const std::string name(entry.substr(0, equals));
    const std::string value(equals == std::string_view::npos ? "" : entry.substr(equals + 1));
    if (name == "JAJU_SERVE_MODEL") {
      config->model = value;
      continue;
    }
    if (name == "JAJU_SERVE_CONFIG") continue;
    const auto setting = std::find_if(settings().begin(), settings().end(),
                                      [&](const Setting& s) { return environment_of(s) == name; });
    if (setting == settings().end())
      return error("{} in the environment is not a setting; `jaju serve --help` lists them", printable(name));
    if (const Status set = setting->set(*config, value); !set.ok())
      return error("{}: {}", name, set.message());
  }
  return {};
}

}  // namespace jaju::server
