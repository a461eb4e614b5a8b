// What Prometheus asks for at /metrics. Names and meanings: docs/serve.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/scheduler.h"

namespace jaju::server {

struct Usage;
struct RequestRecord;

// When a choice's last tokens came, for the histogram of gaps. The scheduler's thread only.
struct TokenClock {
  double last_token = 0;
};

class ServerMetrics {
 public:
  explicit ServerMetrics(const std::string& model);
  ~ServerMetrics();

  // `n` tokens of one choice came together. Called for every step: two atomic additions a bucket.
  void tokens(TokenClock& clock, size_t n);
  void finished(const Usage& usage);
  void answered(const RequestRecord& record);
  // The text format, with the scheduler's counters and gauges and the experts' figures as they are now.
  std::string text(const SchedulerSnapshot& now, std::span<const ExpertFigures> experts, int64_t connections,
                   int64_t worker_jobs);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju::server
