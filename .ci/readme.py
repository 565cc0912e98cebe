"""What the README tells people to type, run as it stands there and its output compared; and its table of figures, filled in."""

import difflib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def console_blocks(text):
    """Yield each command of the console blocks, with the output that the README shows."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def fill_in_the_table(text):
    """Put the figures of benchmarks/report into the README."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.reporting.excerpts import filled
    from benchmarks.reporting.results import Results

    README.write_text(filled(text, Results.read(ROOT / "benchmarks" / "report" / "results.json")), encoding="utf-8")


def run(command, shown):
    """Run a command; its output ends with what the README shows of it, below what pip prints, which differs everywhere."""
    print(f"$ {command}", flush=True)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdout=subprocess.PIPE, text=True, check=True)
    if shown.strip() and not done.stdout.strip().endswith(shown.strip()):
        lines = difflib.unified_diff(shown.splitlines(), done.stdout.splitlines(), "README", "output", lineterm="")
        sys.exit("\n".join(lines))


def main():
    """Print the test command, run all the others but the benchmarks, or fill in the table."""
    text = README.read_text(encoding="utf-8")
    commands = {command: output for command, output in console_blocks(text) if "benchmarks" not in command}
    test_command = next(command for command in commands if "pytest" in command)
    match sys.argv[1:]:
        case ["test-command"]:
            print(test_command)
        case ["commands"]:
            for command, output in commands.items():
                if command != test_command:
                    run(command, output)
        case ["table"]:
            fill_in_the_table(text)
        case _:
            sys.exit("usage: python .ci/readme.py test-command | commands | table")


if __name__ == "__main__":
    main()
