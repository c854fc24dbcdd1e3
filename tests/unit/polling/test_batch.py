"""How a batch is halved, and how many documents a call may have."""

from store_rows import FRESH

from lightkeeper.polling.batch import GROW_AFTER, Batch, BatchSize, halves


def test_halves_have_every_document_once_and_a_failure_less():
    """The first half is the smaller one of an odd number; no count goes below 0."""
    first, second = halves(Batch(["a", "b", "c"], failures=2, answers_before=5))

    assert Batch(["a"], failures=1, answers_before=5) == first
    assert Batch(["b", "c"], failures=1, answers_before=5) == second
    assert 0 == halves(Batch(["a", "b"]))[0].failures


def test_a_batch_names_the_request_ids_to_poll():
    """A probe has one request id and no document."""
    assert [FRESH.request_id] == Batch([FRESH]).request_ids
    probe = Batch([], alone=True, probe=7)
    assert ([7], True) == (probe.request_ids, probe.is_probe)


def test_a_size_learned_from_413_is_the_smallest_half_that_was_refused():
    """A larger batch refused afterwards, split before the smaller size was known, changes none."""
    size = BatchSize(100)
    for refused in (100, 50, 100):
        size.shrink(refused)

    assert 25 == size.now


def test_a_learned_size_doubles_every_hundred_answers_up_to_the_setting():
    """A size that is too small for today is outgrown."""
    size = BatchSize(100)
    size.shrink(60)
    sizes = []
    for _ in range(3):
        for _ in range(GROW_AFTER):
            size.answered()
        sizes.append(size.now)

    assert [60, 100, 100] == sizes


def test_a_size_that_was_learned_wrongly_is_forgotten():
    """Calls may have as many documents as the setting says again."""
    size = BatchSize(100)
    size.shrink(2)
    size.reset()

    assert 100 == size.now
