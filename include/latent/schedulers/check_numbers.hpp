#pragma once

#include "latent/tensor/error.hpp"

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace latent {

namespace detail {

/// The range of a config's number, by its name; ends count where they are said to.
struct NumberRange {
    std::string_view name;
    double low, high;
    bool with_low = true, with_high = true;

    [[nodiscard]] bool has(double x) const {
        return (with_low ? x >= low : x > low) && (with_high ? x <= high : x < high);
    }
};

inline constexpr std::array<NumberRange, 41> number_ranges{{
    {"num_train_timesteps", 1, 1e6},
    {"beta_start", 0, 1, false, false},
    {"beta_end", 0, 1, false, false},
    {"trained_betas", 0, 1, false},
    {"clip_sample_range", 0, 1e6, false},
    {"dynamic_thresholding_ratio", 0, 1},
    {"sample_max_value", 0, 1e6, false},
    {"steps_offset", 0, 1e6},
    {"solver_order", 1, 5},
    {"lambda_min_clipped", -std::numeric_limits<double>::infinity(), 100},
    {"flow_shift", 0, 1e6, false},
    {"shift", 0, 1e6, false},
    {"shift_terminal", 0, 1, true, false},
    {"sigma_min", 0, 1e6, false},
    {"sigma_max", 0, 1e6, false},
    {"eta", 0, 1},
    {"timestep_scaling", 0, 1e6, false},
    {"original_inference_steps", 1, 1e6},
    {"disable_corrector", 0, 1e6},
    {"sigma_data", 0, 1e6, false},
    {"s_noise", 0, 1e6},
    {"s_churn", 0, 1e6},
    {"s_min", 0, 1e6},
    {"s_max", 0, 1e6},
    {"rho", 0, 1e6, false},
    {"snr", 0, 1e6, false},
    {"sampling_eps", 0, 1, false, false},
    {"correct_steps", 0, 1e6},
    {"beta_min", 0, 1e6, false},
    {"beta_max", 0, 1e6, false},
    {"base_shift", 0, 100},
    {"max_shift", 0, 100},
    {"base_image_seq_len", 1, 1e9},
    {"max_image_seq_len", 1, 1e9},
    {"num_vec_classes", 2, 1e6},
    {"alpha_cum_start", 0, 1},
    {"alpha_cum_end", 0, 1},
    {"gamma_cum_start", 0, 1},
    {"gamma_cum_end", 0, 1},
    {"predictor_order", 0, 4},
    {"corrector_order", 0, 4},
}};

[[nodiscard]] inline std::string short_text(double x) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text.precision(10);
    text << x;
    return text.str();
}

inline void check_number(std::string_view name, double x) {
    for (const auto& range : number_ranges) {
        if (range.name != name || range.has(x)) continue;
        fail(name, short_text(x),
             (range.with_low ? "at least " : "more than ") + short_text(range.low) +
                 (range.with_high ? ", at most " : ", less than ") + short_text(range.high));
    }
}

template <class T>
void check_field(std::string_view name, const T& field) {
    if constexpr (std::same_as<T, bool>) {
    } else if constexpr (std::is_arithmetic_v<T>) {
        check_number(name, static_cast<double>(field));
    } else if constexpr (requires { field.has_value(); }) {
        if (field) check_field(name, *field);
    } else if constexpr (requires(typename T::value_type x) {
                             requires std::is_arithmetic_v<decltype(x)>;
                         }) {
        if constexpr (!std::same_as<T, std::string>)
            for (const auto x : field) check_field(name, x);
    }
}

} // namespace detail

/// Throws Error for a number of a config's that is out of its field's range, NaN among them.
/// Ranges go by name, the same for all schedulers.
template <class Config>
void check_numbers(const Config& config) {
    fields(config,
           [](std::string_view name, const auto& field) { detail::check_field(name, field); });
    if constexpr (requires { config.sigma_min&& config.sigma_max; }) {
        using Sigma = std::remove_cvref_t<decltype(config.sigma_min)>;
        if constexpr (std::same_as<Sigma, std::optional<double>>) {
            if (config.sigma_min && config.sigma_max &&
                !(*config.sigma_min < *config.sigma_max))
                fail("sigma_min", detail::short_text(*config.sigma_min),
                     "less than sigma_max, " + detail::short_text(*config.sigma_max));
        }
    }
}

} // namespace latent
