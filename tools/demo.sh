#!/bin/sh
# The demonstration: what trained networks make of a photo, as a page. Every picture comes from
# a command that stands beside it. Run from anywhere:
#     sh tools/demo.sh LATENT OUT PHOTO OTHER       (OTHER: where the walk goes)
# OUT is a folder that is not there yet, or one that this made.
set -eu
export LC_ALL=C
whole() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$(pwd)" "$1" ;; esac; }
latent=$(whole "$1") out=$(whole "${2%/}") photo=$(whole "$3") other=$(whole "$4")
mark='<!-- made by tools/demo.sh -->'

if [ -e "$out" ] && ! grep -qsF "$mark" "$out/index.html"; then
    echo "$out: got something else, expected no folder, or a page of this demonstration" >&2
    exit 1
fi
work=$out.new
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

# run NAME ARGUMENT...: the command, told as one would type it. NAME.txt has what it printed.
run() {
    name=$1
    shift
    printf 'latent %s\n' "$*" | tee "$name.command"
    quiet=--quiet
    if [ "$1" = compare ]; then quiet=; fi
    "$latent" "$@" $quiet >"$name.txt"
}
# figure NAME KEY DECIMALS: a number that a command printed.
figure() { awk -v key="$2" -v format="%.$3f" '$1 == key { printf format, $2 }' "$1.txt"; }

side=768
for name in photo other; do
    path=$photo
    if [ $name = other ]; then path=$other; fi
    "$latent" shrink "$path" --side $side -o $name.png >$name.txt
done
for model in small tiny; do
    run $model reconstruct photo.png -m $model -o $model.png
    run $model-difference compare photo.png $model.png -o $model-difference.png
done
run latents encode photo.png -m small --scaled -o latents.safetensors
run other-latents encode other.png -m small --scaled -o other.safetensors
run channels preview latents.safetensors --method channels -o channels.png
run linear preview latents.safetensors --method linear -m approx -o linear.png
run approx preview latents.safetensors --method approx -m approx -o approx.png
run preview-tiny preview latents.safetensors --method tiny -m tiny -o preview-tiny.png
frames=9
run walk walk latents.safetensors other.safetensors -m small --frames $frames -o walk.png

