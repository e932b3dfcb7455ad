"""The headers of a web site."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import tftest

from ops.terraform.runner import ROOT
from tests.support.plans import plan_modules
from tests.support.resources import of_type

DOMAIN = {
    "names": ["example.com"],
    "certificate_arn": "arn:aws:acm:us-east-1:111111111111:certificate/one",
}


def test_browsers_require_https_of_subdomains_only_when_asked(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    domains: dict[str, Any] = {
        "none": None,
        "apex": DOMAIN,
        "all": {**DOMAIN, "hsts_subdomains": True},
    }
    site = {
        "source": "./modules/web_site",
        "description": "A site",
        "files": {"index.html": {"content": "<p>", "content_type": "text/html"}},
    }
    modules = {
        name: {**site, "name": f"site-{name}", "domain": domain} for name, domain in domains.items()
    }
    # A module may refer to its neighbours only from a folder below the root module's.
    ignored = shutil.ignore_patterns("examples", ".terraform")
    shutil.copytree(ROOT / "modules", tmp_path / "modules", ignore=ignored)

    found = plan_modules(terraform_of_dev, tmp_path, modules)

    included = {}
    for policy in of_type(found, "aws_cloudfront_response_headers_policy"):
        [security] = policy.values["security_headers_config"]
        [hsts] = security["strict_transport_security"]
        assert hsts["access_control_max_age_sec"] == 365 * 24 * 3600
        included[policy.values["name"]] = hsts["include_subdomains"]
    assert included == {"site-none": False, "site-apex": False, "site-all": True}
