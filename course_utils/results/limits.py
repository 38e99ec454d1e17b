"""Donors that should not help, and by how much they do."""

from course_utils.results import evaluation, files

LABELS = {
    "own": "cat/dog donor",
    "short": "cat/dog donor, few epochs",
    "shuffled": "cat/dog donor, few epochs, shuffled labels",
    "other kind": "cat/dog donor of the other kind of pictures",
    "unrelated": "vehicle donor",
    "random": "random base",
}


def stored(source):
    """Return {arm: {count: accuracies}} as measured, and the facts of it.

    Raises FileNotFoundError that names the command which measures it.
    """
    facts = files.read(
        f"limits_of_transfer_{source}", f"limits --source {source}"
    )
    return files.by_count(facts.pop("accuracy")), facts


def effects(accuracy):
    """Return the effects of where transfer loses, by claim.

    accuracy: {arm: {count: accuracies}} as `limits_of_transfer.stored` gives
    """
    return {
        name: evaluation.advantage(accuracy[first][10], accuracy[second][10])
        for name, first, second in (
            ("shuffled donor", "shuffled", "random"),
            ("labels matter", "short", "shuffled"),
            ("unrelated donor", "unrelated", "random"),
            ("domain gap", "own", "other kind"),
        )
        if {first, second} <= accuracy.keys()
    }
