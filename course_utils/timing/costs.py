"""Turn operations into time, energy and money; every constant has a source.

Nothing here is measured. Peaks and watts are data-sheet values, prices are
one provider's on one day: replace what is not yours, with
`dataclasses.replace(costs.DEVICES["T4"], dollars_per_hour=0.2)`.
"""

import math
from dataclasses import dataclass

from course_utils import plots, scoreboard
from course_utils.language import say
from course_utils.timing import clock
from course_utils.timing.operations import (
    count_convolution,
    count_dense,
    extrapolate,
)

# Share of the peak that training runs reach, and 3 = forward + 2 × backward:
# Sevilla and others (2022), "Estimating training compute of deep learning
# models", https://epoch.ai/blog/estimating-training-compute
UTILIZATION = 0.4
LANGUAGE_MODEL_UTILIZATION = 0.3
TRAINING_PER_FORWARD = 3

# The shortest step of a framework, in seconds, however small the network: an
# assumption of some hundred operations, each started in a few microseconds,
# https://developer.nvidia.com/blog/cuda-graphs/
SHORTEST_STEP = 1e-3

# Forward 2, backward 4 for each weight and token: Kaplan and others (2020),
# "Scaling laws for neural language models", https://arxiv.org/abs/2001.08361
FLOP_PER_WEIGHT_AND_TOKEN = 6

# A data center's power over its computers' (PUE), mean of 2023: Uptime
# Institute, https://journal.uptimeinstitute.com (7 February 2024)
OVERHEAD = 1.58

# ResNet-50 at 224 × 224, 3.8e9 multiply-adds: He and others (2015), table 1,
# https://arxiv.org/abs/1512.03385; ImageNet: https://arxiv.org/abs/1409.0575
RESNET50_FORWARD = 2 * 3.8e9
IMAGENET_PICTURES = 1_281_167

# How the donor of notebook 5 is trained.
DONOR_PICTURES, DONOR_EPOCHS, DONOR_BATCH = 9_000, 12, 128


@dataclass(frozen=True)
class Device:
    """Describe what computes.

    peak: FLOP per second that it reaches at best, in the number format that
        training runs use on it
    watts: of the device alone at full load, or None if nobody says
    dollars_per_hour: rent of one device, or None
    source: where the three come from
    """

    name: str
    peak: float
    watts: float | None
    dollars_per_hour: float | None
    source: str


_NVIDIA = "NVIDIA's data sheet"
DEVICES = {
    name: Device(name, *row)
    for name, row in {
        "M40": (7e12, 250, None, f"{_NVIDIA}, float32"),
        "P100": (10.6e12, 300, None, f"{_NVIDIA} (SXM2), float32"),
        "V100": (125e12, 300, None, f"{_NVIDIA} (SXM2), float16 products"),
        "T4": (65e12, 70, 0.35, f"{_NVIDIA}, float16 products; price: "
               "https://cloud.google.com/compute/gpus-pricing"),
        "A100": (312e12, 400, 14 / 8, f"{_NVIDIA} (SXM), bfloat16 products; "
                 "price: as paid in "
                 "https://github.com/karpathy/llm.c/discussions/481 (2024)"),
        "H100": (989e12, 700, 98.32 / 8, f"{_NVIDIA} (SXM), bfloat16 "
                 "products, dense; price: Amazon's p5.48xlarge in March 2026, "
                 "https://deploybase.ai/articles/aws-vs-google-cloud"),
        "TPU v5e": (197e12, None, 1.2, "https://docs.cloud.google.com/tpu/"
                    "docs/v5e, bfloat16; price: "
                    "https://cloud.google.com/tpu/pricing"),
    }.items()
}  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """Hold an estimated cost; None is for what cannot be said.

    operations: FLOP; seconds: from start to end; device_hours: over all
    devices; kilowatt_hours: with the data center's overhead; dollars: rent;
    least_seconds: what the steps take at least, if they are too small to
    fill the device, or else None
    """

    operations: float
    seconds: float
    device_hours: float
    kilowatt_hours: float | None
    dollars: float | None
    least_seconds: float | None = None

    def __str__(self):
        """Write the estimate on one line."""
        parts = [
            f"{self.operations:.2g} FLOP",
            clock.format_seconds(self.seconds),
        ]
        if not math.isclose(self.device_hours * 3600, self.seconds):
            device_time = clock.format_seconds(self.device_hours * 3600)
            parts.append(say(f"{device_time} of device time"))
        if self.kilowatt_hours is not None:
            parts.append(_energy(self.kilowatt_hours))
        if self.dollars is not None:
            parts.append(_money(self.dollars))
        text = ", ".join(parts)
        if self.least_seconds is not None:
            least = clock.format_seconds(self.least_seconds)
            text += say(
                f", if it could fill the device (expect {least} or more)"
            )
        return text


