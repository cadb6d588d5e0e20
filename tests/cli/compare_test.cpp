#include "cli/command.hpp"
#include "support/catch.hpp"

#include <latent/io/image.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

TEST_CASE("compare tells how alike two images are", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TemporaryFolder folder;
    const auto at = [&](std::string_view name) { return (folder / name).string(); };
    write_png(folder / "a.png", {2, 1, 3, {10, 20, 30, 40, 50, 60}});
    write_png(folder / "b.png", {2, 1, 3, {10, 26, 30, 40, 50, 10}});
    write_png(folder / "c.png", {1, 2, 3, {10, 20, 30, 40, 50, 60}});
    const auto run = [&](std::vector<std::string> rest) {
        rest.insert(rest.begin(), "compare");
        return run_latent(rest);
    };
    const auto told = run({at("a.png"), at("b.png"), "-o", at("d.png")});
    CHECK(told.code == 0);
    // (36 + 2500) / 6 = 422.67; 20 log10 255 - 10 log10 422.67 = 21.87
    CHECK(told.out == "psnr_db 21.8708\nmean_error 9.3333\nmax_error 50\n");
    CHECK(read_image(folder / "d.png").pixels ==
          std::vector<std::uint8_t>{128, 152, 128, 128, 128, 0});
    CHECK(run({at("a.png"), at("b.png"), "-o", at("d.png"), "--gain", "1"}).code == 0);
    CHECK(read_image(folder / "d.png").pixels ==
          std::vector<std::uint8_t>{128, 134, 128, 128, 128, 78});
    CHECK(contains(run({at("a.png"), at("a.png")}).out, "psnr_db inf\n"));
    const auto other = run({at("a.png"), at("c.png"), "-o", at("e.png")});
    CHECK(other.code == 1);
    CHECK(contains(other.err, "got 1 x 2 pixels, expected 2 x 1 pixels, as " + at("a.png")));
    CHECK_FALSE(std::filesystem::exists(folder / "e.png"));
    CHECK(run({at("a.png"), at("b.png"), "--gain", "2"}).code == 2);
    CHECK(run({at("a.png")}).code == 2);
}

TEST_CASE("shrink makes a large image smaller by a whole number", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TemporaryFolder folder;
    const auto at = [&](std::string_view name) { return (folder / name).string(); };
    const auto run = [&](std::vector<std::string> rest) {
        rest.insert(rest.begin(), "shrink");
        return run_latent(rest);
    };
    // 17 x 9 to 8 x 4, by means of 2 x 2: a ramp of even numbers across.
    Image ramp{17, 9, 3, {}};
    for (int i = 0; i < 17 * 9 * 3; ++i)
        ramp.pixels.push_back(static_cast<std::uint8_t>(2 * (i / 3 % 17) + i % 3));
    write_png(folder / "ramp.png", ramp);
    const auto halved = run({at("ramp.png"), "--side", "9", "-o", at("small.png")});
    CHECK(halved.code == 0);
    CHECK(halved.out == "width 8\nheight 4\ntimes 2\n");
    const auto small = read_image(folder / "small.png");
    REQUIRE(small.pixels.size() == 8 * 4 * 3);
    for (int i = 0; i < 8 * 4 * 3; ++i)
        CHECK(small.pixels[static_cast<std::size_t>(i)] == 4 * (i / 3 % 8) + 1 + i % 3);
    // A small one stays as it is.
    CHECK(run({at("ramp.png"), "-o", at("same.png")}).out == "width 17\nheight 9\ntimes 1\n");
    CHECK(read_image(folder / "same.png").pixels == ramp.pixels);

    write_png(folder / "line.png", {40, 1, 3, std::vector<std::uint8_t>(120)});
    const auto line = run({at("line.png"), "--side", "8", "-o", at("none.png")});
    CHECK(line.code == 1);
    CHECK(contains(line.err, "line.png: got 40 x 1 pixels"));
    CHECK_FALSE(std::filesystem::exists(folder / "none.png"));
    CHECK(run({at("ramp.png"), "--side", "0", "-o", at("none.png")}).code == 2);
}
