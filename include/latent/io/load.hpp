#pragma once

#include "latent/io/text.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/weight_source.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/error.hpp"
#include "latent/tensor/weights.hpp"

#include <span>
#include <string>
#include <utility>

/// What all loaders share; each network has one of its own, in load_NETWORK.hpp. The
/// constructor runs twice: first on a Recorder, so that one Error lists all that is missing,
/// unexpected or misshapen, then for real. Every Error begins with the file's path.

namespace latent::detail {

/// Calls f(); its Error gets the file's path in front, and whatever text of the file it repeats
/// is made fit to be shown.
template <class F>
decltype(auto) naming_file(const std::string& where, F&& f) {
    try {
        return std::forward<F>(f)();
    } catch (const Error& error) {
        throw Error(where + ": " + brief(error.what(), 400));
    }
}

/// Refuses a config that no network can be built from, in the file's name.
template <class Config>
void check_config(const std::string& where, const Config& config) {
    naming_file(where, [&] { check(config); });
}

/// Refuses a file by the first of its names.
[[noreturn]] inline void fail_names(const std::string& where,
                                    std::span<const TensorInfo> tensors,
                                    const std::string& expected, const std::string& hint = {}) {
    fail(where,
         tensors.empty() ? "no tensors" : "a tensor named " + in_quotes(tensors.front().name),
         expected, hint);
}

/// Builds a network twice: on Meta, to compare what it asks for with the files, and on the
/// device. `path` begins an Error; `place` is where in the checkpoint the network stands.
template <template <class> class Model, class Device, class Config>
[[nodiscard]] Model<Device> build_checked(const std::string& path, CheckpointSource source,
                                          const Config& config, const WeightOptions& options,
                                          const std::string& place = {}) {
    Recorder recorder;
    naming_file(path, [&] { (void)Model<Meta>(Weights(recorder, place), config); });
    source.check(recorder.requests());
    return Model<Device>(Weights(source, place, options), config);
}

} // namespace latent::detail