def _energy(kilowatt_hours):
    if kilowatt_hours < 1:
        return f"{1000 * kilowatt_hours:,.2g} Wh"
    return f"{kilowatt_hours:,.0f} kWh"


def _money(dollars):
    return (
        say("under 1 cent")
        if dollars < 0.01
        else say(f"{dollars:,.2f} dollars")
    )


def training_operations(forward, examples, epochs):
    """Return the FLOP of a training run.

    forward: FLOP of one example's forward pass; see `timing.count_network`

    Taught in notebook 04.

    >>> f"{training_operations(forward=1e6, examples=9000, epochs=10):.1e}"
    '2.7e+11'
    """
    return TRAINING_PER_FORWARD * forward * examples * epochs


def language_model_operations(weights, tokens):
    """Return the FLOP of training a language model on some tokens."""
    return FLOP_PER_WEIGHT_AND_TOKEN * weights * tokens


def training_steps(examples, epochs, batch):
    """Return the number of steps of a training run. Taught in notebook 04."""
    return epochs * math.ceil(examples / batch)


# The donor's convolutions: side of their pictures, channels in and out.
DONOR_CONVOLUTIONS = (
    (32, 3, 32),
    (16, 32, 64),
    (16, 64, 64),
    (8, 64, 128),
    (8, 128, 128),
    (4, 128, 128),
)


def donor_forward(classes=2):
    """Return the FLOP of the donor's forward pass on one picture.

    classes: outputs of its head. No framework is needed; a test compares it
    with the count of the network itself. Taught in notebook 01.

    >>> f"{donor_forward():,}"
    '63,111,680'
    """
    return sum(
        count_convolution(1, side, side, inputs, outputs)
        for side, inputs, outputs in DONOR_CONVOLUTIONS
    ) + count_dense(1, DONOR_CONVOLUTIONS[-1][-1], classes)


def measured_device(name, flops_per_second, watts=None, dollars_per_hour=None):
    """Return a `Device` from your own measurement, to be used at 100%.

    Taught in notebook 04.
    """
    return Device(
        name, flops_per_second, watts, dollars_per_hour, "measured here"
    )


def estimate(
    operations,
    device,
    count=1,
    utilization=UTILIZATION,
    overhead=OVERHEAD,
    steps=None,
):
    """Estimate time, energy and money of some operations.

    operations: FLOP
    device: a `Device`, or a name in `DEVICES`
    count: devices that share the work evenly
    utilization: share of the peak that is reached, above 0 and at most 1
    overhead: the data center's power over its computers', at least 1
    steps: into how many the operations are divided, or None. If a step would
        be shorter than `SHORTEST_STEP`, the network is too small to fill
        the device, and the estimate says what to expect

    Returns an `Estimate`. Raises ValueError for values outside these ranges,
    KeyError for an unknown device. Taught in notebook 04.
    """
    if not isinstance(device, Device):
        if device not in DEVICES:
            raise KeyError(
                f"There is no device {device!r}: choose one of "
                f"{', '.join(DEVICES)}, or describe yours as a costs.Device."
            )
        device = DEVICES[device]
    if not (operations >= 0 and count >= 1):
        raise ValueError("Give 0 or more operations and 1 or more devices.")
    if not (0 < utilization <= 1 and overhead >= 1):
        raise ValueError(
            "Utilization must be above 0 and at most 1, and overhead 1 or "
            f"more, not {utilization} and {overhead}."
        )
    rate = device.peak * utilization * count
    seconds = extrapolate(operations, rate)
    hours = seconds * count / 3600
    least = None if steps is None else steps * SHORTEST_STEP
    watts, dollars = device.watts, device.dollars_per_hour
    return Estimate(
        operations,
        seconds,
        hours,
        None if watts is None else hours * watts * overhead / 1000,
        None if dollars is None else hours * dollars,
        least if least and least > seconds else None,
    )


