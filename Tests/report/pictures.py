"""Writes pictures of a report as PNG: the documentation's, from the files that `make test-report` opens.

    pictures.py --dyno .build/release/dyno FIGURE=FILE.png…
"""

import argparse
import glob
import os
import subprocess
import tempfile

from chromium import Chromium


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dyno", default=".build/release/dyno")
    parser.add_argument("--inputs", default=os.path.join(os.path.dirname(__file__), "results"))
    parser.add_argument("--width", type=int, default=1000, help="of the page, in pixels")
    parser.add_argument("pictures", nargs="+", metavar="FIGURE=FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Chromium() as page:
        path = os.path.join(folder, "report.html")
        subprocess.run(
            [options.dyno, "report", *sorted(glob.glob(os.path.join(options.inputs, "*"))), "--write", path],
            check=True, stdout=subprocess.DEVNULL)
        page.open(path, width=options.width)
        for picture in options.pictures:
            figure, file = picture.split("=", 1)
            box = page.evaluate(
                f"""(() => {{
                  const box = document.querySelector("#{figure} .chart").getBoundingClientRect();
                  return [box.x + scrollX - 8, box.y + scrollY, box.width + 16, box.height];
                }})()""")
            page.screenshot(file, box, scale=1.5)


if __name__ == "__main__":
    main()
