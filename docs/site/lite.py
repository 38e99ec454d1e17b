"""Build notebooks 0 to 2 as pages that run Python in the reader's browser.

    python docs/site/lite.py [folder]
    python docs/site/lite.py look [folder]

JupyterLite's pages, the notebooks, the course and the packages written in
Python alone lie in the folder. Python itself, NumPy, matplotlib, SciPy and
scikit-learn come from Pyodide's public address when a notebook starts, so
these pages need the network. `look` opens them in Chromium and says what is
wrong; it cannot run a notebook where that address is out of reach.
"""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "build" / "site" / "lite"
LESSONS = ("00", "01", "02")  # the others need TensorFlow or JAX
# Pyodide brings the rest of what pyproject.toml asks for.
PYTHON_ALONE = ("filelock", "ipywidgets", "jupyterlab-widgets", "pooch")
SETUP = """\
#@title Set-up (run once)
%pip install -q training-vs-transfer
import course_utils; course_utils.set_up("{tag}")"""


def lessons():
    """Return the paths of the notebooks that a browser can run."""
    return [
        path
        for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
        if path.name[:2] in LESSONS
    ]


def in_browser(path):
    """Return a notebook whose set-up cell installs from these pages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = SETUP.format(tag=f"v{project['project']['version']}")
            cell.outputs = []
    return notebook


def build(folder):
    """Write the pages into a folder; return JupyterLite's exit status."""
    stage = ROOT / "build" / "lite"
    shutil.rmtree(stage, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    (stage / "contents").mkdir(parents=True)
    for path in lessons():
        nbformat.write(in_browser(path), stage / "contents" / path.name)
    wheel = ["-m", "pip", "wheel", "--quiet", "--no-deps"]
    wheels = stage / "wheels"
    subprocess.run(
        [sys.executable, *wheel, "-w", wheels, ROOT, *PYTHON_ALONE], check=True
    )
    config = {
        "LiteBuildConfig": {
            "apps": ["lab"],
            "contents": ["contents"],
            "no_sourcemaps": True,
            "output_dir": str(Path(folder).resolve()),
        },
        "PipliteAddon": {"piplite_urls": sorted(map(str, wheels.iterdir()))},
    }
    (stage / "jupyter_lite_config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "jupyterlite_core", "build"]
    done = subprocess.run(command, cwd=stage, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout, done.stderr)
    else:
        print(f"Notebooks 0 to 2 for the browser: serve {folder}")
    return done.returncode


def look(folder):
    """Return what is wrong with the pages, as Chromium shows them."""
    from playwright.sync_api import TimeoutError

    sys.path.insert(0, str(ROOT / "docs"))
    import chromium

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    serve = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    found = []
    with chromium.start() as browser:
        for path in lessons():
            page = browser.new_page()
            broken = []
            page.on("pageerror", lambda e, b=broken: b.append(str(e)))
            page.goto(f"{home}/lab/index.html?path={path.name}")
            notebook = page.locator(
                ".jp-Notebook", has_text="pip install -q training-vs-transfer"
            )
            try:
                notebook.wait_for(timeout=60_000)
            except TimeoutError:
                found.append(f"{path.name}: the set-up cell does not show")
            # Without a network Pyodide is missed, and nothing else.
            found += [
                f"{path.name}: {error}"
                for error in broken
                if "/pyodide/" not in error
            ]
            page.close()
    server.shutdown()
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["look"]:
        complaints = look(Path(sys.argv[2]) if sys.argv[2:] else TARGET)
        print("\n".join(complaints) or "JupyterLite's pages open.")
        sys.exit(bool(complaints))
    sys.exit(build(Path(sys.argv[1]) if sys.argv[1:] else TARGET))
