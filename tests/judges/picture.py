"""Draws blocks as an agent sees them, with somebody else's renderer, for a browser to look at."""

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fixtures.tools import missing

HERE = Path(__file__).parent
DEADLINE_S = 30


async def draw_blocks(blocks: Sequence[Mapping[str, Any]], *, name: str = "Threadbridge", theme: str = "light") -> str:
    """A whole HTML page; give it to `page.set_content` and read its text or take a screenshot."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "slack-blocks-to-jsx").exists():
        missing("the Block Kit renderer of tests/judges", "run: make test")
    process = await asyncio.create_subprocess_exec(
        node,
        str(HERE / "picture.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    order = json.dumps({"blocks": blocks, "name": name, "theme": theme}).encode()
    try:
        async with asyncio.timeout(DEADLINE_S):
            page, complaint = await process.communicate(order)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"the Block Kit renderer failed: {complaint.decode(errors='replace')[-1500:]}")
    return page.decode()
