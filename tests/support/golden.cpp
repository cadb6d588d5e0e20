#include "support/golden.hpp"

#include <latent/io/safetensors.hpp>
#include <latent/io/system.hpp>
#include <latent/io/tensor_bytes.hpp>
#include <latent/ops/arithmetic.hpp>

#include <algorithm>
#include <set>

namespace latent::test {

namespace {

constexpr double exact_bound = 1e-12;
constexpr double small_bound = 3.6e-7;

} // namespace

std::filesystem::path reference_data() {
    if (const auto folder = environment("LATENT_REFERENCE_DATA")) return *folder;
    auto folder = std::filesystem::current_path();
    while (!exists(folder / "reference_data") && folder != folder.parent_path()) {
        folder = folder.parent_path();
    }
    return folder / "reference_data";
}

std::optional<std::filesystem::path> latent_data() {
    const auto folder = environment("LATENT_DATA");
    if (!folder) return std::nullopt;
    return std::filesystem::path(*folder);
}

Tensor<Cpu<float>> uniform(Generator& random, Shape shape) {
    return scale(random.rand<Cpu<float>>(std::move(shape)), 2, -1);
}

std::vector<std::size_t> sample_positions(std::int64_t numel, std::int64_t count) {
    Generator random(static_cast<std::uint64_t>(numel));
    std::vector<float> drawn(static_cast<std::size_t>(count));
    random.rand(drawn);
    std::vector<std::size_t> positions;
    for (const auto value : drawn) {
        positions.push_back(
            static_cast<std::size_t>(static_cast<double>(value) * static_cast<double>(numel)));
    }
    return positions;
}

Golden::Golden(const std::string& name) : name_(name) {
    const auto path = reference_data() / (name + ".safetensors");
    const MappedFile file(path);
    const auto contents = read_safetensors(display(path), file.bytes());
    for (const auto& info : contents.tensors) {
        std::vector<double> values(static_cast<std::size_t>(info.shape.numel()));
        convert(info.dtype, plain_bytes(file.bytes(), info), std::span<double>(values));
        tensors_.emplace(info.name, Entry{info.shape, std::move(values)});
    }
}

const Golden::Entry& Golden::at(std::string_view name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
        fail(name_, "no tensor '" + std::string(name) + "'", "a stored tensor of that name",
             "./dev reference --update makes it");
    }
    return found->second;
}

std::vector<std::int64_t> Golden::numbers(std::string_view name) const {
    const auto& values = at(name).values;
    return {values.begin(), values.end()};
}

std::vector<std::string>
Golden::names_before(const std::vector<std::string_view>& endings) const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : tensors_) {
        for (const auto ending : endings) {
            if (name.ends_with(ending)) names.push_back(name.substr(0, name.rfind('.')));
        }
    }
    return names;
}

Verdict judge_exact(const Golden& golden, const std::string& output,
                    const Tensor<Cpu<double>>& exact) {
    Closeness close;
    if (golden.has(output + ".float64")) {
        close = closeness(exact, golden.tensor<double>(output + ".float64"));
    } else {
        const auto dims = golden.numbers(output + ".shape");
        const Shape shape(dims);
        if (exact.shape() != shape) {
            return {false, golden.name() + " " + output + ": shape " +
                               to_string(exact.shape()) + ", expected " + to_string(shape)};
        }
        std::vector<double> looked_at;
        double square = 0;
        for (const auto value : exact.values()) square += value * value;
        const auto stored = golden.tensor<double>(output + ".samples");
        for (const auto at : sample_positions(exact.numel(), stored.numel())) {
            looked_at.push_back(exact.values()[at]);
        }
        close = closeness(std::span<const double>(looked_at), stored.values());
        // The norm sees the elements between the samples.
        const auto norm = golden.tensor<double>(output + ".norm").data()[0];
        if (!(std::abs(std::sqrt(square) - norm) <= exact_bound * norm)) {
            return {false, golden.name() + " " + output + ": L2 norm " +
                               std::to_string(std::sqrt(square)) + ", expected " +
                               std::to_string(norm)};
        }
    }
    return {close.relative <= exact_bound,
            golden.name() + " " + output + " in float64: " + close.text};
}

Verdict judge(const Golden& golden, const std::string& output, const Tensor<Cpu<float>>& ours,
              const Tensor<Cpu<double>>& exact, double factor) {
    const auto truth = judge_exact(golden, output, exact);
    if (!truth.good) return truth;
    const auto close = closeness(ours, exact);
    double torch = 0;
    if (golden.has(output + ".error")) {
        torch = golden.tensor<double>(output + ".error").data()[0];
    } else {
        torch = closeness(golden.tensor<float>(output + ".float32"),
                          golden.tensor<double>(output + ".float64"))
                    .relative;
    }
    char theirs[64];
    std::snprintf(theirs, sizeof theirs, "; torch's relative L2 error %.3g", torch);
    const bool both_small = close.relative <= small_bound && torch <= small_bound;
    return {close.relative <= factor * torch || both_small,
            golden.name() + " " + output + ": " + close.text + theirs};
}

} // namespace latent::test
