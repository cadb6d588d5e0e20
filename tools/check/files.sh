#!/bin/sh
# files.sh [cpp]: the files of this repository, one a line, built things left out; with `cpp`
# our C++ alone. Run from the root.
set -eu

all() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard | while read -r file; do
            [ ! -f "$file" ] || printf '%s\n' "$file"
        done
    else
        find . -name .git -prune -o -path './build' -prune -o -path './build-*' -prune \
            -o -type f -print | sed 's:^\./::'
    fi
}

case ${1:-} in
cpp) all | grep -E '^(include|kernels|examples|tests)/.*\.(hpp|cpp|cuh|cu)$' || : ;;
*) all ;;
esac | LC_ALL=C sort