# --- The page -----------------------------------------------------------------------------
command_of() { printf '<code tabindex="0">%s</code>' "$(cat "$1.command")"; }
# picture FILE CLASS ALT CAPTION
picture() {
    printf '<figure><img class="%s" src="%s" alt="%s"><figcaption>%s</figcaption></figure>\n' \
        "$2" "$1" "$3" "$4"
}
{
    cat <<'HTML'
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latent: a photo, and what is left of it in latents</title>
<style>
:root { color-scheme: light dark; --line: #8884; --dim: light-dark(#555, #aaa); }
body { font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem; }
p { max-width: 44rem; margin: .4rem 0 .8rem; }
.row { display: grid; gap: 1rem;
       grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .86rem; color: var(--dim); }
img { display: block; width: 100%; height: auto; border-radius: 4px; }
img.pixels { image-rendering: pixelated; }
code { display: block; overflow-x: auto; white-space: pre; font-size: .8rem;
       padding: .3rem .5rem; border: 1px solid var(--line); border-radius: 4px;
       margin-top: .3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; white-space: nowrap;
         border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; }
input[type=range] { width: 100%; margin: .6rem 0; }
.walk { max-width: 36rem; }
</style>
</head>
<body>
<main>
HTML
    printf '%s\n' "$mark"
    cat <<'HTML'
<h1>A photo, and what is left of it in latents</h1>
<p>An autoencoder of Stable Diffusion's structure makes four numbers of each 8&times;8 pixels,
192 bytes, and a picture of those numbers again. These networks came with Latent, trained on two
processor cores.</p>
<div class="row">
HTML
    times=$(figure photo times 0)
    if [ "$times" -gt 1 ]; then smaller=", $times times smaller each way"; else smaller=; fi
    picture photo.png "" "the photo" \
        "The photo, $(figure photo width 0)&times;$(figure photo height 0) pixels$smaller"
    for model in small tiny; do
        picture $model.png "" "the photo through $model" \
            "<b>$model</b>: $(figure $model psnr_db 2) dB$(command_of $model)"
    done
    echo '</div>'
    echo '<h2>How far, how long, how much</h2>'
    printf '<div class="scroll" tabindex="0"><table>\n<tr>'
    for title in network PSNR 'largest error' encode decode memory; do
        printf '<th scope="col">%s</th>' "$title"
    done
    echo '</tr>'
    for model in small tiny; do
        printf '<tr><th scope="row">%s</th>' $model
        printf '<td>%s dB</td><td>%s of 255</td>' "$(figure $model psnr_db 2)" \
            "$(figure $model-difference max_error 0)"
        printf '<td>%s s</td><td>%s s</td><td>%s MiB</td></tr>\n' \
            "$(figure $model encode_s 2)" "$(figure $model decode_s 2)" \
            "$(figure $model peak_mib 0)"
    done
    echo '</table></div>'
    echo '<p>Memory is the peak of the whole process. PSNR is of bytes: the higher the better,'
    echo '3 dB are half the squared error.</p>'

    echo '<h2>The latents</h2>'
    echo '<p>Four channels, scaled to unit variance, from -3 (black) to 3 (white): a picture'
    echo 'still, smaller by eight each way.</p>'
    picture channels.png pixels "four channels in shades of grey" \
        "$(command_of latents)$(command_of channels)"

    echo '<h2>Previews</h2>'
    echo '<p>What a sampler can show at each step, for less: a table of colours, eight small'
    echo 'convolutions, the tiny decoder.</p>'
    echo '<div class="row">'
    picture linear.png pixels "linear preview" "<b>linear</b>$(command_of linear)"
    picture approx.png pixels "preview by VAEApprox" "<b>approx</b>$(command_of approx)"
    picture preview-tiny.png "" "preview by the tiny decoder" \
        "<b>tiny</b>$(command_of preview-tiny)"
    echo '</div>'

    echo '<h2>What was lost</h2>'
    echo '<p>What came back minus what went in, four times as strong: grey is right.</p>'
    echo '<div class="row">'
    for model in small tiny; do
        picture $model-difference.png "" "difference of $model" \
            "<b>$model</b>$(command_of $model-difference)"
    done
    echo '</div>'

    echo '<h2>A walk between two latents</h2>'
    echo '<p>On the straight line from these latents to another picture&rsquo;s, each point'
    echo 'decoded.</p>'
    echo '<div class="walk">'
    printf '<img id="frame" src="walk-0.png" alt="point 1 of %s">\n' $frames
    printf '<label for="where">How far: <output id="told">0</output> of %s</label>\n' \
        $((frames - 1))
    printf '<input id="where" type="range" min="0" max="%s" value="0" autocomplete="off">\n' \
        $((frames - 1))
    command_of other-latents
    command_of walk
    cat <<'HTML'
</div>
<script>
const frame = document.getElementById('frame'), told = document.getElementById('told');
document.getElementById('where').addEventListener('input', event => {
  const { value, max } = event.target;
  frame.src = `walk-${value}.png`;
  frame.alt = `point ${Number(value) + 1} of ${Number(max) + 1}`;
  told.value = value;
});
</script>
HTML
    echo '<noscript><div class="row">'
    i=0
    while [ $i -lt $frames ]; do
        printf '<img src="walk-%s.png" alt="point %s of %s">\n' $i $((i + 1)) $frames
        i=$((i + 1))
    done
    echo '</div></noscript>'
    echo '</main>'
    echo '</body>'
    echo '</html>'
} >index.html
rm -f ./*.command ./*.txt
cd /
rm -rf "$out"
mv "$work" "$out"
trap - EXIT
