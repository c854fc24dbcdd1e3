"""How a batch is halved, and how many documents a call may have."""

from store_rows import FRESH

from lightkeeper.polling.batch import GROW_AFTER, Batch, BatchSize, by_itself, halves


def test_halves_have_every_document_once_and_a_failure_less():
    """The first half is the smaller one of an odd number; no count goes below 0."""
    first, second = halves(Batch(["a", "b", "c"], failures=2, limited=3, answers_before=5))

    assert Batch(["a"], failures=1, limited=2, answers_before=5, split=True) == first
    assert Batch(["b", "c"], failures=1, limited=2, answers_before=5, split=True) == second
    assert (0, 0) == (halves(Batch(["a", "b"]))[0].failures, second.limited - first.limited)


def test_a_companion_is_polled_along_with_each_half_and_not_with_one_alone():
    """Its request id comes last, and belongs to no document of the batch."""
    other = FRESH._replace(id=2, request_id=22)
    half, _ = halves(Batch([FRESH, other]), companion=7)

    assert [FRESH.request_id, 7] == half.request_ids
    assert Batch([FRESH], alone=True, split=True) == by_itself(half)


def test_a_batch_names_the_request_ids_to_poll():
    """A probe has request ids and no document."""
    assert [FRESH.request_id] == Batch([FRESH]).request_ids
    probe = Batch([], probe=(7, 8))
    assert ([7, 8], True) == (probe.request_ids, probe.is_probe)


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
