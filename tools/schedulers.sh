#!/bin/sh
# The gallery of schedulers: docs/images/schedulers/NAME.svg, and what docs/schedulers.md says
# between its markers. Run from the root: sh tools/schedulers.sh [COMMAND]
set -eu
export LC_ALL=C
latent=${1:-build/latent}
page=docs/schedulers.md
images=docs/images/schedulers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

"$latent" schedule --list >"$work/heads"
sed 1d "$work/heads" >"$work/list"
mkdir "$work/images"
while read -r name rest; do
    "$latent" schedule "$name" -o "$work/images/$name.svg" >/dev/null
done <"$work/list"

# A row each, then a picture each. Two spaces or more stand between the columns of the list.
awk -F '  +' '
    BEGIN {
        print "| scheduler | order | when to use it |"
        print "| --- | --- | --- |"
    }
    {
        printf "| [%s](#%s) | %s | %s |\n", $1, tolower($1), $2, $4
        paper = $3
        if (match(paper, /arXiv:[0-9.]+/)) {
            id = substr(paper, RSTART + 6, RLENGTH - 6)
            sub(/arXiv:[0-9.]+/, "[&](https://arxiv.org/abs/" id ")", paper)
        }
        pictures = pictures sprintf("\n### %s\n\nOrder %s. %s. %s\n\n", $1, $2, paper, $4)
        pictures = pictures sprintf("![sigmas and paths of %s]", $1)
        pictures = pictures sprintf("(images/schedulers/%s.svg)\n", $1)
    }
    END { printf "%s", pictures }' "$work/list" >"$work/gallery"

awk -v gallery="$work/gallery" '
    /<!-- schedulers: begin/ {
        print
        while ((getline line < gallery) > 0) print line
        skip = 1
    }
    /<!-- schedulers: end/ { skip = 0; found = 1 }
    !skip { print }
    END { exit !found }' "$page" >"$work/page" || {
    echo "$page: got no markers, expected lines with schedulers: begin and schedulers: end" >&2
    exit 1
}
rm -rf "$images"
mkdir -p "$images"
cp "$work/images/"*.svg "$images/"
cp "$work/page" "$page"
echo "$page: $(awk 'END { print NR }' "$work/list") schedulers"
