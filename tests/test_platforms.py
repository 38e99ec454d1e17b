"""The mirrors of the platforms hold what the course asks for.

The runs themselves are `make test-colab` and its sisters; here is what can be
said of their lists in a moment.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from platforms import (
    LISTS,
    PLATFORMS,
    ROOT,
    TENSORFLOW,
    VERSIONS,
    find_python,
    kernel,
    needs_tensorflow,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LISTED = ["colab.txt", "colab-tpu.txt", "kaggle.txt"]


def versions(name, python="3.13"):
    """Return {package: version} of a list, for one Python on this system."""
    environment = {"python_version": python, "python_full_version": python}
    found = {}
    for line in (LISTS / name).read_text("utf-8").splitlines():
        text = line.split("#")[0].strip()
        if not text:
            continue
        package = Requirement(text)
        if package.marker is None or package.marker.evaluate(environment):
            (pin,) = package.specifier
            found[canonicalize_name(package.name)] = pin.version
    return found


@pytest.mark.parametrize("name", LISTED)
def test_a_platform_has_all_that_the_course_asks_for(name):
    there = versions(name)
    for text in PROJECT["project"]["dependencies"]:
        needed = Requirement(text)
        version = there.get(canonicalize_name(needed.name))
        assert version, f"{name} lacks {needed.name}: --no-deps is not enough"
        assert needed.specifier.contains(version), f"{text}, not {version}"


@pytest.mark.parametrize("name", LISTED)
def test_a_list_says_of_when_and_whence_it_is_and_names_no_address(name):
    text = (LISTS / name).read_text("utf-8")
    head = text[: text.index("==")]
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", head)
    assert "github.com/" in head
    assert " @ " not in text
    assert "http" not in text


@pytest.mark.parametrize("name", ["kaggle-tpu.txt", "jax.txt"])
def test_a_list_of_ranges_leaves_nothing_out(name):
    lines = (LISTS / name).read_text("utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    if "-e ." in lines:  # pyproject.toml brings the rest
        assert "tensorflow" not in " ".join(lines)
        return
    listed = {Requirement(line).name for line in lines}
    for text in PROJECT["project"]["dependencies"]:
        assert Requirement(text).name in listed


def test_every_requirement_admits_what_the_lock_holds_on_every_python():
    for python in ("3.11", "3.12", "3.13", "3.14"):
        locked = versions("tested.txt", python)
        assert ("tensorflow-cpu" in locked) == (python != "3.14")
        assert "jax" in locked
        for text in (ROOT / "requirements.txt").read_text().splitlines():
            if text.startswith("#") or text.startswith("tensorflow"):
                continue
            needed = Requirement(text)
            facts = {"python_version": python}
            if needed.marker is None or needed.marker.evaluate(facts):
                version = locked[canonicalize_name(needed.name)]
                assert needed.specifier.contains(version), text


def test_one_range_of_tensorflow_is_named_everywhere():
    wanted = TENSORFLOW.search((ROOT / "requirements.txt").read_text())[1]
    (devices,) = (ROOT / "course_utils").rglob("devices.py")
    for name in (ROOT / "requirements.txt", ROOT / "README.md", devices):
        text = name.read_text("utf-8")
        named = re.findall(r"tensorflow\[and-cuda\](>=[\d.,<]+)", text)
        assert named == [wanted], name


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize(
    ("pythons", "uv", "taken", "said"),
    [
        ({"python3": "3.12"}, False, "python3 -m venv", ""),
        ({"python3": "3.14"}, False, "python3 -m venv", ""),
        ({"python3": "3.14", "python3.13": "3.13"}, True,
         "python3.13 -m venv", ""),
        ({"python3": "3.10", "python3.14": "3.14"}, False,
         "python3.14 -m venv", ""),
        ({"python3": "3.10"}, True, "uv --python 3.13", ""),
        ({"python3": "3.15"}, True, "uv --python 3.13", ""),
        ({}, True, "uv --python 3.13", ""),
        ({"python3": "3.9"}, False, None, "needs Python 3.11 to 3.14"),
        ({}, False, None, "needs Python 3.11 to 3.14"),
        ({"python3": "3.12 bare"}, False, None, "apt install python3-venv"),
        ({"python3": "3.14 bare"}, True, "uv --python python3", ""),
        ({"python3": "3.13 bare", "python3.11": "3.11"}, False,
         "python3.11 -m venv", ""),
    ],
)  # fmt: skip
def test_make_finds_a_python_or_says_what_to_do(
    tmp_path, pythons, uv, taken, said
):
    for name, facts in pythons.items():
        version, _, bare = facts.partition(" ")
        major, minor = version.split(".")
        script = (
            "#!/bin/sh\n"
            f'case "$*" in *ensurepip*) exit {int(bool(bare))};;\n'
            f'-m*) echo "{name} $1 $2"; exit;; esac\n'
            f'exec {sys.executable} -c "import sys; '
            f'sys.version_info = ({major}, {minor}, 1); exec(sys.argv[1])" '
            '"$2"\n'
        )
        (tmp_path / name).write_text(script)
    if uv:
        script = '#!/bin/sh\nwhile [ "$1" != --python ]; do shift; done\n'
        (tmp_path / "uv").write_text(f'{script}echo "uv $1 $2"\n')
    for name in (*pythons, *(["uv"] if uv else [])):
        (tmp_path / name).chmod(0o755)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    names = re.search(r"(?m)^PYTHON \?= (.+)$", makefile)[1].split()
    script = ROOT / "tests" / "environments" / "venv.sh"
    done = subprocess.run(
        ["/bin/bash", script, tmp_path / "venv", *names],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == (taken is None), done.stderr
    if taken:
        assert done.stdout.strip() == taken
    else:
        assert said in done.stdout and done.stdout.count("\n") == 1


def test_only_the_tpu_runtime_lacks_tensorflow():
    assert "tensorflow" in versions("colab.txt")
    assert "tensorflow" in versions("kaggle.txt")
    assert "tensorflow" not in versions("colab-tpu.txt")
    assert "jax" in versions("colab-tpu.txt")


def test_the_oldest_packages_are_the_lowest_that_are_promised():
    oldest = versions("oldest.txt", python="3.11")
    for text in PROJECT["project"]["dependencies"]:
        needed = Requirement(text)
        version = oldest[canonicalize_name(needed.name)]
        assert needed.specifier.contains(version), f"{text}, not {version}"
    for name, lowest in {"keras": "3.13.2", "numpy": "1.26"}.items():
        assert oldest[name].startswith(lowest)


def test_each_platform_has_its_command_and_its_monthly_run():
    names = set(PLATFORMS | VERSIONS)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (rule,) = re.findall(
        r"(?m)^(test-colab .+): .*\n\t.+platforms\.py", makefile
    )
    assert set(re.findall(r"test-([a-z-]+)", rule)) == names
    workflow = ROOT / ".github" / "workflows" / "platforms.yml"
    listed = re.search(r"platform: \[(.+)\]", workflow.read_text("utf-8"))
    assert set(listed[1].split(", ")) == names


def test_binder_runs_a_python_that_the_course_supports():
    runtime = (ROOT / "binder" / "runtime.txt").read_text("utf-8").strip()
    assert runtime == f"python-{PLATFORMS['binder'].python}"


def test_a_python_that_is_not_there_is_replaced_and_said(capsys):
    assert find_python("3.99") == sys.executable
    assert "No Python 3.99 on this machine" in capsys.readouterr().out
    here = ".".join(map(str, sys.version_info[:2]))
    assert find_python(here)
    assert find_python(f"3.99 {here}") == find_python(here)
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's limits")
def test_a_small_machine_refuses_what_does_not_fit(tmp_path):
    platform = PLATFORMS["binder"]
    folder = kernel(Path(sys.executable), platform, tmp_path)
    text = (folder / "kernels" / "platform" / "kernel.json").read_text()
    command = re.findall(r'"([^"]+)"', text)[1:5]
    take = (
        "import os, time; taken = bytearray({}); "
        "print(len(os.sched_getaffinity(0))); time.sleep(0.5)"
    )
    fits, too_large = 10**8, platform.memory
    assert run_small(command, take.format(fits)) == (0, "1")
    code, _ = run_small(command, take.format(too_large))
    assert code != 0
    peaks = [int(p.read_text()) for p in (tmp_path / "peaks").iterdir()]
    assert fits < max(peaks) < 3 * fits


def run_small(command, code):
    done = subprocess.run(
        [*command, sys.executable, "-c", code], capture_output=True, text=True
    )
    return done.returncode, done.stdout.strip()


def test_what_needs_tensorflow_is_known_from_its_imports():
    at_once = "with quiet():\n    import tensorflow as tf"
    where_it_is = 'with quiet():\n    if find("x"):\n        import tensorflow'
    quoted = 'HEAD = """\n    import tensorflow as tf\n"""'
    assert needs_tensorflow(at_once)
    assert needs_tensorflow("import tensorflow as tf")
    for source in (where_it_is, quoted, "%pip install tensorflow"):
        assert not needs_tensorflow(source)
