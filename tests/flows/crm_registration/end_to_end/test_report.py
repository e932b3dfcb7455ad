"""The report in a browser, of what really ran."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.flows.crm_registration.support.registration import Registration
from tests.support.browser import DESK, PHONE, running_browser, violations
from tests.support.functions import LEAD


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_report_opens_by_itself_and_shows_a_state_s_input_masked(
    platform: Registration, tmp_path: Path, width: int
) -> None:
    event_id, bad = platform.publish(
        {**LEAD, "rut": "4114114-1", "name": "<b>Quince"}, {**LEAD, "rut": "no rut", "name": "Mary"}
    )
    good, _ = platform.ended(event_id)
    failed, _ = platform.ended(bad)
    file = tmp_path / "report.html"

    run = platform.make("report", f"OUT={file}")

    assert run.code == 0, run.text
    faults: list[str] = []
    with running_browser() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: faults.append(message.text))
        page.on("request", lambda request: faults.append(request.url))
        page.goto(file.as_uri())
        faults.remove(file.as_uri())

        execution = page.locator("details", has_text=good.name).first
        execution.locator("summary").first.click()
        state = execution.locator("details", has_text="CreateClient").first
        state.locator("summary").click()
        expect(state.locator("pre").first).to_be_visible()
        expect(state.locator("pre").first).to_contain_text("•••")
        expect(execution.locator("svg").first).to_be_visible()
        expect(page.locator("body")).to_contain_text("make redrive ENV=local")
        expect(page.locator("details", has_text=failed.name).first).to_contain_text("InvalidLead")

        assert "Mary" not in page.content()
        assert page.locator("b", has_text="Quince").count() == 0
        assert violations(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
    assert faults == []
