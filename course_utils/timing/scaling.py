"""Model what one training step costs on many devices.

Synchronous data parallelism: each of N devices computes the gradients of its
part of a batch, then an all-reduce gives every device their sum. Computing
and talking are taken one after the other; engines that overlap the two do
better than this model.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from course_utils import plots
from course_utils.language import say, tell

DEVICES = tuple(2**power for power in range(9))  # 1 to 256


def all_reduce_seconds(devices, size, latency, bandwidth):
    """Return the seconds in which a ring of devices adds up their gradients.

    size: bytes of one device's gradients; latency: seconds of one message;
    bandwidth: bytes per second from one device to the next. There are
    2 (N - 1) rounds, in each of which a device sends size / N bytes.

    Source: Patarasuk and Yuan (2009), "Bandwidth optimal all-reduce
    algorithms for clusters of workstations", JPDC 69 (2).
    """
    rounds = 2 * (devices - 1)
    return rounds * (latency + size / devices / bandwidth)


@dataclass(frozen=True)
class Growth:
    """Hold what a step costs one device, and what communication costs.

    fixed: seconds of a step on one device, however small the batch
    per_example: seconds that each further example takes it
    gradient_bytes: size of one device's gradients
    latency, bandwidth: see `all_reduce_seconds`
    """

    fixed: float
    per_example: float
    gradient_bytes: float
    latency: float
    bandwidth: float

    def seconds(self, devices, batch):
        """Return the seconds of a step with a batch over all devices."""
        talking = all_reduce_seconds(
            devices, self.gradient_bytes, self.latency, self.bandwidth
        )
        return self.fixed + self.per_example * batch / devices + talking

    def efficiency(self, devices, batch, grows=False):
        """Return the share of N devices' work that is not lost.

        batch: over all devices; or, where it `grows`, of each device. It is
        the speedup over one device, in examples per second, divided by N.
        """
        whole = batch * devices if grows else batch
        alone = self.seconds(1, batch) / batch
        return alone / (self.seconds(devices, whole) / whole) / devices


def fit_line(sizes, seconds):
    """Return (fixed, each): seconds = fixed + each × size, none below 0.

    Relative errors count, so that short times weigh as much as long ones.
    Raises ValueError for fewer than two different sizes.
    """
    sizes, seconds = np.asarray(sizes, float), np.asarray(seconds, float)
    if len(set(sizes)) < 2:
        raise ValueError("A line needs two or more different sizes.")
    scale = sizes.max()
    left = np.stack([np.ones_like(sizes), sizes / scale], axis=1)
    (fixed, each), _ = optimize.nnls(
        left / seconds[:, None], np.ones_like(seconds)
    )
    return float(fixed), float(each / scale)


def calibrate(steps, reductions, gradient_bytes):
    """Return the `Growth` of a machine from what was measured on it.

    steps: {batch: seconds} of training steps on one device
    reductions: {bytes: seconds} of all-reduces between two devices

    No training step on several devices goes in, so that those can test it.
    Raises ValueError for fewer than two of either. Taught in notebook 13.
    """
    fixed, per_example = fit_line(list(steps), list(steps.values()))
    twice, each = fit_line(list(reductions), list(reductions.values()))
    # Two devices: two rounds of one latency and half the bytes each.
    bandwidth = 1 / each if each > 0 else float("inf")
    return Growth(fixed, per_example, gradient_bytes, twice / 2, bandwidth)


# ResNet-50 on servers of 8 P100 GPUs, batches of 256 pictures a server: 29
# hours on one server and 1 hour on 32, 90 epochs of 1,281,167 pictures each;
# 50 Gbit/s between servers: Goyal and others (2017), "Accurate, large
# minibatch SGD", https://arxiv.org/abs/1706.02677; 25.6 million weights of 4
# bytes: He and others (2015), https://arxiv.org/abs/1512.03385
GOYAL_SERVERS = 32
GOYAL_BATCH = 256
GOYAL_EFFICIENCY = 29 / 1 / GOYAL_SERVERS

RESNET50_ON_P100 = Growth(
    fixed=0.0,
    per_example=29 * 3600 / (90 * 1_281_167),
    gradient_bytes=4 * 25.6e6,
    latency=0.0,
    bandwidth=50e9 / 8,
)


def show_published():
    """Print what was reported of ResNet-50 and what the model says.

    Taught in notebook 13.
    """
    found = RESNET50_ON_P100.efficiency(GOYAL_SERVERS, GOYAL_BATCH, grows=True)
    tell(
        f"ResNet-50 from 8 to {8 * GOYAL_SERVERS} P100 GPUs: efficiency "
        f"{GOYAL_EFFICIENCY:.0%} reported, {found:.0%} from the model"
    )


def plot_growth(growth, batches, measured=None, ax=None):
    """Draw the speedup of 1 to 256 devices, one line per batch size.

    growth: a `Growth`; batches: batch sizes, of all devices together
    measured: {batch: {devices: efficiency}}, drawn as open marks

    Both axes are logarithmic, and the dashed diagonal is the ideal: N devices
    are N times faster. The title names the largest batch's best number of
    devices. Returns the axes. Taught in notebook 13.
    """
    ax = plots.new_axes(ax)
    ax.loglog(DEVICES, DEVICES, color="black", lw=1.5, ls="--", base=2)
    ax.annotate(
        "ideal", (32, 32), (-8, 4), textcoords="offset points", ha="right",
        va="bottom",
    )  # fmt: skip
    for batch, marker in zip(batches, "os^Dv", strict=False):
        gains = [n * growth.efficiency(n, batch) for n in DEVICES]
        (line,) = ax.plot(DEVICES, gains, ls="-")
        ax.annotate(
            say(f"batch of {batch:,}"), (DEVICES[-1], gains[-1]), (6, 0),
            textcoords="offset points", va="center", fontsize="small",
            color=line.get_color(), annotation_clip=False,
        )  # fmt: skip
        for devices, share in (measured or {}).get(batch, {}).items():
            ax.plot(
                devices, devices * share, marker, color=line.get_color(),
                markerfacecolor="white", markersize=11, zorder=3,
            )  # fmt: skip
    ax.set_xticks(DEVICES, map(str, DEVICES))
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(
        lambda gain, _: f"{gain:g}" if gain >= 1 else f"1/{1 / gain:g}"
    )
    ax.set_xlabel(say("devices"))
    ax.set_ylabel(say("speedup over one device"))
    best = max(DEVICES, key=lambda n: growth.efficiency(n, batches[-1]) * n)
    best = say("1 device") if best == 1 else say(f"{best} devices")
    plots.set_title(
        ax, say(f"With a batch of {batches[-1]:,}, {best} would be fastest")
    )
    return ax
