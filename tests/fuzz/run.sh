#!/bin/sh
# Lets the fuzzer run over each reader: tests/fuzz/run.sh BUILD SECONDS JOBS [READER...]
# Starts from tests/corpus every time. What it finds stands in BUILD/findings, one file each: it
# belongs into tests/corpus/make.py. One line a reader: executions, edges covered, findings.
set -u
build=$1
seconds=$2
jobs=$3
shift 3
[ $# -gt 0 ] || set -- safetensors index zip pickle legacy npy config image
corpus=tests/corpus
rm -rf "$build/findings" "$build/logs" "$build/grown"
mkdir -p "$build/findings" "$build/logs"

cat >"$build/one.sh" <<'ONE'
build=$1 seconds=$2 corpus=$3 reader=$4
mkdir -p "$build/grown/$reader"
set --
for folder in "$corpus/hostile/$reader" "$corpus/valid/$reader"; do
    [ ! -d "$folder" ] || set -- "$@" "$folder"
done
"$build/fuzz" --reader="$reader" -max_total_time="$seconds" -timeout=10 -malloc_limit_mb=300 \
    -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$reader-" "$build/grown/$reader" \
    "$@" >"$build/logs/$reader" 2>&1
code=$?
awk -v reader="$reader" -v code="$code" '
    / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
    /^stat::number_of_executed_units:/ { executions = $2 }
    /^stat::average_exec_per_sec:/ { rate = $2 }
    END {
        printf "%-12s %10d executions (%d a second), %5d edges, %s\n", reader, executions,
            rate, edges, code == 0 ? "no finding" : "A FINDING"
    }' "$build/logs/$reader"
[ "$code" -eq 0 ] || tail -n 40 "$build/logs/$reader"
exit "$code"
ONE

printf '%s\n' "$@" |
    xargs -P "$jobs" -I READER sh "$build/one.sh" "$build" "$seconds" "$corpus" READER
code=$?
if [ $code -ne 0 ]; then
    echo "findings are in $build/findings; each belongs into $corpus/make.py"
    exit 1
fi
