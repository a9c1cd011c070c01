"""What the executable says of its commands, and whether a command line fits that."""

import json
import subprocess


class Options:
    """The tree of commands with their options."""

    def __init__(self, dyno):
        text = subprocess.run(
            [dyno, "--experimental-dump-help"], check=True, capture_output=True, text=True
        ).stdout
        self.root = json.loads(text)["command"]

    def complaint(self, words):
        """What is wrong with a command line's words, or None."""
        words, behind = split_at_terminator(words[1:])
        command, used = self.root, 0
        for word in words:
            children = {one["commandName"]: one for one in command.get("subcommands", [])}
            if word not in children:
                break
            command, used = children[word], used + 1
        if used == 0 and words[:1] not in (["help"], ["--version"], ["--help"]):
            return f"there is no command {' '.join(words[:1])}"
        known = {
            ("--" if name["kind"] == "long" else "-") + name["name"]
            for argument in command.get("arguments", [])
            for name in argument.get("names") or []
        } | {"--help", "--version", "--generate-completion-script"}
        for word in words[used:]:
            if word.startswith("--") and word.split("=")[0] not in known:
                return f"dyno {' '.join(words[:used])} has no option {word}"
        # What stands behind -- is another command.
        return self.complaint(["dyno", *behind]) if behind else None


def split_at_terminator(words):
    if "--" not in words:
        return words, []
    index = words.index("--")
    return words[:index], words[index + 1 :]
