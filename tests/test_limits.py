"""The machine's limits: plausible values, and a figure that shows them."""

import matplotlib.pyplot as plt
import pytest

from course_utils.timing import roofline


def test_bandwidth_is_below_the_peaks_bytes():
    assert 1e8 < roofline.memory_bandwidth(8) < 1e14


def test_the_products_have_the_shapes_of_a_training_step():
    hidden, gradient = roofline.layer_products(5, 30, 7)()
    assert (hidden.shape, gradient.shape) == ((5, 7), (7, 30))


def test_intensity_by_hand():
    # 2 products of 2·6·4·3 FLOP; reads 6·4 + 2·4·3, writes 4·3 numbers.
    assert roofline.intensity(6, 4, 3) == pytest.approx(288 / (4 * 60))


def test_intensity_grows_with_the_batch_up_to_that_of_the_pictures():
    sizes = [
        roofline.intensity(batch, 3072, 32) for batch in (1, 16, 256, 4096)
    ]
    assert sizes == sorted(sizes)
    assert roofline.intensity(10**9, 3072, 32) == pytest.approx(32, rel=1e-3)


def test_the_roofline_bends_where_the_limits_meet():
    ax = roofline.plot_roofline(100e9, 10e9, {"batch": (2.0, 1e9)})
    x, y = ax.lines[0].get_data()
    assert y.max() == 100e9
    assert (y[x < 9.9] < 100e9).all()
    assert y[0] == pytest.approx(10e9 * x[0])
    plt.close(ax.figure)


def test_the_peak_is_that_of_the_best_engine(monkeypatch):
    rates = {"NumPy (OpenBLAS, Zen kernel)": 2.7e11, "TensorFlow": 5.2e11}
    monkeypatch.setattr(roofline, "engine_peaks", lambda *_: rates)
    peak = roofline.machine_peak()
    assert (peak.flops_per_second, peak.engine) == (5.2e11, "TensorFlow")
    assert str(peak) == "520 GFLOP/s with TensorFlow"


def test_numpys_peak_names_its_kernel():
    (name,) = roofline.engine_peaks(["NumPy"], size=64, repeats=2)
    assert name == f"NumPy ({roofline.blas()})"
    assert roofline.blas()
