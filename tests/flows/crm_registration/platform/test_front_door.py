"""The form's files are read through its distribution only."""

from __future__ import annotations

from tests.support.resources import Resource, of_type, statements


def test_a_bucket_of_a_site_is_read_by_its_distribution_alone(made: list[Resource]) -> None:
    [site] = of_type(made, "aws_cloudfront_distribution")
    files = {file.values["key"] for file in of_type(made, "aws_s3_object")}
    [policy] = [
        policy
        for policy in of_type(made, "aws_s3_bucket_policy")
        if "lead-form" in policy.values["bucket"]
    ]
    [statement] = [found for found in statements([policy]) if found.content["Effect"] == "Allow"]

    assert statement.actions == ["s3:GetObject"]
    assert {resource.partition("/")[2] for resource in statement.resources} == files
    assert statement.content["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    condition = {"StringEquals": {"aws:SourceArn": site.values["arn"]}}
    assert statement.content["Condition"] == condition
