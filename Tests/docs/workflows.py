"""The workflows that pages show and the repository has, as GitHub's schema and zizmor see them."""

import pathlib
import re
import subprocess
import sys

SHOWN = re.compile(r"^```yaml\n# \.github/workflows/(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def check(root, folder):
    """Checks all workflows, those of pages by copies in `folder`; the complaints."""
    tools = pathlib.Path(sys.executable).parent
    if not (tools / "zizmor").exists():
        return ["workflows: zizmor and check-jsonschema are not installed beside this Python"]
    files = [str(path) for path in sorted((root / ".github/workflows").glob("*.yml"))]
    for page in sorted((root / "docs").rglob("*.md")):
        for name, text in SHOWN.findall(page.read_text()):
            copy = folder / name
            copy.write_text(text)
            files.append(str(copy))
    schema = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
    complaints = []
    for tool in (schema, ["zizmor", "--offline", "--quiet"]):
        done = subprocess.run(
            [tools / tool[0], *tool[1:], *files], capture_output=True, text=True
        )
        if done.returncode != 0:
            complaints.append(f"workflows: {tool[0]}:\n{done.stdout}{done.stderr}")
    print(f"{len(files)} workflows checked against GitHub's schema and by zizmor")
    return complaints
