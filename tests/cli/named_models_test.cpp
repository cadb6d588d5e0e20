#include "cli/command.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

using namespace latent;
using namespace latent::test;

TEST_CASE("the models that Latent brings go by name", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    for (const std::string name : {"small", "tiny"}) {
        const auto outcome = run_latent({"explain", "-m", name, "--depth", "1"});
        CAPTURE(name, outcome.err);
        CHECK(outcome.code == 0);
        CHECK(contains(outcome.out, name == "small" ? "AutoencoderKL" : "AutoencoderTiny"));
    }
    // They may be elsewhere; and then they must be there.
    const TemporaryFolder folder;
    std::filesystem::copy(reference_data() / "models" / "small", folder / "tiny");
    const auto told = "LATENT_MODELS=" + folder.path().string();
    CHECK(contains(run_latent({"explain", "-m", "tiny", "--depth", "1"}, {told}).out,
                   "AutoencoderKL"));
    const auto missing = run_latent({"explain", "-m", "small"}, {told});
    CHECK(missing.code == 1);
    CHECK(std::ranges::count(missing.err, '\n') == 1);
    CHECK(contains(missing.err, "small: got no folder " + folder.path().string()));
    CHECK(contains(missing.err, "LATENT_MODELS says where they are"));
}
