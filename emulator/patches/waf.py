"""WAF.

- ``rate-rules``: web ACLs have no effect. A rule that bounds the requests of each address is
  enforced for stages of REST APIs and for distributions.
- ``custom-response-bodies``: a web ACL forgets the bodies of its answers, so every plan would show
  a difference.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from emulator.asgi import App, Receive, Scope, Send
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "rate-rules": "An address that makes too many requests is refused.",
    "custom-response-bodies": "``GetWebACL`` returns the bodies of its answers.",
}
WINDOW_SECONDS = 300
FORBIDDEN = 403
BODIES = "CustomResponseBodies"
CONTENT_TYPES = {
    "APPLICATION_JSON": "application/json",
    "TEXT_HTML": "text/html",
    "TEXT_PLAIN": "text/plain",
}
BY_PATH = re.compile(r"^/_aws/execute-api/(?P<api>[a-z0-9]+)/(?P<stage>[^/]+)")
BY_HOST = re.compile(r"^(?P<api>[a-z0-9]+)\.execute-api\.")
STAGE = re.compile(r"^/(?P<stage>[^/]+)")
SITE = re.compile(r"^(?P<label>[a-z0-9]+)\.cloudfront\.(?:net|localhost)(?::\d+)?$")

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack import app as server
    from ministack.services import apigateway_v1, cloudfront, waf

    waf.create_web_acl_record = created_with_bodies(waf.create_web_acl_record)
    waf._update_web_acl = updated_with_bodies(waf._update_web_acl, waf)

    def acl_of(scope: Scope) -> JsonObject | None:
        arn = arn_of_stage(scope, apigateway_v1, waf) or arn_of_site(scope, cloudfront)
        found = [acl for acl in waf._web_acls.all_values() if arn and acl["ARN"] == arn]
        return found[0] if found else None

    server.app = WithFirewalls(server.app, acl_of)


def created_with_bodies(create: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's making of a web ACL, which keeps the bodies of its answers."""

    def create_with_bodies(name: str, scope: str, given: JsonObject) -> Any:
        identifier, arn, acl = create(name, scope, given)
        if given.get(BODIES):
            acl[BODIES] = given[BODIES]
        return identifier, arn, acl

    return create_with_bodies


def updated_with_bodies(
    update: Callable[[JsonObject], Answer], waf: Any
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's ``UpdateWebACL``, which changes the bodies of its answers too."""

    def update_with_bodies(data: JsonObject) -> Answer:
        answer = update(data)
        acl = waf._resource_from_scope(waf._web_acls, data.get("Id", ""), data.get("Scope", ""))
        if answer[0] == 200 and acl:
            acl.pop(BODIES, None)
            if data.get(BODIES):
                acl[BODIES] = data[BODIES]
        return answer

    return update_with_bodies


def host_of(scope: Scope) -> str:
    """Return the server's name in a request."""
    host: bytes = dict(scope["headers"]).get(b"host", b"")
    return host.decode("latin-1").lower()


def arn_of_stage(scope: Scope, apis: Any, waf: Any) -> str | None:
    """Return the ARN of the web ACL of the API's stage that is called."""
    called = BY_PATH.match(scope["path"])
    if called:
        api, stage = called["api"], called["stage"]
    else:
        host, path = BY_HOST.match(host_of(scope)), STAGE.match(scope["path"])
        if not (host and path):
            return None
        api, stage = host["api"], path["stage"]
    place = apis.find_api_scope(api)
    if place is None:
        return None
    account, region = place
    arn = f"arn:aws:apigateway:{region}::/restapis/{api}/stages/{stage}"
    found: str | None = waf._associations.get_scoped(account, region, arn)
    return found


def arn_of_site(scope: Scope, cloudfront: Any) -> str | None:
    """Return the ARN of the web ACL of the distribution that is called."""
    site = SITE.match(host_of(scope))
    if site is None:
        return None
    name = f"{site['label']}.cloudfront.net"
    for distribution in cloudfront._distributions._data.values():
        if distribution["DomainName"] == name:
            found = re.search(r"WebACLId>([^<]+)<", distribution["config_xml"])
            return found[1] if found else None
    return None


class WithFirewalls:
    """ASGI application: MiniStack behind the web ACLs of its APIs and distributions.

    Parameters
    ----------
    app
        MiniStack's application.
    acl_of
        Returns the web ACL that a request has to pass.
    """

    def __init__(self, app: App, acl_of: Callable[[Scope], JsonObject | None]) -> None:
        self._app = app
        self._acl_of = acl_of
        self._counter = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        acl = self._acl_of(scope) if scope["type"] == "http" else None
        rule = self._counter.exceeded(acl, scope["client"][0]) if acl else None
        if acl is None or rule is None:
            await self._app(scope, receive, send)
            return
        status, headers, body = refusal(acl, rule)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Counter:
    """Counts the requests of each address by the rules of web ACLs.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[tuple[str, str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def exceeded(self, acl: JsonObject, address: str) -> JsonObject | None:
        """Count a request, and return the rule that refuses it."""
        now, refusing = self._clock(), None
        for rule in sorted(acl["Rules"], key=lambda rule: rule["Priority"]):
            bound = rule["Statement"].get("RateBasedStatement")
            if bound is None or bound.get("AggregateKeyType") != "IP":
                continue
            with self._lock:
                times = self._times.setdefault((acl["ARN"], rule["Name"], address), deque())
                while times and times[0] <= now - bound.get("EvaluationWindowSec", WINDOW_SECONDS):
                    times.popleft()
                times.append(now)
                is_over = len(times) > bound["Limit"]
            if is_over and "Block" in rule.get("Action", {}):
                refusing = refusing or rule
        return refusing


def refusal(acl: JsonObject, rule: JsonObject) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body of the answer of a rule that blocks."""
    custom = rule["Action"]["Block"].get("CustomResponse")
    if custom is None:
        body = json.dumps({"message": "Forbidden"}).encode()
        return FORBIDDEN, [(b"content-type", b"application/json")], body
    content = acl.get(BODIES, {}).get(custom.get("CustomResponseBodyKey"), {})
    kind = CONTENT_TYPES.get(content.get("ContentType", ""), "text/plain")
    headers = [(b"content-type", kind.encode())] + [
        (header["Name"].lower().encode(), header["Value"].encode())
        for header in custom.get("ResponseHeaders", [])
    ]
    return int(custom["ResponseCode"]), headers, content.get("Content", "").encode()
