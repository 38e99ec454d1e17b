from google.colab import record


def mount(mountpoint, force_remount=False, timeout_ms=120000, readonly=False):
    record("drive.mount", mountpoint)
    raise ValueError("mount failed: nobody is there to allow it")
