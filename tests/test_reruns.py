"""A cell that trains builds what it trains: run again, it starts again."""

import ast

import nbformat
import pytest
from publish import lessons


def trained_again(source):
    """Return the networks that a cell trains and that another cell made.

    What a function trains is its own network or its argument.
    """
    made, trained = set(), set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                made.add(part.id)
            if isinstance(part, ast.Attribute) and part.attr == "fit":
                trained.add(ast.unparse(part.value))
    return sorted(name for name in trained - made if name.isidentifier())


CELLS = [
    pytest.param(cell.source, id=f"{path.name[:2]}/{number}")
    for path in lessons()
    for number, cell in enumerate(nbformat.read(path, 4).cells)
    if cell.cell_type == "code"
    and ".fit(" in cell.source
    and not cell.source.startswith("%")
]


@pytest.mark.parametrize("source", CELLS)
def test_a_cell_trains_what_it_built(source):
    # The toy of notebook 06 counts which arrays change, and no accuracy.
    assert trained_again(source) in ([], ["toy"])


@pytest.mark.parametrize(
    ("source", "again"),
    [
        ("history = network.fit(x, y)", ["network"]),
        ("network.fit(x, epochs=2)", ["network"]),
        ("network.compile('adam')\nnetwork.fit(x)", ["network"]),
        ("network = build()\nnetwork.fit(x)", []),
        ("a, b = build(), build()\na.fit(x)\nb.fit(x)", []),
        ("def train(model):\n    model.fit(x)", []),
        ("def train(x):\n    a = build()\n    a.fit(x)", []),
        ("for seed in range(3):\n    a = build()\n    a.fit(x)", []),
        ("for seed in range(3):\n    a.fit(x)", ["a"]),
        ("a = build()\na.fit(x)\nhead.fit(x)", ["head"]),
    ],
)
def test_a_network_of_another_cell_is_found(source, again):
    assert trained_again(source) == again
