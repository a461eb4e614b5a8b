// What a client may cost. Every number has a default that is documented in docs/serve.md and tested; the
// configuration file can change the ones that depend on the machine.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jaju::server {

struct HttpLimits {
  // Sizes
  size_t max_header_bytes = 32 << 10;  // request line and fields
  int max_header_count = 100;
  size_t max_target_bytes = 8 << 10;
  size_t max_body_bytes = 16 << 20;
  int64_t max_bodies_bytes = int64_t{256} << 20;  // of all connections together
  size_t max_pipelined_bytes = 64 << 10;          // read ahead while a request is answered
  size_t max_unsent_bytes = 4 << 20;              // a reader that falls further behind loses its answer
  // Connections
  int max_connections = 4096;
  int max_worker_jobs = 1024;  // requests waiting for a worker thread
  // Time
  std::chrono::milliseconds tls_timeout{10'000};
  std::chrono::milliseconds header_timeout{15'000};  // from the first byte of a request to its empty line
  std::chrono::milliseconds body_timeout{60'000};    // the whole body
  std::chrono::milliseconds idle_timeout{75'000};    // a kept connection without a request
  std::chrono::milliseconds write_timeout{30'000};   // without the client taking a byte
  std::chrono::milliseconds keep_alive_comment{
      10'000};  // a stream that has nothing to say says so this often
};

struct RequestLimits {
  int max_json_depth = 64;
  size_t max_json_values = 500'000;  // values of a whole document
  size_t max_text_bytes = 8 << 20;   // one message's text, one prompt
  size_t max_name_bytes = 256;       // names, ids
  size_t max_messages = 4096;
  size_t max_parts = 1024;  // of one message
  size_t max_tools = 128;
  size_t max_tool_calls = 128;        // of one message
  size_t max_tool_bytes = 256 << 10;  // one tool's JSON
  size_t max_stop_strings = 16;
  size_t max_stop_bytes = 1024;  // one stop string
  size_t max_logit_bias = 1024;
  int64_t max_n = 16;
  int64_t max_top_logprobs = 20;
  size_t max_embedding_inputs = 256;
  size_t max_prompts = 64;              // prompts of one completions request, times n: max_n each
  size_t max_schema_bytes = 256 << 10;  // a schema, an expression, a grammar
};

}  // namespace jaju::server
