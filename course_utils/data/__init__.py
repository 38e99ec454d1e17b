"""Pictures of animals and vehicles: drawings, photographs, your own."""

from course_utils.data.pictures import (
    SOURCES,
    Pictures,
    batches,
    first_of_each,
    load_classes,
    load_pair,
)
