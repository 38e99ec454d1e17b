"""The calculator against counts, arithmetic and what others reported."""

from dataclasses import replace

import pytest

from course_utils import timing
from course_utils.networks import donors
from course_utils.timing import costs


@pytest.mark.parametrize(
    "row", costs.PUBLISHED, ids=lambda row: f"{row.name}, {row.quantity}"
)
def test_published_costs_within_a_factor_of_two(row):
    assert 0.5 < row.estimate() / row.value < 2


def test_every_constant_names_its_source():
    sources = [device.source for device in costs.DEVICES.values()]
    sources += [row.source for row in costs.PUBLISHED]
    assert all("http" in text or "data sheet" in text for text in sources)
    for device in costs.DEVICES.values():
        assert device.dollars_per_hour is None or "price" in device.source


def test_the_donors_forward_pass_equals_the_count_of_its_network():
    pytest.importorskip("keras")

    network = donors.build_network()
    assert costs.donor_forward() == timing.count_network(network)


def test_the_naive_extrapolation_of_notebook_01():
    """63 MFLOP/s make days of the donor and millennia of ResNet-50."""
    lists = costs.measured_device("Python lists", 63e6)
    donor = costs.training_operations(costs.donor_forward(), 9_000, 12)
    resnet = costs.training_operations(
        costs.RESNET50_FORWARD, costs.IMAGENET_PICTURES, 90
    )
    days = costs.estimate(donor, lists, utilization=1).seconds / 86400
    years = costs.estimate(resnet, lists, utilization=1).seconds / 31557600
    assert days == pytest.approx(3.76, rel=0.02)
    assert years == pytest.approx(1322, rel=0.01)


def test_arithmetic_of_an_estimate():
    device = costs.Device("toy", 1e12, 500, 2.0, "invented")
    found = costs.estimate(7.2e15, device, 4, utilization=0.5, overhead=1.5)
    assert found.seconds == 3600
    assert found.device_hours == 4
    assert found.kilowatt_hours == 4 * 0.5 * 1.5
    assert found.dollars == 8


def test_twice_the_devices_halve_time_and_keep_the_price():
    few, many = (costs.estimate(1e18, "A100", count) for count in (4, 8))
    assert few.seconds == pytest.approx(2 * many.seconds)
    assert few.dollars == pytest.approx(many.dollars)


def test_what_is_unknown_stays_unknown():
    found = costs.estimate(1e18, "TPU v5e")
    assert found.kilowatt_hours is None
    assert "kWh" not in str(found)
    free = replace(costs.DEVICES["T4"], dollars_per_hour=None)
    assert costs.estimate(1e18, free).dollars is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"utilization": 0},
        {"utilization": 1.5},
        {"overhead": 0.9},
        {"operations": -1},
    ],
)
def test_values_that_cannot_be(wrong):
    with pytest.raises(ValueError):
        costs.estimate(**{"operations": 1e15, "device": "T4", **wrong})


def test_a_device_that_is_not_there():
    with pytest.raises(KeyError, match="choose one of M40"):
        costs.estimate(1e15, "Z80")


def test_the_table_names_every_training(capsys):
    costs.show_published()
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(costs.PUBLISHED)
    assert "GPT-3" in printed
