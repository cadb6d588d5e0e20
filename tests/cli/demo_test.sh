#!/bin/sh
# tools/demo.sh on odd names, and where it cannot succeed: a page, or one line and nothing left.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
[ -x "${LATENT_CLI:-}" ] || { echo "SKIPPED: no command to run"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
demo() { sh "$root/tools/demo.sh" "$LATENT_CLI" "$@"; }
wrong() {
    echo "$*" >&2
    cat told >&2
    exit 1
}
# refused PART ARGUMENT...: fails with one line that has the part, and leaves nothing behind.
refused() {
    part=$1
    shift
    if demo "$@" >told 2>errors; then wrong "got success, expected a failure: $*"; fi
    cat errors >>told
    [ "$(wc -l <errors)" -eq 1 ] || wrong "expected one line"
    grep -qF "$part" errors || wrong "expected '$part'"
    if [ -e page.new ]; then wrong "page.new is left behind"; fi
}
"$LATENT_CLI" shrink "$root/reference_data/pictures/still_life.png" --side 64 -o '-a photo.PNG'
"$LATENT_CLI" shrink "$root/reference_data/pictures/morning.png" --side 48 -o other.png
cp other.png 'none'
echo text >text.png

for photo in '-a photo.PNG' none; do
    demo page/ "$photo" other.png >told 2>&1 || wrong "failed on $photo"
    [ -e page/index.html ] || wrong "no page"
    sed -n 's/.*src="\([^"]*\)".*/\1/p' page/index.html | while read -r picture; do
        [ -s "page/$picture" ] || wrong "the page shows $picture, which is not there"
    done
    for file in small.png tiny.png channels.png linear.png approx.png preview-tiny.png \
        small-difference.png tiny-difference.png walk-0.png walk-8.png photo.png; do
        grep -qF "src=\"$file\"" page/index.html || wrong "the page does not show $file"
    done
    for model in small tiny; do
        grep -qE "<th scope=\"row\">$model</th><td>[0-9]+\.[0-9]+ dB</td>" page/index.html ||
            wrong "no figures of $model"
    done
    if [ -e page.new ] || [ -e page/walk.txt ]; then wrong "files are left behind"; fi
done
refused 'nowhere.png: got no file' page nowhere.png other.png
refused 'text.png: got' page text.png other.png
[ -e page/index.html ] || wrong "the page before is gone"
mkdir kept && echo mine >kept/index.html
refused 'kept: got something else' kept other.png other.png
[ "$(cat kept/index.html)" = mine ] || wrong "a file of the user's is gone"
echo "2 names, 3 refusals"
