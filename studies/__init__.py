"""What maintainers run: each study measures, and writes into data/.

    python -m studies.donors --help

Studies are not installed: run them in a checkout of the repository.
"""

import course_utils

course_utils.set_up()
