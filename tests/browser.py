"""Drive JupyterLab with a headless Chromium, as a student would use it.

    python tests/browser.py [--shots FOLDER] notebooks/00_start_here.ipynb ...

Every cell of a copy runs; then each figure and each panel must be on the
page, a control of each panel is moved by keyboard alone and its figure must
change, an upload panel gets a drawing, and the console must hold no error.
Needs Chromium with its driver (Debian: chromium, chromium-driver) and the
packages of tests/requirements.txt.
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
import urllib.request
from pathlib import Path

from course_utils.data import drawings

CHROMIUM, DRIVER = (
    next(filter(None, map(shutil.which, names)), None)
    for names in (
        ("chromium", "chromium-browser", "google-chrome"),
        ("chromedriver",),
    )
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--window-size=1280,1000",
)  # fmt: skip
# All cells in the page at once, and no question about news.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}
HERE = Path(__file__).resolve().parent
PANEL = ".jp-OutputArea-output > .jupyter-widgets"
UPLOAD = "button.jupyter-button:has(.fa-upload)"
CONTROLS = ".noUi-handle, .ui-slider-handle"


def missing():
    """Say what the driver lacks here, or None where it lacks nothing."""
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        return "Selenium is not installed: see tests/requirements.txt."
    if not (CHROMIUM and DRIVER):
        return (
            "No Chromium with its driver is here; on Debian: "
            "apt-get install chromium chromium-driver"
        )
    return None


class Lab:
    """Serve a folder with JupyterLab, and look at it with Chromium.

    folder: holds the notebooks; it is written to, so give it copies. Your
    settings, workspaces and scoreboard are left alone.
    """

    def __init__(self, folder, **environment):
        self.folder = Path(folder)
        self.environment = environment

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            home = stack.enter_context(
                tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            )
            self.address = stack.enter_context(self._server(Path(home)))
            self.driver = stack.enter_context(self._browser(Path(home)))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    @contextlib.contextmanager
    def _server(self, home):
        for name, settings in SETTINGS.items():
            path = home / "settings" / "@jupyterlab" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".jupyterlab-settings").write_text(
                json.dumps(settings)
            )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser"),
            *("--ip=127.0.0.1", f"--port={port}", "--allow-root"),
            "--IdentityProvider.token=",
            "--LabApp.expose_app_in_browser=True",
            f"--ServerApp.root_dir={self.folder}",
        ]
        environment = os.environ | {
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "COURSE_HOME": str(home / "course"),
            "COURSE_SOURCE": "drawings",
            **self.environment,
        }
        log = (home / "server.log").open("w+")
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(lambda: _answers(f"{address}/api"), 120, "JupyterLab")
            yield address
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
            log.close()

    @contextlib.contextmanager
    def _browser(self, home):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={home / 'browser'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        driver.set_script_timeout(600)
        try:
            yield driver
        finally:
            driver.quit()

    def open(self, name):
        """Open one notebook of the folder and wait for its kernel."""
        self.driver.get(f"{self.address}/lab/tree/{name}?reset")
        _wait(
            lambda: (
                self.script(
                    "const page = window.jupyterapp?.shell?.currentWidget;"
                    "return page?.sessionContext?.session?.kernel?.status"
                )
                == "idle"
            ),
            120,
            "the kernel",
        )

    def script(self, code, *arguments):
        """Run JavaScript in the page and return what it returns."""
        return self.driver.execute_script(code, *arguments)

    def run_all(self):
        """Run all cells, and return (name, message) of each that failed."""
        self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "window.jupyterapp.commands.execute('notebook:run-all-cells')"
            ".then(() => done(), () => done())"
        )
        _wait(
            lambda: (
                self.script(
                    "return window.jupyterapp.shell.currentWidget"
                    ".sessionContext.session.kernel.status"
                )
                == "idle"
            ),
            600,
            "the last cell",
        )
        return [
            (output["ename"], output["evalue"])
            for cell in self.cells()
            for output in cell.get("outputs", [])
            if output["output_type"] == "error"
            and "raises-exception" not in cell["metadata"].get("tags", [])
        ]

    def cells(self):
        """Return the notebook's cells as the page holds them now."""
        return self.script(
            "return window.jupyterapp.shell.currentWidget.content.model"
            ".sharedModel.toJSON().cells"
        )

    def figures(self):
        """Return (stored, shown): figures in the outputs, and on the page."""
        stored = sum(
            "image/png" in output.get("data", {})
            for cell in self.cells()
            for output in cell.get("outputs", [])
        )
        shown = self.script(
            "return [...document.querySelectorAll("
            "'.jp-RenderedImage img')].filter(i => i.naturalWidth).length"
        )
        return stored, shown

    def wait_for_pictures(self, seconds=10):
        """Return `figures` once all are on the page, or after some time."""
        with contextlib.suppress(TimeoutError):
            _wait(lambda: len(set(self.figures())) == 1, seconds, "a figure")
        return self.figures()

    def show(self, element):
        """Scroll an element into the middle of the window."""
        self.script("arguments[0].scrollIntoView({block: 'center'})", element)

    def panels(self):
        """Return (stored, elements): widgets in outputs, and on the page."""
        stored = sum(
            "application/vnd.jupyter.widget-view+json"
            in output.get("data", {})
            for cell in self.cells()
            for output in cell.get("outputs", [])
        )
        found = self.driver.find_elements("css selector", PANEL)
        return stored, found

    def picture(self, panel):
        """Return the address of a panel's figure, or None without one."""
        return self.script(
            "const image = arguments[0].querySelector('.widget-html img');"
            "return image && image.naturalWidth ? image.src : null",
            panel,
        )

    def move(self, panel):
        """Move each control of a panel by keyboard; return what stood still.

        A control is named by its label. Returns also how long the slowest
        took, in seconds from the key to the new figure.
        """
        from selenium.webdriver.common.keys import Keys

        stuck, slowest = [], 0.0
        for control in panel.find_elements("css selector", CONTROLS):
            label = self.script(
                "return arguments[0].closest('.jupyter-widgets')"
                ".querySelector('label')?.innerText",
                control,
            )
            self.script(
                "arguments[0].scrollIntoView({block: 'center'})", panel
            )
            before = self.picture(panel)
            for key in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT):  # from either end
                started = time.perf_counter()
                control.send_keys(key)
                if self._changes(panel, before):
                    seconds = time.perf_counter() - started
                    slowest = max(slowest, seconds)
                    break
            else:
                stuck.append(label)
        return stuck, slowest

    def _changes(self, panel, before, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.picture(panel) not in (before, None):
                return True
            time.sleep(0.02)
        return False

    def pick(self, panel, file):
        """Pick a file in a panel's upload button; return what it then says."""
        before = panel.text
        # The button opens a dialog of the system, which has no page: hand
        # its hidden input the file instead.
        self.script(
            "HTMLInputElement.prototype.click = function () {"
            "this.className = 'picked'; document.body.append(this); }"
        )
        panel.find_element("css selector", UPLOAD).click()
        picked = self.driver.find_elements("css selector", "input.picked")
        picked[-1].send_keys(str(file))
        _wait(
            lambda: (
                panel.text != before
                or panel.find_elements("css selector", ".jp-RenderedImage img")
            ),
            60,
            "an answer to the upload",
        )
        time.sleep(1)
        return panel.text

    def errors(self):
        """Return the errors that the browser's console has collected."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
            and "beforeunload" not in entry["message"]  # our own leaving
            and not _is_elsewhere(entry["message"], self.address)
        ]

    def shoot(self, path, element=None):
        """Save a picture of the page, or of one element."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if element is not None:
            self.script(
                "arguments[0].scrollIntoView({block: 'center'})", element
            )
            time.sleep(0.3)
            element.screenshot(str(path))
        else:
            self.driver.save_screenshot(str(path))


def _is_elsewhere(message, address):
    """Say whether an error is that of a badge, which lies on the network."""
    return "net::ERR_" in message and not message.startswith(address)


def _answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def _wait(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            if condition():
                return
        time.sleep(0.2)
    raise TimeoutError(f"{what} did not come within {seconds} s.")


def check(lab, path, shots=None):
    """Run one notebook and return a list of what is wrong with it."""
    name = Path(path).name
    lab.open(name)
    started = time.perf_counter()
    problems = [f"{kind}: {text}" for kind, text in lab.run_all()]
    seconds = time.perf_counter() - started
    stored, shown = lab.wait_for_pictures()
    if shown < stored:
        problems.append(f"{shown} of {stored} figures are on the page")
    stored, panels = lab.panels()
    if len(panels) < stored:
        problems.append(f"{len(panels)} of {stored} panels are on the page")
    slowest = 0.0
    for number, panel in enumerate(panels):
        if shots:
            lab.shoot(shots / f"{name[:2]}_panel_{number}_before.png", panel)
        if lab.picture(panel):
            stuck, took = lab.move(panel)
            slowest = max(slowest, took)
            problems += [f"{label} does not move" for label in stuck]
        elif panel.find_elements("css selector", UPLOAD):
            print("  upload:", _upload(lab, panel).replace("\n", " | "))
        else:
            problems.append(f"panel {number} shows no figure")
        if shots:
            lab.shoot(shots / f"{name[:2]}_panel_{number}_after.png", panel)
    if shots:
        for number, image in enumerate(
            lab.driver.find_elements("css selector", ".jp-RenderedImage img")
        ):
            lab.shoot(shots / f"{name[:2]}_figure_{number}.png", image)
        lab.shoot(shots / f"{name[:2]}_page.png")
    problems += lab.errors()
    print(
        f"{name}: {seconds:.0f} s, {shown} figures, {len(panels)} panels, "
        f"slowest move {slowest:.2f} s, {len(problems)} problems",
        flush=True,
    )
    return problems


def _upload(lab, panel):
    from PIL import Image

    file = lab.folder / "fox.png"
    Image.fromarray(drawings.draw("fox", seed=1, size=128)).save(file)
    for box in panel.find_elements("css selector", "input[type=text]"):
        box.send_keys("fox")
    return lab.pick(panel, file)


def main(arguments=None):
    """Check the notebooks that are named; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--shots", type=Path, help="a folder for pictures")
    options = parser.parse_args(arguments)
    lack = missing()
    if lack:
        print(lack)
        return 0
    problems = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for path in options.notebooks:
            shutil.copy(path, folder)
        with Lab(folder) as lab:
            for path in options.notebooks:
                found = check(lab, path, options.shots)
                problems += [f"{path.name}: {text}" for text in found]
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
