# Which way includes go. Reads C++ files, prints "file:line: problem".
#   tensor <- ops <- layers <- blocks <- models <- pipelines
# parity sees models; schedulers sees tensor and ops; io sees tensor, its joints config.hpp and
# load*.hpp see models and schedulers as well, and recording*.hpp, *dump.hpp and name_map.hpp
# see parity; nothing outside cuda sees cuda, which sees kernels/launch.hpp.

BEGIN {
    rank["tensor"] = 1; rank["ops"] = 2; rank["layers"] = 3
    rank["blocks"] = 4; rank["models"] = 5; rank["pipelines"] = 6; rank["parity"] = 6
}

function chapter_of(path) {
    if (path !~ /\//) return ""      # latent.hpp, parity.hpp, io.hpp: the umbrellas
    sub(/\/.*/, "", path)
    return path
}

function allowed(from, to, file) {
    if (to == from) return 1
    if (from == "cuda") return to == "schedulers" || to in rank && rank[to] <= 5
    if (from == "schedulers") return to in rank && rank[to] <= 2
    if (from == "io" && file ~ /^io\/(config|load[a-z_]*)\.hpp$/)
        return to == "schedulers" || to in rank && rank[to] <= 5
    if (from == "io" && file ~ /^io\/(recording[a-z_]*|[a-z_]*dump|name_map)\.hpp$/)
        return to == "tensor" || to == "parity"
    if (from == "io") return to == "tensor"
    if (from == "pipelines" && to == "schedulers") return 1
    return from in rank && to in rank && rank[to] < rank[from]
}

function umbrella_allows(file, to) {
    if (file == "latent.hpp") return to in rank && to != "parity" || to == "schedulers"
    if (file == "parity.hpp") return to == "parity"
    if (file == "io.hpp") return to == "io"
    if (file == "cuda.hpp") return to == "cuda"
    return 0
}

function problem(text) { print FILENAME ":" FNR ": " text }

FNR == 1 {
    file = FILENAME
    sub(/^include\/latent\//, "", file)
    from = chapter_of(file)
    if (from != "" && !(from in rank) && from !~ /^(schedulers|io|cuda)$/)
        problem("got the chapter " from ", expected one that tools/check/includes.awk knows")
}

/^[ \t]*#[ \t]*include/ {
    target = $0
    sub(/^[^<"]*[<"]/, "", target)
    sub(/[>"].*/, "", target)
    if (target ~ /^latent\//) {
        sub(/^latent\//, "", target)
        to = chapter_of(target)
        if (from == "") {
            if (!umbrella_allows(file, to))
                problem("got " target ", expected what this umbrella covers")
        } else if (to == "") {
            problem("got the umbrella " target ", expected the headers that are needed")
        } else if (!allowed(from, to, file)) {
            problem("got an include of " to " in " from ", expected includes that go one way")
        }
    } else if ($0 ~ /"/ && !(from == "cuda" && target == "kernels/launch.hpp")) {
        problem("got \"" target "\", expected a path that starts with latent/")
    } else if (target ~ /^(nlohmann\/|zip\.h|stb)/ && from != "io") {
        problem("got <" target ">, expected what only io needs in io alone")
    } else if (target ~ /^(CLI|catch2|cuda)/) {
        problem("got <" target ">, expected no such header in the library")
    }
}
