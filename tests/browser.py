"""Use JupyterLab in Chromium without a window, as a student would.

    python tests/browser.py [--shots FOLDER] notebooks/00_start_here.ipynb ...

A copy of each notebook runs to its end. Every figure and every panel must
then be on the page, each control of a panel must change its figure when a key
moves it, an upload panel must answer to a drawing, and the browser's console
must hold no error.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import TimeoutError as PageTimeout

from course_utils.data import drawings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
import chromium

# All cells in the page at once, and no question about news.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}
LAB = "window.jupyterapp?.shell?.currentWidget"
IDLE = f"{LAB}?.sessionContext?.session?.kernel?.status === 'idle'"
RUN = """() => {
  const done = () => { window.ran = true; };
  window.jupyterapp.commands.execute("notebook:run-all-cells")
    .then(done, done);
}"""
PANEL = ".jp-OutputArea-output > .jupyter-widgets"
FIGURE = ".jp-RenderedImage img"
UPLOAD = "button.jupyter-button:has(.fa-upload)"
CONTROLS = ".noUi-handle, .ui-slider-handle"
PICTURE = """panel => {
  const image = panel.querySelector(".widget-html img");
  return image?.naturalWidth ? image.src : null;
}"""
MOVED = f"([panel, before]) => ![before, null].includes(({PICTURE})(panel))"
ANSWERED = f"""([panel, before]) =>
  panel.innerText !== before || panel.querySelector("{FIGURE}")"""
LABEL = """control =>
  control.closest(".jupyter-widgets").querySelector("label")?.innerText"""


@contextlib.contextmanager
def serve(folder, **environment):
    """Serve a folder with JupyterLab and yield its address.

    Notebooks in the folder are written to, so give it copies. Your own
    settings, workspaces and scoreboard are left alone.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        home = Path(home)
        for name, settings in SETTINGS.items():
            path = home / f"settings/@jupyterlab/{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(settings))
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser"),
            *("--ip=127.0.0.1", f"--port={port}", "--allow-root"),
            "--IdentityProvider.token=",
            "--LabApp.expose_app_in_browser=True",
            f"--ServerApp.root_dir={folder}",
        ]
        variables = os.environ | {
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "COURSE_HOME": str(home / "course"),
            "COURSE_SOURCE": "drawings",
            # Tests run with agg, which shows nothing in a notebook.
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        }
        log = home / "server.log"
        with (
            log.open("w") as lines,
            subprocess.Popen(
                command,
                env=variables | environment,
                stdout=lines,
                stderr=subprocess.STDOUT,
            ) as server,
        ):
            try:
                for _ in range(600):
                    with contextlib.suppress(OSError):
                        socket.create_connection(("127.0.0.1", port)).close()
                        break
                    time.sleep(0.2)
                else:
                    raise RuntimeError(f"No JupyterLab:\n{log.read_text()}")
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


