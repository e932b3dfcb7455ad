"""The browser in which web pages are tested, and what it finds wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from ops.local.prepare import find_chromium

#: Widths of a small phone and of a desk, in CSS pixels.
PHONE, DESK = 360, 1280


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a headless browser: the one that setup found or installed."""
    program = find_chromium()
    assert program is not None, "There is no Chromium. Type 'make setup'."
    with sync_playwright() as playwright:
        # In a container, and as root, there is no sandbox to be had; the pages are our own.
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def violations(page: Page) -> list[str]:
    """Return the rules of accessibility that a page breaks (axe-core), and where."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['help']} at {[node['target'] for node in rule['nodes']]}"
        for rule in found
    ]
