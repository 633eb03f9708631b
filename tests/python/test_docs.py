"""The code blocks of docs/python.md run unchanged, in order, from the repository."""

import os
import re

from conftest import ROOT


def test_the_blocks_of_the_page_run(tmp_path, monkeypatch):
    text = (ROOT / "docs/python.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.S | re.M)
    assert len(blocks) >= 7 and text.count("```python") == len(blocks)
    # The working folder is a copy, so that nothing is published into the checkout.
    for name in ("jobs", "sample_data"):
        os.symlink(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    space = {}
    for block in blocks:
        exec(compile(block.replace("out/", f"{tmp_path}/out/"), "docs/python.md", "exec"), space)