class Notebook:
    """A notebook of a served folder, open in JupyterLab with a kernel.

    page: Playwright's page
    errors: what the browser's console has complained about so far
    """

    def __init__(self, browser, address, name):
        self.page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.errors = []

        def keep(message):
            # The badges are pictures from elsewhere: they need a network.
            if message.type == "error" and (
                "net::ERR_" not in message.text
                or message.location["url"].startswith(address)
            ):
                self.errors.append(message.text)

        self.page.on("console", keep)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{address}/lab/tree/{name}?reset")
        self.page.wait_for_function(IDLE, timeout=120_000)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.page.evaluate(f"{LAB}?.sessionContext?.shutdown()")
        self.page.close()

    def run_all(self):
        """Run all cells, and return (name, message) of each that failed."""
        self.page.evaluate(RUN)
        self.page.wait_for_function(f"window.ran && {IDLE}", timeout=1_200_000)
        return [
            (output["ename"], output["evalue"])
            for cell in self.cells()
            for output in cell.get("outputs", [])
            if output["output_type"] == "error"
            and "raises-exception" not in cell["metadata"].get("tags", [])
        ]

    def cells(self):
        """Return the notebook's cells as the page holds them now."""
        return self.page.evaluate(
            f"{LAB}.content.model.sharedModel.toJSON().cells"
        )

    def stored(self, kind):
        """Return how many outputs the cells hold of one MIME type."""
        return sum(
            kind in output.get("data", {})
            for cell in self.cells()
            for output in cell.get("outputs", [])
        )

    def figures(self):
        """Return (stored, shown): figures in the outputs, and on the page."""
        stored = self.stored("image/png")
        shown = (
            f"[...document.querySelectorAll('{FIGURE}')]"
            ".filter(image => image.naturalWidth).length"
        )
        with contextlib.suppress(PageTimeout):
            self.page.wait_for_function(f"{shown} >= {stored}", timeout=10_000)
        return stored, self.page.evaluate(shown)

    def panels(self):
        """Return (stored, shown): widgets in the outputs, and on the page."""
        stored = self.stored("application/vnd.jupyter.widget-view+json")
        return stored, self.page.locator(PANEL).all()

    def move(self, panel):
        """Move each control by keyboard; return what left the figure alone.

        A control is named by its label. Returns also how long the slowest
        took, in seconds from the key to the new figure.
        """
        stuck, slowest = [], 0.0
        for control in panel.locator(CONTROLS).all():
            before = panel.evaluate(PICTURE)
            for key in ("ArrowRight", "ArrowLeft"):  # from either end
                started = time.perf_counter()
                control.press(key)
                if self._wait(MOVED, panel, before, 10):
                    slowest = max(slowest, time.perf_counter() - started)
                    break
            else:
                stuck.append(control.evaluate(LABEL))
        return stuck, slowest

    def pick(self, panel, file):
        """Pick a file with a panel's upload button; return its answer."""
        before = panel.inner_text()
        with self.page.expect_file_chooser() as chooser:
            panel.locator(UPLOAD).click()
        chooser.value.set_files(file)
        self._wait(ANSWERED, panel, before, 60)
        self.page.wait_for_function(IDLE)
        return panel.inner_text()

    def _wait(self, condition, panel, before, seconds):
        """Say whether a panel comes to differ from before, in some time."""
        with contextlib.suppress(PageTimeout):
            return self.page.wait_for_function(
                condition,
                arg=[panel.element_handle(), before],
                timeout=1000 * seconds,
            )


def check(notebook, name, shots=None):
    """Run one notebook and return a list of what is wrong with it."""

    def shoot(element, what):
        if shots:
            element.screenshot(path=shots / f"{name[:2]}_{what}.png")

    started = time.perf_counter()
    problems = [f"{kind}: {text}" for kind, text in notebook.run_all()]
    seconds = time.perf_counter() - started
    stored, shown = notebook.figures()
    if shown < stored:
        problems.append(f"{shown} of {stored} figures are on the page")
    stored, panels = notebook.panels()
    if len(panels) < stored:
        problems.append(f"{len(panels)} of {stored} panels are on the page")
    slowest = 0.0
    for number, panel in enumerate(panels):
        shoot(panel, f"panel_{number}_before")
        if panel.evaluate(PICTURE):
            stuck, took = notebook.move(panel)
            slowest = max(slowest, took)
            problems += [f"{label} does not move" for label in stuck]
        elif panel.locator(UPLOAD).count():
            answer = upload_fox(notebook, panel).replace("\n", " | ")
            print("  upload:", answer)
        elif panel.locator("button").count():
            before = panel.inner_text()
            panel.locator("button").first.click()
            notebook.page.wait_for_timeout(500)
            if panel.inner_text() == before:
                problems.append(f"panel {number} does not count an answer")
        else:
            problems.append(f"panel {number} shows no figure")
        shoot(panel, f"panel_{number}_after")
    for number, figure in enumerate(notebook.page.locator(FIGURE).all()):
        shoot(figure, f"figure_{number}")
    shoot(notebook.page, "page")
    problems += notebook.errors
    print(
        f"{name}: {seconds:.0f} s, {shown} figures, {len(panels)} panels, "
        f"slowest move {slowest:.2f} s, {len(problems)} problems",
        flush=True,
    )
    return problems


def upload_fox(notebook, panel):
    """Give an upload panel a drawing of a fox; return what it answers."""
    for box in panel.locator("input[type=text]").all():
        box.fill("fox")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fox.png"
        Image.fromarray(drawings.draw("fox", seed=1, size=128)).save(file)
        return notebook.pick(panel, file)


def main():
    """Check the notebooks that are named; exit with 1 for problems."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--shots", type=Path, help="a folder for pictures")
    asked = parser.parse_args()
    problems = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for path in asked.notebooks:
            shutil.copy(path, folder)
        with serve(folder) as address, chromium.start() as browser:
            for path in asked.notebooks:
                with Notebook(browser, address, path.name) as notebook:
                    found = check(notebook, path.name, asked.shots)
                problems += [f"{path.name}: {text}" for text in found]
    print(*problems, sep="\n")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
