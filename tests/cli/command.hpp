/// Runs the built command as a process of its own. LATENT_CLI names it.
#pragma once

#include "io/file_bytes.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace latent::test {

/// The command's path, or nothing; then a test says that it skips.
[[nodiscard]] inline std::string command_path() {
    const char* const path = std::getenv("LATENT_CLI");
    return path == nullptr ? std::string() : std::string(path);
}
inline constexpr const char* no_command = "LATENT_CLI is not set: no command to run";

struct Outcome {
    int code = -1; ///< 128 and the signal where one ended it
    std::string out, err;
    double peak_mib = 0; ///< the most memory that it held; 0 where the system does not tell
};

/// The command on an emulated GPU.
[[nodiscard]] inline std::string emulated_command_path() {
    const char* const path = std::getenv("LATENT_EMULATED_CLI");
    return path == nullptr ? std::string() : std::string(path);
}

/// A run of the command; stdout and stderr go to files.
class Process {
public:
    explicit Process(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment = {},
                     const std::string& program = command_path()) {
        const auto out = (folder_ / "out").string();
        const auto err = (folder_ / "err").string();
        id_ = ::fork();
        if (id_ != 0) return;
        open_as(out, 1);
        open_as(err, 2);
        for (const auto& entry : environment) ::putenv(const_cast<char*>(entry.c_str()));
        std::vector<char*> pointers{const_cast<char*>(program.c_str())};
        for (const auto& argument : arguments)
            pointers.push_back(const_cast<char*>(argument.c_str()));
        pointers.push_back(nullptr);
        ::execv(program.c_str(), pointers.data());
        ::_exit(127);
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() { (void)wait(); }

    void interrupt() const { ::kill(id_, SIGINT); }

    Outcome wait() {
        if (id_ > 0) {
            int status = 0;
            struct rusage usage {};
            ::wait4(std::exchange(id_, 0), &status, 0, &usage);
            outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
#if defined(__APPLE__)
            outcome_.peak_mib = static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0);
#else
            outcome_.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024.0;
#endif
            outcome_.out = read_text(folder_ / "out");
            outcome_.err = read_text(folder_ / "err");
        }
        return outcome_;
    }

private:
    static void open_as(const std::string& path, int descriptor) {
        const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (file < 0 || ::dup2(file, descriptor) < 0) ::_exit(126);
    }

    TemporaryFolder folder_;
    ::pid_t id_ = 0;
    Outcome outcome_;
};

[[nodiscard]] inline Outcome run_latent(const std::vector<std::string>& arguments,
                                        const std::vector<std::string>& environment = {}) {
    return Process(arguments, environment).wait();
}
[[nodiscard]] inline Outcome run_emulated(const std::vector<std::string>& arguments) {
    return Process(arguments, {}, emulated_command_path()).wait();
}

} // namespace latent::test
