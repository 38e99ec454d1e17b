"""The model of growth against arithmetic, limits and a published run."""

import matplotlib.pyplot as plt
import pytest

from course_utils.timing import scaling
from course_utils.timing.scaling import Growth, all_reduce_seconds

TOY = Growth(
    fixed=1e-3,
    per_example=1e-5,
    gradient_bytes=4e5,
    latency=1e-4,
    bandwidth=1e9,
)


def test_one_device_talks_to_nobody():
    assert all_reduce_seconds(1, 1e9, 1, 1) == 0
    assert TOY.seconds(1, 100) == pytest.approx(2e-3)
    assert TOY.efficiency(1, 100) == 1


def test_an_all_reduce_by_hand():
    # 4 devices: 6 rounds of one latency and a quarter of the bytes.
    assert all_reduce_seconds(4, 400, 2.0, 100) == 6 * (2.0 + 1.0)


def test_many_devices_move_at_most_twice_the_bytes():
    seconds = [all_reduce_seconds(n, 1e6, 0, 1e6) for n in (2, 16, 1024)]
    assert seconds == sorted(seconds)
    assert 1.99 < seconds[-1] < 2


def test_efficiency_falls_with_devices_and_grows_with_the_batch():
    shares = [TOY.efficiency(n, 1024) for n in scaling.DEVICES]
    assert shares == sorted(shares, reverse=True)
    batches = [TOY.efficiency(16, batch) for batch in (64, 1024, 16384)]
    assert batches == sorted(batches)
    assert TOY.efficiency(64, 256, grows=True) > TOY.efficiency(64, 256)


def test_a_line_is_found_again_and_stays_above_zero():
    sizes = [1, 10, 100]
    fixed, each = scaling.fit_line(sizes, [0.2 + 0.03 * n for n in sizes])
    assert (fixed, each) == pytest.approx((0.2, 0.03))
    fixed, each = scaling.fit_line([1, 2], [3.0, 1.0])
    assert fixed > 0 and each == 0
    with pytest.raises(ValueError, match="two or more different sizes"):
        scaling.fit_line([4, 4], [1.0, 1.1])


def test_calibration_finds_the_machine_again():
    steps = {n: TOY.seconds(1, n) for n in (64, 256, 2048)}
    reductions = {
        size: all_reduce_seconds(2, size, TOY.latency, TOY.bandwidth)
        for size in (4e3, 4e5, 4e6)
    }
    found = scaling.calibrate(steps, reductions, TOY.gradient_bytes)
    assert found.latency == pytest.approx(TOY.latency)
    assert found.bandwidth == pytest.approx(TOY.bandwidth)
    for batch in (64, 1024):
        assert found.seconds(2, batch) == pytest.approx(TOY.seconds(2, batch))


def test_a_link_whose_bandwidth_cannot_be_seen():
    flat = {4e3: 1e-3, 4e6: 1e-3}
    found = scaling.calibrate({1: 1.0, 2: 2.0}, flat, 4e5)
    assert found.bandwidth > 1e15
    assert found.seconds(256, 256) > 0


def test_the_model_meets_a_published_run_on_256_gpus(capsys):
    found = scaling.RESNET50_ON_P100.efficiency(
        scaling.GOYAL_SERVERS, scaling.GOYAL_BATCH, grows=True
    )
    assert abs(found - scaling.GOYAL_EFFICIENCY) < 0.05
    scaling.show_published()
    assert "256 P100 GPUs" in capsys.readouterr().out


def test_the_figure_holds_ideal_lines_and_measured_points():
    measured = {256: {2: 0.5}, 4096: {2: 0.9}}
    ax = scaling.plot_growth(TOY, [256, 4096], measured)
    ideal, model, marks = ax.lines[:3]
    assert len(ax.lines) == 5
    assert (ideal.get_xdata() == ideal.get_ydata()).all()
    assert list(model.get_xdata())[-1] == 256
    assert max(model.get_ydata() / ideal.get_ydata()) <= 1
    assert marks.get_xydata().tolist() == [[2, 1.0]]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert "With a batch of 4,096" in ax.get_title()
    plt.close(ax.figure)
