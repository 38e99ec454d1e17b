"""Stand in for the few functions of Colab that a notebook may call.

Each call is written to the file that COLAB_CALLS names, one JSON line each;
a run from top to bottom must ask a student for nothing.
"""

import json
import os


def record(name, *arguments):
    with open(os.environ["COLAB_CALLS"], "a", encoding="utf-8") as calls:
        calls.write(json.dumps([name, *map(str, arguments)]) + "\n")
