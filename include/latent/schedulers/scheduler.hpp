#pragma once

#include "latent/ops/combine.hpp"
#include "latent/tensor/random.hpp"

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// What schedulers are to those who call them, and what they share.
///
/// A scheduler turns noise into a sample, a step at a time:
///
///     EulerDiscreteScheduler<Cpu<float>> scheduler(config);
///     scheduler.set_timesteps(20);
///     auto x = generator.randn<Cpu<float>>(shape);            // times init_noise_sigma()
///     for (const auto t : scheduler.timesteps) {
///         const auto out = model(scheduler.scale_model_input(x, t), t);
///         x = scheduler.step(out, t, std::move(x), generator);
///     }
///
/// It is a value: its state is in its members, and a step works in the sample's own memory.

namespace latent {

/// A name in single quotes, for errors about fields.
[[noreturn]] inline void fail_name(std::string_view field, std::string_view got,
                                   std::string_view expected) {
    fail(field, "'" + std::string(got) + "'", expected);
}

/// Throws Error unless a field has one of these values.
inline void check_name(std::string_view field, std::string_view got,
                       std::initializer_list<std::string_view> known) {
    std::string list;
    for (const auto name : known) {
        if (name == got) return;
        list += (list.empty()                 ? ""
                 : name == *(known.end() - 1) ? " or "
                                              : ", ") +
                std::string(name);
    }
    fail_name(field, got, list);
}

/// A scheduler that asks a network once a step: all but KarrasVe. Nearly all have add_noise(x,
/// noise, timestep), too, and those that count in sigmas, or schedules of such, `sigmas`.
template <class S, class Device>
concept Scheduler = requires(S s, const S& c, Tensor<Device> x, const Tensor<Device>& y,
                             Generator& generator) {
    s.set_timesteps(std::int64_t{10});
    { c.timesteps[0] } -> std::convertible_to<double>;
    { c.init_noise_sigma() } -> std::convertible_to<double>;
    { s.scale_model_input(std::move(x), 1.0) } -> std::same_as<Tensor<Device>>;
    { s.step(y, 1.0, std::move(x), generator) } -> std::same_as<Tensor<Device>>;
    { S::order } -> std::convertible_to<int>;
    s.set_begin_index(std::size_t{0});
};

[[noreturn]] inline void fail_beyond_last(std::size_t steps) {
    fail("step", "a step beyond the last one", std::to_string(steps) + " of them",
         "set_timesteps begins another run");
}

/// Where a run stands: the index of its next step. It is found by the first timestep that
/// step() is given, or set by whoever starts in the middle. With the first of all timesteps a
/// run begins at the beginning, even where the second one is the same; diffusers' then begins
/// at the second, and ends a step beyond the last.
class StepIndex {
public:
    /// The index for this timestep, from the first call on counted up by advance().
    [[nodiscard]] std::size_t at(double timestep, std::span<const double> timesteps) {
        if (!index_) index_ = begin_ ? *begin_ : begin_of(timestep, timesteps);
        if (*index_ >= timesteps.size()) fail_beyond_last(timesteps.size());
        return *index_;
    }
    void advance() { ++*index_; }
    /// The next step is this one.
    void set_begin(std::size_t index) { begin_ = index, index_.reset(); }
    void reset() { index_.reset(), begin_.reset(); }

    /// Where a timestep stands; of two that are equal the second one, so that a run that starts
    /// in the middle does not skip a sigma. Throws Error where it is not one of them.
    [[nodiscard]] static std::size_t find(double timestep, std::span<const double> timesteps) {
        std::optional<std::size_t> found;
        for (std::size_t i = 0; i < timesteps.size(); ++i) {
            if (timesteps[i] != timestep) continue;
            if (found) return i;
            found = i;
        }
        if (found) return *found;
        fail("timestep", std::to_string(timestep), "one of the scheduler's timesteps");
    }

private:
    [[nodiscard]] static std::size_t begin_of(double timestep,
                                              std::span<const double> timesteps) {
        const auto first = !timesteps.empty() && timestep == timesteps.front();
        return first ? 0 : find(timestep, timesteps);
    }

