"""What the docs say of the code: `make reference` and `make drills` write it, tests compare."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from lightkeeper.alerting.files.definitions import load
from lightkeeper.casework import veteran_wording
from lightkeeper.simulation.drills.faults import FAULTS
from lightkeeper.simulation.drills.run import run_drills
from lightkeeper.simulation.drills.table import markdown
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind, Signal
from lightkeeper.telemetry.tags import DOCUMENT_TYPES, OPEN_TAGS, OPEN_WORDS, STEPS

ROOT = Path(__file__).parents[2]
SIGNALS = ROOT / "dashboards" / "README.md"
DRILLS = ROOT / "monitors" / "drills.md"
OPERATING = ROOT / "systemd" / "README.md"
METADATA = ROOT / "dashboards" / "metadata.csv"
MESSAGES = ROOT / "daemon" / "lightkeeper" / "casework" / "locale" / "veteran.pot"
OPENAPI = ROOT / "daemon" / "openapi.json"
ENV_EXAMPLE = ROOT / "systemd" / "settings.env.example"
SET_BY_THE_EXAMPLE = {
    "DD_DOGSTATSD_URL": "unix:///var/run/datadog/dsd.socket",
    "DD_ENV": "production",
    "LIGHTKEEPER_LIGHTHOUSE_URL": "https://api.va.gov",
    "LIGHTKEEPER_LIGHTHOUSE_AUDIENCE": "",
    "LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID": "",
    "LIGHTKEEPER_DATABASE_URL": "sqlite:////var/lib/lightkeeper/lightkeeper.db",
}
COLUMNS = (
    *("metric_name", "metric_type", "interval", "unit_name", "per_unit_name", "description"),
    *("orientation", "integration", "short_name", "curated_metric", "sample_tags"),
)
# Datadog's format has no word for a distribution.
TYPES = {Kind.COUNT: "count", Kind.GAUGE: "gauge", Kind.DISTRIBUTION: "gauge"}
GAUGE_INTERVAL_SECONDS = 30
_TABLE = re.compile(r"(?<=<!-- signals -->\n).*(?=\n<!-- /signals -->)", re.DOTALL)
_LINK = re.compile(r"\[([\w ]+)\]\(#[\w-]+\)")
_DRILLS = re.compile(r"(?<=<!-- drills -->\n).*(?=\n<!-- /drills -->)", re.DOTALL)


def signals() -> str:
    """The table in dashboards/README.md: every signal, and the values its tags may have."""
    rows = [
        "| name | kind | unit | tags | sent by | meaning |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{signal.name}` | {signal.kind} | {signal.unit} | {_tags(signal)} | "
            f"{signal.sender} | {signal.meaning} |"
            for signal in CATALOGUE.values()
        ),
        "",
        f"`document_type` is one of {_words(DOCUMENT_TYPES)}. `step` is one of {_words(STEPS)}; "
        f"steps Lighthouse never named before (and words, in `word`) go under their own name, "
        f"the first {OPEN_WORDS} of them, then as `other`.",
    ]
    return "\n".join(rows)


def metadata() -> str:
    """The metrics in the format of Datadog's integrations."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(sorted(_metadata_rows()))
    return text.getvalue()


def _metadata_rows() -> Iterator[tuple[object, ...]]:
    for signal in CATALOGUE.values():
        if signal.kind in TYPES:
            interval = GAUGE_INTERVAL_SECONDS if signal.kind is Kind.GAUGE else ""
            short = signal.name.removeprefix("lightkeeper.").replace(".", " ").replace("_", " ")
            what = (signal.name, TYPES[signal.kind], interval, signal.unit, "", signal.meaning)
            yield (*what, 0, "lightkeeper", short, "", ",".join(signal.tags))


def _tags(signal: Signal) -> str:
    return ", ".join(
        f"`{tag}`"
        if tag in OPEN_TAGS or values == DOCUMENT_TYPES
        else f"`{tag}`: {' '.join(values)}"
        for tag, values in signal.tags.items()
    )


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def signals_page() -> str:
    """dashboards/README.md with its table as it has to be."""
    return _TABLE.sub(lambda _: signals(), SIGNALS.read_text())


def messages() -> str:
    """The template of the catalogue of what veterans read, for translators."""
    template = Catalog()
    for where, pair in veteran_wording.messages():
        template.add(pair, auto_comments=[where])
    file = io.BytesIO()
    write_po(file, template, omit_header=True, width=0)
    return file.getvalue().decode()


def env_example() -> str:
    """The settings table of systemd/README.md as a settings file; defaults are commented out."""
    table = OPERATING.read_text().split("## Settings")[1].split("\n\n")[2]
    lines = [
        "# Settings of lightkeeper: NAME=value, with quotes if it has blanks. After a change:",
        "# systemctl reload lightkeeper. Secrets belong in /etc/lightkeeper/credentials.",
    ]
    for row in table.splitlines()[3:]:
        names, defaults, meaning = (cell.strip() for cell in row.strip("|").split("|"))
        meaning = _LINK.sub(r"\1 in systemd/README.md", meaning).replace("`", "")
        lines += ["", f"# {meaning}"]
        values = [value.strip(" `") for value in defaults.split(",")]
        for name, value in zip(re.findall(r"`(\w+)`", names), values, strict=True):
            if name in SET_BY_THE_EXAMPLE:
                lines.append(f"{name}={SET_BY_THE_EXAMPLE[name]}")
            else:
                lines.append(f"#{name}={value if value.replace('_', '').isalnum() else ''}")
    return "\n".join(lines) + "\n"


def openapi() -> str:
    """The description of the API."""
    from lightkeeper.web.app import described  # as late: all else here needs none of it

    return json.dumps(described().openapi(), indent=2) + "\n"


if __name__ == "__main__":
    if "drills" in sys.argv:
        drills = markdown(run_drills(FAULTS, load(ROOT / "monitors")))
        DRILLS.write_text(_DRILLS.sub(lambda _: drills, DRILLS.read_text()))
    else:
        SIGNALS.write_text(signals_page())
        METADATA.write_text(metadata())
        ENV_EXAMPLE.write_text(env_example())
        MESSAGES.write_text(messages())
        OPENAPI.write_text(openapi())
