// The NUMA nodes of this machine: where the threads of a team sit, and where what they read should lie.
// Through hwloc; CPUs this process may not use, by a cpuset or its affinity, are not there.
//
// A machine with one node is left alone: nothing is bound, nothing moved. (Binding threads to CPUs cost a
// quarter on a shared virtual machine, docs/log.md; so where there are nodes a thread is bound to all the
// CPUs of its node, never to one.)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

struct hwloc_topology;
struct hwloc_obj;

namespace jaju {

class Topology {
 public:
  // More are treated as one: a team has a queue of tasks for each.
  static constexpr int kMostNodes = 8;

  static Result<Topology> of_this_machine();
  // For tests: "numa:2 core:16 pu:1" and what else hwloc-ls --input takes. Binds nothing.
  static Result<Topology> synthetic(const std::string& description);

  // With CPUs, at least 1. A node whose CPUs another has too (memory of a second kind) does not count.
  int n_nodes() const { return static_cast<int>(nodes_.size()); }
  int n_cpus(int node) const;
  int64_t memory_bytes(int node) const;
  // "1 node: 2 CPUs, 24 GB", "2 nodes: 16 CPUs, 64 GB; 16 CPUs, 64 GB"
  std::string in_words() const;

  // The node of each of n threads: as many as its share of the CPUs, neighbours together.
  std::vector<int> spread(int n_threads) const;

  // Both do nothing on one node.
  Status bind_this_thread(int node) const;
  // Has the pages of [data, data + bytes) in the node's memory: those nobody has read yet are read there,
  // others moved where the system can. Parts of pages at the ends are left where they are.
  Status bring(const void* data, int64_t bytes, int node) const;

 private:
  struct Free {
    void operator()(hwloc_topology* t) const;
  };
  using Handle = std::unique_ptr<hwloc_topology, Free>;
  static Result<Handle> make(const char* synthetic);
  explicit Topology(Handle handle);

  Handle handle_;
  std::vector<hwloc_obj*> nodes_;  // empty cpusets and doubles left out; owned by handle_
};

// How n things that lie side by side, rows of a matrix or tasks, are split over nodes by their threads.
class NodeSplit {
 public:
  NodeSplit() : first_thread_{0, 1}, topology_node_{0} {}
  // node_of_thread: ascending. Nodes without a thread do not appear, the others are numbered from 0.
  explicit NodeSplit(const std::vector<int>& node_of_thread);

  int n_nodes() const { return static_cast<int>(first_thread_.size()) - 1; }
  int topology_node(int node) const { return topology_node_[static_cast<size_t>(node)]; }
  int first_thread(int node) const { return first_thread_[static_cast<size_t>(node)]; }
  int n_threads() const { return first_thread_.back(); }
  // The first of n things that is this node's; n for the node after the last.
  int64_t first(int node, int64_t n) const { return n * first_thread(node) / n_threads(); }

 private:
  std::vector<int> first_thread_;   // (nodes + 1)
  std::vector<int> topology_node_;  // (nodes)
};

}  // namespace jaju
