// Networks on a GPU.

#include "gpu.hpp"

#include <latent/cuda.hpp>
#include <latent/io/load_vae_approx.hpp>
#include <latent/tensor/processor.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

namespace latent::command {

namespace {

/// load(Cuda<S>()) on the GPU that the options name, and forward(network, x, trace) there. It
/// is rehearsed first: the run itself asks for no memory.
template <class S, class Load, class Forward>
Tensor<Device> run_on(const DeviceName& device, const std::string& path, const Load& load,
                      const Forward& forward, const Tensor<Device>& x,
                      const RunOptions& options, double* seconds) {
    using Gpu = Cuda<S>;
    CudaRun gpu(device.index);
    const auto network = load(Gpu());
    const auto run = [&](const auto& trace) {
        return to<Device>(forward(network, to<Gpu>(x), trace));
    };
    if (options.check_finite) {
        gpu.plan([&] { (void)run([](std::string_view, const Tensor<Gpu>&) {}); });
    } else {
        gpu.plan([&] { (void)run(NoTrace()); });
    }
    const auto start = std::chrono::steady_clock::now();
    Tensor<Device> y;
    if (options.check_finite) {
        y = run_checked(path, options, [&](const auto& look) {
            return run([&](std::string_view layer, const Tensor<Gpu>& h) {
                look(layer, to<Device>(h));
            });
        });
    } else {
        y = run(Progress("", {})); // no bar: what is asked for is not done yet
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (seconds != nullptr) *seconds = elapsed.count();
    require_finite(path, y);
    return y;
}

template <class Load, class Forward>
Tensor<Device> run_on_gpu(const std::string& path, const Load& load, const Forward& forward,
                          const Tensor<Device>& x, const RunOptions& options,
                          double* seconds = nullptr) {
    const auto device = DeviceName::from(options.device).value();
    switch (device.kind) {
    case DeviceName::Kind::f16:
        return run_on<Half>(device, path, load, forward, x, options, seconds);
    case DeviceName::Kind::bf16:
        return run_on<BFloat16>(device, path, load, forward, x, options, seconds);
    default:
        return run_on<float>(device, path, load, forward, x, options, seconds);
    }
}

} // namespace

std::optional<DeviceName> DeviceName::from(const std::string& text) {
    if (text == "cpu") return DeviceName{};
    std::string_view rest = text;
    if (!rest.starts_with("cuda")) return std::nullopt;
    rest.remove_prefix(4);
    DeviceName device{.kind = Kind::f32};
    if (rest.size() > 1 && rest[0] == ':' && rest[1] >= '0' && rest[1] <= '9') {
        const auto* const end = rest.data() + rest.size();
        const auto read = std::from_chars(rest.data() + 1, end, device.index);
        if (read.ec != std::errc()) return std::nullopt;
        rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
    }
    if (rest.empty() || rest == ":f32") return device;
    if (rest == ":f16") device.kind = Kind::f16;
    if (rest == ":bf16") device.kind = Kind::bf16;
    if (device.kind == Kind::f32) return std::nullopt;
    return device;
}

Tensor<Device> encode_on_gpu(OpenFiles files, const Tensor<Device>& x,
                             const RunOptions& options, double* seconds) {
    const auto run = [&](auto open) {
        const auto config = open.config;
        const auto path = open.path;
        return run_on_gpu(
            path, [&](auto device) { return load_encoder<decltype(device)>(std::move(open)); },
            [&](const auto& side, const auto& in, const auto& trace) {
                return side_in_parts(side, config, in, options, trace);
            },
            x, options, seconds);
    };
    return std::visit(run, std::move(files));
}

Tensor<Device> decode_on_gpu(OpenFiles files, const Tensor<Device>& x,
                             const RunOptions& options, double* seconds) {
    const auto run = [&](auto open) {
        const auto config = open.config;
        const auto path = open.path;
        return run_on_gpu(
            path, [&](auto device) { return load_decoder<decltype(device)>(std::move(open)); },
            [&](const auto& side, const auto& in, const auto& trace) {
                return side_in_parts(side, config, in, options, trace);
            },
            x, options, seconds);
    };
    return std::visit(run, std::move(files));
}

Tensor<Device> approximate_on_gpu(const std::string& path, const Tensor<Device>& z,
                                  const RunOptions& options) {
    return run_on_gpu(
        path, [&](auto device) { return load_vae_approx<decltype(device)>(path); },
        [](const auto& network, const auto& in, const auto& trace) {
            return network.forward(in, trace);
        },
        z, options);
}

std::vector<DeviceLine> known_devices() {
    std::vector<DeviceLine> lines{{"cpu", std::to_string(std::thread::hardware_concurrency()) +
                                              " threads, " +
                                              std::string(name_of(best_instructions()))}};
    std::string why;
    for (const auto& device : kernels::devices(&why)) {
        char about[96];
        std::snprintf(about, sizeof about,
                      "%d multiprocessors, %.1f GiB, compute capability %d.%d",
                      device.processors,
                      static_cast<double>(device.memory_bytes) / (1024.0 * 1024 * 1024),
                      device.architecture / 10, device.architecture % 10);
        const auto name = device.index == 0 ? "cuda" : "cuda:" + std::to_string(device.index);
        lines.push_back({name, device.name + ", " + about});
    }
    if (lines.size() == 1) lines.push_back({"cuda", "none: " + why});
    return lines;
}

} // namespace latent::command
