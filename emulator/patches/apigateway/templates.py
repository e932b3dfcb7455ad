"""Mapping templates: the Velocity of API Gateway, with its variables.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, unquote_plus

JsonObject = dict[str, Any]

#: One step of a JSONPath: .name, ['name'], ["name"], [0].
STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]|\[(?P<at>\d+)\]"
)


class TemplateError(ValueError):
    """A template cannot be rendered."""


class BodyError(ValueError):
    """A template reads the body as JSON, which it is not."""


@dataclass
class Overrides:
    """The overrides of a template outside of the body."""

    status: int | None = None
    header: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)
    querystring: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """The variables of the templates of one request.

    Parameters
    ----------
    context
        ``$context``.
    parameters
        ``$input.params()``: ``path``, ``querystring`` and ``header``, each by name.
    stage_variables
        ``$stageVariables``.
    """

    context: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, str]]
    stage_variables: Mapping[str, str]

    def render(self, template: str, body: str, override: str) -> tuple[str, Overrides]:
        """Return what a template makes of a body, and what it overrides.

        Parameters
        ----------
        template, body
            The template, and the body of the request or of the answer.
        override
            ``requestOverride`` or ``responseOverride``.

        Raises
        ------
        BodyError
            When the template reads a body that is not JSON.
        TemplateError
            When the template has an error.
        """
        changed: JsonObject = {"header": {}, "path": {}, "querystring": {}}
        variables = {
            "input": Input(body, self.parameters),
            "util": Util(),
            "context": {**self.context, override: changed},
            "stageVariables": dict(self.stage_variables),
        }
        try:
            text = str(_parsed(template).merge(variables))
        except BodyError:
            raise
        # The library has no common error; a template may also call what a value does not have.
        except Exception as error:
            if isinstance(error.__cause__, BodyError):
                raise error.__cause__ from None
            raise TemplateError(str(error)) from error
        status = changed.pop("status", None)
        texts = {
            place: {str(k): str(v) for k, v in values.items()} for place, values in changed.items()
        }
        return text, Overrides(None if status is None else int(status), **texts)


class Input:
    """``$input``: a body and the parameters of the request."""

    def __init__(self, body: str, parameters: Mapping[str, Mapping[str, str]]) -> None:
        self.body = body
        self._parameters = parameters

    def path(self, path: str) -> Any:
        """Return the value at a JSONPath; an empty text if there is none."""
        return find(path, self._document())

    def json(self, path: str) -> str:
        """Return the JSON of the value at a JSONPath."""
        return json.dumps(self.path(path), ensure_ascii=False, separators=(",", ":"))

    def params(self, name: str | None = None) -> Any:
        """Return a parameter of the path, the query or the headers, in this order; or all."""
        if name is None:
            return {place: dict(found) for place, found in self._parameters.items()}
        for place in ("path", "querystring"):
            if name in self._parameters[place]:
                return self._parameters[place][name]
        headers = {key.lower(): value for key, value in self._parameters["header"].items()}
        return headers.get(name.lower(), "")

    def _document(self) -> Any:
        if not self.body.strip():
            return {}
        try:
            return json.loads(self.body)
        except ValueError:
            raise BodyError("Could not parse request body into json") from None


class Util:
    """``$util``."""

    def escapeJavaScript(self, text: Any) -> str:  # noqa: N802
        """Return a text for a string of JavaScript: unlike in JSON, apostrophes are escaped too."""
        return json.dumps(str(text))[1:-1].replace("'", "\\'").replace("/", "\\/")

    def parseJson(self, text: str) -> Any:  # noqa: N802
        """Return what a text in JSON says."""
        return json.loads(text)

    def urlEncode(self, text: Any) -> str:  # noqa: N802
        """Return a text for a form or a query."""
        return quote_plus(str(text))

    def urlDecode(self, text: Any) -> str:  # noqa: N802
        """Return the text of a part of a form."""
        return unquote_plus(str(text))

    def base64Encode(self, text: Any) -> str:  # noqa: N802
        """Return a text in base64."""
        return base64.b64encode(str(text).encode()).decode()

    def base64Decode(self, text: str) -> str:  # noqa: N802
        """Return the text of base64."""
        return base64.b64decode(text).decode()


def find(path: str, document: Any) -> Any:
    """Return the value at a JSONPath of names and numbers; an empty text if there is none.

    Raises
    ------
    TemplateError
        When the path has anything else, such as a filter.
    """
    text = path.strip()
    steps = list(STEP.finditer(text, 1))
    if not text.startswith("$") or "".join(step[0] for step in steps) != text[1:]:
        raise TemplateError(f"The JSONPath '{path}' has more than names and numbers.")
    value = document
    for step in steps:
        if step["at"] is not None:
            at = int(step["at"])
            value = value[at] if isinstance(value, list) and at < len(value) else ""
        else:
            name = step["name"] if step["name"] is not None else step["key"]
            value = value.get(name, "") if isinstance(value, dict) else ""
    return value


@lru_cache(maxsize=512)
def _parsed(template: str) -> Any:
    # At the first template: MiniStack without patches runs without the library.
    import airspeed

    return airspeed.Template(template)  # type: ignore[no-untyped-call]
