#pragma once

#include <string_view>

namespace latent::command {

/// How the page of a comparison looks: light or dark as its reader has it, and in a narrow
/// window the figures of a row below its name.
inline constexpr std::string_view parity_style = R"css(
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1d2129; --dim: #6b7280; --line: #e3e6ea; --hover: #f3f5f8;
  --good: #2f9e63; --warn: #c98a12; --bad: #d1344b; --bad-paper: #fdecef;
  --s0: #2f6fde; --s1: #c2571a; --s2: #7a4fc9; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171c; --ink: #e4e7eb; --dim: #8f98a5; --line: #2a2f37; --hover: #1c2128;
  --good: #4cc38a; --warn: #e0ac3f; --bad: #ff6b81; --bad-paper: #3a1820;
  --s0: #6ea1ff; --s1: #f2935c; --s2: #b195f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 78rem; color: var(--ink);
  background: var(--paper); font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.25rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: .95rem; margin: 0; overflow-wrap: anywhere; }
.sources { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem;
  margin: 0 0 1rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.version { color: var(--dim); margin-left: .7em; white-space: nowrap; }
.verdict { border-left: 4px solid var(--good); padding: .4rem .9rem; margin: .6rem 0;
  background: var(--hover); overflow-wrap: anywhere; }
.verdict.bad { border-color: var(--bad); background: var(--bad-paper); }
.verdict p { margin: .15rem 0; font-weight: 600; }
.verdict p.more { font-weight: normal; color: var(--dim); }
.letter.s0 { color: var(--s0); } .letter.s1 { color: var(--s1); }
.letter.s2 { color: var(--s2); }
a { color: var(--s0); white-space: nowrap; }
figure { margin: 1rem 0; } figcaption { color: var(--dim); font-size: .85rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px monospace; fill: var(--dim); text-anchor: end;
  dominant-baseline: middle; }
svg path { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; }
svg .grid { stroke: var(--line); }
svg .mark { stroke: var(--bad); stroke-dasharray: 3 3; }
svg .tolerance { stroke: var(--dim); stroke-dasharray: 5 4; stroke-width: 1; }
path.s0 { stroke: var(--s0); } path.s1 { stroke: var(--s1); } path.s2 { stroke: var(--s2); }
circle.s0 { fill: var(--s0); } circle.s1 { fill: var(--s1); } circle.s2 { fill: var(--s2); }
circle.first { fill: var(--bad); }
.row { display: grid; align-items: baseline; gap: 0 .6rem; padding: .1rem .4rem;
  grid-template-columns: minmax(10rem, 1fr) 7.5rem 1.6rem 4rem 4rem 4rem 7rem 4rem 4.6rem 7rem;
  border-bottom: 1px solid var(--line); }
.row span { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.row .name { overflow: hidden; text-overflow: ellipsis; }
.row .class { color: var(--dim); font-size: .85em; margin-left: .4em; }
.shape, .head span { color: var(--dim); }
.n { text-align: right; }
.head { position: sticky; top: 0; background: var(--paper); z-index: 1; }
.head .n:last-child { text-align: left; }
.mark { grid-column: 3; }
.remark { grid-column: 4 / -1; color: var(--bad); white-space: normal; }
.row:hover { background: var(--hover); }
.row.first { background: var(--bad-paper); box-shadow: inset 3px 0 var(--bad); }
.row:target { outline: 2px solid var(--s0); }
.mark.first, .mark.unlike, .mark.differs { color: var(--bad); font-weight: bold; }
.mark.inherits { color: var(--warn); }
.bar { align-self: center; height: .6rem; background: var(--line); border-radius: 2px; }
.bar i { display: block; height: 100%; border-radius: 2px; background: var(--good); }
.bar.inherits i { background: var(--warn); }
.bar.first i, .bar.differs i { background: var(--bad); }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary .name::before { content: "\25B8"; display: inline-block; width: 1.1em;
  color: var(--dim); }
details[open] > summary .name::before { content: "\25BE"; }
.parts { margin-left: .55rem; padding-left: .8rem; border-left: 1px solid var(--line); }
@media (max-width: 64rem) {
  .row { display: flex; flex-wrap: wrap; }
  .row.head { display: none; }
  .row .name { flex: 1 0 60%; }
  .row .mark { flex-basis: 1.4rem; }
  svg text { font-size: 20px; }
  .row .remark { flex: 1 0 60%; }
  .row .n:not(:empty)::before { color: var(--dim); }
  .n.l2::before { content: "rel. L2 "; } .n.own::before { content: "own "; }
  .n.largest::before { content: "largest "; } .n.at::before { content: "at "; }
  .n.ulp::before { content: "ulp "; } .n.cosine::before { content: "cosine "; }
  .row .bar { flex: 1 0 6rem; }
  .parts { margin-left: .2rem; padding-left: .4rem; } }
@media print { details:not([open]) > .parts { display: block; } .head { position: static; } }
)css";

} // namespace latent::command
