"""What the files want of an account, and whether `monitors check` takes what would be written."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lightkeeper.commands.values import of_env

if TYPE_CHECKING:
    from lightkeeper.alerting.account.objects import Wanted
    from lightkeeper.alerting.account.plan import Plan
    from lightkeeper.alerting.files.dashboards import Dashboard
    from lightkeeper.alerting.files.definitions import Assets
    from lightkeeper.alerting.files.variables import Values

_LEFT_TO_DATADOG: Final = frozenset({"thresholds", "tags"})
"""Rules about what Datadog refuses itself, naming what it wants instead, or puts right itself."""


@dataclass(frozen=True, slots=True)
class AccountFiles:
    """The definitions of one environment, the folder of dashboards, and what they want."""

    assets: "Assets"
    boards: "dict[str, Dashboard]"
    board_folder: Path
    wanted: "tuple[Wanted, ...]"

    @property
    def env(self) -> str:
        """The env that all of them carry."""
        return str(self.assets.variables["env"])


def read_files(
    folder: Path, dashboards: Path | None, values: "Values", *, may_be_empty: bool = False
) -> AccountFiles:
    """Read monitors, SLOs and dashboards. Raises BadDefinition, also where there are none."""
    from lightkeeper.alerting.account.objects import wanted
    from lightkeeper.alerting.files.dashboards import dashboards_of
    from lightkeeper.alerting.files.definitions import load
    from lightkeeper.alerting.files.reading import BadDefinition
    from lightkeeper.telemetry.tag_values import unified_tags

    values = of_env(folder, values, unified_tags(os.environ).get("env", ""))
    assets = load(folder, values=values, may_be_empty=True)
    beside = folder.resolve().parent / "dashboards"
    there = dashboards or (beside if beside.is_dir() else None)
    unnamed = may_be_empty or dashboards is None
    boards = dashboards_of(assets, there, "--dashboards", may_be_empty=unnamed) if there else {}
    if not (may_be_empty or assets.monitors or assets.slos or boards):
        raise BadDefinition(
            f"{folder}: [file] holds no monitor, and there is no SLO or dashboard: write one, or "
            "name another folder with --folder"
        )
    return AccountFiles(assets, boards, there or beside, wanted(assets, boards))


def refuse_mistakes(files: AccountFiles, plan: "Plan") -> None:
    """Raise BadDefinition with what the lint finds in payloads that the plan would write.

    What stands beside a payload, such as a section of the runbook, is sent nowhere.
    """
    from lightkeeper.alerting.account.objects import ObjectKind
    from lightkeeper.alerting.account.plan import Deed
    from lightkeeper.alerting.files.reading import BadDefinition
    from lightkeeper.alerting.lint import dashboard_rules, monitor_rules
    from lightkeeper.commands.named import complaint

    if "first" not in files.assets.variables:
        return  # its pages are of another kind than ours
    definitions = {
        ObjectKind.MONITOR: files.assets.monitors,
        ObjectKind.SLO: files.assets.slos,
        ObjectKind.DASHBOARD: {key: one.definition for key, one in files.boards.items()},
    }
    steps = {(one.kind, one.mark) for one in plan.of(Deed.CREATE, Deed.CHANGE)}
    wanted = [one for one in files.wanted if (one.kind, one.mark) in steps]
    written = {definitions[one.kind][one.key].file for one in wanted}
    found = [*monitor_rules.lint(files.assets, complaint), *dashboard_rules.lint(files.boards)]
    problems = [
        str(one)
        for one in found
        if one.file in written
        and one.path.startswith("payload")
        and one.rule not in _LEFT_TO_DATADOG
    ]
    if problems:
        raise BadDefinition("\n".join(problems))
