# Tables of the rungs, from lines of JSON that kernels/ladder/program.cuh prints.
#   awk -f table.awk ROWS                     for a terminal: the rungs of one ladder
#   awk -f table.awk -v page=PAGE ROWS PAGE   PAGE with its tables written anew: each stands
#                                             between <!-- kernels:LADDER --> and
#                                             <!-- /kernels:LADDER -->

# The value of a key, without its quotes; empty where there is none.
function field(key,    at, rest) {
    at = index($0, "\"" key "\": ")
    if (!at) return ""
    rest = substr($0, at + length(key) + 4)
    if (substr(rest, 1, 1) != "\"") { sub(/[,}].*/, "", rest); return rest }
    rest = substr(rest, 2)
    return substr(rest, 1, index(rest, "\"") - 1)
}
function ratio(a, b, format) { return b > 0 ? sprintf(format, a / b) : "" }

function grouped(number,    digits, text) {
    digits = sprintf("%.0f", number)
    while (length(digits) > 3) {
        text = "," substr(digits, length(digits) - 2) text
        digits = substr(digits, 1, length(digits) - 3)
    }
    return digits text
}

# One row, by columns; what was not measured is empty. Rows of one rung, counted on the emulator
# and timed on a GPU, are one.
function read_row(    ladder, rung, i, work, bytes, seconds) {
    ladder = field("ladder"); rung = field("rung"); i = ladder " " rung
    if (!(i in seen)) { seen[i] = ++count[ladder]; name[ladder, count[ladder]] = rung }
    work = field("work") + 0; bytes = field("bytes") + 0
    unit[ladder] = field("unit") "s"
    if (field("seconds") != "") { # of a GPU
        if (field("right") != "true") { error[i] = "wrong"; return }
        seconds = field("seconds") + 0
        ms[i] = sprintf("%.3f", 1e3 * seconds)
        if (unit[ladder] == "numbers") speed[i] = ratio(1e-9 * bytes, seconds, "%.0f GB/s")
        else speed[i] = ratio(2e-9 * work, seconds, "%.0f GFLOP/s")
        gpu[ladder] = field("device") ", " field("problem")
        if (!(i in error)) error[i] = sprintf("%.1e", field("error"))
        return
    }
    problem[ladder] = field("problem") ": " grouped(work) " " unit[ladder] ", " \
        sprintf("%.2f MB", 1e-6 * bytes) " to move at least"
    error[i] = sprintf("%.1e", field("error"))
    threads[i] = grouped(field("threads"))
    if (field("right") != "true") { error[i] = "wrong"; return }
    global[i] = ratio(32 * field("global_requests"), work, "%.3f")
    sectors[i] = ratio(field("global_sectors"), field("global_requests"), "%.1f")
    least[i] = ratio(32 * field("global_sectors"), bytes, "%.1f")
    if (field("shared_requests") == 0) return
    shared[i] = ratio(32 * field("shared_requests"), work, "%.3f")
    conflicts[i] = grouped(field("bank_conflicts"))
}

function markdown(ladder,    n, i, text, none) {
    none = "not yet measured"
    text = problem[ladder] ". Time: " (ladder in gpu ? gpu[ladder] : none) ".\n\n"
    text = text "| rung | threads | global requests | sectors of each | times the least " \
        "| shared requests | bank conflicts | error | ms | speed |\n" \
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    for (n = 1; n <= count[ladder]; n++) {
        i = ladder " " name[ladder, n]
        text = text "| [" name[ladder, n] "](../kernels/" ladder "/" name[ladder, n] ".cuh)"
        text = text " | " threads[i] " | " global[i] " | " sectors[i] " | " least[i]
        text = text " | " shared[i] " | " conflicts[i] " | " error[i]
        text = text " | " (i in ms ? ms[i] : none) " | " speed[i] " |\n"
    }
    return text
}

function terminal(ladder) {
    print ladder ": " (ladder in problem ? problem[ladder] : gpu[ladder])
    if (ladder in problem) counted(ladder)
    else timed(ladder)
}
function counted(ladder,    n, i, row) {
    print "Requests are a warp's, for 32 " unit[ladder] " each. No times: this is the emulator."
    print ""
    row = "%-17s %9s %9s %8s %9s %9s %9s %8s\n"
    printf row, "", "", "global", "sectors", "times", "shared", "bank", ""
    printf row, "rung", "threads", "requests", "of each", "the least", "requests", "conflicts",
        "error"
    for (n = 1; n <= count[ladder]; n++) {
        i = ladder " " name[ladder, n]
        printf row, name[ladder, n], threads[i], global[i], sectors[i], least[i], shared[i],
            conflicts[i], error[i]
    }
}
function timed(ladder,    n, i, row) {
    print "The emulator counts what a rung asks of memory: --emulate."
    print ""
    row = "%-17s %9s %10s %14s\n"
    printf row, "rung", "error", "ms", "speed"
    for (n = 1; n <= count[ladder]; n++) {
        i = ladder " " name[ladder, n]
        printf row, name[ladder, n], error[i], ms[i], speed[i]
    }
}

!page || FILENAME != page {
    if (/^\{/) { read_row(); ladder = field("ladder") }
    next
}
# The page: what stands between two markers is left out.
/^<!-- \/kernels:/ { inside = 0 }
!inside
/^<!-- kernels:/ {
    inside = 1
    split($2, mark, ":")
    printf "%s", markdown(mark[2])
}
END { if (!page && ladder) terminal(ladder) }
