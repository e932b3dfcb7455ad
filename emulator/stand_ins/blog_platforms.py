"""Play where articles come from and go to: Sanity, Medium, Dev.to, Hashnode and OpenSearch.

Each has the part of its API that a publication needs, keeps its posts, and refuses a wrong token:

- Sanity: https://www.sanity.io/docs/http-reference/query, for one query;
- Medium: https://github.com/Medium/medium-api-docs, and the author's RSS feed;
- Dev.to: https://developers.forem.com/api/v1;
- Hashnode: https://github.com/Hashnode/gql-skill (errors in answers of status 200);
- OpenSearch: https://docs.opensearch.org/latest/api-reference/document-apis/index-document/.

``GET /_blogs/posts`` returns all posts by platform. ``PUT /_blogs/cms/<id>`` keeps a document, and
``PUT /_blogs/<platform>`` with ``{"status": 422}`` has the platform refuse its next write.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from emulator.asgi import App, Receive, Scope, Send, answer, read_body

PATH = "/_blogs"
CATEGORIES = "*[_id == $id][0].categories[]->{title, slug}"
USER = {"username": "writer", "password": "local-opensearch-password"}
#: The values of the secrets, which the owners of the platforms put there.
TOKENS = {
    "cms": "local-cms-token",
    "medium": "local-medium-token",
    "devto": "local-devto-key",
    "hashnode": "local-hashnode-token",
    "opensearch": json.dumps(USER),
}
AUTHORIZATION = {
    "opensearch": "Basic "
    + base64.b64encode(f"{USER['username']}:{USER['password']}".encode()).decode(),
    **{name: f"Bearer {TOKENS[name]}" for name in ("cms", "medium", "hashnode")},
}
#: The most tags of an article on Dev.to.
MOST_TAGS = 4

JsonObject = dict[str, Any]


class Request(NamedTuple):
    """A request to a platform."""

    method: str
    #: The parts of the path below the platform's own.
    parts: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Answer(NamedTuple):
    """An answer: JSON, or text."""

    body: Any
    status: int = HTTPStatus.OK
    content_type: str = "application/json"


def graphql_error(code: str, message: str) -> Answer:
    """Return an error as GraphQL does."""
    return Answer({"data": None, "errors": [{"message": message, "extensions": {"code": code}}]})


def is_new(posts: JsonObject, key: str) -> bool:
    """Return whether a platform has no post of this key yet."""
    return key not in posts


class Platforms:
    """The platforms with their posts."""

    def __init__(self) -> None:
        names = ("cms", "medium", "devto", "hashnode", "opensearch")
        #: By platform, and by the article's canonical URL, slug or id.
        self.posts: dict[str, dict[str, JsonObject]] = {name: {} for name in names}
        self._refusals: dict[str, int] = {}
        self._platforms: dict[str, Callable[[Request], Answer]] = {
            name: getattr(self, f"_{name}") for name in names
        }

    def respond(self, name: str, request: Request) -> Answer:
        """Answer a request to a platform, or to this stand-in about it."""
        if name == "posts":
            return Answer(self.posts)
        if name == "feed":
            return self._feed()
        if name not in self._platforms:
            return Answer({"error": "not found"}, HTTPStatus.NOT_FOUND)
        if request.method == "PUT" and name == "cms":
            self.posts["cms"][request.parts[0]] = request.body
            return Answer({})
        if request.method == "PUT" and not request.parts:
            self._refusals[name] = int(request.body["status"])
            return Answer({})
        if self._is_stranger(name, request):
            message = "You are not signed in"
            if name == "hashnode":
                return graphql_error("UNAUTHENTICATED", message)
            return Answer({"error": message}, HTTPStatus.UNAUTHORIZED)
        if request.method != "GET" and name in self._refusals:
            status = self._refusals.pop(name)
            return Answer({"error": "Validation failed: this is refused once"}, status)
        return self._platforms[name](request)

    def _is_stranger(self, name: str, request: Request) -> bool:
        if name == "devto":
            return request.headers.get("api-key") != TOKENS["devto"]
        return request.headers.get("authorization") != AUTHORIZATION[name]

    def _cms(self, request: Request) -> Answer:
        if request.query.get("query") != CATEGORIES:
            message = f"this stand-in knows one query: {CATEGORIES}"
            return Answer({"error": {"description": message}}, HTTPStatus.BAD_REQUEST)
        document = self.posts["cms"].get(json.loads(request.query["$id"]), {})
        return Answer({"query": CATEGORIES, "result": document.get("categories")})

    def _feed(self) -> Answer:
        items = "".join(
            f"<item><title>{escape(post['title'])}</title><link>{escape(post['url'])}</link>"
            f'<content:encoded><![CDATA[<a href="{url}">{url}</a>]]></content:encoded></item>'
            for url, post in self.posts["medium"].items()
        )
        return Answer(f"<rss><channel>{items}</channel></rss>", content_type="text/xml")

    def _medium(self, request: Request) -> Answer:
        if request.parts == ["v1", "me"]:
            return Answer({"data": {"id": "author-1", "username": "author"}})
        posts, post = self.posts["medium"], request.body
        url = f"https://medium.com/@author/{len(posts) + 1}"
        posts[post["canonicalUrl"]] = {**post, "url": url}
        made = {"id": f"post-{len(posts)}", "url": url, "publishStatus": "public"}
        return Answer({"data": made}, HTTPStatus.CREATED)

    def _devto(self, request: Request) -> Answer:
        posts = self.posts["devto"]
        if request.method == "GET":
            known = [{"id": post["id"], "canonical_url": url} for url, post in posts.items()]
            return Answer(known if request.query.get("page", "1") == "1" else [])
        post = request.body["article"]
        url = post["canonical_url"]
        wrong = [tag for tag in post["tags"] if not tag.isalnum()]
        if wrong or len(post["tags"]) > MOST_TAGS:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return Answer({"error": "Validation failed: Tags are wrong", "status": status}, status)
        is_first = is_new(posts, url)
        number = len(posts) + 1 if is_first else posts[url]["id"]
        posts[url] = {**post, "id": number, "url": f"https://dev.to/author/{number}"}
        return Answer(posts[url], HTTPStatus.CREATED if is_first else HTTPStatus.OK)

    def _hashnode(self, request: Request) -> Answer:
        posts, query, given = self.posts["hashnode"], request.body["query"], request.body
        variables = given["variables"]
        if "publication(" in query:
            known = posts.get(variables["slug"])
            post = {"id": known["id"]} if known else None
            return Answer({"data": {"publication": {"id": "publication-1", "post": post}}})
        post = variables["input"]
        if "publishPost" in query:
            url = f"https://blog.example.hashnode.dev/{post['slug']}"
            posts[post["slug"]] = {**post, "id": f"post-{len(posts) + 1}", "url": url}
            return Answer({"data": {"publishPost": {"post": posts[post["slug"]]}}})
        found = next((slug for slug, old in posts.items() if old["id"] == post["id"]), None)
        if found is None:
            return graphql_error("NOT_FOUND", "The post is unknown")
        posts[found] = {**posts[found], **post}
        return Answer({"data": {"updatePost": {"post": posts[found]}}})

    def _opensearch(self, request: Request) -> Answer:
        [_, _, identity] = request.parts
        posts, version = self.posts["opensearch"], int(request.query["version"])
        is_first = is_new(posts, identity)
        if not is_first and posts[identity]["_version"] > version:
            error = {"type": "version_conflict_engine_exception", "reason": "version conflict"}
            return Answer({"error": error, "status": 409}, HTTPStatus.CONFLICT)
        posts[identity] = {**request.body, "_version": version}
        result = {"_id": identity, "result": "created" if is_first else "updated"}
        return Answer(result, HTTPStatus.CREATED if is_first else HTTPStatus.OK)


class WithPlatforms:
    """ASGI application: another one, and the platforms.

    Parameters
    ----------
    app
        Gets every other request unchanged.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._platforms = Platforms()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{PATH}/"):
            await self._app(scope, receive, send)
            return
        name, *parts = scope["path"].removeprefix(f"{PATH}/").strip("/").split("/")
        query = parse_qs(scope.get("query_string", b"").decode())
        try:
            body = json.loads(await read_body(receive) or b"null")
            request = Request(
                scope["method"],
                parts,
                {key: values[-1] for key, values in query.items()},
                {key.decode().lower(): value.decode() for key, value in scope["headers"]},
                body,
            )
            found = self._platforms.respond(name, request)
        except (KeyError, TypeError, ValueError, IndexError):
            found = Answer({"error": "the request is not one of this API"}, HTTPStatus.BAD_REQUEST)
        is_json = found.content_type == "application/json"
        text = json.dumps(found.body) if is_json else found.body
        await answer(send, found.status, found.content_type, text.encode())


def layer(app: App) -> App:
    """Put the platforms in front of an application."""
    return WithPlatforms(app)
