"""The configuration for Terraform, as the command prints it and as Terraform itself reads it.

The provider comes over the network, so that resources which come with Terraform stand in for its
own: they keep what they are given, and each gets an id. Where there is no Terraform, what needs it
is left out of a test.
"""

import json
import os
import shutil
import subprocess

import account_rig
import command_line
import dashboard_files
import definition_files
from account_rig import AccountRig
from terraform_plan import SCHEMA, filled, mistakes, order

from lightkeeper.alerting.account.terraform import SLO

TERRAFORM = shutil.which("terraform")
ODD = 'a $ %% ${dollar}${dollar}{most} %{ if x } $%{y} "ü\\ ${dollar}{{z}} %%{w}'


def test_terraform_takes_the_shipped_definitions_of_an_environment(tmp_path):
    """They have the provider's shape, and Terraform finds nothing wrong with them."""
    configuration = _printed("--env", "staging")

    assert [] == list(mistakes(configuration))
    assert order(configuration)
    if TERRAFORM:
        _written(configuration, tmp_path)
        _terraform(tmp_path, "validate")


def test_terraform_fills_in_ids_and_nothing_else(tmp_path):
    """Composites, burn rates and links get them; a second plan is empty, and texts are as ours."""
    files = {**definition_files.definitions(), **definition_files.composites()}
    folder = definition_files.write(tmp_path / "monitors", files)
    links = f"https://datadog.test/dashboard/one?a=1 {ODD}"
    variables = {"dollar": "$"} | definition_files.VARIABLES | {"links": links}
    (folder / "variables.json").write_text(json.dumps(variables))
    dashboard_files.written(tmp_path, dashboard_files.board())

    configuration = _printed("--folder", folder)

    assert [] == list(mistakes(configuration))
    if TERRAFORM:
        _written(configuration, tmp_path)
        _terraform(tmp_path, "apply", "-auto-approve", "-input=false")
        _terraform(tmp_path, "plan", "-detailed-exitcode", "-input=false")  # 2: not empty
        state = json.loads(_terraform(tmp_path, "show", "-json"))
        kept = {one["name"]: one["values"] for one in state["values"]["root_module"]["resources"]}
        ids = {f"{name.replace('__', '.', 1)}.id": one["id"] for name, one in kept.items()}
        for kind, resources in configuration["resource"].items():
            for name, given in resources.items():
                assert filled(given, ids) == kept[f"{kind}__{name}"]["output"]


def _printed(*line):
    done = command_line.run(
        *("monitors", "print", "--format", "terraform", *line), env=command_line.environment()
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def _written(configuration, folder):
    """Write the configuration with stand-ins for the provider's resources, and begin with it."""
    text = json.dumps(configuration["resource"])
    for kind in SCHEMA:
        text = text.replace(f"${{{kind}.", f"${{terraform_data.{kind}__")
    stand_ins = {
        f"{kind}__{name}": {"input": given}
        for kind, resources in json.loads(text).items()
        for name, given in resources.items()
    }
    found = {"//": configuration["//"], "resource": {"terraform_data": stand_ins}}
    (folder / "lightkeeper.tf.json").write_text(json.dumps(found))
    _terraform(folder, "init", "-input=false")


def _terraform(folder, *line):
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    done = subprocess.run(
        [TERRAFORM, *line, *([] if line[0] == "show" else ["-no-color"])],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_what_terraform_made_differs_from_the_files_in_nothing(tmp_path):
    """So that the comparison with the account serves those who apply with Terraform, too."""
    account_rig.write(tmp_path)
    configuration = _printed("--folder", tmp_path / "monitors")
    ids = {}
    with AccountRig() as rig:
        for name in order(configuration):
            kind, key = name.split(".")
            given = filled(configuration["resource"][kind][key], ids)
            if kind == SLO:
                made = rig.datadog.add("slo", {**given, "query": given["query"][0]})
            else:
                ((of, text),) = given.items()
                made = rig.datadog.add(of, json.loads(text))
            ids[f"{name}.id"] = str(made)
        plan = rig.plan(account_rig.objects(tmp_path))
        number = next(iter(rig.datadog.objects["monitor"]))
        rig.datadog.change("monitor", number, name="Mine")
        after = rig.plan(account_rig.objects(tmp_path))

    assert ([], 8) == (plan.pending, len(plan.steps))
    assert ["change"] == [one.action for one in after.pending]
