"""What a job of GitHub does: take on a role without a password, comment on a pull request."""

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
#: Names the file of what a job gives to those after it.
OUTPUT_VARIABLE = "GITHUB_OUTPUT"
SESSION_SECONDS = 3600
#: GitHub takes comments of 65,536 characters.
COMMENT_CHARACTERS = 60_000


def sign_in(
    environment: Environment,
    role: str,
    endpoint: str | None = None,
    variables: Mapping[str, str] = os.environ,
) -> str:
    """Take on a role of the bootstrap for an hour; return the name of the AWS profile that has it.

    Profiles keep accounts apart: a promotion reads in one and works in the next.

    Parameters
    ----------
    environment
        Whose account it is.
    role
        ``deploy`` or ``plan``.
    endpoint
        The emulator's URL; nothing on AWS.
    variables
        The job's environment variables.

    Raises
    ------
    OperationError
        When this is no job that may ask for a token, or AWS does not trust it.
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
            # The account's CloudTrail leads from here to the job.
            RoleSessionName=f"github-{variables.get('GITHUB_RUN_ID', 'unknown')}",
            WebIdentityToken=_token(variables),
            DurationSeconds=SESSION_SECONDS,
        )["Credentials"]
    except ClientError as error:
        raise OperationError(
            f"AWS does not give this job the role {arn}: {error}",
            "See that github_repository, github_repository_ids (for a repository made, renamed or "
            "transferred since July 2026) and github_readers in terraform/bootstrap/envs name the "
            "repository and this job's environment, and type 'make bootstrap'.",
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
    """Give a commit to the jobs that come after this one; outside of a job, do nothing.

    They run what it holds, with a role that changes things. Whoever releases to the environment
    before can name any commit, so it must be one that this job's branch took in.

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
            f"Commit {commit} is not of the branch that this job runs on. {result.stderr.strip()}",
            "Promote what was released from this branch, with the job's clone whole: "
            "'fetch-depth: 0'.",
        )
    with Path(file).open("a", encoding="utf-8") as stream:
        stream.write(f"commit={commit}\n")


def comment_plan(environment: str, release: str | None, pull_request: str) -> None:
    """Plan with the release that runs, and put what would change beneath a pull request.

    Raises
    ------
    OperationError
        When Terraform could not plan, which the comment then says, too; when GitHub does not
        take the comment.
    """
    command = [sys.executable, "-m", "ops", "plan", "--env", environment]
    with started(
        [*command, "--release", release or ""],
        cwd=REPOSITORY,
        # Who only reads cannot take the lock of the state, and a plan that is shown needs none.
        env={**os.environ, "TF_CLI_ARGS_plan": "-lock=false", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as plan:
        output, _ = plan.communicate()
    could_plan = plan.returncode in (0, 2)
    comment = plan_comment(environment, output, could_plan=could_plan)
    # One comment, which each push writes anew.
    words = ["comment", pull_request, "--edit-last", "--create-if-none", "--body-file=-"]
    try:
        subprocess.run(["gh", "pr", *words], input=comment, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise OperationError(
            f"The comment was not written: {error}.",
            "See that GitHub's command line 'gh' is installed and signed in.",
        ) from error
    if not could_plan:
        raise OperationError(
            f"Terraform could not plan for '{environment}'.", "Mend what the comment says."
        )


def plan_comment(environment: str, output: str, *, could_plan: bool) -> str:
    """Return the text of a comment: the verdict, and the plan folded beneath it."""
    lines = output.splitlines()
    verdicts = [line for line in lines if line.startswith(("Plan:", "No changes."))]
    verdict = verdicts[-1] if verdicts else "Changes only what Terraform gives out."
    if not could_plan:
        verdict = "Terraform could not plan."
    # What comes before is the reading of what exists.
    start = next((i for i, line in enumerate(lines) if line.startswith("Terraform ")), 0)
    text = "\n".join(lines[start if could_plan else 0 :])
    if len(text) > COMMENT_CHARACTERS:
        text = text[:COMMENT_CHARACTERS] + "\n… (the job's log has all of it)"
    # More backticks than any line of the plan can begin with.
    fence = "`" * 8
    return (
        f"**Plan for `{environment}`** with the release that runs there: {verdict}\n\n"
        f"<details><summary>Plan</summary>\n\n{fence}\n{text}\n{fence}\n\n</details>\n"
    )


def _token(variables: Mapping[str, str]) -> str:
    """Return a token in which GitHub says which repository and environment the job belongs to."""
    try:
        url = variables["ACTIONS_ID_TOKEN_REQUEST_URL"]
        key = variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    except KeyError as error:
        raise OperationError(
            "This is no job of GitHub that may ask for a token.",
            "Give the job 'permissions: id-token: write'. At your own desk, sign in with 'aws sso "
            "login'.",
        ) from error
    request = urllib.request.Request(  # noqa: S310  GitHub's own URL, from the runner
        f"{url}&audience={AUDIENCE}", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            token: str = json.load(answer)["value"]
    except (OSError, urllib.error.URLError, ValueError, KeyError) as error:
        raise OperationError(f"GitHub gives no token: {error}.", "Run the job again.") from error
    return token


def _keep(file: Path, profile: str, values: Mapping[str, str]) -> None:
    """Write a profile into a file of credentials that its owner alone may read."""
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(file)
    profiles[profile] = dict(values)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        profiles.write(stream)
    file.chmod(0o600)
