"""What the README tells people to type, run as it stands there, its output compared; and its tables, filled in anew."""

import difflib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def console_blocks():
    """Yield each command of the console blocks, with the output that the README shows."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def fill_in_tables():
    """Put the tables of benchmarks/report into the README."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.reporting.excerpts import filled
    from benchmarks.reporting.results import Results

    text = filled(README, Results.read(ROOT / "benchmarks" / "report" / "results.json"))
    (ROOT / "README.md").write_text(text, encoding="utf-8")


def main():
    """Print the test command, run all the others, or fill in the tables."""
    if sys.argv[1] == "tables":
        fill_in_tables()
        return
    commands = dict(console_blocks())
    test_command = next(command for command in commands if "pytest" in command and "benchmarks" not in command)
    if sys.argv[1] == "test-command":
        print(test_command)
        return
    others = [command for command in commands if command != test_command and "benchmarks" not in command]
    for command in others:
        print(f"$ {command}", flush=True)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdout=subprocess.PIPE, text=True, check=True)
        shown = commands[command].strip()
        # What pip says differs from machine to machine: what the README shows is what comes after it.
        if shown and not done.stdout.strip().endswith(shown):
            difference = difflib.unified_diff(shown.splitlines(), done.stdout.splitlines(), "README", "output", lineterm="")
            sys.exit("\n".join(difference))


main()
