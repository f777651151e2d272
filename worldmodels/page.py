"""A page that stands alone: one HTML file with its style, pictures and videos inside, and nothing fetched from elsewhere.

Each function returns HTML. Text that is handed in is text: it is escaped. The page reads in light and in dark; charts, drawn
dark on white, are turned over where the ground is dark.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from genmodels.viz import Picture, png

Html = str

STYLE = """
:root { color-scheme: light dark; --ground: #fcfcfa; --ink: #23272b; --faint: #757c84; --rule: #e3e5e7; --accent: #b3541e; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15171b; --ink: #dfe2e5; --faint: #8f969e; --rule: #2c3036; --accent: #f0a06a; }
  img.chart { filter: invert(0.92) hue-rotate(180deg); mix-blend-mode: lighten; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 3rem 1.5rem 5rem; max-width: 56rem; background: var(--ground); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { margin: 0 0 .3rem; font-size: 1.9rem; font-weight: 600; letter-spacing: -.01em; }
h2 { margin: 3.2rem 0 .4rem; font-size: 1.15rem; font-weight: 600; }
h3 { margin: 1.6rem 0 .2rem; font-size: 1rem; font-weight: 600; }
p { margin: .3rem 0 1rem; max-width: 42rem; }
.lead { font-size: 1.15rem; }
.note, figcaption, summary, thead th, dt { color: var(--faint); font-size: .9rem; font-weight: 400; }
code, pre { font: .88rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { margin: .6rem 0; padding: .8rem 1rem; overflow-x: auto; border: 1px solid var(--rule); border-radius: 6px; }
figure { margin: 1.2rem 0; }
img, video { display: block; max-width: 100%; height: auto; }
img.chart { width: 100%; mix-blend-mode: multiply; }
@media (prefers-color-scheme: dark) { img.chart { mix-blend-mode: lighten; } }
video { border-radius: 6px; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { padding: .3rem 1.1rem .3rem 0; text-align: left; font-weight: 400; }
td.number, th.number { text-align: right; }
tbody tr { border-top: 1px solid var(--rule); }
tbody tr.first th, tbody tr.first td { font-weight: 600; color: var(--accent); }
table.strip { width: 100%; table-layout: fixed; }
table.strip tr { border: 0; }
table.strip th, table.strip td { padding: 1px; text-align: center; font-size: .8rem; color: var(--faint); }
table.strip th[scope=row] { text-align: left; padding-right: .6rem; }
table.strip .name { width: 8rem; }
table.strip img { width: 100%; image-rendering: pixelated; border-radius: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.4rem; margin: .8rem 0; }
dd { margin: 0; }
details { margin: 1rem 0; }
"""


def page(title: str, *parts: Html) -> Html:
    """The whole file."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, about: str, *parts: Html) -> Html:
    """A part of the page, with what is to be seen in it."""
    said = note(about) + "\n" if about else ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{said}" + "\n".join(parts) + "\n</section>"


def titled(title: str, *parts: Html) -> Html:
    """A part of a section."""
    return f"<h3>{escape(title)}</h3>\n" + "\n".join(parts)


def lead(text: str) -> Html:
    """What matters most, in a sentence."""
    return f'<p class="lead">{escape(text)}</p>'


def note(text: str) -> Html:
    """What a reader may want to know of what stands above."""
    return f'<p class="note">{escape(text)}</p>'


def code(text: str) -> Html:
    """What a machine was told, to the letter."""
    return f"<pre>{escape(text)}</pre>"


def facts(values: Mapping[str, object]) -> Html:
    """Names and what they are."""
    return (
        "<dl>\n"
        + "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in values.items())
        + "\n</dl>"
    )


def folded(summary: str, *parts: Html) -> Html:
    """What is there for those who ask."""
    return f"<details>\n<summary>{escape(summary)}</summary>\n" + "\n".join(parts) + "\n</details>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, first: bool = False) -> Html:
    """Rows of a name and numbers; `first` sets the first row off."""
    numbers = "".join(f'<th scope="col" class="number">{escape(name)}</th>' for name in head[1:])
    lines = [f'<tr><th scope="col">{escape(head[0])}</th>{numbers}</tr>\n</thead>\n<tbody>']
    for row, (name, *values) in enumerate(rows):
        cells = "".join(f'<td class="number">{escape(value)}</td>' for value in values)
        mark = ' class="first"' if first and not row else ""
        lines.append(f'<tr{mark}><th scope="row">{escape(name)}</th>{cells}</tr>')
    return '<div class="wide"><table>\n<thead>\n' + "\n".join(lines) + "\n</tbody>\n</table></div>"


def chart(picture: Picture, about: str) -> Html:
    """A drawing on white; `about` stands for it where it is not seen."""
    return f'<figure><img class="chart" src="{_inside("image/png", png(picture))}" alt="{escape(about)}"></figure>'


def strip(rows: Mapping[str, Sequence[Picture]], heads: Sequence[str] = ()) -> Html:
    """Rows of small pictures, one above the other, each under its name and its column's head."""
    lines = []
    if heads:
        tops = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
        lines.append(f'<thead><tr><td class="name"></td>{tops}</tr></thead>')
    lines.append("<tbody>")
    for name, pictures in rows.items():
        cells = "".join(
            f'<td><img src="{_inside("image/png", png(picture))}" alt="{escape(f"{name}, {column}")}"></td>'
            for column, picture in enumerate(pictures)
        )
        lines.append(f'<tr><th scope="row" class="name">{escape(name)}</th>{cells}</tr>')
    return '<table class="strip">\n' + "\n".join(lines) + "\n</tbody>\n</table>"


def video(mp4: bytes, caption: str) -> Html:
    """A film that plays by itself, over and over, without a sound."""
    source = f'<video src="{_inside("video/mp4", mp4)}" autoplay loop muted playsinline controls></video>'
    return f"<figure>{source}<figcaption>{escape(caption)}</figcaption></figure>"


def _inside(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
