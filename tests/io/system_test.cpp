#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/system.hpp>

#include <csignal>
#include <stdexcept>

using namespace latent;
using namespace latent::test;

TEST_CASE("MappedFile: a file's bytes, of any length") {
    const TemporaryFolder folder;
    write_text(folder / "some", "hello");
    write_text(folder / "none", "");
    MappedFile some(folder / "some");
    CHECK(some.bytes().size() == 5);
    CHECK(some.bytes()[4] == std::byte{'o'});
    CHECK(MappedFile(folder / "none").bytes().empty());

    MappedFile moved = std::move(some);
    CHECK(moved.bytes()[0] == std::byte{'h'});
    CHECK(some.bytes().empty()); // NOLINT: what a moved-from file shows is its contract
}

TEST_CASE("MappedFile: what is no readable file is refused in words") {
    const TemporaryFolder folder;
    const auto missing = message_of([&] { MappedFile file(folder / "mis\nsing"); });
    CHECK(contains(missing, "mis\\nsing: got no file of that name"));
    CHECK_FALSE(contains(missing, "\n"));
    CHECK(contains(message_of([&] { MappedFile file(folder.path()); }), "got a folder"));
#if !defined(_WIN32)
    CHECK(contains(message_of([] { MappedFile file("/dev/zero"); }), "got a device"));
#endif
}

TEST_CASE("OutputFile: appears whole, or not at all") {
    const TemporaryFolder folder;
    const auto path = folder / "out.bin";
    SECTION("a new file, and a replaced one") {
        write_atomically(path, [&](OutputFile& file) {
            file.write("one");
            CHECK_FALSE(std::filesystem::exists(path));
        });
        CHECK(read_text(path) == "one");
        write_atomically(path, [&](OutputFile& file) {
            file.write("two, longer");
            CHECK(read_text(path) == "one");
        });
        CHECK(read_text(path) == "two, longer");
        CHECK(folder.entries() == 1);
    }
    SECTION("an exception leaves what was there") {
        write_text(path, "before");
        CHECK_THROWS_AS(write_atomically(path,
                                         [](OutputFile& file) {
                                             file.write("half");
                                             throw std::runtime_error("stop");
                                         }),
                        std::runtime_error);
        CHECK(read_text(path) == "before");
        CHECK(folder.entries() == 1);
    }
    SECTION("no commit, no file") {
        { OutputFile(path).write("lost"); }
        CHECK(folder.entries() == 0);
    }
    SECTION("two files at once do not meet") {
        OutputFile a(folder / "a"), b(folder / "b");
        a.write("a");
        b.write("b");
        a.commit();
        b.commit();
        CHECK(read_text(folder / "a") == "a");
        CHECK(read_text(folder / "b") == "b");
    }
    SECTION("no place to write to") {
        CHECK(contains(message_of([&] { OutputFile file(folder.path()); }), "got a folder"));
        const auto text = message_of([&] { OutputFile file(folder / "no" / "x"); });
        CHECK(contains(text, "expected a path that can be written to"));
        CHECK(folder.entries() == 0);
    }
#if !defined(_WIN32)
    SECTION("a link is followed") {
        write_text(folder / "target", "old");
        std::filesystem::create_symlink(folder / "target", folder / "link");
        write_atomically(folder / "link", [](OutputFile& file) { file.write("new"); });
        CHECK(std::filesystem::is_symlink(folder / "link"));
        CHECK(read_text(folder / "target") == "new");
        CHECK(contains(message_of([] { OutputFile file("/dev/null"); }), "got a device"));
    }
#endif
}

TEST_CASE("system: memory, environment, interrupts") {
    CHECK(peak_memory_mib() > 1.0);
    CHECK(peak_memory_mib() < 100'000.0);
    CHECK_FALSE(environment("LATENT_NO_SUCH_VARIABLE"));
    CHECK(environment("PATH"));

    catch_interrupts();
    CHECK_FALSE(interrupted());
    std::raise(SIGINT);
    CHECK(interrupted());
}
