"""What maintainers run: each study measures, and writes into data/.

    python -m studies.donors --help

Studies are not installed: run them in a checkout of the repository.
"""

import os

import course_utils


def cluster_kind():
    """Return how JAX finds the processes that train with this one.

    That is "mpi4py" under mpirun, "auto" under SLURM, in an indexed job of
    Kubernetes and on several TPU machines, and None for a process alone.
    """
    marks = os.environ
    if {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"} & marks.keys():
        return "mpi4py"
    several_tpus = "," in marks.get("TPU_WORKER_HOSTNAMES", "")
    indexed_job = {"JOB_COMPLETION_INDEX", "KUBERNETES_SERVICE_HOST"}
    if (
        several_tpus
        or "SLURM_STEP_NODELIST" in marks
        or indexed_job <= marks.keys()
    ):
        return "auto"
    return None


if cluster_kind():  # Several processes need JAX, and Keras chooses only once.
    os.environ.setdefault("KERAS_BACKEND", "jax")
course_utils.set_up()
