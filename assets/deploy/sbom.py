#!/usr/bin/env python3
"""Turns `cargo metadata` (standard input) into a CycloneDX 1.5 list of what the program is made of: each crate that is
linked into it or that builds it, with its licence, its place and the hash that Cargo.lock holds, and the models. The
same input gives the same list, to the byte."""

import hashlib
import json
import pathlib
import re
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def hashes():
    """By name, version: what Cargo.lock says of the crate's archive."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(it["name"], it["version"]): it.get("checksum") for it in lock["package"]}


def linked(metadata):
    """The ids that the program needs, tests and benches left out; and what each of them needs."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    needs, waiting = {}, [metadata["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package in needs:
            continue
        needs[package] = sorted(
            dep["pkg"] for dep in nodes[package]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])
        )
        waiting.extend(needs[package])
    return needs


def licences(text):
    """An SPDX expression; the slash of old crates means `OR`."""
    return [{"expression": re.sub(r"\s*/\s*", " OR ", text)}] if text else []


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksum, kind):
    made = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        "licenses": licences(package["license"]),
    }
    if package["description"]:
        made["description"] = " ".join(package["description"].split())
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def models():
    """The files that models.lock names: they are in the program too."""
    lock = tomllib.loads((ROOT / "models/models.lock").read_text())
    for file in sorted(lock["file"], key=lambda it: it["name"]):
        yield {
            "type": "machine-learning-model" if file["name"].endswith(".onnx") else "data",
            "bom-ref": f"models/{file['name']}",
            "name": file["name"],
            "hashes": [{"alg": "SHA-256", "content": file["sha256"]}],
            "licenses": licences(lock["licence"]),
        }


def main():
    metadata = json.load(sys.stdin)
    packages = {package["id"]: package for package in metadata["packages"]}
    checksums, needs = hashes(), linked(metadata)
    root = metadata["resolve"]["root"]
    described = {
        package: component(packages[package], checksums.get((packages[package]["name"], packages[package]["version"])),
                           "application" if package == root else "library")
        for package in needs
    }
    libraries = sorted((it for id, it in described.items() if id != root), key=lambda it: it["bom-ref"])
    held = list(models())
    refs = lambda ids: sorted({described[id]["bom-ref"] for id in ids})
    dependencies = [
        {"ref": described[id]["bom-ref"], "dependsOn": refs(ids) + [it["bom-ref"] for it in held if id == root]}
        for id, ids in needs.items()
    ]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": described[root]},
        "components": libraries + held,
        "dependencies": sorted(dependencies, key=lambda it: it["ref"]),
    }
    # A number of its own, made from the content: two lists with the same number are the same.
    text = json.dumps(bom, sort_keys=True)
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(text.encode()).hexdigest())}"
    json.dump(bom, sys.stdout, indent=2, ensure_ascii=False)
    print()


main()
