"""The configuration for Terraform, as the command prints it and as Terraform itself reads it."""

import json
import os
import shutil
import subprocess

import command_line
from terraform_plan import SCHEMA, filled, mistakes, order

TERRAFORM = shutil.which("terraform")


def test_terraform_takes_what_the_command_prints(tmp_path):
    """It has the provider's shape; where Terraform is, it validates, and a second plan is empty.

    The provider comes over the network, so that resources which come with Terraform stand in its
    place: they keep what they are given, and each gets an id.
    """
    line = ("monitors", "print", "--format", "terraform", "--env", "staging")
    printed = command_line.run(*line, env=command_line.environment())
    configuration = json.loads(printed.stdout)

    assert [] == list(mistakes(configuration))
    assert order(configuration)
    if TERRAFORM:
        _terraform_reads(configuration, tmp_path)


def _terraform_reads(configuration, folder):
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
    _terraform(folder, "validate")
    _terraform(folder, "apply", "-auto-approve", "-input=false")
    _terraform(folder, "plan", "-detailed-exitcode", "-input=false")  # 2 where it is not empty
    state = json.loads(_terraform(folder, "show", "-json"))
    kept = {one["name"]: one["values"] for one in state["values"]["root_module"]["resources"]}
    ids = {f"{name.replace('__', '.', 1)}.id": one["id"] for name, one in kept.items()}
    for kind, resources in configuration["resource"].items():
        for name, given in resources.items():
            assert filled(given, ids) == kept[f"{kind}__{name}"]["output"]


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
