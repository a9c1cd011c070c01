"""Opens a report of real result files in a real browser: does it draw what its data say?

Fails on any message of the console, any request beyond the file itself, a figure without the marks of its
rows, in light or dark; on a legend, a pointer, a wheel or a download without effect. Screenshots and a
PDF are left in the output folder to be looked at.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys
import time

from chromium import Chromium

# The marks that stand for rows: one a row that is drawn.
MARKS = {"intervals": "value", "lines": "value", "scatter": "value", "history": "value", "stages": "part"}

COMPARISON = os.path.join(os.path.dirname(__file__), "../Fixtures/reports/comparison.json")

# What one figure shows. Vega's SVG has a group for each mark, with the mark's name as a class.
SHOWN = """(() => {
  const figure = document.getElementById(%s);
  const count = (name) => [...figure.querySelectorAll(`.role-mark.${name} > *`)]
    .filter((mark) => (mark.getAttribute("d") ?? "") !== "" && !/NaN|undefined/.test(mark.outerHTML)).length;
  const svg = figure.querySelector("svg");
  return {
    marks: count(%s), text: svg?.textContent ?? "", broken: /NaN|Infinity/.test(svg?.outerHTML ?? ""),
    width: svg?.getBoundingClientRect().width ?? 0, height: svg?.getBoundingClientRect().height ?? 0, room: figure.getBoundingClientRect().width,
    rows: figure.querySelectorAll("tbody tr").length, buttons: figure.querySelectorAll("button").length,
  };
})()"""

# Labels of one axis or legend that cover each other.
OVERLAPS = """(() => {
  const found = [];
  for (const group of document.querySelectorAll(".role-axis-label, .role-legend-label, .role-mark.note")) {
    const boxes = [...group.querySelectorAll("text")].filter((text) => text.getAttribute("opacity") !== "0"
      && text.style.opacity !== "0" && text.textContent !== "").map((text) => [text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([name, a], index) => boxes.slice(index + 1).forEach(([other, b]) => {
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
        found.push(`${group.closest("figure").id}: ${name} and ${other}`);
    }));
  }
  return found;
})()"""


def center(page, selector):
    """Where an element is, scrolled into view."""
    return page.evaluate(f"""(() => {{
      const element = document.querySelector({json.dumps(selector)});
      element.scrollIntoView({{block: "center"}});
      const box = element.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    }})()""")


def report_data(path):
    text = open(path, encoding="utf-8").read()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


class Check:
    def __init__(self, page, data):
        self.page, self.figures, self.failures = page, data["figures"], []

    def expect(self, right, what):
        if not right:
            self.failures.append(what)

    def drawn(self, scheme):
        for figure in self.figures:
            kind = figure.get("specification")
            if kind is None:
                continue
            name = f"{figure['id']} ({scheme})"
            shown = self.page.evaluate(SHOWN % (json.dumps(figure["id"]), json.dumps(MARKS[kind])))
            self.expect(shown["marks"] == figure["drawn"], f"{name}: {shown['marks']} marks of {figure['drawn']}")
            self.expect(not shown["broken"], f"{name}: has coordinates that are no numbers")
            self.expect(0 < shown["width"] <= shown["room"] + 1, f"{name}: is {shown['width']} of {shown['room']} wide")
            self.expect(shown["height"] < 500 + 30 * figure["drawn"], f"{name}: is {shown['height']} high")
            self.expect(shown["rows"] == len(figure["rows"]), f"{name}: {shown['rows']} rows in its table")
            self.expect(shown["buttons"] == 2, f"{name}: {shown['buttons']} buttons")
        for overlap in self.page.evaluate(OVERLAPS):
            self.expect(False, f"{scheme}: labels overlap in {overlap}")

    def interactions(self):
        page = self.page
        for kind, mark in MARKS.items():
            figure = next((one for one in self.figures if one.get("specification") == kind), None)
            if figure is None:
                self.expect(False, f"no figure of {kind}")
                continue
            page.mouse("mouseMoved", 0, 0)
            x, y = center(page, f"#{figure['id']} .role-mark.{mark} > *")
            page.mouse("mouseMoved", x, y)
            tip = page.wait_until("!document.getElementById('tip').hidden", 2)
            text = page.evaluate("document.getElementById('tip').textContent")
            self.expect(tip and figure["columns"][0]["title"] in text, f"{figure['id']}: no tip under the pointer")
            if kind in ("lines", "scatter"):
                self.zooms(figure, x, y)
            if kind != "history":
                self.legend(figure)

    def legend(self, figure):
        faded = f"""[...document.querySelectorAll("#{figure['id']} [opacity]")]
          .filter((one) => ["0.1", "0.12", "0.15"].includes(one.getAttribute("opacity"))).length > 0"""
        series = next(place for place, one in enumerate(figure["columns"]) if one.get("channel") == "series")
        if len({row[series] for row in figure["rows"]}) < 2:
            return
        self.page.click(*center(self.page, f"#{figure['id']} .role-legend-label text"))
        self.expect(self.page.wait_until(faded, 2), f"{figure['id']}: a click in the legend fades nothing")
        self.page.click(*center(self.page, f"#{figure['id']} .role-legend-label text"))
        self.expect(self.page.wait_until(f"!({faded})", 2), f"{figure['id']}: a second click does not undo it")

    def zooms(self, figure, x, y):
        labels = f"""[...document.querySelectorAll("#{figure['id']} .role-axis-label text")]
          .map((one) => one.textContent + one.getAttribute("transform")).sort().join()"""
        before = self.page.evaluate(labels)
        self.page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300, modifiers=2)
        self.expect(self.page.wait_until(f"{labels} !== {json.dumps(before)}", 2), f"{figure['id']}: the wheel does not zoom")
        for count in (1, 2):
            for kind in ("mousePressed", "mouseReleased"):
                self.page.mouse(kind, x, y, button="left", clickCount=count)
        self.expect(self.page.wait_until(f"{labels} === {json.dumps(before)}", 2), f"{figure['id']}: a double click does not show all")

    def downloads(self, path, folder):
        self.page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=os.path.abspath(folder))
        for number, figure in enumerate(self.figures):
            # Browsers save ten files of a page that nobody touches.
            if number % 5 == 0:
                self.page.open(path)
            for place, ending in ((1, "svg"), (2, "csv")):
                if ending == "svg" and figure.get("specification") is None:
                    continue
                saved = os.path.join(folder, f"{figure['id']}.{ending}")
                selector = f"#{figure['id']} .tools button" + (":last-child" if ending == "csv" else "")
                self.page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
                right, end = False, time.monotonic() + 5
                while not right and time.monotonic() < end:
                    time.sleep(0.05)
                    if os.path.exists(saved):
                        text = open(saved, encoding="utf-8", newline="").read()
                        right = text.endswith("</svg>") if ending == "svg" else text == figure["csv"]
                self.expect(right, f"{figure['id']}: its {ending.upper()} is not saved")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dyno", default=".build/release/dyno")
    parser.add_argument("--inputs", default=os.path.join(os.path.dirname(__file__), "results"))
    parser.add_argument("--output", default=".build-report")
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)
    for old in glob.glob(os.path.join(options.output, "*")):
        os.remove(old)
    path = os.path.join(options.output, "report.html")
    # The comparison has every verdict, and names that are markup.
    inputs = sorted(glob.glob(os.path.join(options.inputs, "*"))) + [COMPARISON]
    subprocess.run([options.dyno, "report", *inputs, "--write", path, "--title", "Report of the fixtures"],
                   check=True, stdout=subprocess.DEVNULL)
    with Chromium() as page:
        check = Check(page, report_data(path))
        for scheme in ("dark", "light"):
            page.open(path, dark=scheme == "dark")
            check.drawn(scheme)
            page.screenshot(os.path.join(options.output, f"{scheme}.png"))
        page.open(path, width=420)
        check.drawn("narrow")
        page.screenshot(os.path.join(options.output, "narrow.png"))
        page.open(path)
        check.interactions()
        check.downloads(path, options.output)
        page.pdf(os.path.join(options.output, "report.pdf"))
        check.failures += page.problems
        check.failures += [f"fetches {url}" for url in set(page.requests) if not re.match(r"file:.*report\.html|blob:|data:", url)]
    for failure in check.failures:
        print(failure, file=sys.stderr)
    drawn = [figure for figure in check.figures if figure.get("specification")]
    print(f"{len(drawn)} figures of {len(inputs)} files in light, dark and narrow: "
          + (f"{len(check.failures)} failures" if check.failures else "as they should be"))
    sys.exit(1 if check.failures else 0)


if __name__ == "__main__":
    main()