@dataclass(frozen=True)
class Published:
    """Hold what somebody reported of a training run, to test the calculator.

    quantity: a field of `Estimate`; value: what was reported of it
    """

    name: str
    operations: float
    device: str
    count: int
    utilization: float
    quantity: str
    value: float
    source: str

    def estimate(self):
        """Return what the calculator says, for the devices alone."""
        found = estimate(
            self.operations,
            self.device,
            self.count,
            self.utilization,
            overhead=1,
        )
        return getattr(found, self.quantity)


def _published():
    resnet = training_operations(RESNET50_FORWARD, IMAGENET_PICTURES, 90)
    gpt3 = language_model_operations(175e9, 300e9)
    bloom = language_model_operations(176e9, 366e9)
    llama = language_model_operations(70e9, 2e12)
    goyal = "https://arxiv.org/abs/1706.02677"
    luccioni = "https://arxiv.org/abs/2211.02001, table 1"
    hour, language = 3600, LANGUAGE_MODEL_UTILIZATION
    rows = (
        ("ResNet-50, 90 epochs of ImageNet", resnet, "M40", 1, UTILIZATION,
         "seconds", 14 * 24 * hour, "https://arxiv.org/abs/1709.05011"),
        ("ResNet-50, 90 epochs of ImageNet", resnet, "P100", 8, UTILIZATION,
         "seconds", 29 * hour, goyal),
        ("ResNet-50, 90 epochs of ImageNet", resnet, "P100", 256, UTILIZATION,
         "seconds", 1 * hour, goyal),
        ("GPT-3, 175 billion weights", gpt3, "V100", 1, language,
         "operations", 3.14e23, "https://arxiv.org/abs/2005.14165, table D.1"),
        ("GPT-3, 175 billion weights", gpt3, "V100", 1, language,
         "seconds", 288 * 365.25 * 24 * hour,
         "https://arxiv.org/abs/2104.04473"),
        ("BLOOM, 176 billion weights", bloom, "A100", 384, language,
         "device_hours", 1_082_990, luccioni),
        ("BLOOM, 176 billion weights", bloom, "A100", 384, language,
         "kilowatt_hours", 433_196, luccioni),
        ("Llama 2, 70 billion weights", llama, "A100", 2000, language,
         "device_hours", 1_720_320,
         "https://arxiv.org/abs/2307.09288, table 2"),
    )  # fmt: skip
    return tuple(Published(*row) for row in rows)


PUBLISHED = _published()

_UNITS = {
    "seconds": clock.format_seconds,
    "operations": "{:.3g} FLOP".format,
    "device_hours": "{:,.0f} device hours".format,
    "kilowatt_hours": "{:,.0f} kWh".format,
}


def show_published():
    """Print what was reported of famous training runs, and the estimates.

    Taught in notebook 04.
    """
    for row in PUBLISHED:
        write, found = _UNITS[row.quantity], row.estimate()
        print(
            f"{row.name}, {row.count} × {row.device}: reported "
            f"{write(row.value)}, estimated {write(found)} "
            f"(factor {found / row.value:.2f})"
        )


# Forward pass of a picture, and the pictures of a batch.
NETWORKS = {"donor": donor_forward(), "ResNet-50": RESNET50_FORWARD}
BATCHES = {"donor": DONOR_BATCH, "ResNet-50": 256}
YEAR = 365.25 * 86_400
TICKS = {
    "1 µs": 1e-6, "1 ms": 1e-3, "1 s": 1, "1 min": 60, "1 hour": 3600,
    "1 day": 86_400, "1 year": YEAR, "100 years": 100 * YEAR,
    "10,000 years": 1e4 * YEAR, say("a million years"): 1e6 * YEAR,
}  # fmt: skip


