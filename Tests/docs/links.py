"""Links between pages, to files and to headings."""

import re


def check(pages):
    """Links of pages that lead nowhere; the complaints."""
    complaints, count = [], 0
    for page in pages:
        for path, heading in re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", page.read_text()):
            if re.match(r"\w+:", path):
                continue
            count += 1
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                complaints.append(f"{page}: {path} does not exist")
            elif heading and target.suffix == ".md" and heading[1:] not in headings(target):
                complaints.append(f"{page}: {path}{heading} is no heading there")
    print(f"{count} links checked")
    return complaints


def headings(page):
    """The anchors that GitHub gives a page's headings."""
    return {
        re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    }
