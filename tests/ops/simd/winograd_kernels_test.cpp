#include "ops/simd/every_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

using latent::detail::WinogradForm;
using Matrix = std::vector<std::vector<double>>;

/// What a tile is multiplied with. All of it is exact in float. (As doubles, g++ 12 makes four
/// ones of {1, 1, 1, 0} at -O2 for a processor with AVX-512.)
using Factors = std::vector<std::vector<float>>;

/// A way's numbers and matrices: B^T takes inputs to points, A^T points to outputs.
struct Way {
    WinogradForm form;
    std::int64_t outputs, points, taps, step;
    Factors to_points, to_outputs;
};

template <WinogradForm form>
Way way(Factors to_points, Factors to_outputs) {
    using Sizes = latent::detail::WinogradSizes<form>;
    return {form,        Sizes::outputs,       Sizes::points,        Sizes::taps,
            Sizes::step, std::move(to_points), std::move(to_outputs)};
}

std::vector<Way> every_way() {
    constexpr float a = 1.5F, b = a * a, c = a * a * a, d = 1 + b * b;
    return {
        way<WinogradForm::f2>({{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}},
                              {{1, 1, 1, 0}, {0, 1, -1, -1}}),
        way<WinogradForm::f2_upsampled>({{1, -1, 0}, {0, 2, 0}, {0, 1, -1}},
                                        {{1, 1, 0}, {0, 1, -1}}),
        way<WinogradForm::f4>({{b, 0, -d, 0, b, 0},
                               {0, -b, -c, 1, a, 0},
                               {0, b, -c, -1, a, 0},
                               {0, -a, -1, c, b, 0},
                               {0, a, -1, -c, b, 0},
                               {0, b, 0, -d, 0, b}},
                              {{1, c, c, 1, 1, 0},
                               {0, b, -b, a, -a, 0},
                               {0, a, a, b, b, 0},
                               {0, 1, -1, c, -c, 1}}),
    };
}

/// m x m ^T, the transformation of a tile.
Matrix transformed(const Factors& m, const Matrix& x) {
    Matrix y(m.size(), std::vector<double>(m.size()));
    for (std::size_t i = 0; i < m.size(); ++i) {
        for (std::size_t j = 0; j < m.size(); ++j) {
            for (std::size_t k = 0; k < x.size(); ++k) {
                for (std::size_t l = 0; l < x.size(); ++l)
                    y[i][j] += static_cast<double>(m[i][k] * m[j][l]) * x[k][l];
            }
        }
    }
    return y;
}

/// How large the sums of `transformed` get where no input is above 1: what their errors are
/// measured by.
double reach(const Factors& m) {
    double largest = 0;
    for (const auto& row : m) {
        double sum = 0;
        for (const auto factor : row) sum += static_cast<double>(std::abs(factor));
        largest = std::max(largest, sum);
    }
    return largest * largest;
}

/// An image, and a block of tiles that may reach over its edges.
template <class S>
struct Scene {
    const Way& way;
    std::int64_t height, width, across, down, channels = 2;
    Activation activation = Activation::none;
    bool with_norm = false, with_add = false;

    [[nodiscard]] std::int64_t columns() const { return (across * down + 47) / 48 * 48; }
    [[nodiscard]] std::size_t cells() const {
        return static_cast<std::size_t>(way.points * way.points);
    }
};

/// The largest error of read_inputs in units of the largest sum's last place. The block begins
/// a row and a column before the image, as with padding.
template <class S>
double error_of_inputs(const detail::Kernels<S>& simd, const Scene<S>& scene) {
    Generator random(11);
    const auto& way = scene.way;
    const auto C = scene.channels, H = scene.height, W = scene.width;
    const auto x = random_values<S>(random, C * H * W);
    const auto center = random_values<S>(random, C), factor = random_values<S>(random, C),
               offset = random_values<S>(random, C);

    detail::WinogradBlock<S> block;
    block.x = {x.data(), H * W, 0, H, W};
    if (scene.with_norm)
        block.norm = {center.data(), factor.data(), offset.data(), scene.activation};
    block.channels = C;
    block.columns = scene.columns(), block.input_stride = C * block.columns + 16;
    block.across = scene.across, block.down = scene.down;
    block.first_row = block.first_column = -1;

    const auto lines = way.step * (scene.down - 1) + way.taps;
    std::vector<S> inputs(scene.cells() * static_cast<std::size_t>(block.input_stride) + 16);
    std::vector<S> scratch(static_cast<std::size_t>(
        block.line_length(way.step) + (way.step + lines * way.points) * block.pitch()));
    simd.read_inputs[static_cast<std::size_t>(way.form)](block, inputs.data(), scratch.data());

    const auto pixel = [&](std::int64_t c, std::int64_t row, std::int64_t column) -> double {
        if (row < 0 || row >= H || column < 0 || column >= W) return 0;
        const auto channel = static_cast<std::size_t>(c);
        const auto value =
            static_cast<double>(x[static_cast<std::size_t>((c * H + row) * W + column)]);
        if (!scene.with_norm) return value;
        return activate(scene.activation, (value - static_cast<double>(center[channel])) *
                                                  static_cast<double>(factor[channel]) +
                                              static_cast<double>(offset[channel]));
    };
    std::vector<S> got;
    std::vector<double> truth;
    const auto taps = static_cast<std::size_t>(way.taps);
    for (std::int64_t c = 0; c < C; ++c) {
        for (std::int64_t tile = 0; tile < block.columns; ++tile) {
            Matrix d(taps, std::vector<double>(taps));
            for (std::size_t i = 0; tile < scene.across * scene.down && i < taps; ++i) {
                for (std::size_t j = 0; j < taps; ++j) {
                    d[i][j] = pixel(
                        c, way.step * (tile / scene.across) - 1 + static_cast<std::int64_t>(i),
                        way.step * (tile % scene.across) - 1 + static_cast<std::int64_t>(j));
                }
            }
            const auto points = transformed(way.to_points, d);
            for (std::size_t p = 0; p < scene.cells(); ++p) {
                const auto n = static_cast<std::size_t>(way.points);
                truth.push_back(points[p / n][p % n]);
                got.push_back(inputs[p * static_cast<std::size_t>(block.input_stride) +
                                     static_cast<std::size_t>(c * block.columns + tile)]);
            }
        }
    }
    return units_off(std::span<const S>(got), truth) / reach(way.to_points);
}

