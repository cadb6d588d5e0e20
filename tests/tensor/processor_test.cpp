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
    const Workspace run({.instructions = Instructions::baseline});
    CHECK(Workspace::current()->instructions() == Instructions::baseline);
}
