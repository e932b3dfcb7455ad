"""Steps of GitHub jobs: assume a role without a password, comment on a pull request."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ops.errors import OperationError
from ops.interrupts import started
from ops.settings import REPOSITORY
from ops.terraform.environments import Environment

AUDIENCE = "sts.amazonaws.com"
CREDENTIALS_VARIABLE = "AWS_SHARED_CREDENTIALS_FILE"
#: Names the file of a job's outputs.
OUTPUT_VARIABLE = "GITHUB_OUTPUT"
#: As `terraform/bootstrap/pipeline.tf` allows. A promotion waits for its canary.
SESSION_SECONDS = {"deploy": 7200, "plan": 3600}
#: GitHub limits comments to 65,536 characters.
COMMENT_CHARACTERS = 60_000


def sign_in(
    environment: Environment,
    role: str,
    endpoint: str | None = None,
    variables: Mapping[str, str] = os.environ,
) -> str:
    """Assume a role of the bootstrap; return the name of its AWS profile.

    Profiles separate accounts: a promotion reads from one and deploys to the next.

    Parameters
    ----------
    environment
        The environment in whose account the role is.
    role
        ``deploy`` or ``plan``.
    endpoint
        The emulator's URL; None on AWS.
    variables
        The job's environment variables.

    Raises
    ------
    OperationError
        When the job may not request a token, or AWS does not trust it.
    """
    arn = f"arn:aws:iam::{environment.account_id}:role/bootstrap/{environment.prefix}-{role}"
    client = boto3.client(
        "sts",
        region_name=environment.region,
        endpoint_url=endpoint,
        config=Config(signature_version=UNSIGNED),
    )
    try:
        credentials = client.assume_role_with_web_identity(
            RoleArn=arn,
            # CloudTrail shows this name, which leads back to the job.
            RoleSessionName=f"github-{variables.get('GITHUB_RUN_ID', 'unknown')}",
            WebIdentityToken=_token(variables),
            DurationSeconds=SESSION_SECONDS[role],
        )["Credentials"]
    except ClientError as error:
        raise OperationError(
            f"AWS refused the role {arn} to this job: {error}",
            "Set github_repository, github_repository_ids (for a repository created, renamed or "
            "transferred since July 2026) and github_readers in terraform/bootstrap/envs to this "
            "repository and environment. Then type 'make bootstrap'.",
        ) from error
    _keep(
        Path(variables.get(CREDENTIALS_VARIABLE) or Path.home() / ".aws" / "credentials"),
        environment.prefix,
        {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        },
    )
    return environment.prefix


def hand_on_commit(commit: str, variables: Mapping[str, str] = os.environ) -> None:
    """Pass a commit to the following jobs; outside a GitHub job, do nothing.

    Those jobs run the commit's code with a role that may deploy. Everyone who can release to the
    previous environment controls the recorded commit, so it must be part of this job's branch.

    Raises
    ------
    OperationError
        When it is not.
    """
    file = variables.get(OUTPUT_VARIABLE)
    if file is None:
        return
    command = ["git", "merge-base", "--is-ancestor", commit, "HEAD"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OperationError(
            f"Commit {commit} is not on this job's branch. {result.stderr.strip()}",
            "Promote a release of this branch, and clone with 'fetch-depth: 0'.",
        )
    with Path(file).open("a", encoding="utf-8") as stream:
        stream.write(f"commit={commit}\n")


def comment_plan(environment: str, release: str | None, pull_request: str) -> None:
    """Plan with the running release, and write the changes as a comment on a pull request.

    Raises
    ------
    OperationError
        When Terraform could not plan (the comment then says so), or GitHub refuses the comment.
    """
    command = [sys.executable, "-m", "ops", "plan", "--env", environment]
    with started(
        [*command, "--release", release or ""],
        cwd=REPOSITORY,
        # The reading role cannot lock the state; a plan that is only shown needs no lock.
        env={**os.environ, "TF_CLI_ARGS_plan": "-lock=false", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as plan:
        output, _ = plan.communicate()
    could_plan = plan.returncode in (0, 2)
    comment = plan_comment(environment, output, could_plan=could_plan)
    # One comment, updated by each push.
    words = ["comment", pull_request, "--edit-last", "--create-if-none", "--body-file=-"]
    try:
        subprocess.run(["gh", "pr", *words], input=comment, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise OperationError(
            f"The comment was not written: {error}.",
            "Install GitHub's command line 'gh' and sign in.",
        ) from error
    if not could_plan:
        raise OperationError(
            f"Terraform could not plan for '{environment}'.", "Fix the errors in the comment."
        )


def plan_comment(environment: str, output: str, *, could_plan: bool) -> str:
    """Return the text of a comment: a summary, and the plan folded below it."""
    lines = output.splitlines()
    verdicts = [line for line in lines if line.startswith(("Plan:", "No changes."))]
    verdict = verdicts[-1] if verdicts else "Only outputs change."
    if not could_plan:
        verdict = "Terraform could not plan."
    # Skip the refresh at the beginning.
    start = next((i for i, line in enumerate(lines) if line.startswith("Terraform ")), 0)
    text = "\n".join(lines[start if could_plan else 0 :])
    if len(text) > COMMENT_CHARACTERS:
        text = text[:COMMENT_CHARACTERS] + "\n… (see the job's log for the rest)"
    # Longer than any run of backticks in the plan.
    fence = "`" * 8
    return (
        f"**Plan for `{environment}`** with its running release: {verdict}\n\n"
        f"<details><summary>Plan</summary>\n\n{fence}\n{text}\n{fence}\n\n</details>\n"
    )


def _token(variables: Mapping[str, str]) -> str:
    """Return GitHub's token that identifies the job's repository and environment."""
    try:
        url = variables["ACTIONS_ID_TOKEN_REQUEST_URL"]
        key = variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    except KeyError as error:
        raise OperationError(
            "This GitHub job may not request a token.",
            "Give the job 'permissions: id-token: write'. Outside GitHub, sign in with 'aws sso "
            "login'.",
        ) from error
    request = urllib.request.Request(  # noqa: S310  GitHub's own URL, from the runner
        f"{url}&audience={AUDIENCE}", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            token: str = json.load(answer)["value"]
    except (OSError, urllib.error.URLError, ValueError, KeyError) as error:
        raise OperationError(
            f"GitHub did not issue a token: {error}.", "Run the job again."
        ) from error
    return token


def _keep(file: Path, profile: str, values: Mapping[str, str]) -> None:
    """Write a profile into a credentials file that only its owner may read."""
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(file)
    profiles[profile] = dict(values)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        profiles.write(stream)
    file.chmod(0o600)
