"""What the README and pages tell people to type, run and compared with what they show; and the table of the README, filled in."""

import difflib
import re
import subprocess
import sys
import tempfile
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


def draw():
    """Draw the figure of the README: large letters in little width, for it is looked at on phones, too."""
    from matplotlib.figure import Figure

    sys.path.insert(0, str(ROOT))
    import chainopt
    from benchmarks.reporting.plots import svg

    comparison = chainopt.compare([(1000, 3), (3, 500), (500, 2), (2, 800)])
    figure = Figure(figsize=(5, 6.4), layout="constrained")
    tree, bars = figure.subplots(2, height_ratios=(1.5, 1))
    comparison.optimal.plot(tree)
    comparison.plot(bars)
    (ROOT / ".github" / "images" / "plan.svg").write_text(svg(figure), encoding="utf-8")


def run(command, shown, folder=None):
    """Run a command; its output ends with what is shown of it, below what pip prints, which differs everywhere."""
    print(f"$ {command}", flush=True)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
    if shown.strip() and not done.stdout.strip().endswith(shown.strip()):
        lines = difflib.unified_diff(shown.splitlines(), done.stdout.splitlines(), "shown", "output", lineterm="")
        sys.exit("\n".join(lines))


def run_all(pages):
    """Run the commands of pages, those of each page in an empty folder of its own."""
    for page in pages:
        with tempfile.TemporaryDirectory() as folder:
            for command, shown in console_blocks(Path(page).read_text(encoding="utf-8")):
                run(command, shown, folder)


def main():
    """Print the test command, run all the others but the benchmarks or those of pages, draw the figure, or fill in the table."""
    text = README.read_text(encoding="utf-8")
    commands = {command: output for command, output in console_blocks(text) if "benchmarks" not in command}
    test_command = next(command for command in commands if "pytest" in command)
    match sys.argv[1:]:
        case ["test-command"]:
            print(test_command)
        case ["figure"]:
            draw()
        case ["commands"]:
            for command, output in commands.items():
                if command != test_command:
                    run(command, output)
        case ["commands", *pages]:
            run_all(pages)
        case ["table"]:
            fill_in_the_table(text)
        case _:
            sys.exit("usage: python .ci/readme.py test-command | commands [PAGE...] | figure | table")


if __name__ == "__main__":
    main()
