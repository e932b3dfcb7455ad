"""Servers that behave as Medium, Dev.to, Hashnode and OpenSearch document their APIs to.

- Medium: https://github.com/Medium/medium-api-docs, and the author's RSS feed;
- Dev.to: https://developers.forem.com/api/v1;
- Hashnode: https://github.com/Hashnode/gql-skill (errors in answers of status 200);
- OpenSearch: https://docs.opensearch.org/latest/api-reference/document-apis/index-document/.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

NAMES = ("medium", "devto", "hashnode", "opensearch")
#: New ones each time, so that a search for them finds them nowhere but where they went.
PASSWORD = f"opensearch-password-{secrets.token_hex(8)}"
TOKENS = {
    "cms": f"cms-token-{secrets.token_hex(8)}",
    "medium": f"medium-token-{secrets.token_hex(8)}",
    "devto": f"devto-key-{secrets.token_hex(8)}",
    "hashnode": f"hashnode-token-{secrets.token_hex(8)}",
    "opensearch": json.dumps({"username": "writer", "password": PASSWORD}),
}
HOST = "blog.example.com"
#: Functions from the status of an error to its body, in the shape of each API.
ERRORS: dict[str, Callable[[int], dict[str, Any]]] = {
    "medium": lambda status: {"errors": [{"message": f"Medium says {status}", "code": 6000}]},
    "devto": lambda status: {"error": f"Dev.to says {status}", "status": status},
    "hashnode": lambda status: {"errors": [{"message": f"Hashnode says {status}"}]},
    "opensearch": lambda status: {
        "error": {"type": "scripted_exception", "reason": f"OpenSearch says {status}"},
        "status": status,
    },
}


@dataclass
class Targets:
    """The four servers, their articles, and the answers that a test has chosen for them."""

    server: HTTPServer
    #: By target and by the article's own address, or its id in OpenSearch.
    posts: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {name: {} for name in NAMES}
    )
    #: Writes that each target was asked for.
    writes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    calls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    #: How often each post was made, and not changed, by target and as in `posts`.
    made: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in NAMES}
    )
    #: What to answer to the next calls; None is the target's own answer.
    _next: dict[str, list[Response | None]] = field(
        default_factory=lambda: {name: [] for name in NAMES}
    )
    _always: dict[str, int] = field(default_factory=dict)

    def reset(self) -> None:
        """Forget everything."""
        fresh = Targets(self.server)
        for part in ("posts", "writes", "calls", "made", "_next", "_always"):
            setattr(self, part, getattr(fresh, part))

    def url(self, name: str) -> str:
        """Return the base URL of a target, or of ``feed``, Medium's."""
        return self.server.url_for(f"/{name}")

    def answer_next(
        self, name: str, status: int, headers: dict[str, str] | None = None, times: int = 1
    ) -> None:
        """Have a target answer an error to its next calls."""
        for _ in range(times):
            self._next[name].append(self._error(name, status, headers))

    def answer_after(self, name: str, good: int, response: Response) -> None:
        """Have a target answer something to the call after some that it answers itself."""
        self._next[name] += [*[None] * good, response]

    def answer_always(self, name: str, status: int | None) -> None:
        """Have a target answer an error to every call, until this is called with None."""
        if status is None:
            self._always.pop(name, None)
        else:
            self._always[name] = status

    def start(self) -> None:
        """Listen."""
        for name in NAMES:
            handler = getattr(self, f"_{name}")
            self.server.expect_request(re.compile(f"/{name}(/.*)?")).respond_with_handler(
                self._guarded(name, handler)
            )
        self.server.expect_request("/feed").respond_with_handler(self._feed)
        self.server.expect_request("/cms").respond_with_handler(self._cms)

    def _error(self, name: str, status: int, headers: dict[str, str] | None = None) -> Response:
        return answer(ERRORS[name](status), status, headers)

    def _guarded(self, name: str, handler: Any) -> Any:
        def guarded(request: Request) -> Response:
            self.calls[name] += 1
            if name in self._always:
                return self._error(name, self._always[name])
            if self._next[name] and (told := self._next[name].pop(0)):
                return told
            response: Response = handler(request, request.path.removeprefix(f"/{name}"))
            return response

        return guarded

    def _feed(self, _: Request) -> Response:
        items = "".join(
            f"<item><title>{escape(post['title'])}</title>"
            f"<link>{escape(post['link'])}?source=rss-1</link>"
            f'<content:encoded><![CDATA[<p>First published at <a href="{url}">{url}</a></p>]]>'
            "</content:encoded></item>"
            for url, post in self.posts["medium"].items()
        )
        return Response(f"<rss><channel>{items}</channel></rss>", mimetype="text/xml")

    def _cms(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKENS['cms']}":
            return answer({"error": "unauthorized"}, 401)
        category = {"title": "Amazon Web Services", "slug": {"current": "aws"}}
        return answer({"result": [category], "id": request.args["$id"]})

    def _medium(self, request: Request, path: str) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKENS['medium']}":
            return self._error("medium", 401)
        if path == "/v1/me":
            return answer({"data": {"id": "author-1", "username": "author"}})
        assert path == "/v1/users/author-1/posts", path
        self.writes["medium"] += 1
        post = request.get_json()
        link = f"https://medium.com/@author/{len(self.posts['medium']) + 1}"
        self.made["medium"][post["canonicalUrl"]] += 1
        self.posts["medium"][post["canonicalUrl"]] = {**post, "link": link}
        return answer({"data": {"id": "post-1", "url": link, "publishStatus": "public"}}, 201)

    def _devto(self, request: Request, path: str) -> Response:
        if request.headers.get("api-key") != TOKENS["devto"]:
            return answer({"error": "unauthorized", "status": 401}, 401)
        posts = self.posts["devto"]
        if request.method == "GET":
            assert path == "/articles/me/all", path
            return answer(
                [{"id": post["id"], "canonical_url": url} for url, post in posts.items()]
                if request.args.get("page", "1") == "1"
                else []
            )
        self.writes["devto"] += 1
        post = request.get_json()["article"]
        url = post["canonical_url"]
        if any(not tag.isalnum() for tag in post["tags"]) or len(post["tags"]) > 4:
            return answer({"error": "Validation failed: Tags are wrong", "status": 422}, 422)
        if request.method == "POST" and url in posts:
            message = "Validation failed: Canonical url has already been taken"
            return answer({"error": message, "status": 422}, 422)
        self.made["devto"][url] += request.method == "POST"
        number = posts[url]["id"] if url in posts else len(posts) + 1
        posts[url] = {**post, "id": number}
        made = {"id": number, "url": f"https://dev.to/author/{number}", "canonical_url": url}
        return answer(made, 201 if request.method == "POST" else 200)

    def _hashnode(self, request: Request, _: str) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKENS['hashnode']}":
            return failed("UNAUTHENTICATED", "You are not signed in")
        asked, posts = request.get_json(), self.posts["hashnode"]
        given = asked["variables"]
        if "publication(" in asked["query"]:
            if given["host"] != HOST:
                return answer({"data": {"publication": None}})
            found = posts.get(given["slug"])
            post = {"id": found["id"]} if found else None
            return answer({"data": {"publication": {"id": "publication-1", "post": post}}})
        self.writes["hashnode"] += 1
        if "publishPost" in asked["query"]:
            post = given["input"]
            self.made["hashnode"][post["slug"]] += 1
            posts[post["slug"]] = {**post, "id": f"post-{len(posts) + 1}"}
            made = {"id": posts[post["slug"]]["id"], "url": f"https://{HOST}/{post['slug']}"}
            return answer({"data": {"publishPost": {"post": made}}})
        [(slug, old)] = [(s, p) for s, p in posts.items() if p["id"] == given["input"]["id"]]
        posts[slug] = {**old, **given["input"]}
        made = {"id": old["id"], "url": f"https://{HOST}/{slug}"}
        return answer({"data": {"updatePost": {"post": made}}})

    def _opensearch(self, request: Request, path: str) -> Response:
        expected = base64.b64encode(f"writer:{PASSWORD}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            return Response("Unauthorized", 401)
        [index, kind, identity] = path.strip("/").split("/")
        assert (request.method, index, kind) == ("PUT", "articles", "_doc"), path
        assert request.args["version_type"] == "external_gte"
        self.writes["opensearch"] += 1
        given, old = int(request.args["version"]), self.posts["opensearch"].get(identity)
        if old is not None and old["_version"] > given:
            reason = "version conflict, current version is higher"
            error = {"type": "version_conflict_engine_exception", "reason": reason}
            return answer({"error": error, "status": 409}, 409)
        self.made["opensearch"][identity] += old is None
        self.posts["opensearch"][identity] = {**request.get_json(), "_version": given}
        result = "created" if old is None else "updated"
        return answer({"_id": identity, "result": result}, 201 if old is None else 200)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(json.dumps(body), status, headers, mimetype="application/json")


def failed(code: str, message: str) -> Response:
    """Return an error as GraphQL does."""
    return answer({"data": None, "errors": [{"message": message, "extensions": {"code": code}}]})


@contextmanager
def running_targets() -> Iterator[Targets]:
    """Run the servers on a free port."""
    with HTTPServer(threaded=True) as server:
        targets = Targets(server)
        targets.start()
        yield targets
