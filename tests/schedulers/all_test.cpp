#include "support/catch.hpp"

#include <latent/schedulers/all.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

using namespace latent;

TEST_CASE("every scheduler is listed once, by its name", "[schedulers]") {
    std::vector<std::string_view> names;
    int models = 0;
    for_each_scheduler<Meta>([&](auto type) {
        using S = typename decltype(type)::type;
        names.push_back(S::class_name);
        models += Scheduler<S, Meta> ? 1 : 0;
    });
    CHECK(names.size() >= 17);
    CHECK(models >= 17);
    std::ranges::sort(names);
    CHECK(std::ranges::adjacent_find(names) == names.end());
    CHECK(short_name("EulerDiscreteScheduler") == "EulerDiscrete");
    CHECK(short_name("EulerDiscrete") == "EulerDiscrete");
}
