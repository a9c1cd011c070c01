"""The command lines that Markdown files show."""

import dataclasses
import pathlib
import re
import shlex

# A word that stands for what a reader fills in, in a synopsis: ARCH…, FILE.csv, [SEED].
PLACEHOLDER = re.compile(r"^[<\[]?[A-Z][A-Z0-9_]*(\.[a-z]+)?[\]>]?…?$|…")


@dataclasses.dataclass
class Command:
    """One command as a page shows it, without what the shell does around it."""

    page: str
    line: int
    words: list
    # Whether it says what a reader fills in.
    is_synopsis: bool
    # The file that its output goes to.
    target: str | None = None

    @property
    def text(self):
        return shlex.join(self.words)

    @property
    def place(self):
        return f"{self.page}:{self.line}"


def commands(path, root):
    """The `dyno` and `make` commands in the code blocks of a page, in their order."""
    page = str(path.relative_to(root))
    for number, line in code_lines(path.read_text()):
        for words, target in simple_commands(line):
            if words and words[0] in ("dyno", "make"):
                is_synopsis = any(PLACEHOLDER.search(word) for word in words)
                yield Command(page, number, words, is_synopsis, target)


def code_lines(text):
    """Lines of fenced and indented blocks with their numbers; continued ones are joined."""
    fence, is_script, begun = None, True, ""
    for number, line in enumerate(text.split("\n"), 1):
        mark = re.match(r"^\s*(```+|~~~+)(\S*)", line)
        if mark and fence is None:
            fence = mark.group(1)
            # Blocks in other languages may quote commands: a workflow does, a job script does.
            is_script = mark.group(2) in ("", "sh", "bash", "console", "yaml")
            continue
        if mark and line.strip() == fence:
            fence, begun = None, ""
            continue
        if not (fence and is_script) and not (fence is None and line.startswith("    ")):
            continue
        line = begun + line.strip()
        if line.endswith("\\"):
            begun = line[:-1]
            continue
        begun = ""
        yield number, line


def simple_commands(line):
    """The words of each simple command of a shell's line, and the file its output goes to."""
    line = re.sub(r"^(\$|-?\s*run:) ", "", line.strip())
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:
        return
    words, target, redirection = [], None, None
    for token in [*tokens, ";"]:
        if redirection:
            target = token if redirection == ">" else target
            redirection = None
        elif set(token) <= set("<>&") and set(token) & set("<>"):
            redirection = token
            if words and words[-1] in ("1", "2"):
                words.pop()
                redirection = "2>"
        elif set(token) <= set("();|&"):
            yield normal(words), target
            words, target = [], None
        else:
            words.append(token)


def normal(words):
    """Without assignments in front, the executable by its name."""
    words = list(words)
    while words and re.match(r"^[A-Z_]+=", words[0]):
        words.pop(0)
    if words and words[0].rsplit("/", 1)[-1] == "dyno":
        words[0] = "dyno"
    return words


def pages(root):
    """Pages whose commands must hold: not the log, which tells what once ran."""
    found = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]
    return [path for path in found if pathlib.Path("docs/log") not in path.relative_to(root).parents]
