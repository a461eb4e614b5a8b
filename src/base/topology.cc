#include "base/topology.h"

#include <fmt/format.h>
#include <hwloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace jaju {

void Topology::Free::operator()(hwloc_topology* t) const {
  hwloc_topology_destroy(t);
}

Result<Topology::Handle> Topology::make(const char* synthetic) {
  hwloc_topology* raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return error("hwloc cannot start: not enough memory");
  Handle handle(raw);
  // CPUs and NUMA nodes, and what a node hangs on, without which it would seem to have every CPU. Nothing
  // else is asked for, which keeps this quick.
  hwloc_topology_set_all_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL);
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
  if (synthetic != nullptr && hwloc_topology_set_synthetic(raw, synthetic) != 0) {
    return error("'{}' describes no machine hwloc knows", synthetic);
  }
  if (synthetic == nullptr &&
      hwloc_topology_set_flags(
          raw, HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM | HWLOC_TOPOLOGY_FLAG_RESTRICT_TO_CPUBINDING) != 0) {
    return error("hwloc cannot be told to keep to the CPUs this process may use: {}", std::strerror(errno));
  }
  if (hwloc_topology_load(raw) != 0) {
    return error("hwloc cannot read this machine's topology: {}", std::strerror(errno));
  }
  return handle;
}

Topology::Topology(Handle handle) : handle_(std::move(handle)) {
  const int n = hwloc_get_nbobjs_by_type(handle_.get(), HWLOC_OBJ_NUMANODE);
  hwloc_bitmap_t seen = hwloc_bitmap_alloc();
  for (int i = 0; i < n; ++i) {
    hwloc_obj* const node =
        hwloc_get_obj_by_type(handle_.get(), HWLOC_OBJ_NUMANODE, static_cast<unsigned>(i));
    if (hwloc_bitmap_iszero(node->cpuset) != 0 || hwloc_bitmap_intersects(node->cpuset, seen) != 0) continue;
    hwloc_bitmap_or(seen, seen, node->cpuset);
    nodes_.push_back(node);
  }
  hwloc_bitmap_free(seen);
  if (nodes_.empty() || nodes_.size() > static_cast<size_t>(kMostNodes)) {
    nodes_ = {hwloc_get_root_obj(handle_.get())};
  }
}

Result<Topology> Topology::of_this_machine() {
  JAJU_ASSIGN(Handle handle, make(nullptr));
  return Topology(std::move(handle));
}

Result<Topology> Topology::synthetic(const std::string& description) {
  JAJU_ASSIGN(Handle handle, make(description.c_str()));
  return Topology(std::move(handle));
}

int Topology::n_cpus(int node) const {
  return hwloc_bitmap_weight(nodes_[static_cast<size_t>(node)]->cpuset);
}

int64_t Topology::memory_bytes(int node) const {
  return static_cast<int64_t>(nodes_[static_cast<size_t>(node)]->total_memory);
}

std::string Topology::in_words() const {
  std::string words = fmt::format("{} node{}", n_nodes(), n_nodes() == 1 ? "" : "s");
  for (int i = 0; i < n_nodes(); ++i) {
    words += fmt::format("{} {} CPU{}, {}", i == 0 ? ":" : ";", n_cpus(i), n_cpus(i) == 1 ? "" : "s",
                         human_bytes(static_cast<double>(memory_bytes(i))));
  }
  return words;
}

std::vector<int> Topology::spread(int n_threads) const {
  int64_t cpus = 0;
  for (int i = 0; i < n_nodes(); ++i) cpus += n_cpus(i);
  std::vector<int> nodes;
  int node = 0;
  int64_t end = n_cpus(0);  // CPUs of the nodes up to this one
  for (int64_t t = 0; t < n_threads; ++t) {
    // Where the middle of the thread's share falls.
    while ((2 * t + 1) * cpus >= 2 * end * n_threads) end += n_cpus(++node);
    nodes.push_back(node);
  }
  return nodes;
}

Status Topology::bind_this_thread(int node) const {
  if (n_nodes() == 1) return {};
  hwloc_obj* const at = nodes_[static_cast<size_t>(node)];
  if (hwloc_set_cpubind(handle_.get(), at->cpuset, HWLOC_CPUBIND_THREAD) == 0) return {};
  return error("cannot bind a thread to NUMA node {}: {}; use --numa off", at->os_index,
               std::strerror(errno));
}

Status Topology::bring(const void* data, int64_t bytes, int node) const {
  if (n_nodes() == 1) return {};
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes)) / page * page;
  if (begin >= end) return {};
  hwloc_obj* const at = nodes_[static_cast<size_t>(node)];
  const auto failed = [&] {
    return error("cannot place memory on NUMA node {}: {}; use --numa off", at->os_index,
                 std::strerror(errno));
  };
  // A page of a file comes to where the policy of the thread that reads it first says.
  if (hwloc_set_membind(handle_.get(), at->nodeset, HWLOC_MEMBIND_BIND,
                        HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET) != 0) {
    return failed();
  }
  for (uintptr_t p = begin; p < end; p += page) {
    static_cast<void>(*reinterpret_cast<const volatile char*>(p));
  }
  if (hwloc_set_membind(handle_.get(), hwloc_topology_get_topology_nodeset(handle_.get()),
                        HWLOC_MEMBIND_DEFAULT, HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET) != 0) {
    return failed();
  }
  // Others are moved; one that another process maps too stays, and that is no error. The policy goes again:
  // every stretch with one of its own counts against the kernel's limit of mappings, and a large model has
  // more matrices than that.
  auto* const area = reinterpret_cast<void*>(begin);
  hwloc_set_area_membind(handle_.get(), area, end - begin, at->nodeset, HWLOC_MEMBIND_BIND,
                         HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_MIGRATE);
  hwloc_set_area_membind(handle_.get(), area, end - begin, hwloc_topology_get_topology_nodeset(handle_.get()),
                         HWLOC_MEMBIND_DEFAULT, HWLOC_MEMBIND_BYNODESET);
  return {};
}

NodeSplit::NodeSplit(const std::vector<int>& node_of_thread) {
  for (size_t t = 0; t < node_of_thread.size(); ++t) {
    if (t > 0 && node_of_thread[t] == node_of_thread[t - 1]) continue;
    first_thread_.push_back(static_cast<int>(t));
    topology_node_.push_back(node_of_thread[t]);
  }
  first_thread_.push_back(static_cast<int>(node_of_thread.size()));
}

}  // namespace jaju
