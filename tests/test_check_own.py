"""The coding exercises of notebooks 9 and 10, right and wrong programs."""

import numpy as np
import pytest

from course_utils import check


def sums(p, dogs, foxes):
    dog, fox = (sum(p[n] for n in kind) for kind in (dogs, foxes))
    return "fox" if fox >= dog else "dog"


def arrays(p, dogs, foxes):
    p = np.array(p)
    return str(np.where(p[dogs].sum() > p[foxes].sum(), "dog", "fox"))


def single(p, dogs, foxes):
    return "dog" if max(p[n] for n in dogs) > max(p[n] for n in foxes) else (
        "fox"
    )  # fmt: skip


def mean(p, dogs, foxes):
    p = np.array(p)
    return "dog" if p[dogs].mean() > p[foxes].mean() else "fox"


def sorting(p, names, k):
    pairs = sorted(zip(p, names, strict=True), reverse=True)
    return [name for _, name in pairs[:k]]


def by_numpy(p, names, k):
    return np.array(names)[np.argsort(p)[::-1][:k]]


def one_by_one(p, names, k):
    p, found = list(p), []
    for _ in range(k):
        best = p.index(max(p))
        found.append(names[best])
        p[best] = -1
    return tuple(found)


@pytest.mark.parametrize(
    ("judge", "program"),
    [
        (check.dog_or_fox, sums), (check.dog_or_fox, arrays),
        (check.top_k, sorting), (check.top_k, by_numpy),
        (check.top_k, one_by_one),
    ],
)  # fmt: skip
def test_right_programs_are_right(judge, program, capsys):
    judge(program)
    assert capsys.readouterr().out.startswith("✓")


@pytest.mark.parametrize(
    ("judge", "program", "word"),
    [
        (check.dog_or_fox, single, "single most likely"),
        (check.dog_or_fox, mean, "compares means"),
        (check.dog_or_fox, lambda *a: sums(a[0], a[2], a[1]), "less likely"),
        (check.dog_or_fox, lambda *a: int(sums(*a) == "fox"), "in quotes"),
        (check.dog_or_fox, lambda *a: "dog", "Add up"),
        (check.top_k, lambda p, n, k: [n[i] for i in np.argsort(p)[:k]],
         "least likely"),
        (check.top_k, lambda p, n, k: [n[i] for i in np.argsort(p)[-k:]],
         "reverse order"),
        (check.top_k, lambda p, n, k: np.argsort(p)[::-1][:k].tolist(),
         "positions"),
        (check.top_k, lambda p, n, k: n[:k], "first names"),
        (check.top_k, lambda p, n, k: n[int(np.argmax(p))], "one text"),
        (check.top_k, lambda p, n, k: {}, "dictionary"),
    ],
)  # fmt: skip
def test_wrong_programs_get_their_hint(judge, program, word, capsys):
    judge(program)
    printed = capsys.readouterr().out
    assert printed.startswith("✗") and word in printed, printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("judge", [check.dog_or_fox, check.top_k])
def test_a_stub_gets_no_mark(judge, capsys):
    def stub(probabilities, names, k): ...

    judge(stub)
    assert capsys.readouterr().out.startswith("…")
