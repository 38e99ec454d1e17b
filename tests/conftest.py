import signal
from pathlib import Path

import pytest
from photo_servers import pack_path

from course_utils.data import photos

ROOT = Path(__file__).resolve().parent.parent

# A run that was started in the background inherits that both are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def photos_cache(tmp_path_factory):
    """Install the pack of photographs in a cache of its own, once."""

    pack = pack_path()
    if pack is None:
        pytest.skip("no pack of photographs: set COURSE_PHOTOS_PACK to one")
    folder = tmp_path_factory.mktemp("photographs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(folder))
        photos.install_pack(pack)
        yield folder
