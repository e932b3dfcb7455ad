"""Turn a CMS's Portable Text (https://www.portabletext.org) into Markdown."""

from __future__ import annotations

from typing import Any

Block = dict[str, Any]

PREFIXES = {"blockquote": "> ", **{f"h{level}": "#" * level + " " for level in range(1, 7)}}
MARKS = {"strong": "**", "em": "*", "code": "`", "strike-through": "~~"}

#: Of a list within lists; no page shows more.
MOST_LEVELS = 10


def markdown(blocks: list[Any]) -> str:
    """Return the Markdown of a list of blocks; what is unknown and holds no text is left out."""
    parts: list[str] = []
    in_list = False
    for block in blocks:
        if not isinstance(block, dict):
            continue
        text = _block(block)
        if not text.strip():
            continue
        is_item = block.get("listItem") is not None
        # The items of a list stand together; everything else has an empty line before it.
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
        indent = "  " * (min(int(block.get("level") or 1), MOST_LEVELS) - 1)
        return f"{indent}{'1.' if block['listItem'] == 'number' else '-'} {text}"
    return PREFIXES.get(str(block.get("style")), "") + text


def _span(span: Any, links: dict[Any, Any]) -> str:
    text = span.get("text") if isinstance(span, dict) else None
    if not isinstance(text, str) or not text.strip():
        return text if isinstance(text, str) else ""
    # Marks touch the words that they mark, or Markdown does not see them.
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    text = text.strip()
    for mark in span.get("marks") or []:
        if mark in MARKS:
            text = f"{MARKS[mark]}{text}{MARKS[mark]}"
        elif href := links.get(mark):
            text = f"[{text}]({href})"
    return before + text + after
