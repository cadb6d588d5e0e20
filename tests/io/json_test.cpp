#include "support/catch.hpp"

#include <latent/io/json.hpp>

#include <string>

using namespace latent;

namespace {

std::string json_refusal(const std::string& text) {
    const auto message = message_of([&] { static_cast<void>(parse_json("a.json", text)); });
    CHECK(message.starts_with("a.json: got "));
    CHECK_FALSE(contains(message, "\n"));
    return message;
}

} // namespace

TEST_CASE("json: what RFC 8259 allows is read") {
    const auto json =
        parse_json("a.json", R"( {"a": [1, -2.5, true, null], "b": {"a": "\u00e9"}} )");
    CHECK(json["a"][1] == -2.5);
    CHECK(json["b"]["a"] == "\xC3\xA9");
    CHECK(parse_json("a.json", std::string(100, '[') + std::string(100, ']')).is_array());
}

TEST_CASE("json: what it does not allow is refused in one line") {
    CHECK(contains(json_refusal(""), "strict JSON"));
    for (const auto* text : {"{", "{\"a\":1,}", "[1] x", "{a:1}", "[01]", "[NaN]", "[Infinity]",
                             "// c\n1", "[1e]", "\"\\ud800\"", "\"a\nb\"", "'a'", "[1e999]"}) {
        CAPTURE(text);
        CHECK(contains(json_refusal(text), "no valid JSON"));
    }
    CHECK(contains(json_refusal("\xEF\xBB\xBF{}"), "byte order mark"));
    CHECK(contains(json_refusal(std::string("{}\0x", 4)), "NUL"));
    CHECK(contains(json_refusal("\"\xFF\""), "no valid JSON"));
    CHECK(contains(json_refusal(R"({"a":1,"b":2,"a":3})"), "duplicate: the key \"a\""));
    CHECK(contains(json_refusal(R"([{"x":{"y":1,"y":1}}])"), "duplicate"));
    CHECK(contains(json_refusal(std::string(200, '[') + std::string(200, ']')),
                   "deeper than 128"));
    CHECK(contains(json_refusal(std::string(1'000'000, '[')), "deeper than 128"));
    CHECK(json_refusal("{\"" + std::string(1'000'000, 'x')).size() < 400);
}
