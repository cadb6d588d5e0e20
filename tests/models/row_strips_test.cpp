#include "support/catch.hpp"

#include <latent/models/row_strips.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

using namespace latent;

namespace {

/// An image of 2 channels and 3 columns whose values say which row and channel they are of.
float mark(std::int64_t channel, std::int64_t row) {
    return static_cast<float>(100 * channel + row);
}
Tensor<Cpu<float>> marked(Range rows) {
    Tensor<Cpu<float>> strip({1, 2, rows.size(), 3});
    for (std::int64_t i = 0; i < strip.numel(); ++i) {
        const auto channel = i / 3 / rows.size(), row = rows.begin + i / 3 % rows.size();
        strip.data()[i] = mark(channel, row);
    }
    return strip;
}

} // namespace

TEST_CASE("strips cover an image once, from the top", "[models]") {
    for (std::int64_t height = 1; height <= 21; ++height) {
        std::int64_t end = 0;
        detail::for_strips(height, 8, [&](Range rows) {
            CHECK(rows.begin == end);
            CHECK(rows.size() == std::min<std::int64_t>(8, height - end));
            end = rows.end;
        });
        CHECK(end == height);
    }
}

TEST_CASE("strips with neighbours have each row once, and the rows beside it", "[models]") {
    for (const std::int64_t step : {4, 8, 12}) {
        for (std::int64_t height = 1; height <= 40; ++height) {
            CAPTURE(step, height);
            std::int64_t made = 0, used = 0;
            bool sound = true;
            const auto make = [&](Range rows) {
                sound = sound && rows.begin == made;
                made = rows.end;
                return marked(rows);
            };
            const auto use = [&](const Strip<Cpu<float>>& strip, Range rows) {
                const auto& x = *strip.rows;
                sound = sound && rows.begin == used && rows.begin % 4 == 0 && rows.size() > 0;
                sound = sound && (made == height ? rows.end == height : rows.end == made - 4);
                used = rows.end;
                // All neighbours that the image has.
                const auto last = strip.first + x.dim(2);
                sound = sound && strip.height == height;
                sound = sound && strip.first <= std::max<std::int64_t>(rows.begin - 1, 0);
                sound = sound && last >= std::min(rows.end + 1, height) && last <= made;
                for (std::int64_t i = 0; i < x.numel(); ++i) {
                    const auto channel = i / 3 / x.dim(2);
                    sound =
                        sound && x.data()[i] == mark(channel, strip.first + i / 3 % x.dim(2));
                }
            };
            detail::for_strips_with_neighbours<Cpu<float>>(height, step, make, use);
            CHECK(sound);
            CHECK(made == height);
            CHECK(used == height);
        }
    }
}

TEST_CASE("rows are pasted where they belong", "[models]") {
    auto x = marked({0, 6});
    detail::paste_rows(x, {2, 4}, marked({10, 12}));
    const std::vector<float> expected{0, 1, 10, 11, 4, 5, 100, 101, 110, 111, 104, 105};
    for (std::int64_t i = 0; i < x.numel(); ++i)
        CHECK(x.data()[i] == expected[static_cast<std::size_t>(i / 3)]);
}
