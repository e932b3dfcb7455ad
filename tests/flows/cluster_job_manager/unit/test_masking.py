"""The error output of a job names the error, and no secret."""

from __future__ import annotations

import time

import pytest

from cluster_job_manager.masking import LENGTH, SEARCHED, masked

SECRET = "S3cret-value.9"


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"PASSWORD: {SECRET}",
        f'{{"db_password": "{SECRET}"}}',
        f"--api-key={SECRET} --verbose",
        f"spark.hadoop.fs.s3a.secret.key={SECRET}",
        f"aws_secret_access_key = {SECRET}",
        f"token={SECRET}&next=1",
        f"Authorization: Bearer {SECRET}",
        f"used bearer {SECRET} for it",
        f"jdbc:mysql://etl:{SECRET}@db.internal/orders",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        f"AccessDenied for eyJhbGciOi.{SECRET.replace('.', '')}.sig",
    ],
)
def test_a_secret_is_removed(text: str) -> None:
    found = masked(f"java.io.IOException: {text}")

    assert SECRET not in found
    assert SECRET.replace(".", "") not in found
    assert found.startswith("java.io.IOException")


def test_a_key_of_aws_is_removed() -> None:
    assert masked("key AKIAIOSFODNN7EXAMPLE is wrong") == "key *** is wrong"


def test_the_rest_is_kept() -> None:
    text = "java.lang.OutOfMemoryError: heap space at Tokenizer.java:12, 3 tokens left"

    assert masked(text) == text


def test_the_end_of_a_long_output_is_kept() -> None:
    found = masked("x" * 5000 + "the reason")

    assert len(found) == LENGTH + 1
    assert found.endswith("the reason")


@pytest.mark.parametrize(
    "line",
    ["password=", "x", "eyJ-", "://a:", "token ", "-----BEGIN ", "secretkey", "é\0", "bearer "],
)
def test_a_million_characters_are_masked_in_a_moment(line: str) -> None:
    text = line * (1_000_000 // len(line)) + "\npassword=S3cret the reason"

    began = time.process_time()
    found = masked(text)

    assert time.process_time() - began < 2
    assert "S3cret" not in found
    assert found.endswith("the reason") or line == "-----BEGIN "


@pytest.mark.parametrize(
    "secret",
    [
        f"password={'S' * SEARCHED}",
        f"-----BEGIN PRIVATE KEY-----\n{'SSSS ' * SEARCHED}\n-----END PRIVATE KEY-----",
    ],
    ids=["a word", "a key"],
)
def test_a_secret_longer_than_what_is_searched_leaves_no_rest(secret: str) -> None:
    assert masked(f"{secret}\nthe reason").replace("***", "") in ("…the reason", "…\nthe reason")
