"""The docs hold together: links lead somewhere, paths exist, figures quoted twice are equal."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for folder in (".", "daemon", "monitors", "dashboards", "systemd", "tests")
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)
README = (ROOT / "README.md").read_text()


def name(path: Path) -> str:
    """The path as the repository has it."""
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """What `#…` may name: GitHub's anchors of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    """Each relative link of each page names a file or folder, and a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("page", ["daemon/README.md", "CONTRIBUTING.md"])
def test_every_path_exists(page):
    """Each path in the map and in CONTRIBUTING.md is one of the repository or of the package."""
    paths = re.findall(r"`([\w.-]+(?:/[\w.-]+)*(?:/|\.\w{2,6}))`", (ROOT / page).read_text())
    roots = (ROOT, ROOT / "daemon" / "lightkeeper")

    assert paths
    assert [] == [path for path in paths if not any((root / path).exists() for root in roots)]


def test_the_readme_is_two_pages():
    """The README has 8 kB at most; everything else is beside what it describes."""
    assert len(README.encode()) <= 8_192


@pytest.mark.parametrize("page", ["README.md", "systemd/settings.env.example"])
def test_the_env_that_a_newcomer_sets_is_the_one_that_the_monitors_watch(page):
    """With another `DD_ENV` no monitor would see a signal."""
    variables = json.loads((ROOT / "monitors" / "variables.json").read_text())

    assert {variables["env"]} == set(re.findall(r"DD_ENV=(\w+)", (ROOT / page).read_text()))


def test_the_readme_quotes_a_drill_as_it_is():
    """The row that the README shows is one of monitors/drills.md."""
    (row,) = re.findall(r"^\| key-revoked .*$", README, re.MULTILINE)

    assert row in (ROOT / "monitors" / "drills.md").read_text().splitlines()


def test_the_readme_counts_the_drills():
    """`31 more drills` is how many rows monitors/drills.md has beside the one that is shown."""
    rows = re.findall(r"^\| [a-z]+", (ROOT / "monitors" / "drills.md").read_text(), re.MULTILINE)
    (more,) = re.findall(r"\[(\d+) more drills\]", README)

    assert len(rows) - 1 - 1 == int(more)  # less the head, and the row that is shown
