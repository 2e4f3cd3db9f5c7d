"""How the page looks: on a screen in light and dark, on a phone, on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #17212b; --soft: #52606d; --paper: #fff; --line: #dde3e9; --head: #f4f6f8; --link: #0b4f94; --mark: #fff3c4;
  --good: #e3f1ea; --good-ink: #10402f; --look: #fdf1d3; --look-ink: #5a4300; --bad: #fbe3df; --bad-ink: #7a1c10;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e9ee; --soft: #a6b2bd; --paper: #11161b; --line: #303a44; --head: #1a2129; --link: #86bdf2;
    --mark: #4a3f10; --good: #15352a; --good-ink: #c4ead8; --look: #3b2f0c; --look-ink: #f6e0a4; --bad: #43190f;
    --bad-ink: #f8c9bf;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 76rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
h1 { font-size: 2rem; line-height: 1.15; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 .8rem; }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
.signed { margin: 0 0 .3rem; }
.lead { font-size: 1.12rem; font-weight: 600; max-width: 68rem; }
.sub { color: var(--soft); margin: 0; max-width: 48rem; }
header { border-bottom: 3px solid var(--ink); padding-bottom: 1rem; }
.answer h2 { margin-top: 1.6rem; }
nav { margin: 1rem 0 0; font-size: .9rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; padding: 0; margin: 0; list-style: none; }
a { color: var(--link); }
a.n {
  color: inherit; text-decoration: underline dotted var(--soft) 1px; text-underline-offset: .22em; white-space: nowrap;
}
a.n:hover, a.n:focus { color: var(--link); text-decoration-style: solid; }
a:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
p { max-width: 60rem; }
.scroll { overflow-x: auto; margin: 1rem 0 1.6rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; line-height: 1.4; }
caption { text-align: left; color: var(--soft); padding: 0 0 .4rem; }
th, td { border-bottom: 1px solid var(--line); padding: .42rem .7rem; text-align: left; vertical-align: top; }
thead th { background: var(--head); font-weight: 600; border-bottom: 1px solid var(--soft); }
tbody th { font-weight: 600; padding-left: .4rem; white-space: nowrap; }
td.num { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.text { min-width: 15rem; }
td.short { white-space: nowrap; }
td.tone { min-width: 6.5rem; }
td.good { background: var(--good); color: var(--good-ink); }
td.look { background: var(--look); color: var(--look-ink); }
td.bad { background: var(--bad); color: var(--bad-ink); }
.ref { font-size: .75rem; white-space: nowrap; width: 1%; }
td.ref a { color: var(--soft); text-decoration: none; }
td.ref a:hover { color: var(--link); text-decoration: underline; }
.answer table { font-size: 1rem; }
.answer td.tone { white-space: nowrap; font-weight: 600; }
figure { margin: 1rem 0; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figure.design img { width: 44rem; }
.ledger { font-size: .88rem; }
.ledger dt { font-weight: 600; margin-top: .8rem; }
.ledger dd { margin: .1rem 0 0; max-width: 64rem; color: var(--soft); }
.ledger ol { columns: 20rem; column-gap: 2.5rem; padding-left: 2.2rem; }
.ledger li { break-inside: avoid; margin: .15rem 0; }
.ledger table { font-size: .82rem; }
.ledger td { overflow-wrap: anywhere; }
.ledger td:nth-child(4) { white-space: nowrap; }
:target, tr:target th, tr:target td { background: var(--mark); }
@media (max-width: 44rem) {
  a.n { white-space: normal; }
  body { padding: 1rem .9rem 3rem; font-size: 15px; }
  .answer table, .answer caption, .answer tbody, .answer tr, .answer th, .answer td {
    display: block; width: auto; border: 0;
  }
  .answer thead { display: none; }
  .answer tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
}
@media print {
  :root {
    --ink: #000; --soft: #333; --paper: #fff; --line: #bbb; --head: #eee; --link: #000;
    --good: #fff; --look: #fff; --bad: #fff; --good-ink: #000; --look-ink: #000; --bad-ink: #000;
  }
  nav { display: none; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h2 { break-after: avoid; margin-top: 1.4rem; }
  tr, figure { break-inside: avoid; }
  .scroll { overflow: visible; }
}
"""
