"""Asks Slack's own types and slack_sdk's models whether the blocks, views and manifests we send have the right shape.

The types, read by the TypeScript compiler, catch wrong kinds, styles and unknown fields; slack_sdk catches lengths and
counts. One run of the compiler judges many samples.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from tests.fixtures.tools import missing

HERE = Path(__file__).parent
COMPILER = HERE / "node_modules" / ".bin" / "tsc"
PACKAGES = HERE / "node_modules"
DEADLINE_S = 50

#: What a sample is declared as. `AnyBlock` would let anything with a `type` pass, so only the known ones count, and an
#: index signature that lets every key pass is taken off.
BLOCKS = 'import type { KnownBlock } from "@slack/types";\nconst sample: KnownBlock[] ='
VIEW = """import type { HomeView, ModalView, KnownBlock } from "@slack/types";
type Strict<V> = Omit<V, "blocks"> & { blocks: KnownBlock[] };
const sample: Strict<HomeView> | Strict<ModalView> ="""
MANIFEST = """import type { AppsManifestValidateArguments } from "@slack/web-api";
type Closed<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
const sample: Closed<AppsManifestValidateArguments["manifest"]> ="""


def check_blocks(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The types' objections to one message's blocks; empty when there are none."""
    return check_many({"blocks": blocks})["blocks"]


def check_many(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    """The types' objections to each named list of blocks, in one run of the compiler."""
    return compile_samples(BLOCKS, samples)


def check_views(views: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The types' objections to each named modal or App Home view."""
    return compile_samples(VIEW, views)


def check_manifest(manifest: Mapping[str, Any]) -> list[str]:
    """The objections of the type that `apps.manifest.validate` takes: unknown scopes, events and keys."""
    return compile_samples(MANIFEST, {"manifest": manifest})["manifest"]


def check_limits(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    """slack_sdk's objections to lengths and counts of one message's blocks."""
    problems: list[str] = []
    for position, block in enumerate(blocks):
        parsed = Block.parse(dict(block))
        if parsed is None:
            problems.append(f"block {position}: slack_sdk knows no type {block.get('type')!r}")
            continue
        try:
            parsed.validate_json()
        except SlackObjectFormationError as error:
            problems.append(f"block {position}: {error}")
    return problems


def compile_samples(declaration: str, samples: Mapping[str, Any]) -> dict[str, list[str]]:
    """Declares each sample in a file of its own and sorts the compiler's errors by sample."""
    if not COMPILER.exists():
        missing("the TypeScript compiler of tests/judges", "run: make test")
    if not samples:
        raise ValueError("no sample to judge; a judge that is asked nothing finds nothing")
    names = {f"sample{number}.ts": name for number, name in enumerate(samples)}
    with tempfile.TemporaryDirectory(prefix="threadbridge-judge-") as folder:
        for file, name in names.items():
            Path(folder, file).write_text(f"{declaration} {json.dumps(samples[name])};\nexport default sample;\n")
        Path(folder, "tsconfig.json").write_text(json.dumps(configuration(list(names))))
        run = subprocess.run(
            [COMPILER, "--pretty", "false", "--project", folder],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    found = sort_errors(run.stdout, names)
    if run.returncode and not any(found.values()):
        raise RuntimeError(f"the TypeScript compiler failed: {run.stdout or run.stderr}")
    return found


def configuration(files: list[str]) -> dict[str, Any]:
    return {
        "files": files,
        "compilerOptions": {
            "noEmit": True,
            "strict": True,
            "skipLibCheck": True,
            "module": "nodenext",
            "moduleResolution": "nodenext",
            "types": [],
            "paths": {name: [str(PACKAGES / name)] for name in ("@slack/types", "@slack/web-api")},
        },
    }


def sort_errors(output: str, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Splits "file(line,column): error TS1: text", whose explanation goes on in indented lines, by sample."""
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    current: list[str] | None = None
    for line in output.splitlines():
        start = re.match(r"(?:.*/)?(sample\d+\.ts)\(\d+,\d+\): error TS\d+: (.*)", line)
        if start:
            current = found[names[start[1]]]
            current.append(start[2])
        elif line.startswith(" ") and current:
            current[-1] += "\n" + line
        elif line.strip():
            raise RuntimeError(f"the TypeScript compiler says: {output}")
    return found
