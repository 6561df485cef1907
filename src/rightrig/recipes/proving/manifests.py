"""Whether manifests are what clusters and Compose take, by their published schemas.

Kinds of Kubernetes itself are read by the schemas of the package kubernetes-validate, strictly: an
unknown field is an error, which a cluster would drop in silence. Custom resources and Compose are
read by shapes (``data/schemas``), which ``scripts/manifest_shapes.py`` makes from published ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from rightrig.recipes.proving.manifest_links import compose_faults, faults_among, faults_of
from rightrig.recipes.proving.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jsonschema.protocols import Validator
    from referencing import Registry

    from rightrig.recipes.launch import File

ID: Final = "PROVE-MANIFESTS"
SCHEMAS: Final = Path(__file__).parents[1] / "data" / "schemas"
VERSIONS: Final = ("1.35", "1.36", "1.37")
"""Minor versions of Kubernetes: the last three of kubernetes-validate 1.37.0."""
_COMPOSE: Final = "compose"
_DEFINITIONS: Final = "/api/_definitions.json"
"""How schemas of kubernetes-validate, and shapes, name the file of definitions."""
_MOST_SHOWN: Final = 160
Document = Mapping[str, Any]


def manifest_proofs(files: Sequence[File]) -> tuple[Proof, ...]:
    """Return a proof for each document of Kubernetes and Compose among files.

    Other files of YAML, such as configurations of gateways, only have to be YAML.
    """
    named = [one for one in files if one.path.endswith((".yaml", ".yml"))]
    try:
        import jsonschema  # noqa: F401, PLC0415 - an extra
        import kubernetes_validate  # noqa: F401, PLC0415
        import yaml  # noqa: F401, PLC0415
    except ImportError:
        return tuple(
            Proof(
                ID, "unverifiable", one.path, "the packages with the schemas are not installed",
                "pip install 'rightrig[recipes]'",
            )
            for one in named
        )  # fmt: skip
    return tuple(_proofs(named))


def shape(name: str) -> Document | None:
    """Return what is known of a custom resource or of Compose, by its kind in any case."""
    path = SCHEMAS / f"{name.lower()}.json"
    found: Document | None = json.loads(path.read_text()) if path.is_file() else None
    return found


def _proofs(files: Sequence[File]) -> Iterator[Proof]:
    """Yield what was found in each file, and then among the documents of each folder."""
    folders: dict[str, list[Document]] = {}
    failed: set[str] = set()
    for one in files:
        documents, error = _documents(one.text)
        if error:
            yield Proof(ID, "fail", one.path, f"it is no YAML: {error}", "mend the file")
        for document in documents:
            if "apiVersion" in document and "kind" in document:
                proof = _of_kubernetes(one.path, document)
                folders.setdefault(_folder(one.path), []).append(document)
                failed |= {_folder(one.path)} if proof.state == "fail" else set()
                yield proof
            elif PurePosixPath(one.path).name.startswith(_COMPOSE):
                yield _of_compose(one.path, document)
    for folder in folders.keys() - failed:
        for fault in faults_among(folders[folder]):
            yield Proof(ID, "fail", folder, fault, "let the names and labels agree")


def _folder(path: str) -> str:
    """Return the first folder of a path: optional manifests speak of those above them."""
    return PurePosixPath(path).parts[0]


def _documents(text: str) -> tuple[list[Document], str]:
    """Return the documents of a file, or why there are none."""
    import yaml  # noqa: PLC0415 - an extra

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    found, twice = [], set()
    try:
        while loader.check_node():
            root = loader.get_node()
            twice |= set(_twice(root))
            found.append(loader.construct_document(root))
    except yaml.YAMLError as error:
        return [], " ".join(str(error).split())[:_MOST_SHOWN]
    if twice:
        return [], f"a mapping has {', '.join(sorted(twice))} twice"
    return [one for one in found if isinstance(one, Mapping)], ""


def _twice(node: Any) -> Iterator[str]:  # noqa: ANN401 - a node of PyYAML
    """Yield keys that a mapping has twice: kubectl refuses them, and PyYAML takes the last."""
    value = getattr(node, "value", None)
    if not isinstance(value, list):
        return
    if node.id == "mapping":
        names = [key.value for key, _ in value if isinstance(key.value, str)]
        yield from (name for name in names if names.count(name) > 1)
        value = [one for _, one in value]
    for one in value:
        yield from _twice(one)


def _of_kubernetes(path: str, document: Document) -> Proof:
    """Return whether a document is what a cluster takes."""
    kind, api = str(document["kind"]), str(document["apiVersion"])
    name = (document.get("metadata") or {}).get("name", "")
    subject = f"{path}: {kind} {name}".rstrip()
    known = shape(kind)
    if known is not None and known["apiVersion"] != api:
        known = None
    fault = ""
    for version in VERSIONS:
        validator = _custom_validator(kind, version) if known else _validator(api, kind, version)
        if validator is None:
            return Proof(
                ID, "unverifiable", subject, f"no schema of {api} {kind} is known here",
                "kubectl apply --dry-run=server -f on a cluster that has it",
            )  # fmt: skip
        if fault := _fault(validator, document):
            fault = f"Kubernetes {version}: {fault}"
            break
    fault = fault or next(faults_of(document), "")
    if fault:
        return Proof(ID, "fail", subject, fault, "mend the field, or leave it out")
    source = f", and of {known['source'].split(':')[1]}" if known else ""
    return Proof(ID, "pass", subject, f"valid for Kubernetes {', '.join(VERSIONS)}{source}")


def _of_compose(path: str, document: Document) -> Proof:
    """Return whether a document is what Compose takes."""
    fault = _fault(_compose_validator(), document) or next(compose_faults(document), "")
    if fault:
        return Proof(ID, "fail", path, fault, "mend the field, or leave it out")
    return Proof(ID, "pass", path, "valid by the schema of the Compose specification")


def _fault(validator: Validator, document: Document) -> str:
    """Return what is wrong first and deepest, with its place; empty where nothing is."""
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - an extra

    error = best_match(validator.iter_errors(document))
    if error is None:
        return ""
    place = ".".join(map(str, error.absolute_path)) or "the document"
    return f"{place}: {error.message[:_MOST_SHOWN]}"


@cache
def _compose_validator() -> Validator:
    """Return what reads Compose files."""
    from jsonschema import Draft7Validator  # noqa: PLC0415 - an extra

    known = shape(_COMPOSE)
    return Draft7Validator(known["schema"] if known else True)


@cache
def _validator(api: str, kind: str, version: str) -> Validator | None:
    """Return what reads a kind of Kubernetes itself; ``None`` where it has no such."""
    group, _, of_group = api.rpartition("/")
    short = f"{group.split('.')[0]}-{of_group}" if group else of_group
    content = _content(f"{kind.lower()}-{short}.json", version)
    return None if content is None else _strict(content, version)


@cache
def _custom_validator(kind: str, version: str) -> Validator | None:
    """Return what reads a custom resource: pods in it are those of a version of Kubernetes."""
    known = shape(kind)
    return None if known is None else _strict(known["schema"], version)


def _strict(schema: Document, version: str) -> Validator:
    """Return what reads by a schema that names definitions of Kubernetes."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - an extra

    return Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Registry[Any]:
    """Return the definitions of a version of Kubernetes, looked through once."""
    from referencing import Registry, Resource  # noqa: PLC0415 - of jsonschema
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    content = _content(PurePosixPath(_DEFINITIONS).name, version) or {}
    found = Resource.from_contents(content, default_specification=DRAFT202012)
    known: Registry[Any] = Registry().with_resource(_DEFINITIONS, found).crawl()
    return known


def _content(name: str, version: str) -> Document | None:
    """Return a strict schema of kubernetes-validate; ``None`` where it has no such."""
    from kubernetes_validate.utils import schema_contents  # noqa: PLC0415 - an extra

    path = f"kubernetes-json-schema/v{version}.0-local-strict/{name}"
    try:
        found: Document = schema_contents(path, version)
    except FileNotFoundError:
        return None
    return found
