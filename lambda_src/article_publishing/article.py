"""An article: its schema (``article.schema.json``), and how to make one from a CMS's document."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from article_publishing.errors import InvalidArticle
from article_publishing.portable_text import markdown
from flowbridge.schema import SchemaError, Validator, read_schema

Article = dict[str, Any]

#: Id prefixes of Sanity's unpublished documents: drafts, and the versions in a release
#: (https://www.sanity.io/docs/content-lake/drafts-and-versions).
UNPUBLISHED = ("drafts.", "versions.")
NOT_AN_ARTICLE = "the document is not a valid article"

validator = Validator(read_schema(__file__, "article.schema.json"))


def transform(document: dict[str, Any], site_url: str) -> Article:
    """Return the article of a CMS's document, with only the fields we need, normalized.

    Raises
    ------
    InvalidArticle
        When the document is not a valid article; the message has the field and the rule.
    """
    identity = document_id(document)
    article = {
        "id": identity,
        "revision": _first(document, "_rev", "revision") or _first(document, "_updatedAt"),
        "title": _text(document.get("title")),
        "description": _text(document.get("description")) or "",
        "body": _body(document.get("body")),
        "categories": _categories(document.get("categories")),
        "categorySlugs": _category_slugs(document.get("categories")),
        "slug": _slug(document),
        "createdAt": _time(_first(document, "_createdAt", "createdAt")),
        "updatedAt": _time(_first(document, "_updatedAt", "updatedAt")),
        # Independent of the title, because targets identify the article by this URL.
        "canonicalUrl": f"{site_url.rstrip('/')}/{_slug(document) or identity}",
        "mainImage": _image(document.get("mainImage")),
    }
    article = {name: value for name, value in article.items() if value is not None}
    try:
        validator.check(article)
    except SchemaError as error:
        raise InvalidArticle(f"{NOT_AN_ARTICLE}: {error}") from None
    return article


def document_id(document: dict[str, Any]) -> Any:
    """Return a document's id; the webhook's projection calls it ``_id`` or ``id``."""
    return _first(document, "_id", "id")


def execution_name(article: Article) -> str:
    """Return the deterministic name of the execution that publishes this revision.

    It contains a digest, because id and revision may be too long for an execution's name or have
    characters that are not allowed in it.
    """
    digest = hashlib.sha256(f"{article['id']}\0{article['revision']}".encode()).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', article['id'])[:40]}-{digest[:32]}"


def version(article: Article) -> int:
    """Return the time of the revision in milliseconds; it increases with each revision."""
    text = re.sub(r"(\.[0-9]{1,6})[0-9]*Z$", r"\1Z", article["updatedAt"])
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise InvalidArticle("updatedAt is not a valid time") from None


def tags(article: Article, most: int, keep_hyphens: bool = False) -> list[str]:
    """Return the first categories as unique tags of lower-case letters and digits.

    The slugs of the categories are their short names, if the CMS has any.
    """
    unwanted = r"[^a-z0-9-]+" if keep_hyphens else r"[^a-z0-9]+"
    dashed = (re.sub(r"[\s_]+", "-", name.strip().lower()) for name in _short_names(article))
    found = (re.sub(unwanted, "", name).strip("-") for name in dashed)
    return list(dict.fromkeys(tag for tag in found if tag))[:most]


def slug(article: Article) -> str:
    """Return the last segment of the article's canonical URL."""
    text: str = article["canonicalUrl"].rstrip("/").rpartition("/")[2]
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-") or article["id"].lower()


def needs_categories(document: dict[str, Any]) -> bool:
    """Return whether a document has no categories, or references to them only."""
    found = document.get("categories")
    if not isinstance(found, list):
        return found is None
    return all(isinstance(item, dict) and "_ref" in item for item in found)


def _short_names(article: Article) -> list[str]:
    names: list[str] = article.get("categorySlugs") or article["categories"]
    return names


def _first(document: dict[str, Any], *names: str) -> Any:
    return next((document[name] for name in names if document.get(name)), None)


def _text(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _body(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    try:
        return markdown(value)
    except (AttributeError, TypeError, ValueError):
        raise InvalidArticle(f"{NOT_AN_ARTICLE}: body is not valid Portable Text") from None


def _categories(value: Any) -> Any:
    """Return the titles of the categories, which the webhook's projection resolves."""
    if value is None:
        return []
    if not isinstance(value, list):
        return value
    titles = [_text(item.get("title") if isinstance(item, dict) else item) for item in value]
    if None in titles:
        raise InvalidArticle(
            f"{NOT_AN_ARTICLE}: a category has no title. "
            "Resolve it in the webhook's projection: categories[]->{title, slug}."
        )
    return titles


def _category_slugs(value: Any) -> list[Any] | None:
    """Return the slugs of the categories; None if one of them has no slug."""
    items = value if isinstance(value, list) else []
    slugs = [_slug(item) if isinstance(item, dict) else None for item in items]
    return slugs if slugs and all(slugs) else None


def _time(value: Any) -> Any:
    """Return a time with ``Z`` instead of a zero offset, as most of these APIs write it."""
    return re.sub(r"\+00:?00$", "Z", value) if isinstance(value, str) else value


def _image(value: Any) -> Any:
    if isinstance(value, dict):
        asset = value.get("asset")
        return value.get("url") or (asset.get("url") if isinstance(asset, dict) else None)
    return value or None


def _slug(document: dict[str, Any]) -> Any:
    value = document.get("slug")
    return value.get("current") if isinstance(value, dict) else value
