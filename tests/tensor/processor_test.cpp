#include "support/catch.hpp"

#include <latent/tensor/processor.hpp>
#include <latent/tensor/workspace.hpp>

using namespace latent;

TEST_CASE("the best instructions are there, and a run takes what it is told", "[tensor]") {
    CHECK(has(Instructions::baseline));
    CHECK(has(best_instructions()));
    CHECK(!name_of(best_instructions()).empty());
    {
        const Workspace run;
        CHECK(run.instructions() == best_instructions());
    }
#if defined(__ARM_NEON)
    CHECK(name_of(Instructions::baseline) == "NEON");
    CHECK(best_instructions() == Instructions::baseline);
#elif defined(__SSE2__)
    CHECK(name_of(Instructions::baseline) == "SSE2");
#endif
    const Workspace run({.instructions = Instructions::baseline});
    CHECK(Workspace::current()->instructions() == Instructions::baseline);
}
