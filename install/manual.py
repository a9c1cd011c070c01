"""Manual pages from the help of the executable: `manual.py --dyno DYNO FOLDER`.

Writes dyno.1, and dyno-COMMAND.1 for each command and each command's command.
"""

import argparse
import json
import pathlib
import re
import subprocess


def escaped(text):
    """Text as roff shows it: hyphens that can be copied, no line that is taken for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)


def spelled(argument):
    """How an argument is written: `--batch <batch>`."""
    value = f"<{argument['valueName']}>"
    if argument["kind"] == "positional":
        return value + ("..." if argument.get("isRepeating") else "")
    names = ", ".join(
        ("--" if name["kind"] == "long" else "-") + name["name"] for name in argument["names"]
    )
    return names if argument["kind"] == "flag" else f"{names} {value}"


def described(argument):
    lines = [argument.get("abstract", ""), argument.get("discussion", "")]
    if argument.get("defaultValue"):
        lines.append(f"Default: {argument['defaultValue']}.")
    return " ".join(line for line in lines if line)


def page(path, command, version):
    """The manual page of `command`, which is called by the words of `path`."""
    name = "-".join(path)
    shown = [argument for argument in command.get("arguments", []) if argument.get("shouldDisplay")]
    subcommands = [one for one in command.get("subcommands", []) if one["commandName"] != "help"]
    synopsis = " ".join(path)
    if subcommands:
        synopsis += " <command>"
    synopsis += " [options]" if any(one["kind"] != "positional" for one in shown) else ""
    for argument in shown:
        if argument["kind"] == "positional":
            word = spelled(argument)
            synopsis += f" [{word}]" if argument.get("isOptional") else f" {word}"
    abstract = command.get("abstract", "")
    lines = [
        f'.TH "{name.upper()}" 1 "" "{version}"',
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(abstract.rstrip('.'))}",
        ".SH SYNOPSIS",
        escaped(synopsis),
    ]
    if command.get("discussion"):
        lines += [".SH DESCRIPTION", escaped(command["discussion"])]
    if subcommands:
        lines.append(".SH COMMANDS")
        for one in subcommands:
            lines += [".TP", f".B {escaped(one['commandName'])}", escaped(one.get("abstract", ""))]
    if shown:
        lines.append(".SH OPTIONS")
        for argument in shown:
            lines += [".TP", f".B {escaped(spelled(argument))}", escaped(described(argument))]
    if subcommands:
        others = ", ".join(escaped("-".join([*path, one["commandName"]])) + "(1)" for one in subcommands)
        lines += [".SH SEE ALSO", others]
    if len(path) == 1:
        lines += [
            ".SH EXIT STATUS",
            "0 done, 1 a check failed, 2 bad usage or input, 3 a comparison stays inconclusive, 70 internal error.",
            ".SH ENVIRONMENT",
            ".TP",
            ".B DYNO_PROFILES",
            "A folder with architectures, devices and laws in place of those that ship.",
            ".TP",
            ".B DYNO_INSTRUCTION_SET",
            "The instruction set to use in place of the best: scalar, avx2, avx512 and so on.",
        ]
    return name, "\n".join(lines) + "\n"


def pages(path, command, version):
    yield page(path, command, version)
    for one in command.get("subcommands", []):
        if one["commandName"] != "help":
            yield from pages([*path, one["commandName"]], one, version)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dyno", required=True)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()

    def output(option):
        return subprocess.run(
            [arguments.dyno, option], check=True, capture_output=True, text=True
        ).stdout

    help_tree = json.loads(output("--experimental-dump-help"))["command"]
    version = " ".join(output("--version").split()[:2])
    for name, text in pages([help_tree["commandName"]], help_tree, version):
        (arguments.folder / f"{name}.1").write_text(text)


if __name__ == "__main__":
    main()
