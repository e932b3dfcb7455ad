from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

from benchmarks import cold_start, cost, load, packaging, readme, results
from benchmarks.flows import benchmarks, loaded_flow
from benchmarks.parts import PARTS
from benchmarks.stand_ins import answer
from build.package import find_packages
from ops.costs.page import PRICES
from ops.settings import REPOSITORY


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_ran_can_be_shown(part: str) -> None:
    result = results.load(part)
    if result is None:
        pytest.skip("it never ran")

    assert result.command == f"make bench PART={part}"
    assert "| --- |" in PARTS[part].render(result.data)
    assert f"## {PARTS[part].title}" in readme.FILE.read_text()


def test_sam_gets_a_function_for_each_package() -> None:
    names = [package.name for package in find_packages(REPOSITORY / "lambda_src")]

    text = packaging.template(names)

    assert [packaging.package_of(packaging.resource_of(name)) for name in names] == names
    assert all(f"CodeUri: {name}\n" in text for name in names)


def test_a_folder_is_zipped_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_bytes(b"x" * 10_000)

    size = packaging.zipped_size(tmp_path)

    assert 0 < size < 500


def test_prices_name_their_source_and_their_date() -> None:
    prices = tomllib.loads(PRICES.read_text())

    assert prices.pop("date")
    assert cost.COUNTS.keys() < prices.keys()
    for entry in prices.values():
        assert entry["price"] > 0
        assert entry["per"] >= 1
        assert entry["source"].startswith("https://aws.amazon.com/")


def test_the_price_of_a_million_leads() -> None:
    counts = dict.fromkeys(cost.COUNTS, 1.0)
    prices = {name: {"price": 2.0, "per": 1_000} for name in cost.COUNTS}

    assert cost.price(counts, prices) == 2_000.0 * len(cost.COUNTS)


def test_the_articles_design_sends_every_endpoint_the_whole_lead() -> None:
    used = cost.articles(input_bytes=400, lead_bytes=100)

    assert used["function_invocation"] == 7
    assert used["state_transition"] == 4
    assert used["state_bytes"] == 400 + 7 * 100
    assert used["request_bytes"] > sum(cost.sent(fields) for fields in cost.ENDPOINTS.values())


def test_endpoints_are_those_of_the_schema() -> None:
    from crm.lead import load_schema

    assert {n: list(f) for n, f in cost.ENDPOINTS.items()} == load_schema()["x-endpoints"]


def test_growth_compares_the_first_thousand_with_all() -> None:
    # A lead takes 1 s among the first thousand and 2 s after them.
    arrivals = [float(n) for n in range(1, 1001)] + [1000 + 2.0 * n for n in range(1, 1001)]

    growth = load.growth(arrivals)

    assert growth == {"leads": 2000, "first": 1.0, "all": 1.5, "last": 2.0}


def test_shares_are_of_the_whole_execution() -> None:
    assert load.shares({"A": 1.0, "between states": 3.0}, ["A", "B", "between states"]) == [
        "25%",
        "0%",
        "75%",
    ]


def test_leads_differ_and_are_leads() -> None:
    # The first state's function of the flow that gets load.
    name, function = next(iter(benchmarks()[loaded_flow()].functions.items()))
    handler = importlib.import_module(f"{function.package}.{name}").handler

    first, second = load.lead(), load.lead()

    assert first["rut"] != second["rut"]
    assert handler({"id": "1", "detail": first}, None) == first


def test_a_first_invocation_is_reckoned_with_the_memorys_share_of_a_processor() -> None:
    assert cold_start.throttled({"first_cpu": [0.256]}) == pytest.approx(1.769)


def test_stand_ins_answer_what_functions_call_only() -> None:
    secret = answer("secretsmanager.GetSecretValue", b'{"SecretId": "a"}', {"a": "text"})

    assert secret["SecretString"] == "text"
    with pytest.raises(ValueError, match="DeleteSecret"):
        answer("secretsmanager.DeleteSecret", b"{}", {})


@pytest.mark.parametrize(
    ("function", "backend"),
    [("crm-api-create-client-back", "create-client"), ("crm-api-migrate", None)],
)
def test_a_backend_functions_process_is_known_by_its_folder(
    function: str, backend: str | None
) -> None:
    match = load.BACKEND.search(f"/x/functions-a1/functions/flowbridge-local-{function}/0d1e2f3a")

    assert (match and match[1]) == backend
