"""Counters where they exist; an estimate that says that it is one."""

import sys
import time
import types

import pytest

from course_utils.machine import devices
from course_utils.timing import energy


@pytest.fixture
def no_counters(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    return tmp_path


def test_without_a_counter_it_is_an_estimate_and_says_so(no_counters):
    value, spent = energy.measure_energy(lambda: time.sleep(0.05) or 7)
    assert value == 7
    assert not spent.counted
    assert "no energy counter" in str(spent) and "estimated" in str(spent)
    watts = devices.usable_threads() * energy.WATTS_PER_THREAD
    assert spent.joules == pytest.approx(spent.seconds * watts)


def rapl(folder, name, microjoules):
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")


def test_the_processors_counter_is_read_once_for_each_package(no_counters):
    rapl(no_counters, "intel-rapl:0", 1_000_000)
    rapl(no_counters, "intel-rapl:0:0", 400_000)  # a part of the package
    rapl(no_counters, "intel-rapl:1", 0)

    def work():
        rapl(no_counters, "intel-rapl:0", 3_500_000)
        rapl(no_counters, "intel-rapl:0:0", 900_000)
        rapl(no_counters, "intel-rapl:1", 500_000)

    _, spent = energy.measure_energy(work)
    assert spent.counted
    assert spent.joules == pytest.approx(3.0)
    assert "processor 0" in str(spent)


def test_a_counter_that_wraps_around_is_not_believed(no_counters):
    rapl(no_counters, "intel-rapl:0", 9_000_000)
    _, spent = energy.measure_energy(
        lambda: rapl(no_counters, "intel-rapl:0", 10)
    )
    assert not spent.counted
    assert spent.joules >= 0


def test_an_unreadable_counter_is_none(no_counters):
    rapl(no_counters, "intel-rapl:0", "secret")
    assert energy.counters() == {}


def test_a_gpus_counter_is_in_millijoules(no_counters, monkeypatch):
    readings = iter([0, 2000, 9000])
    nvml = types.SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(readings),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    _, spent = energy.measure_energy(lambda: None)
    assert spent.joules == 7.0 and "GPU 0" in spent.how
