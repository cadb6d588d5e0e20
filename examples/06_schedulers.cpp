// Sampling without a trained network: of points on a ring of eight Gaussians everything is
// known, also what a perfect network would say. Any scheduler, from noise to data.
//     06_schedulers [NAME [FILE.pgm]]     DPMSolverMultistep unless told otherwise

#include <latent/io/load_scheduler.hpp>
#include <latent/schedulers/gaussian_mixture.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>
#include <iostream>
#include <vector>

namespace {

using Device = latent::Cpu<float>;
constexpr std::size_t points = 600, steps = 30;

/// How many points lie in each cell of a square that reaches from -1 to 1.
std::vector<int> counted(const latent::Tensor<Device>& x, std::size_t columns,
                         std::size_t rows) {
    std::vector<int> cells(columns * rows);
    const auto place = [](float value, std::size_t count) {
        return static_cast<std::size_t>(std::clamp((value + 1) / 2, 0.0F, 0.999F) *
                                        static_cast<float>(count));
    };
    for (std::size_t i = 0; i < points; ++i)
        ++cells[place(-x.data()[2 * i + 1], rows) * columns + place(x.data()[2 * i], columns)];
    return cells;
}

/// Mean and variance along x or y are those of the data, as near as chance allows.
bool as_known(const latent::Tensor<Device>& x, std::size_t axis, double known) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < points; ++i) mean += double{x.data()[2 * i + axis]} / points;
    for (std::size_t i = 0; i < points; ++i)
        variance += std::pow(double{x.data()[2 * i + axis]} - mean, 2) / points;
    std::cout << "xy"[axis] << ": mean " << mean << ", known to be 0; variance " << variance
              << ", known to be " << known << '\n';
    return std::abs(mean) < 0.1 && std::abs(variance - known) < 0.06;
}

} // namespace

int main(int argc, char* argv[]) try {
    const auto data = latent::GaussianMixture::ring();
    bool good = false;
    const auto run = [&](auto scheduler, const auto&) {
        using S = decltype(scheduler);
        if constexpr (latent::steps_by_prediction<S, Device> && !latent::is_inverse<S>) {
            // The loop of every sampler; exact_step asks the perfect network, and steps.
            latent::Generator generator(0);
            scheduler.set_timesteps(steps);
            auto x = latent::exact_start<Device>(scheduler, data, points, generator);
            for (std::size_t i = 0; i < scheduler.timesteps.size(); ++i)
                x = latent::exact_step(scheduler, data, i, std::move(x), generator);

            for (std::size_t i = 0; const auto count : counted(x, 60, 30))
                std::cout << " .:+*#"[std::min(count, 5)] << (++i % 60 == 0 ? "\n" : "");
            if (argc > 2) {
                std::ofstream file(argv[2]);
                file << "P2 120 120 255\n";
                for (const auto n : counted(x, 120, 120))
                    file << std::max(0, 255 - 60 * n) << '\n';
            }
            const bool x_is = as_known(x, 0, data.variance()[0]);
            good = as_known(x, 1, data.variance()[1]) && x_is;
        } else {
            std::cerr << latent::short_name(S::class_name) << ": no sampler of predictions\n";
        }
    };
    const latent::Json config{{"beta_end", 0.012}, {"use_karras_sigmas", true}};
    latent::with_scheduler<Device>(config, "NAME", argc > 1 ? argv[1] : "DPMSolverMultistep",
                                   run);
    return good ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