    std::optional<std::size_t> index_, begin_;
};

/// What was computed in the steps before, the newest first: as many as a solver's order asks
/// for. Buffers are used again.
template <class Device>
class History {
public:
    explicit History(std::size_t most = 1) : kept_(most) {}

    /// A buffer for the newest, in place of the oldest.
    [[nodiscard]] Tensor<Device>& push(const Shape& shape) {
        std::rotate(kept_.begin(), kept_.end() - 1, kept_.end());
        if (kept_.front().shape() != shape) kept_.front() = Tensor<Device>(shape);
        count_ = std::min(count_ + 1, kept_.size());
        return kept_.front();
    }
    [[nodiscard]] const Tensor<Device>& operator[](std::size_t i) const { return kept_[i]; }
    [[nodiscard]] Tensor<Device>& operator[](std::size_t i) { return kept_[i]; }
    [[nodiscard]] std::size_t size() const { return count_; }
    void clear() { count_ = 0; }

private:
    std::vector<Tensor<Device>> kept_;
    std::size_t count_ = 0;
};

/// Normal numbers in a buffer that is used again: torch's randn of the generator.
template <class Device>
class NoiseBuffer {
public:
    [[nodiscard]] const Tensor<Device>& draw(Generator& generator, const Shape& shape) {
        if (noise_.shape() != shape) noise_ = Tensor<Device>(shape);
        if constexpr (Device::on_host) {
            generator.randn(noise_.values());
        } else if constexpr (requires(std::span<const float> x) { upload(noise_, x); }) {
            host_.resize(static_cast<std::size_t>(noise_.numel()));
            generator.randn(std::span<float>(host_));
            upload(noise_, std::span<const float>(host_));
        }
        return noise_;
    }
    /// What was drawn before.
    [[nodiscard]] const Tensor<Device>& last() const { return noise_; }

private:
    Tensor<Device> noise_;
    std::vector<float> host_;
};

/// Tensors where the processor reaches them: as they are, or copies of a GPU's, as floats, in
/// memory that is used again.
template <class Device>
class OnProcessor {
public:
    using Host =
        std::conditional_t<Device::on_host || std::same_as<Device, Meta>, Device, Cpu<float>>;

    [[nodiscard]] const Tensor<Host>& copy(const Tensor<Device>& x) {
        if constexpr (std::same_as<Host, Device>) {
            return x;
        } else {
            if (copy_.shape() != x.shape()) copy_ = Tensor<Host>(x.shape());
            download(x, copy_.values());
            return copy_;
        }
    }
    /// change(the last copy, which was of x); it then goes back to x.
    template <class Change>
    void change(Tensor<Device>& x, const Change& change) {
        if constexpr (std::same_as<Host, Device>) {
            change(x);
        } else {
            change(copy_);
            upload(x, std::span<const float>(copy_.values()));
        }
    }

private:
    Tensor<Host> copy_;
};

namespace detail {

/// y = sum_i to_y[i] x_i; y may be one of them.
template <class Device>
void weigh(Tensor<Device>& y, std::initializer_list<CombineTerm<Device>> terms) {
    combine(y, y, std::span<const CombineTerm<Device>>(terms.begin(), terms.size()), 0.0);
}

/// signal x + deviation noise, in x's memory.
template <class Device>
[[nodiscard]] Tensor<Device> noised(Tensor<Device> x, double signal,
                                    const Tensor<Device>& noise, double deviation) {
    weigh<Device>(x, {{&x, 0, signal}, {&noise, 0, deviation}});
    return x;
}

} // namespace detail

/// x / sqrt(sigma^2 + sigma_data^2), in x's memory.
template <class Device>
[[nodiscard]] Tensor<Device> scaled_input(Tensor<Device> x, double sigma,
                                          double sigma_data = 1) {
    const auto variance = sigma * sigma + sigma_data * sigma_data;
    detail::weigh<Device>(x, {{&x, 0, 1 / std::sqrt(variance)}});
    return x;
}

} // namespace latent
