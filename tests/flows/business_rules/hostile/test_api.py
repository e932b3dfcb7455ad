"""Hostile requests to the API: a premium, or a refusal that says nothing of the request."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ops.flows import business_rules as hooks
from ops.local.signed import call
from tests.flows.business_rules.support.rules import FLOW, Rules, request, unthrottled
from tests.support.hostile import cases, leaked, texts, values
from tests.support.platform import Platform
from tests.support.public_api import CHECKS

#: Good requests with something odd about them, and the status of the answer.
ODD: dict[str, tuple[str, Any, int]] = {
    "quotes": ("request.driver.name", "a\"b'c\\d", 200),
    "a template": ("request.driver.name", "$context.x #set($a=1) ${x} {% $x %} </script>", 200),
    "every letter": ("request.driver.name", "é‮🦊\uffff\u2028", 200),
    "control characters": ("request.driver.name", "a\r\n\tb\u0001", 200),
    "an expression of the rules": ("request.car.style", 'SPORTS" or "1" == "1', 200),
    "an id of a path": ("context.request_id", "../../x", 400),
    "an id that is an attribute": ("context.request_id", {"S": "x"}, 400),
    "a negative age": ("request.driver.age", "-1", 400),
    "an age in letters": ("request.driver.age", "eighteen", 400),
    "an age that is a number": ("request.driver.age", 18, 400),
    "a premium in words": ("request.policy.premium", "NaN", 400),
    "a field that nobody knows": ("request.driver.admin", True, 400),
    "a long name": ("request.driver.name", "x" * 101, 400),
}


#: The places of a request into which any value is put.
PLACES = [
    ("context", "request_id"),
    ("context", "timestamp"),
    ("context",),
    ("request", "driver", "age"),
    ("request", "driver", "name"),
    ("request", "driver"),
    ("request", "car", "style"),
    ("request", "car", "more"),
    ("request", "policy", "premium"),
    ("request", "policy", "id"),
    ("request",),
    ("more",),
]


class Signature(AuthBase):
    """Signs a request with the local account's key."""

    def __call__(self, request: Any) -> Any:
        """Add the signature to a request."""
        prepared = AWSRequest(request.method, request.url, data=request.body or b"")
        keys = Credentials(hooks.ROOT.key, hooks.ROOT.secret)
        SigV4Auth(keys, "execute-api", "us-east-1").add_auth(prepared)
        request.headers.update(dict(prepared.headers))
        return request


@pytest.fixture(scope="module")
def rules(platform: Platform) -> Rules:
    return Rules.on(platform)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_request(rules: Rules, name: str) -> None:
    path, value, wanted = ODD[name]
    new = request()
    *parents, last = path.split(".")
    target: Any = new
    for parent in parents:
        target = target[parent]
    target[last] = value

    status, body = unthrottled(lambda: rules.ask(new))

    assert status == wanted, body
    if status == 200:
        assert json.loads(rules.audit(new)["request"]["raw_data"]) == new
    else:
        assert str(value) not in json.dumps(body)


def test_its_own_document(rules: Rules) -> None:
    document = rules.api_document(FLOW, "rules")
    operation = schemathesis.openapi.from_dict(document)["/ExecuteRuleSet"]["post"]
    url = rules.output["apis"]["rules"]["url"]
    session = requests.Session()
    session.auth = Signature()

    @cases(15)
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    def run(case: Any) -> None:
        case.body = hooks.with_new_id(case.body)
        while (response := case.call(base_url=url, session=session, timeout=60)).status_code == 429:
            time.sleep(0.5)
        case.validate_response(response, checks=[*CHECKS, positive_data_acceptance])

    run()


@st.composite
def hostile_requests(draw: st.DrawFn) -> str:
    """Return a good request with any value in any place, or any text."""
    new: Any = request()
    target, keys = new, draw(st.sampled_from(PLACES))
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = draw(values | texts)
    return draw(st.just(json.dumps(new)) | texts)


def test_any_value_in_any_place(rules: Rules) -> None:
    url = rules.output["apis"]["rules"]["url"] + hooks.PATH

    @cases(40)
    @given(text=hostile_requests())
    def run(text: str) -> None:
        status, body = unthrottled(lambda: call(url, text, hooks.ROOT))
        assert status in (200, 400), (status, body)
        if status != 200:
            assert leaked(json.dumps(body), text) == []

    run()
