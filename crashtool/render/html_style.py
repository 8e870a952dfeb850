"""The style sheet of the web page: light and dark, from a phone's width on."""

from __future__ import annotations

STYLE = """\
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1c2128; --dim: #5b6470; --line: #d9dee5;
  --code: #eef1f5; --accent: #0b63a8; --bad: #b3201c; --warn: #8a4b00; --good: #1b6b33;
  --badly: #fdecea; --warning: #fdf1de; --goodly: #e6f4ea; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12161b; --card: #1a2027; --text: #e3e8ee; --dim: #9aa5b2; --line: #303a45;
  --code: #232b34; --accent: #6cb6ff; --bad: #ff8a80; --warn: #f0b35a; --good: #7fd497;
  --badly: #3a1d1d; --warning: #362a14; --goodly: #17301f; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  font-size: .875em; }
code { overflow-wrap: anywhere; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
header { border-left: 4px solid var(--dim); padding: .1rem 0 .1rem .9rem; margin-bottom: 1rem; }
header.crash { border-color: var(--bad); }
h1 { font-size: 1.45rem; line-height: 1.25; margin: .1rem 0 .3rem; overflow-wrap: anywhere; }
header.crash h1 { color: var(--bad); }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
h2 small, summary small { color: var(--dim); font-weight: normal; margin-left: .5em; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.dim { color: var(--dim); }
.hint { background: var(--warning); border-radius: .4rem; padding: .35rem .7rem; margin: .4rem 0;
  color: var(--warn); }
article + article { border-top: 2px solid var(--line); margin-top: 2.5rem; padding-top: 1.5rem; }
section, details.card { background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; padding: .9rem 1rem; margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1rem; margin: 0; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
details > summary { cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }
details.card[open] > summary { margin-bottom: .6rem; }
details.sub { border-top: 1px solid var(--line); padding: .45rem 0; }
details.sub[open] > summary { margin-bottom: .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; color: var(--dim); font-weight: 600; font-size: .82rem; }
th, td { padding: .3rem .8rem .3rem 0; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; }
td { overflow-wrap: anywhere; min-width: 5.5rem; }
td.tight { white-space: nowrap; min-width: 0; }
.pill { display: inline-block; border-radius: 1rem; padding: 0 .6rem; font-size: .82rem;
  font-weight: 600; white-space: nowrap; background: var(--warning); color: var(--warn); }
.pill.good { background: var(--goodly); color: var(--good); }
.pill.bad { background: var(--badly); color: var(--bad); }
ul.fixes { margin: .6rem 0 .8rem; padding-left: 1.3rem; list-style: "\\2192  "; color: var(--warn);
  overflow-wrap: anywhere; }
ol.stack { list-style: none; margin: 0; padding: 0; }
ol.stack > li { display: grid; grid-template-columns: 3rem minmax(0, 1fr) auto; gap: 0 .8rem;
  padding: .32rem 0; border-top: 1px solid var(--line); }
ol.stack > li:first-child { border-top: 0; }
.no { color: var(--dim); text-align: right; white-space: nowrap; }
.fn { font-weight: 600; }
details.variables { grid-column: 2 / -1; }
details.variables summary { font-weight: normal; }
details.variables > summary { color: var(--dim); font-size: .82rem; }
details.variables ul { list-style: none; margin: 0; padding-left: 1rem; overflow-wrap: anywhere; }
.place { margin-left: .6em; }
.sign { display: inline-block; min-width: 1.2em; text-align: center;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.legend .sign { margin-left: .4em; }
.where { font-weight: 600; }
.found { color: var(--dim); font-size: .82rem; text-align: right; }
li.guessed .fn, li.guessed .place, li.guessed .sign { color: var(--dim); font-weight: normal; }
ol.stack > li.merged { padding-bottom: 0; }
ol.stack > li.merged + li { border-top: 0; padding-top: .1rem; }
li.folded { color: var(--dim); font-style: italic; }
pre.source { grid-column: 2 / -1; margin: .35rem 0 .2rem; padding: .4rem .6rem; overflow-x: auto;
  background: var(--code); border-radius: .4rem; line-height: 1.45; }
pre.source mark { background: var(--warning); color: inherit; font-weight: 700; }
pre.dump { margin: .3rem 0; overflow-x: auto; }
svg.days { width: 100%; max-width: 26rem; height: 2.2rem; fill: var(--accent); }
@media (max-width: 46rem) {
  body { font-size: 14px; }
  main { padding: .8rem .6rem 2rem; }
  section, details.card { padding: .7rem .7rem; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: .45rem; }
  ol.stack > li { grid-template-columns: 2.1rem minmax(0, 1fr); gap: 0 .5rem; }
  .place { display: block; margin-left: 0; }
  .found { grid-column: 2; text-align: left; }
  table.wide thead { position: absolute; clip-path: inset(50%); }
  table.wide tr { display: block; border-top: 1px solid var(--line); padding: .3rem 0; }
  table.wide td { display: block; border: 0; padding: .05rem 0; }
  table.wide td:empty { display: none; }
  table.wide td[data-name]::before { content: attr(data-name) ": "; color: var(--dim); }
}
@media print {
  body { background: none; } section, details.card { break-inside: avoid; }
}
"""
