"""Code that was changed by hand is found, and the next apply replaces it."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from ops.releases.code import functions_of
from tests.support.platform import Platform


def test_code_that_was_changed_by_hand_is_named_and_never_goes_live(platform: Platform) -> None:
    functions = functions_of(platform.outputs)
    # Called by an apply that changes its package, and by no test.
    [name] = [function.name for function in functions if function.name.endswith("-migrate")]
    client = platform.aws.client("lambda")
    before = live(client, name)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("crm/migrate.py", "def handler(event, context):\n    return 'rogue'\n")
    client.update_function_code(FunctionName=name, ZipFile=content.getvalue())
    client.get_waiter("function_updated_v2").wait(FunctionName=name)

    drift = platform.make("drift")
    # With this change alone, Terraform would publish the code.
    client.update_function_configuration(FunctionName=name, Timeout=299)
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    apply = platform.make("apply")
    again = platform.make("drift")

    assert drift.code != 0
    assert f"{name} has unpublished code with SHA-256" in drift.text
    assert live(client, name)["CodeSha256"] == before["CodeSha256"]
    assert apply.code == 0, apply.text
    assert f"put the release's bytes back into {name}" in apply.text
    assert again.code == 0, again.text
    versions = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    digests = {v["CodeSha256"] for page in versions for v in page["Versions"]}
    assert digests == {before["CodeSha256"]}


def live(client: Any, name: str) -> dict[str, Any]:
    """Return the configuration that callers get."""
    found: dict[str, Any] = client.get_function_configuration(FunctionName=name, Qualifier="live")
    return found
