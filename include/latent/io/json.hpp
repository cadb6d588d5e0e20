#pragma once

#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// JSON as RFC 8259 has it, and strict where parsers differ: no comments, no byte order mark,
/// no NUL, no key twice in one object, no nesting deeper than 128, nothing after the value.

namespace latent {

/// What is read: objects sorted by key, so that a key is found fast in an object of any size.
using Json = nlohmann::json;
/// What is written: objects in the order in which they were filled.
using OrderedJson = nlohmann::ordered_json;

/// The deepest nesting that is read; the reference reader of safetensors has the same.
inline constexpr std::size_t max_json_depth = 128;

namespace detail {

/// What the library's parser would take silently: it skips a byte order mark, and a NUL ends
/// its input, so that anything could hide behind one.
inline void require_plain_json(std::string_view where, std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) {
        fail(where, "JSON that begins with a byte order mark",
             "JSON that begins with its value");
    }
    if (const auto at = text.find('\0'); at != std::string_view::npos) {
        fail(where, "a NUL at byte " + std::to_string(at) + " of the JSON", "JSON text");
    }
}

[[noreturn]] inline void fail_json(std::string_view where, const std::exception& error) {
    // The library's text ends in what it read last, which may be the whole file.
    std::string_view reason = error.what();
    if (const auto end = reason.find("] "); end != std::string_view::npos) {
        reason.remove_prefix(end + 2);
    }
    fail(where, "no valid JSON (" + brief(reason, 160) + ")", "strict JSON");
}

[[noreturn]] inline void fail_deep_json(std::string_view where) {
    fail(where, "JSON nested deeper than " + std::to_string(max_json_depth),
         "at most " + std::to_string(max_json_depth) + " levels");
}

[[noreturn]] inline void fail_duplicate_key(std::string_view where, std::string_view key) {
    fail(where, "a duplicate: the key " + in_quotes(key) + " twice in one JSON object",
         "every key once");
}

/// Reads JSON piece by piece into `handler` (nlohmann's SAX interface) without building a tree.
/// The handler refuses by throwing; it guards its own depth and duplicates.
template <class Handler>
void scan_json(std::string_view where, std::string_view text, Handler& handler) {
    require_plain_json(where, text);
    Json::sax_parse(text.begin(), text.end(), &handler);
}

} // namespace detail

namespace detail {

/// Refuses what JSON allows and no file of ours needs: keys twice, deep nesting.
class PlainJson {
public:
    explicit PlainJson(std::string_view where) : where_(where) {}

    // nlohmann's SAX interface.
    bool null() { return true; }
    bool boolean(bool) { return true; }
    bool number_integer(Json::number_integer_t) { return true; }
    bool number_unsigned(Json::number_unsigned_t) { return true; }
    bool number_float(Json::number_float_t, const std::string&) { return true; }
    bool string(std::string&) { return true; }
    bool binary(Json::binary_t&) { return true; }
    bool start_object(std::size_t) { return open(); }
    bool start_array(std::size_t) { return open(); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool key(std::string& key) {
        if (!keys_.back().insert(key).second) fail_duplicate_key(where_, key);
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const Json::exception& error) {
        fail_json(where_, error);
    }

private:
    bool open() {
        keys_.emplace_back();
        if (keys_.size() > max_json_depth) fail_deep_json(where_);
        return true;
    }
    bool close() {
        keys_.pop_back();
        return true;
    }

    std::string_view where_;
    std::vector<std::set<std::string, std::less<>>> keys_; ///< of what is open
};

} // namespace detail

/// The value that `text` holds; errors begin with `where`, the file's path.
[[nodiscard]] inline Json parse_json(std::string_view where, std::string_view text) {
    detail::PlainJson plain(where);
    detail::scan_json(where, text, plain);
    try {
        return Json::parse(text.begin(), text.end());
    } catch (const Json::exception& error) {
        detail::fail_json(where, error);
    }
}

} // namespace latent
