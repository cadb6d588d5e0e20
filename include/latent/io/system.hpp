#pragma once

#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#define PSAPI_VERSION 2
#include <io.h>
#include <windows.h>
// psapi.h needs windows.h before it.
#include <psapi.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

/// All that asks the operating system stands here: mapped files, output that appears whole or
/// not at all, memory figures, the terminal, Ctrl-C, the environment. Linux, macOS and Windows.

namespace latent {

namespace detail {

/// Why the last call to the system failed, in the system's words.
[[nodiscard]] inline std::string system_reason() {
#if defined(_WIN32)
    return std::system_category().message(static_cast<int>(GetLastError()));
#else
    return std::generic_category().message(errno);
#endif
}

/// Refuses what can be opened but is no file: a folder, a pipe, a device.
inline void require_regular_file(const std::filesystem::path& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    const char* const expected = "a file that can be read";
    switch (status.type()) {
    case std::filesystem::file_type::regular:
        return;
    case std::filesystem::file_type::not_found:
        fail(display(path), "no file of that name", expected);
    case std::filesystem::file_type::directory:
        fail(display(path), "a folder", expected);
    case std::filesystem::file_type::none:
        fail(display(path), error.message(), expected);
    default:
        fail(display(path), "a device, pipe or socket", expected);
    }
}

} // namespace detail

/// A whole file as read-only memory. The system reads a page when it is first touched, so
/// opening costs the same for any size, and what is never looked at is never read.
/// The file must keep its length while it is mapped: every system leaves that to the user.
class MappedFile {
public:
    /// Throws Error when `path` is missing, no regular file, or cannot be read.
    explicit MappedFile(const std::filesystem::path& path) {
        detail::require_regular_file(path);
        map(path);
    }
    MappedFile(MappedFile&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    MappedFile& operator=(MappedFile&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile() { unmap(); }

    [[nodiscard]] std::span<const std::byte> bytes() const {
        return {static_cast<const std::byte*>(data_), size_};
    }

    /// Whether bytes are looked at here and there, far from each other: then the system reads
    /// no neighbours with a page (megabytes on some disks), until this is taken back.
    void expect_scattered_reads([[maybe_unused]] bool scattered) const {
#if !defined(_WIN32)
        if (data_ != nullptr) ::madvise(data_, size_, scattered ? MADV_RANDOM : MADV_NORMAL);
#endif
    }

private:
#if defined(_WIN32)
    void map(const std::filesystem::path& path) {
        const HANDLE file = CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr,
                                        OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
        LARGE_INTEGER size{};
        if (file == INVALID_HANDLE_VALUE || GetFileSizeEx(file, &size) == 0) refuse(path);
        size_ = static_cast<std::size_t>(size.QuadPart);
        HANDLE mapping = nullptr;
        if (size_ > 0) {
            mapping = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
            if (mapping) data_ = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
        }
        const bool failed = size_ > 0 && data_ == nullptr;
        const auto reason = failed ? detail::system_reason() : std::string();
        // The view keeps the file open by itself.
        if (mapping) CloseHandle(mapping);
        CloseHandle(file);
        if (failed) fail(display(path), reason, "a file that can be mapped");
    }
    void unmap() noexcept {
        if (data_) UnmapViewOfFile(data_);
    }
#else
    void map(const std::filesystem::path& path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) refuse(path);
        struct stat status {};
        bool mapped = ::fstat(file, &status) == 0;
        if (mapped && status.st_size > 0) {
            size_ = static_cast<std::size_t>(status.st_size);
            void* const data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
            mapped = data != MAP_FAILED;
            data_ = mapped ? data : nullptr;
        }
        const auto reason = mapped ? std::string() : detail::system_reason();
        ::close(file);
        if (!mapped) fail(display(path), reason, "a file that can be mapped");
    }
    void unmap() noexcept {
        if (data_ != nullptr) ::munmap(data_, size_);
    }
#endif
    [[noreturn]] static void refuse(const std::filesystem::path& path) {
        fail(display(path), detail::system_reason(), "a file that can be read");
    }

    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// A file being written: it grows under a temporary name beside its place, and commit() renames
/// it. Without commit(), by a return or an exception, nothing is left and an older file of that
/// name stays as it was. A link is followed: the file that it names is replaced.
class OutputFile {
public:
    /// Throws Error when `path` is a folder or a device, or its folder cannot be written to.
    explicit OutputFile(const std::filesystem::path& path) : path_(path), target_(path) {
        std::error_code error;
        const auto status = std::filesystem::status(path, error);
        if (std::filesystem::is_directory(status)) refuse("a folder");
        if (path.filename().empty()) refuse("a path that ends in a separator");
        if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
            refuse("a device, pipe or socket");
        }
        const auto followed = std::filesystem::weakly_canonical(path, error);
        if (!error && !followed.empty()) target_ = followed;
        // A link to nothing yet has nothing canonical.
        if (std::filesystem::is_symlink(target_, error)) {
            const auto named = std::filesystem::read_symlink(target_, error);
            if (!error) target_ = target_.parent_path() / named;
        }

        // The mode "x" makes a new file or fails, so nobody else's temporary is taken.
        for (int attempt = 0; attempt < 10'000 && !file_; ++attempt) {
            temporary_ = target_;
            temporary_.replace_filename(".latent-" + std::to_string(attempt) + ".tmp");
            file_.reset(create(temporary_));
            if (!file_ && errno != EEXIST) break;
        }
        if (!file_) refuse(std::generic_category().message(errno));
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile() {
        if (!file_) return;
        file_.reset();
        std::error_code ignored;
        std::filesystem::remove(temporary_, ignored);
    }

    void write(std::span<const std::byte> bytes) {
        if (bytes.empty()) return;
        if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
            refuse(std::generic_category().message(errno));
        }
    }
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

    /// Makes the file appear under its name. Called once, after the last write.
    void commit() {
        if (std::fflush(file_.get()) != 0) refuse(std::generic_category().message(errno));
        // Windows renames only what is closed.
        std::FILE* const file = file_.release();
        std::error_code error;
        if (std::fclose(file) != 0) error = {errno, std::generic_category()};
        if (!error) std::filesystem::rename(temporary_, target_, error);
        if (!error) return;
        std::error_code ignored;
        std::filesystem::remove(temporary_, ignored);
        refuse(error.message());
    }

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    [[nodiscard]] static std::FILE* create(const std::filesystem::path& path) {
#if defined(_WIN32)
        return _wfopen(path.c_str(), L"wbx");
#else
        return std::fopen(path.c_str(), "wbx");
#endif
    }
    [[noreturn]] void refuse(const std::string& reason) const {
        fail(display(path_), reason, "a path that can be written to");
    }

    std::filesystem::path path_, target_, temporary_;
    std::unique_ptr<std::FILE, Close> file_;
};

/// Calls `writer(OutputFile&)` and makes the file appear when it returns; an exception leaves
/// no trace of it.
template <class Writer>
void write_atomically(const std::filesystem::path& path, Writer&& writer) {
    OutputFile file(path);
    std::forward<Writer>(writer)(file);
    file.commit();
}

/// The most memory that this process has held so far, in MiB; 0 where the system does not tell.
[[nodiscard]] inline double peak_memory_mib() {
#if defined(_WIN32)
    PROCESS_MEMORY_COUNTERS counters{};
    if (K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters) == 0) return 0;
    return static_cast<double>(counters.PeakWorkingSetSize) / (1024.0 * 1024.0);
#else
    struct rusage usage {};
    if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#if defined(__APPLE__)
    return static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0); // in bytes there
#else
    return static_cast<double>(usage.ru_maxrss) / 1024.0;
#endif
#endif
}

