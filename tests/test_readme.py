"""What the README says of the channels is what their bridges declare, and the contract suite sees."""

import os
import re
from pathlib import Path

from core import discovery
from core.testing.matrix import table

README = Path(__file__).parent.parent / "README.md"
FOLDERS = Path(__file__).parent.parent
MARKS = ("<!-- made from the code -->\n", "<!-- until here -->\n")


def test_the_table_of_channels_says_what_the_code_declares() -> None:
    """`RENEW=1 pytest tests/test_readme.py` writes it anew."""
    channels = discovery.bridges()
    assert not channels.broken
    before, mark, rest = README.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    assert mark, "the README has lost the line above the table"
    assert end, "the README has lost the line below the table"
    renewed = f"{before}{mark}\n{table([channels[name] for name in sorted(channels.names)])}\n{end}{after}"
    if os.environ.get("RENEW"):
        README.write_text(renewed, encoding="utf-8")
    assert README.read_text(encoding="utf-8") == renewed, "renew it as this test's docstring says"


def test_every_channel_and_workplace_is_linked() -> None:
    linked = set(re.findall(r"\]\(((?:bridges|plugins)/\w+)/README\.md", README.read_text(encoding="utf-8")))
    there = {f"bridges/{name}" for name in discovery.bridges().names}
    there |= {f"plugins/{name}" for name in discovery.workplaces().names}
    assert linked == there


def test_every_link_leads_somewhere() -> None:
    addresses = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", README.read_text(encoding="utf-8"))
    dead = [one for one in addresses if "://" not in one and not (FOLDERS / one).exists()]
    assert addresses
    assert not dead
