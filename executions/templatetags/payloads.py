"""Data of other people as a tree that opens and closes, without a script."""

from collections.abc import Iterator

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from executions.masking import Leaf, Shown

register = template.Library()

# What is open from the start: the items and their fields, not what lies below.
OPEN_DEPTH = 2


@register.simple_tag
def payload_tree(shown: Shown) -> SafeString:
    """Every text in it is escaped here."""
    return mark_safe(f'<div class="tree" dir="ltr">{"".join(_parts(shown, 0))}</div>')


def _parts(shown: Shown, depth: int) -> Iterator[str]:
    if isinstance(shown, Leaf):
        note = f" <small>{escape(shown.note)}</small>" if shown.note else ""
        yield f'<bdi class="leaf {shown.kind}">{escape(shown.text)}</bdi>{note}'
        return
    ends = "{}" if shown.kind == "object" else "[]"
    if not shown.parts:
        yield f'<span class="leaf word">{ends if not shown.size else "…"}</span>'
        return
    is_open = " open" if depth < OPEN_DEPTH else ""
    said = f"{shown.size:,} {'field' if shown.kind == 'object' else 'item'}"
    said += "" if shown.size == 1 else "s"
    yield f"<details{is_open}><summary>{ends} <small>{said}</small></summary><ul>"
    for label, part in shown.parts:
        yield f'<li><bdi class="label">{escape(label)}</bdi> '
        yield from _parts(part, depth + 1)
        yield "</li>"
    if shown.left_out:
        yield f"<li><small>and {shown.left_out:,} more</small></li>"
    yield "</ul></details>"
