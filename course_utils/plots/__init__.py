"""Figures that recur: one style, one color and one marker per idea."""

from course_utils.plots.figures import (
    CHOSEN,
    COLORS,
    FAINT,
    MARKERS,
    OTHER,
    STYLE,
    new_axes,
    plot_history,
    set_title,
    show_pictures,
    use_course_style,
)
