#include "base/json.h"

#include <set>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"

namespace jaju {
namespace {

// Watches the events of a parse: depth, keys seen twice in one object, and what looking keys up costs.
class Limits {
 public:
  // max_keys: of an object whose keys are in a list; as many objects may be so large as take max_keys^2
  // comparisons. 0: keys are in a tree.
  Limits(int max_depth, size_t max_keys) : max_depth_(max_depth), max_keys_(max_keys) {}

  // False stops nothing by itself; the caller throws, because nlohmann's callback can only drop values.
  template <typename Json>
  void watch(int depth, nlohmann::json::parse_event_t event, const Json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > max_depth_) throw std::length_error(fmt::format("nested deeper than {} levels", max_depth_));
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end && !keys_.empty()) keys_.pop_back();
    if (event == Event::key && !keys_.empty()) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!keys_.back().insert(key).second)
        throw std::length_error(fmt::format("key \"{}\" appears twice", printable(key)));
      if (max_keys_ == 0) return;
      if (keys_.back().size() > max_keys_)
        throw std::length_error(fmt::format("an object has more than {} keys", max_keys_));
      comparisons_ += keys_.back().size();
      if (comparisons_ > max_keys_ * max_keys_)
        throw std::length_error("too many of its objects have thousands of keys");
    }
  }

 private:
  int max_depth_;
  size_t max_keys_;
  size_t comparisons_ = 0;
  std::vector<std::set<std::string>> keys_;
};

template <typename Json>
Result<Json> parse(std::string_view text, const std::string& what, int max_depth, size_t max_keys) {
  Limits limits(max_depth, max_keys);
  try {
    return Json::parse(text.begin(), text.end(), [&](int depth, auto event, Json& parsed) {
      limits.watch(depth, event, parsed);
      return true;
    });
  } catch (const nlohmann::json::parse_error& e) {
    return error("{} is not valid JSON near byte {}", what, e.byte);
  } catch (const nlohmann::json::out_of_range&) {
    return error("{} has a number that is no finite double", what);
  } catch (const nlohmann::json::exception& e) {
    return error("{} is not valid JSON: {}", what, e.what());
  } catch (const std::length_error& e) {
    return error("{} is refused: {}", what, e.what());
  }
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, const std::string& what, int max_depth) {
  return parse<nlohmann::json>(text, what, max_depth, 0);
}

Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, const std::string& what,
                                                  int max_depth) {
  return parse<nlohmann::ordered_json>(text, what, max_depth, kMaxOrderedKeys);
}

Result<nlohmann::json> read_json(const std::filesystem::path& path, int64_t max_bytes) {
  JAJU_ASSIGN(const std::string text, read_file(path, max_bytes));
  return parse_json(text, path.string());
}

}  // namespace jaju
