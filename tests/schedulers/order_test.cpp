#include "schedulers/gaussian_data.hpp"
#include "support/catch.hpp"

#include <latent/schedulers/all.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

constexpr GaussianData normal_data;

const auto plain_step = [](auto& scheduler, const Tensor<Cpu<double>>& out, double t,
                           Tensor<Cpu<double>> x, Generator& generator) {
    return scheduler.step(out, t, std::move(x), generator);
};

/// The error, per standard deviation of the answer, behind a run of n steps.
template <class S, class Step>
double error_of(S& scheduler, std::int64_t n, bool whole, const Step& step) {
    scheduler.set_timesteps(whole ? n : n + 1);
    Tensor<Cpu<double>> normal({1, 5});
    for (std::int64_t i = 0; i < 5; ++i) normal.data()[i] = 0.6 * static_cast<double>(i) - 1;
    const auto exact = [](const auto& x, const SampleLevel& at, std::size_t) {
        return normal_data.epsilon(x, at);
    };
    const auto made = walk(normal_data, scheduler, std::move(normal), exact, step, whole);
    double worst = 0;
    for (std::size_t i = 0; i < made.last.size(); ++i) {
        const auto truth =
            normal_data.carried(made.first[i], made.sigma_first, made.sigma_last);
        const auto error = std::abs(made.last[i] - truth) / normal_data.spread(made.sigma_last);
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

/// The slope of ln error against ln of a step, by least squares.
double slope_of(std::span<const std::int64_t> steps, std::span<const double> errors) {
    double x_mean = 0, y_mean = 0, xy = 0, xx = 0;
    const auto count = static_cast<double>(steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
        x_mean -= std::log(static_cast<double>(steps[i])) / count;
        y_mean += std::log(errors[i]) / count;
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const auto x = -std::log(static_cast<double>(steps[i])) - x_mean;
        xy += x * (std::log(errors[i]) - y_mean), xx += x * x;
    }
    return xy / xx;
}

/// How many steps, and how the run ends.
struct StepCounts {
    std::array<std::int64_t, 4> n{20, 40, 80, 160};
    bool whole = false; ///< to the training's first timestep, by steps of T / n
};
/// For methods of third order and more, whose errors soon meet those of float32 tables.
constexpr StepCounts few_steps{.n = {24, 36, 48, 72}};
constexpr StepCounts many_steps{.n = {40, 80, 160, 320}};
constexpr StepCounts whole_steps{.whole = true};

struct OrderRange {
    double least, most;
    explicit(false) OrderRange(double order) : least(order), most(order) {}
    OrderRange(double low, double high) : least(low), most(high) {}
};

/// The errors fall as the step's length does to the power `order`.
template <class S, class Step = decltype(plain_step)>
void check_order(const std::string& options, const OrderRange& order, S scheduler,
                 const StepCounts& steps = {}, const Step& step = plain_step) {
    std::vector<double> errors;
    for (const auto n : steps.n) errors.push_back(error_of(scheduler, n, steps.whole, step));
    const auto slope = slope_of(steps.n, errors);
    const auto name = std::string(short_name(S::class_name)) + " " + options;
    std::printf("%-40s slope %.2f, errors %.1e to %.1e\n", name.c_str(), slope, errors.front(),
                errors.back());
    INFO(name << ": slope " << slope << ", expected " << order.least << " to " << order.most);
    CHECK(slope >= order.least - 0.15);
    CHECK(slope <= order.most + 0.15);
    CHECK(errors.back() <= 0.02);
}

template <template <class> class S>
using ConfigFor = ConfigOf<S<Cpu<double>>>;

/// On the smooth schedule, with fields changed. 20160 can be divided by every count of steps.
template <template <class> class S>
[[nodiscard]] S<Cpu<double>> on_smooth(auto change, std::int64_t T = 20161,
                                       std::string_view spacing = "linspace") {
    auto config = smooth<ConfigFor<S>>(T, spacing);
    change(config);
    return S<Cpu<double>>(config);
}
template <template <class> class S>
[[nodiscard]] S<Cpu<double>> on_smooth() {
    return on_smooth<S>([](auto&) {});
}
/// For those whose steps are T / n timesteps.
template <template <class> class S>
[[nodiscard]] S<Cpu<double>> by_timestep(auto change) {
    return on_smooth<S>(change, 20160, "trailing");
}
template <template <class> class S>
[[nodiscard]] S<Cpu<double>> by_timestep() {
    return by_timestep<S>([](auto&) {});
}

/// A solver of this order, that keeps it to the end.
[[nodiscard]] auto of_order(int order, auto change) {
    return [=](auto& config) {
        config.solver_order = order, config.lower_order_final = false;
        change(config);
    };
}

} // namespace

TEST_CASE("methods of one step have their order", "[schedulers]") {
    check_order("", 1, on_smooth<EulerDiscreteScheduler>());
    check_order("", 2, on_smooth<HeunDiscreteScheduler>());
    check_order("", 2, on_smooth<KDPM2DiscreteScheduler>());
    check_order("", 1, by_timestep<DDIMScheduler>(), whole_steps);
    check_order("", 1, by_timestep<DDIMInverseScheduler>(), whole_steps);
    check_order("of eta 0", 1, by_timestep<TCDScheduler>([](auto& config) {
                    config.original_inference_steps = 20160;
                }),
                whole_steps,
                [](auto& scheduler, const Tensor<Cpu<double>>& out, double t,
                   Tensor<Cpu<double>> x, Generator& generator) {
                    return scheduler.step(out, t, std::move(x), generator, {.eta = 0});
                });
}

// Adams and Bashforth's weights are of fourth order where steps are alike in sigma. They are
// alike in t, and so the error of weighing d sigma / dt by its mean is left: second order.
TEST_CASE("PNDM is of second order", "[schedulers]") {
    check_order("with Runge-Kutta", 2, by_timestep<PNDMScheduler>(), whole_steps);
    check_order("without", 2,
                by_timestep<PNDMScheduler>([](auto& config) { config.skip_prk_steps = true; }),
                whole_steps);
}

TEST_CASE("DPM-Solver has its order", "[schedulers]") {
    for (const auto* algorithm : {"dpmsolver", "dpmsolver++"}) {
        for (const auto* type : {"midpoint", "heun"}) {
            for (int order = 1; order <= 3; ++order) {
                const auto options =
                    std::string(algorithm) + ", " + type + ", " + std::to_string(order);
                const auto change = of_order(order, [=](auto& config) {
                    config.algorithm_type = algorithm, config.solver_type = type;
                });
                // A block of the single step has all its outputs. The multistep's first step
                // is of first order, whatever follows; its error, of second, stays. (With so
                // many steps that float32 shows, the slope of dpmsolver's third is 2.16.)
                const auto third = order == 3 && algorithm == std::string("dpmsolver");
                check_order(options, order, on_smooth<DPMSolverSinglestepScheduler>(change),
                            few_steps);
                check_order(options, std::min(order, 2),
                            on_smooth<DPMSolverMultistepScheduler>(change),
                            third ? few_steps : many_steps);
            }
        }
    }
}

// The first step's error, of second order, is small beside that of all others: epsilon hardly
// changes at the largest sigmas. Weights of third order are float32, as diffusers has them, and
// differences of differences: of short steps nothing is left but their rounding.
TEST_CASE("DEIS has its order", "[schedulers]") {
    for (int order = 1; order <= 3; ++order) {
        check_order("of order " + std::to_string(order), order,
                    on_smooth<DEISMultistepScheduler>(of_order(order, [](auto&) {})),
                    order == 3 ? StepCounts{.n = {6, 8, 12, 16}} : few_steps);
    }
}

// The corrector adds one to the predictor's order. It corrects a first step of first order, to
// an error of third, which stays; in third order the slope lies between that and 4.
TEST_CASE("UniPC has its order and one more", "[schedulers]") {
    for (const auto predict_x0 : {true, false}) {
        for (const auto* type : {"bh1", "bh2"}) {
            for (int order = 1; order <= 3; ++order) {
                check_order(std::string(type) + (predict_x0 ? ", x_0, " : ", epsilon, ") +
                                std::to_string(order),
                            order == 3 ? OrderRange(3, 4) : OrderRange(order + 1),
                            on_smooth<UniPCMultistepScheduler>(of_order(order,
                                                                        [=](auto& config) {
                                                                            config.predict_x0 =
                                                                                predict_x0,
                                                                            config.solver_type =
                                                                                type;
                                                                        })),
                            order == 1 ? many_steps : few_steps);
            }
        }
    }
}

namespace {

/// Many samples of data, walked together: their mean and their deviation are the data's, give
/// or take what so many say of them (three and a half standard errors), and `bias`, the share
/// of a deviation by which steps that are not infinitely short may miss it.
template <class S, class Network, class Step = decltype(plain_step)>
void check_distribution(const std::string& options, double bias, S scheduler, std::int64_t n,
                        const Network& network, const Step& step = plain_step) {
    constexpr std::int64_t particles = 16384;
    if (n > 0) scheduler.set_timesteps(n);
    const auto made = walk(normal_data, scheduler,
                           Generator(3).randn<Cpu<double>>({1, particles}), network, step);
    double mean = 0, square = 0;
    for (const auto x : made.last) mean += x / particles;
    for (const auto x : made.last) square += (x - mean) * (x - mean) / particles;
    const auto truth = normal_data.spread(made.sigma_last);
    const auto off = (mean - normal_data.mean) / truth, ratio = std::sqrt(square) / truth;
    const auto name = std::string(short_name(S::class_name)) + " " + options;
    std::printf("%-40s mean off by %.4f deviations, deviation %.4f of the truth\n",
                name.c_str(), off, ratio);
    INFO(name << ": mean off by " << off << ", deviation " << ratio << " of the truth");
    const auto error = 3.5 / std::sqrt(static_cast<double>(particles));
    CHECK(std::abs(off) <= error + bias);
    CHECK(std::abs(ratio - 1) <= error / std::sqrt(2.0) + bias);
}

const auto best_network = [](const Tensor<Cpu<double>>& x, const SampleLevel& at, std::size_t) {
    return normal_data.epsilon(x, at);
};

/// The epsilon by which a leap to another sigma lands where the flow does: what networks are
/// distilled to predict.
[[nodiscard]] Tensor<Cpu<double>> leaping(const Tensor<Cpu<double>>& x, const SampleLevel& at,
                                          double to) {
    auto out = x.clone();
    for (auto& value : out.values()) {
        const auto ratio = value / at.alpha;
        value = (normal_data.carried(ratio, at.sigma, to) - ratio) / (to - at.sigma);
    }
    return out;
}

} // namespace

TEST_CASE("stochastic methods reach the data's mean and variance", "[schedulers]") {
    const auto leading = [](auto& config) { config.timestep_spacing = "leading"; };
    check_distribution("", 0.01, by_timestep<DDPMScheduler>(leading), 200, best_network);
    check_distribution("of eta 1", 0.01, by_timestep<DDIMScheduler>(leading), 200, best_network,
                       [](auto& scheduler, const Tensor<Cpu<double>>& out, double t,
                          Tensor<Cpu<double>> x, Generator& generator) {
                           return scheduler.step(out, t, std::move(x), generator, {.eta = 1});
                       });
    check_distribution("", 0.01, on_smooth<EulerAncestralDiscreteScheduler>(), 200,
                       best_network);
    check_distribution("", 0.01, on_smooth<KDPM2AncestralDiscreteScheduler>(), 100,
                       best_network);
    for (const auto* algorithm : {"sde-dpmsolver", "sde-dpmsolver++"}) {
        for (const auto* type : {"midpoint", "heun"}) {
            for (int order = 1; order <= 3; ++order) {
                const auto change = of_order(order, [=](auto& config) {
                    config.algorithm_type = algorithm, config.solver_type = type;
                });
                const auto options =
                    std::string(algorithm) + ", " + type + ", " + std::to_string(order);
                const bool for_noise = options.starts_with("sde-dpmsolver,");
                if (for_noise && order == 3) continue; // refused
                check_distribution(options, 0.01,
                                   on_smooth<DPMSolverMultistepScheduler>(change), 200,
                                   best_network);
                // A second difference whose weight does not vanish with the step, as in
                // diffusers (DpmStep): of third order Heun's form does not converge.
                if (for_noise || (order == 3 && contains(options, "heun"))) continue;
                check_distribution(options, 0.015,
                                   on_smooth<DPMSolverSinglestepScheduler>(change), 199,
                                   best_network);
            }
        }
    }
    check_distribution(
        "with churn", 0.01, on_smooth<EulerDiscreteScheduler>(), 200, best_network,
        [](auto& scheduler, const Tensor<Cpu<double>>& out, double t, Tensor<Cpu<double>> x,
           Generator& generator) {
            return scheduler.step(out, t, std::move(x), generator, {.s_churn = 10});
        });
    UnCLIPSchedulerConfig unclip; // of a schedule of its own
    unclip.num_train_timesteps = 400, unclip.clip_sample = false;
    check_distribution("", 0.01, UnCLIPScheduler<Cpu<double>>(unclip), 0, best_network);
}

// A perfectly distilled network leaps without an error, and noise makes up for the rest.
TEST_CASE("distilled networks reach the data in few steps", "[schedulers]") {
    // LCM's network leaps to the image. At a timestep of 200 and more c_skip is nothing.
    check_distribution("", 0.01, on_smooth<LCMScheduler>([](auto&) {}), 4,
                       [](const Tensor<Cpu<double>>& x, const SampleLevel& at, std::size_t) {
                           return leaping(x, at, 0);
                       });
    // TCD's to the timestep s, from which noise leads back to the step's end.
    auto scheduler = on_smooth<TCDScheduler>();
    scheduler.set_timesteps(4);
    const auto timesteps = scheduler.timesteps;
    const auto abars = scheduler.alphas_cumprod;
    check_distribution("of eta 0.3", 0.01, std::move(scheduler), 0,
                       [&](const Tensor<Cpu<double>>& x, const SampleLevel& at, std::size_t i) {
                           const auto s =
                               std::floor(0.7F * static_cast<float>(timesteps[i + 1]));
                           const double abar = abars[static_cast<std::size_t>(s)];
                           return leaping(x, at, std::sqrt((1 - abar) / abar));
                       });
}
