// latent devices: what networks can run on here.

#include "commands.hpp"
#include "gpu.hpp"

#include <latent/io/text.hpp>

#include <CLI/CLI.hpp>

#include <iostream>
#include <string>

namespace latent::command {

void Devices::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand("devices", "What networks can run on here");
    command->footer("The first word of a line is for --device; behind that of a GPU :f16 or "
                    ":bf16\ntells what its tensors are of (float32 without).");
    command->callback([this] { run(); });
}

void Devices::run() const {
    for (const auto& [name, about] : known_devices()) {
        std::cout << name << std::string(name.size() < 8 ? 8 - name.size() : 1, ' ')
                  << printable(about) << '\n';
    }
}

} // namespace latent::command
