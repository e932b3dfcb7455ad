"""Convert a CMS's Portable Text (https://www.portabletext.org) to Markdown."""

from __future__ import annotations

from typing import Any

Block = dict[str, Any]

PREFIXES = {"blockquote": "> ", **{f"h{level}": "#" * level + " " for level in range(1, 7)}}
MARKS = {"strong": "**", "em": "*", "code": "`", "strike-through": "~~"}

#: Deepest nesting of lists; deeper items stay at this level.
MAX_LEVELS = 10


def markdown(blocks: list[Any]) -> str:
    """Return the Markdown of a list of blocks, without unknown blocks that have no text."""
    parts: list[str] = []
    in_list = False
    for block in blocks:
        if not isinstance(block, dict):
            continue
        text = _block(block)
        if not text.strip():
            continue
        is_item = block.get("listItem") is not None
        # Markdown needs an empty line between blocks, but not between the items of a list.
        parts.append(("\n" if is_item and in_list else "\n\n") + text)
        in_list = is_item
    return "".join(parts).strip()


def _block(block: Block) -> str:
    kind = block.get("_type")
    if kind == "code":
        return f"```{block.get('language') or ''}\n{block.get('code') or ''}\n```"
    if kind == "image":
        asset = block.get("asset")
        url = block.get("url") or (asset.get("url") if isinstance(asset, dict) else None)
        return f"![{block.get('alt') or ''}]({url})" if url else ""
    links = {
        mark.get("_key"): mark.get("href")
        for mark in block.get("markDefs") or []
        if isinstance(mark, dict)
    }
    text = "".join(_span(span, links) for span in block.get("children") or [])
    if block.get("listItem"):
        indent = "  " * (min(int(block.get("level") or 1), MAX_LEVELS) - 1)
        return f"{indent}{'1.' if block['listItem'] == 'number' else '-'} {text}"
    return PREFIXES.get(str(block.get("style")), "") + text


def _span(span: Any, links: dict[Any, Any]) -> str:
    text = span.get("text") if isinstance(span, dict) else None
    if not isinstance(text, str) or not text.strip():
        return text if isinstance(text, str) else ""
    # Markdown ignores marks that are separated from the text by spaces.
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    text = text.strip()
    for mark in span.get("marks") or []:
        if mark in MARKS:
            text = f"{MARKS[mark]}{text}{MARKS[mark]}"
        elif href := links.get(mark):
            text = f"[{text}]({href})"
    return before + text + after
