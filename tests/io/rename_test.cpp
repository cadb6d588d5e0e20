#include "support/catch.hpp"

#include <latent/io/rename.hpp>

#include <string>
#include <vector>

using namespace latent;

TEST_CASE("rename: parts of a name, numbers, and what is put in front") {
    const auto one = [](RenameRule rule, const std::string& name) {
        return renamed(name, std::vector<RenameRule>{std::move(rule)});
    };
    CHECK(one({"decoder.layers.#", "#", 1}, "decoder.layers.3.conv.0.weight") ==
          "4.conv.0.weight");
    CHECK(one({"decoder.layers.#", "#", 1}, "decoder.layers.x.weight") ==
          "decoder.layers.x.weight");
    CHECK(one({"decoder.layers.#", "#", 1}, "encoder.layers.3.weight") ==
          "encoder.layers.3.weight");
    CHECK(one({"encoder.layers", ""}, "encoder.layers.3.weight") == "3.weight");
    CHECK(one({"", "first_stage_model"}, "encoder.w") == "first_stage_model.encoder.w");
    CHECK(one({"conv_shortcut", "nin_shortcut"}, "a.conv_shortcut.weight") ==
          "a.nin_shortcut.weight");
    // Whole parts alone are alike.
    CHECK(one({"conv", "x"}, "conv1.weight") == "conv1.weight");
    CHECK(one({"up_blocks.#.resnets.#", "up.#.block.#"},
              "d.up_blocks.2.resnets.1.norm1.bias") == "d.up.2.block.1.norm1.bias");
    CHECK(one({"a", "b"}, "") == "");
    CHECK(one({"a.#", "a.#"}, "a.99999999999999999999") == "a.99999999999999999999");

    const std::vector<RenameRule> rules{{"a", "b"}, {"b", "c"}};
    CHECK(renamed("a.a", rules) == "c.a");
    CHECK(renamed("x", {}) == "x");
}

TEST_CASE("rename: a table's inverse leads back") {
    const std::vector<RenameRule> rules{{"decoder.layers.#", "decoder.#", 1},
                                        {"conv_shortcut", "nin_shortcut"},
                                        {"a", "b"},
                                        {"", "first.stage"}};
    const auto back = inverse(rules);
    REQUIRE(back.size() == 4);
    CHECK(back.front().from == "first.stage");
    for (const std::string name :
         {"decoder.layers.3.conv_shortcut.0", "a.x", "x", "decoder.layers.0"}) {
        CHECK(renamed(name, rules).starts_with("first.stage."));
        CHECK(renamed(renamed(name, rules), back) == name);
    }
    CHECK(inverse({}).empty());
}
