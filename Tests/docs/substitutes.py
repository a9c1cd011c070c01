"""What stands for a page's models, budgets and files, so that its commands run here within seconds.

All of it is in this file: a command that a page shows is changed by nothing else.
"""

import re

# Commands that cannot run here, by their text: their options are checked alone.
PARSED_ONLY = [
    (r"moe\.csv|kernels/", "timings of a GPU's kernels"),
    (r"closed-loop\.csv|host\.json|AzureLLM", "measurements of a server"),
    (r"--self-test", "takes 20 minutes by its nature"),
    (r"calibrate --measure", "takes minutes by its nature"),
    (r"huggingface/hub", "a model of a hub"),
    (r"^dyno (bench|describe) model-00001", "a model file in parts"),
    (r"--shard slurm", "a job array of Slurm: make test-slurm"),
    (r"^dyno host\b", "measures this machine for a minute"),
]

# Architectures that are executed: all but the smallest take minutes and gigabytes.
EXECUTED = {"bench", "ab", "sweep", "quality", "logits"}
LARGE = re.compile(r"^(llama|surefire|panda|smollm2-360m|qwen|gemma|olmo|granite|mixtral)[\w.-]*$")
SMALL = "smollm2-135m"

# Words by their form: files of people, in the folder that fixtures.py fills.
WORDS = [
    (r".*\.gguf", "model.gguf"),
    (r"model/", "model.gguf"),
    (r"504,808,15415", "1,2,3"),
    (r"(baseline|main|old|build-a)/.*dyno", "{dyno}"),
    (r"(candidate|branch|new|build-b)/.*dyno", "{dyno}"),
    (r"chinchilla-epoch\.csv", "runs.csv"),
]

# Values of options, where a command runs the engine.
VALUES = {
    "--prompt": "16",
    "--generate": "4",
    "--depth": "0,16",
    "--batch": "1,2",
    "--workload": "32x8",
    "--repetitions": "1",
    "--budget": "2s",
    "--concurrency": "1,2",
    "--count": "3",
    "--sbatch": "1",
    "--tokens-limit": "64",
    "--bytes": "200",
    "--drop-fewest-tokens-per-parameter": "1",
}

# Exit codes beside 0 that say no more than that two short runs differ.
ALLOWED = {"ab": {1, 3}, "compare": {1, 3}, "history": {1, 3}}


def reason_to_parse_only(command):
    for pattern, reason in PARSED_ONLY:
        if re.search(pattern, command.text):
            return reason
    return None


def substituted(command, dyno):
    """The words that run in the place of a command's."""
    verb = command.words[1]
    words = [dyno]
    previous = ""
    executes = verb in EXECUTED or "--verify" in command.words
    for word in command.words[1:]:
        if executes and previous in VALUES and previous != "":
            word = "0" if word == "0" and previous in ("--prompt", "--generate") else VALUES[previous]
        elif executes and LARGE.match(word) and previous not in ("--law", "--architecture"):
            word = SMALL
        for pattern, substitute in WORDS:
            if re.fullmatch(pattern, word):
                word = substitute.format(dyno=dyno)
                break
        words.append(word)
        previous = word
    if verb in ("bench", "ab", "quality", "logits") and "--threads" not in words:
        # Teams of threads wait for each other by turning: dear where processors are shared.
        words += ["--threads", "1"]
    if verb == "bench" or verb == "ab":
        # A few steps in place of the defaults' hundreds.
        if not {"--prompt", "--generate", "--workload", "--concurrency", "--rate"} & set(words):
            words += ["--prompt", "16", "--generate", "4"]
        if verb == "bench" and "--budget" in words:
            words += ["--over-budget"]
        elif verb == "bench" and "--repetitions" not in words:
            words += ["--repetitions", "1"]
        if verb == "ab" and "--budget" not in words:
            words[words.index("--") : words.index("--")] = ["--budget", "2s"]
    return words
