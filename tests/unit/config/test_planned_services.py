"""Which steps are out while a service of VA's is, as the setting says it."""

import pytest

from lightkeeper.config.planned_services import steps_by_service


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("bgs=BENEFITS_GATEWAY_SERVICE", {"bgs": ("BENEFITS_GATEWAY_SERVICE",)}),
        (
            "vbms=claims_evidence, evss=all",
            {"vbms": ("CLAIMS_EVIDENCE",), "evss": ()},
        ),
        (
            "evss=REMOVE_FILE_BINARY evss=CLAIMS_EVIDENCE",
            {"evss": ("CLAIMS_EVIDENCE", "REMOVE_FILE_BINARY")},
        ),
        ("evss=CLAIMS_EVIDENCE,evss=ALL", {"evss": ()}),
    ],
)
def test_services_have_steps(text, steps):
    """Parted by commas or blanks, in any case; a service may have several, or be all."""
    assert steps == steps_by_service(text)


@pytest.mark.parametrize(
    "text", ["bgs", "bgs=", "=CLAIMS_EVIDENCE", "bgs=CLAIMS", "b gs=all", "BGS=all", "bgs=all=all"]
)
def test_a_wrong_service_is_refused(text):
    """With the steps that there are."""
    with pytest.raises(
        ValueError, match="service=STEP, parted by commas or blanks, with a STEP of CLAIMS_"
    ):
        steps_by_service(text)


def test_no_service_is_refused():
    """The list would be read, and nothing of it taken."""
    with pytest.raises(ValueError, match="names no service"):
        steps_by_service(" , ")
