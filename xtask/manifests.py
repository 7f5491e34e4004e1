"""Compares the manifests in deploy/ with the schemas of Kubernetes and of Compose.

`cargo xtask test manifests` calls it, with the packages of xtask/manifests.txt. It prints what
libtest prints, so that its results are counted; no container engine is needed, and none is used.
"""

import json
import pathlib
import sys

import yaml
from compose_spec import PyCompose
from kubernetes_validate import validate

KUBERNETES = "1.37"


def compose(path):
    # The parser there does not know YAML's merge keys, which Compose does.
    spec = PyCompose.from_json(json.dumps(yaml.safe_load(path.read_text())))
    spec.validate()
    known = set(spec.service_names())
    for name, service in spec.to_dict()["services"].items():
        unknown = set(service.get("depends_on", [])) - known
        assert not unknown, f"{name} depends on {unknown}, which is not there"


def kubernetes(path):
    for manifest in yaml.safe_load_all(path.read_text()):
        validate(manifest, KUBERNETES, strict=True)


def main():
    deploy = pathlib.Path(__file__).parent.parent / "deploy"
    failed = 0
    for name, check in [("compose.yaml", compose), ("kubernetes.yaml", kubernetes)]:
        try:
            check(deploy / name)
            print(f"test {name} ... ok")
        except Exception as error:  # Whatever it is, the manifest is not right.
            failed += 1
            print(f"test {name} ... FAILED\n{error}")
    result = "FAILED" if failed else "ok"
    print(f"test result: {result}. {2 - failed} passed; {failed} failed; 0 ignored")
    return 1 if failed else 0


sys.exit(main())
