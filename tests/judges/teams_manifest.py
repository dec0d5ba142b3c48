"""Asks Microsoft's JSON schema whether the manifests of our Teams app have the right shape, offline."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fixtures.tools import missing

HERE = Path(__file__).parent
SCHEMAS = HERE / "node_modules" / "@microsoft" / "app-manifest" / "build" / "json-schemas" / "teams"
DEADLINE_S = 50


def check_manifests(manifests: Mapping[str, Mapping[str, Any]], version: str = "1.29") -> dict[str, list[str]]:
    """The objections of that version of the schema to each named manifest."""
    node = shutil.which("node")
    if node is None or not SCHEMAS.exists():
        missing("the schemas of Teams manifests in tests/judges", "run: make test")
    if not manifests:
        raise ValueError("no manifest to judge; a judge that is asked nothing finds nothing")
    run = subprocess.run(
        [node, str(HERE / "teams_manifest.mjs"), version],
        input=json.dumps(manifests),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"the schema of Teams manifests could not be asked: {run.stderr[-1500:]}")
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found