def plot_cost(
    measured=None,
    examples=DONOR_PICTURES,
    epochs=DONOR_EPOCHS,
    device="T4",
    network="donor",
    ax=None,
):
    """Draw how long a training run takes on what you have and could rent.

    measured: dictionary from a name, such as "Python lists", to the FLOP per
        second that you measured; None takes those of your scoreboard
    examples, epochs: how many pictures are shown, and how often
    device: the name of the row to highlight: of `measured`, or of
        `costs.DEVICES`, which are estimated from their data sheets
    network: one of `NETWORKS`

    A device that the network is too small to fill is drawn where its steps
    take `SHORTEST_STEP` each. Returns the axes. Raises KeyError for an
    unknown device or network. Taught in notebook 01.

    >>> plot_cost({"my laptop": 5e10}, device="my laptop").get_xlabel()
    'time (filled: measured, hollow: estimated)'
    """
    ax = plots.new_axes(ax)
    rows = _devices(measured)
    for name, table in ((device, rows), (network, NETWORKS)):
        if name not in table:
            raise KeyError(f"There is no {name!r}: choose {', '.join(table)}.")
    work = training_operations(NETWORKS[network], examples, epochs)
    steps = training_steps(examples, epochs, BATCHES[network])
    found = {
        name: estimate(
            work, each, utilization=share, steps=steps if share < 1 else None
        )
        for name, (each, share) in rows.items()
    }
    places = {
        name: each.least_seconds or each.seconds
        for name, each in found.items()
    }
    for height, (name, seconds) in enumerate(places.items()):
        chosen, measured_here = name == device, rows[name][1] == 1
        least = found[name].least_seconds
        color = plots.CHOSEN if chosen else plots.OTHER
        ax.plot(
            seconds, -height, "D" if measured_here else ">" if least else "o",
            color=color, fillstyle="full" if measured_here else "none",
            markersize=13 if chosen else 8,
        )  # fmt: skip
        ax.annotate(
            clock.format_seconds(seconds) + (say(" or more") if least else ""),
            (seconds, -height), (12, 0),
            textcoords="offset points", va="center", fontsize="small",
            color=color, fontweight="bold" if chosen else "normal",
        )  # fmt: skip
    ax.set_xscale("log")
    left, right = min(places.values()) / 3, max(places.values()) * 60
    ticks, last = {}, 0
    for text, x in TICKS.items():  # as many as have room
        if left < x < right and x > last * (right / left) ** 0.1:
            ticks[text] = last = x
    ax.set_xticks(list(ticks.values()), ticks)
    ax.minorticks_off()
    ax.set_xlim(left, right)
    ax.set_yticks([-height for height in range(len(rows))], rows)
    ax.margins(y=0.1)
    ax.set_xlabel(say("time (filled: measured, hollow: estimated)"))
    plots.set_title(
        ax,
        say(f"{network}, {examples:,} pictures, {epochs} epochs, {device}:\n")
        + _cost(found[device]),
    )
    return ax


def _devices(measured):
    """Return {name: (Device, share of its peak)}, measured ones first."""
    if measured is None:
        measured = {
            entry["rung"]: entry["flops_per_second"]
            for entry in scoreboard.table()
            if entry.get("flops_per_second")
        }
    own = {
        name: (measured_device(name, rate), 1)
        for name, rate in measured.items()
    }
    rent = {
        name: (device, UTILIZATION)
        for name, device in DEVICES.items()
        if device.dollars_per_hour is not None
    }
    return own | rent


def _cost(estimate):
    """Write time, energy and money, as far as they are known."""
    if estimate.least_seconds is not None:
        return say(
            f"too small to fill the device, "
            f"{clock.format_seconds(estimate.least_seconds)} or more"
        )
    parts = [clock.format_seconds(estimate.seconds)]
    if estimate.kilowatt_hours is not None:
        parts.append(_energy(estimate.kilowatt_hours))
    if estimate.dollars is not None:
        parts.append(_money(estimate.dollars))
    return ", ".join(parts)
