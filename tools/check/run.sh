#!/bin/sh
# ./dev check: what a reader or a consumer would stumble over. One line a problem, the file
# first. Run from the root; CXX and CLANG_FORMAT name the programs.
set -u
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
problems=$work/problems
here=tools/check

sh $here/files.sh >"$work/files"
sh $here/files.sh cpp >"$work/cpp"
grep -E '^include/latent/.*\.hpp$' "$work/files" >"$work/headers"
if [ ! -s "$work/headers" ]; then
    echo "include/latent: got no header, expected the library"
    exit 1
fi

# From here on every check writes its problems to standard output.

format() {
    xargs "${CLANG_FORMAT:-clang-format-14}" --dry-run -Werror <"$work/cpp" 2>&1 |
        sed -n 's/^\([^ :]*:[0-9]*\):[0-9]*: error: .*/\1: not as .\/dev format has it/p' |
        sort -u -t: -k1,1
}

includes() { xargs awk -f $here/includes.awk <"$work/headers"; }

# Every header compiles alone, two at a time; the compiler's first error is the problem.
alone() {
    cat >"$work/alone.sh" <<'ALONE'
header=$1
name=$(printf '%s' "$header" | tr '/' '_')
printf '#include "%s"\n' "${header#include/}" >"$2/$name.cpp"
if ! $3 -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
    -Wno-sign-conversion -Werror -Iinclude -I. $4 "$2/$name.cpp" >"$2/$name.log" 2>&1; then
    printf '%s: does not compile alone: %s\n' "$header" "$(grep -m 1 error "$2/$name.log")"
fi
ALONE
    system=
    for prefix in /usr /usr/local /opt/homebrew; do
        for folder in eigen3 stb; do
            if [ -d $prefix/include/$folder ]; then
                system="$system -isystem $prefix/include/$folder"
            fi
        done
    done
    xargs -P 2 -I HEADER sh "$work/alone.sh" HEADER "$work" "${CXX:-c++}" "$system" \
        <"$work/headers"
}

# No header over 400 lines, half of them at most 150, no line over 96 columns, no large file.
budgets() {
    xargs awk '
        FNR == 1 && NR > 1 { lines[count++] = last; report() }
        { last = FNR; file = FILENAME }
        function report() {
            if (last > 400) print file ": got " last " lines, expected at most 400"
        }
        END {
            lines[count++] = last; report()
            for (i = 1; i < count; i++) {
                value = lines[i]
                for (j = i - 1; j >= 0 && lines[j] > value; j--) lines[j + 1] = lines[j]
                lines[j + 1] = value
            }
            median = lines[int((count - 1) / 2)]
            if (median > 150)
                print "include: got a median of " median " lines, expected at most 150"
        }' <"$work/headers"

    grep -E '\.(hpp|cpp|cuh|cu|cmake|awk|sh|in)$|CMakeLists\.txt$|^dev$' "$work/files" |
        xargs awk '
        { line = $0; gsub(/[\200-\277]/, "", line) }
        length(line) > 96 {
            print FILENAME ":" FNR ": got " length(line) " columns, expected at most 96"
        }'

    total=0 models=0
    while read -r file; do
        size=$(wc -c <"$file")
        case $file in
        reference_data/models/small/* | reference_data/models/tiny/* | \
            reference_data/models/approx/*)
            models=$((models + size)) ;;
        reference_data/*) total=$((total + size)) ;;
        *) [ "$size" -le 1048576 ] || echo "$file: got $size bytes, expected at most 1 MiB" ;;
        esac
    done <"$work/files"
    [ $total -le 10000000 ] || echo "reference_data: got $total bytes, expected under 10 MB"
    [ $models -le 12000000 ] ||
        echo "reference_data/models: got $models bytes, expected 12 MB at most"
}

# forbid WHERE PATTERN EXCEPT EXPECTED: a pattern that code (comments aside) may not have.
forbid() {
    grep -E "$1" "$work/cpp" | grep -vxF "$3" | while read -r file; do
        sed 's://.*::' "$file" | grep -nE "$2" | sed "s|^\([0-9]*\):.*|$file:\1: expected $4|"
    done
}

rules() {
    system='unistd|fcntl|pthread|sched|dlfcn|poll|termios|[Ww]indows|io|(sys|mach|linux)/.*'
    forbid '^(include|examples)/' "# *include *<($system)\.h>" \
        "$(printf '%s\n' include/latent/io/system.hpp include/latent/tensor/huge_pages.hpp)" \
        'the operating system in latent/io/system.hpp alone'
    intrinsics='<([a-z]mmintrin|immintrin|x86intrin|arm_neon)\.h>'
    forbid '^(include|examples)/' "__builtin_|__attribute__|__declspec|$intrinsics" \
        "$(printf '%s\n' include/latent/tensor/compiler.hpp \
            include/latent/ops/simd/kernels.hpp)" \
        'compiler built-ins in tensor/compiler.hpp and ops/simd alone'
    forbid '.' '# *pragma +omp' none 'no OpenMP: threads are std::thread'
    forbid '^(include|examples)/' '(^|[^A-Za-z_:])(new|delete) +[A-Za-z_:]|shared_ptr' \
        none 'values, not pointers'
    xargs grep -L '^#pragma once' <"$work/headers" | sed 's/$/: expected #pragma once/'
    xargs grep -nE 'TO[D]O|FIX[M]E' <"$work/files" 2>/dev/null | grep -v '^Binary' |
        sed 's/^\([^:]*:[0-9]*\):.*/\1: expected finished work/'
}

# One name, everywhere: each header's test; each op's stored tensors and page, too.
counterparts() {
    sed 's/#.*//' $here/exempt.txt | awk 'NF { print $1 }' | sort >"$work/exempt"
    awk '!/^#/ && NF == 1 { print FILENAME ":" FNR ": expected a reason after the path" }' \
        $here/exempt.txt
    sed -n 's:^include/latent/\([a-z_]*\)/\([a-z0-9_]*\)\.hpp$:\1 \2:p' "$work/headers" |
        while read -r chapter name; do
            echo "tests/$chapter/${name}_test.cpp"
            if [ "$chapter" = ops ]; then
                printf '%s\n' "reference_data/ops/$name.safetensors" "docs/ops/$name.md"
            fi
        done | sort >"$work/wanted"
    while read -r path; do
        if [ -f "$path" ]; then
            if grep -qxF "$path" "$work/exempt"; then
                echo "$here/exempt.txt: $path exists, expected no exemption for it"
            fi
        elif ! grep -qxF "$path" "$work/exempt"; then
            echo "$path: missing, a header's counterpart (exemptions: $here/exempt.txt)"
        fi
    done <"$work/wanted"
    comm -23 "$work/exempt" "$work/wanted" |
        sed "s:.*:$here/exempt.txt\: & is no counterpart of any header:"
}

for check in format includes budgets rules counterparts alone; do
    $check >"$work/found"
    count=$(awk 'END { print NR }' "$work/found")
    if [ "$count" -eq 0 ]; then echo "ok      $check"; else echo "FAILED  $check: $count"; fi
    cat "$work/found" >>"$problems"
done
[ -s "$problems" ] || exit 0
printf '\n'
cat "$problems"
exit 1
