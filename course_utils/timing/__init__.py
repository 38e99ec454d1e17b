"""Time a function fairly, and count the operations that it costs."""

from course_utils.timing.clock import (
    Measurement,
    compare,
    format_seconds,
    measure,
    ratio,
    wait,
)
from course_utils.timing.operations import (
    count_convolution,
    count_dense,
    count_network,
    extrapolate,
)