/// Whether a person watches the stream (stdout, stderr): it is neither a file nor a pipe.
[[nodiscard]] inline bool is_terminal(std::FILE* stream) {
#if defined(_WIN32)
    return _isatty(_fileno(stream)) != 0;
#else
    return ::isatty(::fileno(stream)) != 0;
#endif
}

/// The value of an environment variable, or nothing where it is unset or empty.
[[nodiscard]] inline std::optional<std::string> environment(const std::string& name) {
#if defined(_MSC_VER)
#pragma warning(suppress : 4996)
#endif
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

namespace detail {

/// The one flag that a signal handler may set; lock-free, and ready before main.
[[nodiscard]] inline std::atomic<bool>& interrupt_flag() {
    static constinit std::atomic<bool> flag{false};
    static_assert(std::atomic<bool>::is_always_lock_free);
    return flag;
}

extern "C" inline void latent_on_interrupt(int) {
    interrupt_flag().store(true);
    // A second Ctrl-C ends the program at once.
    std::signal(SIGINT, SIG_DFL);
}

} // namespace detail

/// From here on the first Ctrl-C only raises the flag that interrupted() shows, so that a run
/// can stop at its next step and leave no half-written file.
inline void catch_interrupts() { std::signal(SIGINT, detail::latent_on_interrupt); }

/// Whether Ctrl-C was pressed since catch_interrupts().
[[nodiscard]] inline bool interrupted() { return detail::interrupt_flag().load(); }

} // namespace latent
