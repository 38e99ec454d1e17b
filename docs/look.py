"""Look at the built slides and site with Chromium, as a test.

    python docs/look.py slides [--pictures FOLDER] [name ...]
    python docs/look.py site

Slides: every slide of every lesson is shown at 1280 × 720; nothing may
overflow, text must be large enough for the last row, and nothing may be
requested from a network. Site: axe-core looks for barriers on every page.
CHROMIUM names the browser, if it is not one of the usual ones.
"""

import argparse
import sys
from pathlib import Path

import chromium

BUILD = Path(__file__).resolve().parent.parent / "build"
SMALLEST = 20  # pixels of 720, for text; code is three quarters of it
SHOWN = """() => {
  const slide = Reveal.getCurrentSlide();
  slide.querySelectorAll(".fragment").forEach(
    (part) => part.classList.add("visible"));
  return {
    name: (slide.querySelector("h1, h2, h3") || slide).textContent.trim(),
    overflows: overflows(slide),
    height: slide.scrollHeight,
    text: parseFloat(slide.style.fontSize),
    silent: [...slide.querySelectorAll("img")].filter((i) => !i.alt).length,
  };
}"""


def pages(browser, folder):
    """Yield (file, page) of each HTML file, with what it asked a network."""
    for path in sorted(folder.rglob("*.html")):
        # The theme's templates; JupyterLite's pages, which need a server.
        if {"_static", "lite"} & {*path.relative_to(folder).parts}:
            continue
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.asked, page.broken = [], []
        page.on("request", lambda r, p=page: p.asked.append(r.url))
        page.on("pageerror", lambda e, p=page: p.broken.append(str(e)))
        page.goto(path.as_uri())
        yield path, page
        page.close()


def complaints(page):
    """Return what a page fetched from elsewhere, and the errors of scripts."""
    away = {url for url in page.asked if url.startswith(("http", "ws"))}
    return [*(f"asks for {url}" for url in sorted(away)), *page.broken]


def look_at_slides(browser, folder, pictures=None, names=()):
    """Return the complaints about all slides; with `pictures`, draw them."""
    found = []
    for path, page in pages(browser, folder):
        if path.stem == "index" or (names and path.stem[:2] not in names):
            continue
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        slides = page.evaluate("leaves().map(s => Reveal.getIndices(s))")
        for number, place in enumerate(slides, start=1):
            page.evaluate("p => Reveal.slide(p.h, p.v)", place)
            seen = page.evaluate(SHOWN)
            where = f"{path.stem}, slide {number} ({seen['name'][:40]!r})"
            if seen["overflows"]:
                found.append(f"{where}: overflows, {seen['height']} px high")
            if seen["silent"]:
                found.append(f"{where}: a figure without alternative text")
            if seen["text"] < SMALLEST:
                found.append(f"{where}: text of {seen['text']} px")
            if pictures:
                pictures.mkdir(parents=True, exist_ok=True)
                name = f"{path.stem[:2]}-{number:02d}-{seen['text']:.0f}.png"
                page.screenshot(path=pictures / name)
        found += [f"{path.stem}: {text}" for text in complaints(page)]
        print(f"{path.stem}: {len(slides)} slides", flush=True)
    return found


def look_at_site(browser, folder):
    """Return each serious barrier that axe-core finds on any page."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for path, page in pages(browser, folder):
        name = path.relative_to(folder)
        for violation in Axe().run(page).response["violations"]:
            nodes = violation["nodes"]
            line = (
                f"{name}: {violation['impact']}: {violation['id']} × "
                f"{len(nodes)}, {' '.join(nodes[0]['html'].split())[:120]}"
            )
            if violation["impact"] in ("serious", "critical"):
                found.append(line)
            else:
                print(f"minor: {line}")
        found += [f"{name}: {text}" for text in complaints(page)]
        print(name, flush=True)
    return found


def main():
    """Look at what the command line names; exit with 1 for complaints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["slides", "site"])
    parser.add_argument("names", nargs="*", help="lessons, such as 01 06")
    parser.add_argument("--pictures", type=Path, help="save slides here")
    asked = parser.parse_intermixed_args()
    folder = BUILD / asked.what
    if not folder.exists():
        sys.exit(f"Build it first: make {asked.what}")
    with chromium.start() as browser:
        if asked.what == "slides":
            found = look_at_slides(
                browser, folder, asked.pictures, asked.names
            )
        else:
            found = look_at_site(browser, folder)
    print("\n".join(found) or "Nothing to complain about.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
