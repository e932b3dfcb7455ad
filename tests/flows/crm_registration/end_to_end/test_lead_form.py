"""The lead form in a browser: from what a person types to the rows in the database."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.flows.crm_registration.support.registration import Registration
from tests.support.browser import DESK, PHONE, running_browser, violations

TYPED = {
    "name": "  Íñigo ",
    "lastname": "Soto O'Brien",
    "phone": "+56 9 8374-7263",
    "mail": "isoto@micorreo.com",
    "store": "est_central",
}
#: For each language what the page says: a missing field, a wrong RUT, a wrong mail address.
WORDS = {
    "es-CL": ("Complete este campo.", "Escriba dígitos, un guion", "Escriba una dirección"),
    "en-GB": ("Please fill in this field.", "Write digits, a hyphen", "Write an e-mail address"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests here."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def url(platform: Registration) -> str:
    """The form's address."""
    address: str = platform.outputs["flows"]["crm_registration"]["web_url"]
    return address


@pytest.fixture
def open_form(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """Return what opens the form in a new window, on a phone unless a test says otherwise."""
    contexts = []
    faults: list[str] = []

    def open_in(locale: str = "es-CL", width: int = PHONE, scheme: Any = "light") -> Page:
        context = browser.new_context(
            locale=locale, viewport={"width": width, "height": 740}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url)
        expect(page.locator("html[data-ready]")).to_be_attached()
        return page

    yield open_in
    for context in contexts:
        context.close()
    # Violations of the content security policy and errors of the script are collected here.
    assert faults == []


def new_rut() -> str:
    """Return a RUT that no test has used."""
    return f"{random.randint(1_000_000, 99_999_999)}-k"


def fill(page: Page, rut: str, **changes: str) -> None:
    """Type a person's data."""
    for name, text in {**TYPED, "rut": rut, **changes}.items():
        page.fill(f"#{name}", text)


def sent_id(page: Page) -> str:
    """Return the number that the page shows when the lead was accepted."""
    status = page.locator("#status.done")
    expect(status).to_be_visible(timeout=20_000)
    found = re.search(r"[0-9a-f-]{36}", status.inner_text())
    assert found is not None
    return found[0]


def test_what_is_typed_becomes_rows(platform: Registration, open_form: Callable[..., Page]) -> None:
    page, rut = open_form(), new_rut()
    fill(page, f" {rut[:-2]}-K")
    page.check("#wantsBenefit")
    page.click("#send")

    execution, _ = platform.ended(sent_id(page))

    assert execution.status == "SUCCEEDED"
    rows = platform.rows(rut.upper())
    [client], [partner], [benefit] = rows["CLIENTS"], rows["PARTNERS"], rows["BENEFIT"]
    assert (client["name"], client["lastname"]) == ("Íñigo", "Soto O'Brien")
    assert (client["phone"], client["mail"]) == ("+56983747263", "isoto@micorreo.com")
    assert partner["store"] == "est_central"
    assert benefit["wantsBenefit"] == 1
    assert page.input_value("#name") == ""


def test_the_keyboard_is_enough(platform: Registration, open_form: Callable[..., Page]) -> None:
    page, rut = open_form("en-GB", DESK), new_rut()
    page.focus("[data-language=en]")
    for text in (TYPED["name"], TYPED["lastname"], rut, TYPED["phone"], TYPED["mail"], "est_uno"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send"
    page.keyboard.press("Enter")

    event_id = sent_id(page)

    assert page.evaluate("document.activeElement.id") == "status"
    assert platform.ended(event_id)[0].status == "SUCCEEDED"
    assert platform.rows(rut.upper())["BENEFIT"][0]["wantsBenefit"] == 1


@pytest.mark.parametrize("locale", WORDS)
def test_an_error_is_beside_its_field_in_the_language_of_the_reader(
    open_form: Callable[..., Page], locale: str
) -> None:
    missing, wrong_rut, wrong_mail = WORDS[locale]
    page = open_form(locale)
    sent: list[Any] = []
    page.on("request", lambda request: sent.append(request.url) if "leads" in request.url else None)

    # Nothing is said of a field that was not left yet, nor of those that come later.
    page.locator("#rut").press_sequentially("12")
    assert page.locator(".error").all_inner_texts() == [""] * 6
    page.fill("#mail", "nobody")
    page.click("#send")

    expect(page.locator("#rut-error")).to_contain_text(wrong_rut)
    expect(page.locator("#mail-error")).to_contain_text(wrong_mail)
    expect(page.locator("#name-error")).to_have_text(missing)
    assert page.get_attribute("#rut", "aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "name"
    assert violations(page) == []

    # And goes as one types.
    page.fill("#rut", "12.345.678-5")
    expect(page.locator("#rut-error")).to_have_text("")
    assert page.get_attribute("#rut", "aria-invalid") == "false"

    other = next(name for name in WORDS if name != locale)
    page.click(f"[data-language={other[:2]}]")
    expect(page.locator("#mail-error")).to_contain_text(WORDS[other][2])
    expect(page.locator("#name-error")).to_have_text(WORDS[other][0])
    assert page.get_attribute("html", "lang") == other[:2]
    assert sent == []


def test_an_error_that_only_the_api_finds_is_beside_its_field(
    open_form: Callable[..., Page],
) -> None:
    page = open_form()
    # As if the page's rules were those of yesterday.
    page.route("**/lead.schema.json", lambda route: route.fulfill(json={"properties": {}}))
    page.reload()
    fill(page, "12345678")
    page.click("#send")

    expect(page.locator("#rut-error")).to_contain_text(WORDS["es-CL"][1])
    assert page.locator(".error").all_inner_texts().count("") == 5
    assert page.evaluate("document.activeElement.id") == "rut"


def test_what_was_typed_outlives_an_api_that_is_down(
    platform: Registration, open_form: Callable[..., Page]
) -> None:
    page, rut = open_form(), new_rut()
    fill(page, rut)
    page.check("#wantsBenefit")

    page.context.set_offline(True)
    page.click("#send")
    expect(page.locator("#status.failed")).to_contain_text("Siguen aquí")
    page.context.set_offline(False)

    def fail(route: Any) -> None:
        route.fulfill(status=503, headers={"Retry-After": "5"}, json={"message": "later"})

    page.route("**/leads", fail)
    page.click("#send")
    expect(page.locator("#status.failed")).to_contain_text("Siguen aquí")
    # Not even a reload loses it.
    page.reload()
    assert page.input_value("#rut") == rut
    assert page.is_checked("#wantsBenefit")
    page.unroute("**/leads")

    page.click("#send")
    assert platform.ended(sent_id(page))[0].status == "SUCCEEDED"
    assert len(platform.rows(rut.upper())["CLIENTS"]) == 1
    # And once it is sent, nothing of it stays in the browser.
    assert page.evaluate("sessionStorage.lead") is None


@pytest.mark.parametrize("seconds", [0, 1.5])
def test_a_double_click_sends_one_lead(
    platform: Registration, open_form: Callable[..., Page], seconds: float
) -> None:
    page, rut, sent = open_form(), new_rut(), []
    fill(page, rut)

    def answer(route: Any) -> None:
        sent.append(route.request.post_data)
        page.wait_for_timeout(seconds * 1000)
        route.continue_()

    page.route("**/leads", answer)
    page.dblclick("#send")
    event_id = sent_id(page)
    page.click("#send")

    assert len(sent) == 1
    assert json.loads(sent[0])["rut"] == rut.upper()
    expect(page.locator("#status.done")).to_contain_text(event_id)
    assert platform.ended(event_id)[0].status == "SUCCEEDED"


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_on_every_screen(
    open_form: Callable[..., Page], width: int, scheme: str
) -> None:
    page = open_form(width=width, scheme=scheme)

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#send")
    expect(page.locator("#status.failed")).to_be_visible()
    assert violations(page) == []
    # Large enough for a finger (WCAG 2.2, 2.5.5).
    for control in page.locator("button, input:not([type=checkbox])").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 44


def test_a_page_of_another_origin_can_neither_send_nor_read(
    platform: Registration, browser: Browser, url: str
) -> None:
    page = browser.new_page()
    page.goto(f"{platform.settings.endpoint}/_ministack/health")
    send = """async ([url, type]) => {
      try {
        const headers = { "Content-Type": type };
        const answer = await fetch(url, { method: "POST", headers, body: "{}" });
        return answer.status;
      } catch (error) {
        return error.name;
      }
    }"""
    api = platform.outputs["flows"]["crm_registration"]["web_url"] + "leads"

    outcomes = [page.evaluate(send, [api, kind]) for kind in ("application/json", "text/plain")]
    page.close()

    assert outcomes == ["TypeError", "TypeError"]
    # The first is never sent; the second is, unasked, and refused.
    assert call(platform, "POST", "leads", data="{}", type="text/plain").status_code == 415


def test_who_asks_for_the_page_is_told_how_to_treat_it(platform: Registration) -> None:
    answer = call(platform, "GET", "")

    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy.pop("img-src") == "'self' data:"
    assert {name: value for name, value in policy.items() if value != "'none'"} == {
        "connect-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
    }
    assert {"default-src", "base-uri", "form-action", "frame-ancestors"} <= set(policy)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    # The domain's other subdomains are bound only if its owner says so.
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert call(platform, "GET", "config.json").headers["Cache-Control"] == "public, max-age=60"
    assert not [name for name in answer.headers if name.lower().startswith("x-amz-server")]


def test_the_bucket_is_read_through_the_distribution_only(platform: Registration) -> None:
    direct = f"{platform.settings.endpoint}/flowbridge-local-lead-form-000000000000/index.html"

    assert requests.get(direct, timeout=10).status_code == 403
    assert call(platform, "GET", "index.html").status_code == 200
    assert call(platform, "DELETE", "index.html").status_code == 403
    assert call(platform, "GET", "missing.html").status_code == 403


def test_the_api_refuses_what_is_too_large(platform: Registration) -> None:
    body = json.dumps({"name": "x" * 17_000})

    assert call(platform, "POST", "leads", data=body).status_code == 413


def call(
    platform: Registration, method: str, path: str, data: str | None = None, type: str | None = None
) -> requests.Response:
    """Call the form's address without a browser, which alone knows names below localhost."""
    site = urlsplit(platform.outputs["flows"]["crm_registration"]["web_url"])
    return requests.request(
        method,
        f"{platform.settings.endpoint}/{path}",
        headers={"Host": site.netloc, "Content-Type": type or "application/json"},
        data=data,
        timeout=30,
    )
