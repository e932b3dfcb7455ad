"""S3.

- ``conditional-writes``: policies cannot read whether a write is conditional
  (``s3:if-none-match``, ``s3:ObjectCreationOperation``).
- ``encoded-versions``: ``ListObjectVersions`` returns keys as they are, although the caller asked
  for encoded ones and decodes them. Terraform then cannot empty a bucket with such a key.
- ``rights-on-tags``: writing an object with tags needs no right to tag it.
- ``missing-objects``: a caller without ``s3:ListBucket`` learns that an object is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "conditional-writes": "``s3:if-none-match`` has the condition of a write.",
    "encoded-versions": "``ListObjectVersions`` encodes keys for a caller that asks for it.",
    "rights-on-tags": (
        "Writing an object with tags needs ``s3:PutObjectTagging``; copying one that has tags also "
        "needs ``s3:GetObjectTagging`` on its source."
    ),
    "missing-objects": (
        "Reading a missing object without ``s3:ListBucket`` is refused with 403 instead of 404."
    ),
}

#: Actions that read an object.
READS = {"GetObject", "GetObjectAttributes", "GetObjectTagging"}

#: The elements of a list of versions that are encoded
#: (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html).
ENCODED = {"Key", "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker"}
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"

JsonObject = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.core import iam_actions
    from ministack.services import s3

    iam_actions.s3_service_context = with_conditional_writes(iam_actions.s3_service_context)
    iam_actions.s3_additional_checks = with_further_rights(
        iam_actions.s3_additional_checks, iam_actions._s3_action, iam_actions._s3_source_object, s3
    )
    s3._list_object_versions = with_encoding(s3._list_object_versions)


def with_encoding(versions: Callable[..., Answer]) -> Callable[..., Answer]:
    """Return MiniStack's list of versions, whose keys are encoded on demand."""

    def encoded(bucket: str, query: Mapping[str, Any]) -> Answer:
        status, headers, body = versions(bucket, query)
        asked = query.get("encoding-type", "")
        if status != HTTPStatus.OK or "url" not in (asked if isinstance(asked, list) else [asked]):
            return status, headers, body
        root = ElementTree.fromstring(body)  # noqa: S314  MiniStack made it
        for element in root.iter():
            if element.tag.removeprefix(NAMESPACE) in ENCODED:
                element.text = quote(element.text or "", safe="/")
        ElementTree.SubElement(root, f"{NAMESPACE}EncodingType").text = "url"
        return status, headers, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)

    return encoded


def with_conditional_writes(context: Callable[..., JsonObject]) -> Callable[..., JsonObject]:
    """Return MiniStack's reading of an S3 request, with the conditions of a write."""

    def context_of_write(
        action: str, query: Mapping[str, Any], path: str, headers: Mapping[str, str]
    ) -> JsonObject:
        found = dict(context(action, query, path, headers))
        if action == "s3:PutObject":
            # Starting a multipart upload, or a part of it, creates no object yet.
            creates = "uploads" not in query and "partNumber" not in query
            found["s3:ObjectCreationOperation"] = str(creates).lower()
            if "if-none-match" in headers:
                found["s3:if-none-match"] = headers["if-none-match"]
        return found

    return context_of_write


def with_further_rights(
    rights_of: Callable[..., list[tuple[str, str]]],
    action_of: Callable[..., str | None],
    source_of: Callable[[Mapping[str, str]], tuple[str, str] | None],
    s3: Any,
) -> Callable[..., list[tuple[str, str]]]:
    """Return MiniStack's further rights of a request, with those on tags and missing objects.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html and
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html name them.

    Parameters
    ----------
    rights_of
        MiniStack's function: pairs of an action and the ARN of its resource.
    action_of
        MiniStack's name of a request's action.
    source_of
        MiniStack's reading of the source of a copy: its ARN, and its version.
    s3
        MiniStack's S3.
    """

    def tags_of(arn: str) -> Any:
        bucket, _, key = arn.partition(":::")[2].partition("/")
        return s3.object_tags_for_condition(bucket, key, {})

    def further(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> list[tuple[str, str]]:
        found = list(rights_of(method, path, headers, body, query))
        action = action_of(method, path, query)
        bucket, _, key = path.lstrip("/").partition("/")
        arn = f"arn:aws:s3:::{bucket}"
        if action == "PutObject" and key:
            source = source_of(headers)
            replaces = headers.get("x-amz-tagging-directive") == "REPLACE"
            copies = bool(source) and not replaces and "partNumber" not in query
            if source and copies and tags_of(source[0]):
                found.append(("s3:GetObjectTagging", source[0]))
                found.append(("s3:PutObjectTagging", f"{arn}/{key}"))
            elif headers.get("x-amz-tagging"):
                found.append(("s3:PutObjectTagging", f"{arn}/{key}"))
        elif action in READS:
            known = s3._buckets.get(bucket)
            if known is not None and key not in known["objects"]:
                found.append(("s3:ListBucket", arn))
        return found

    return further