/// The same of write_outputs, whose image may end in the midst of the last tiles.
template <class S>
double error_of_outputs(const detail::Kernels<S>& simd, const Scene<S>& scene) {
    Generator random(12);
    const auto& way = scene.way;
    const auto K = scene.channels, H = scene.height, W = scene.width;
    const auto bias = random_values<S>(random, K), add = random_values<S>(random, K * H * W);
    std::vector<S> y(static_cast<std::size_t>(K * H * W), S(untouched));

    detail::WinogradBlock<S> block;
    block.y = {y.data(), H * W, 0, H, W};
    block.y_channels = K;
    block.bias = bias.data();
    block.add = scene.with_add ? add.data() : nullptr;
    block.activation = scene.activation;
    block.columns = scene.columns(), block.product_stride = K * block.columns + 16;
    block.across = scene.across, block.down = scene.down;
    block.y_row = 1, block.y_column = 2;

    const auto stride = static_cast<std::size_t>(block.product_stride);
    const auto products =
        random_values<S>(random, static_cast<std::int64_t>(scene.cells() * stride));
    std::vector<S> lines(
        static_cast<std::size_t>(way.outputs * way.outputs * block.columns + 16));

    std::vector<double> truth(y.size(), untouched);
    const auto n = static_cast<std::size_t>(way.points);
    for (std::int64_t k = 0; k < K; ++k) {
        const auto channel = static_cast<std::size_t>(k * block.columns);
        simd.write_outputs[static_cast<std::size_t>(way.form)](
            block, k, products.data() + channel, lines.data());
        for (std::int64_t tile = 0; tile < scene.across * scene.down; ++tile) {
            Matrix m(n, std::vector<double>(n));
            for (std::size_t p = 0; p < n * n; ++p)
                m[p / n][p % n] = static_cast<double>(
                    products[p * stride + channel + static_cast<std::size_t>(tile)]);
            const auto outputs = transformed(way.to_outputs, m);
            for (std::int64_t i = 0; i < way.outputs; ++i) {
                for (std::int64_t j = 0; j < way.outputs; ++j) {
                    const auto row = 1 + way.outputs * (tile / scene.across) + i;
                    const auto column = 2 + way.outputs * (tile % scene.across) + j;
                    if (row >= H || column >= W) continue;
                    const auto at = static_cast<std::size_t>((k * H + row) * W + column);
                    auto value =
                        outputs[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] +
                        static_cast<double>(bias[static_cast<std::size_t>(k)]);
                    if (scene.with_add) value += static_cast<double>(add[at]);
                    truth[at] = activate(scene.activation, value);
                }
            }
        }
    }
    return units_off(std::span<const S>(y), truth) / reach(way.to_outputs);
}

/// How many tiles a block has, across and down.
constexpr std::array<std::array<std::int64_t, 2>, 4> blocks{{{1, 1}, {5, 3}, {16, 2}, {37, 2}}};

} // namespace

TEST_CASE("read_inputs makes the points of every tile", "[simd]") {
    const auto ways = every_way();
    for_every_kernel([&]<class S>(const detail::Kernels<S>& simd) {
        for (const auto& way : ways) {
            for (const auto [across, down] : blocks) {
                // An image that the tiles fill, one that ends before, and one that goes on.
                for (const std::int64_t more : {0, -1, 20}) {
                    const auto height = std::max<std::int64_t>(way.step * down + more, 1);
                    const auto width = std::max<std::int64_t>(way.step * across + more, 1);
                    Scene<S> scene{way, height, width, across, down};
                    CAPTURE(static_cast<int>(way.form), across, down, height, width);
                    CHECK(error_of_inputs(simd, scene) <= 2);
                    scene.with_norm = true, scene.activation = Activation::silu;
                    CHECK(error_of_inputs(simd, scene) <= 2);
                }
            }
        }
    });
}

TEST_CASE("write_outputs makes the pixels of every tile", "[simd]") {
    const auto ways = every_way();
    for_every_kernel([&]<class S>(const detail::Kernels<S>& simd) {
        for (const auto& way : ways) {
            for (const auto [across, down] : blocks) {
                for (const std::int64_t more : {0, -1, 20}) {
                    Scene<S> scene{way, 1 + way.outputs * down + more,
                                   2 + way.outputs * across + more, across, down};
                    CAPTURE(static_cast<int>(way.form), across, down, more);
                    CHECK(error_of_outputs(simd, scene) <= 2);
                    scene.with_add = true, scene.activation = Activation::silu;
                    CHECK(error_of_outputs(simd, scene) <= 2);
                }
            }
        }
    });
}
