"""Datadog's variables for tags, as its own libraries read them."""

import pytest

from lightkeeper import __version__
from lightkeeper.telemetry.tag_values import constant_tags, unified_tags

OURS = {"service": "lightkeeper", "version": __version__}


@pytest.mark.parametrize("name", ["DATADOG_TAGS", "DD_TAGS"])
@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("team:benefits,region:west", {"team": "benefits", "region": "west"}),
        ("team:benefits region:west", {"team": "benefits", "region": "west"}),
        (" team:benefits \t\n region:west  ", {"team": "benefits", "region": "west"}),
        (" team:benefits ,, region:west,", {"team": "benefits", "region": "west"}),
        ("team:benefits claims,region:west", {"team": "benefits_claims", "region": "west"}),
        ("url:http://x:1 region:west", {"url": "http_//x_1", "region": "west"}),
        (
            "team:a region:west,tier:1 zone:b",
            {"team": "a", "region": "west", "tier": "1", "zone": "b"},
        ),
        ("team:a b region:west, tier:1", {"team": "a_b", "region": "west", "tier": "1"}),
        ("tier:1,at:12:30 x:y\tenv:prod", {"tier": "1", "at": "12_30", "x": "y", "env": "prod"}),
        ("team:a, kubernetes_cluster_name:vets", {"team": "a", "kubernetes_cluster_name": "vets"}),
        ("solo team:benefits :v k:", {"team": "benefits"}),
    ],
)
def test_commas_and_blanks_part_tags(name, text, tags):
    """Each tag is one of its own, whichever way of Datadog's parts them."""
    assert OURS | tags == constant_tags({name: text})


def test_both_variables_count():
    """`DD_TAGS` adds to `DATADOG_TAGS`, which wins where they differ."""
    both = {"DATADOG_TAGS": "team:a,region:w", "DD_TAGS": "team:b tier:1 region:w"}

    assert OURS | {"team": "a", "region": "w", "tier": "1"} == constant_tags(both)


def test_unified_tags_may_stand_among_the_others():
    """env, service and version of `DD_TAGS` count where they have no variable of their own."""
    tags = {"DD_TAGS": "env:Staging service:docs version:2"}

    assert {"env": "staging", "service": "docs", "version": "2"} == unified_tags(tags)
    assert {"env": "prod", "service": "docs", "version": "2"} == unified_tags(
        tags | {"DD_ENV": "prod"}
    )
    assert OURS == unified_tags({"DD_ENV": " "})
