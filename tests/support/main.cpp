// The main function of every test program: Catch2's, and a last line that counts the test
// cases, those that skipped themselves apart.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "support/catch.hpp"

#include <iostream>

namespace {

struct Count {
    int passed = 0;
    int failed = 0;
    int skipped = 0;
    bool skips_now = false;
};

Count count;

#if __has_include(<catch2/catch_all.hpp>)
using Listener = Catch::EventListenerBase;
#else
using Listener = Catch::TestEventListenerBase;
#endif

struct Counter : Listener {
    using Listener::Listener;

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        Listener::testCaseStarting(info);
        count.skips_now = false;
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        Listener::testCaseEnded(stats);
        const bool fails = stats.totals.testCases.failed > 0;
        ++(fails ? count.failed : count.skips_now ? count.skipped : count.passed);
    }
};

CATCH_REGISTER_LISTENER(Counter)

} // namespace

void latent::test::skip(std::string_view reason) {
    std::cout << "SKIPPED: " << reason << std::endl;
    count.skips_now = true;
    SUCCEED("skipped"); // an assertion, because a test case without any is a failure
}

int main(int argc, char* argv[]) {
    const int result = Catch::Session().run(argc, argv);
    std::cout << "test cases: " << count.passed << " passed, " << count.failed << " failed, "
              << count.skipped << " skipped" << std::endl;
    return result;
}
