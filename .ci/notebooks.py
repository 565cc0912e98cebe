"""Runs the notebooks from top to bottom: `check` compares what is kept in them with what their cells show, `run` keeps it.

A cell that measures seconds or bytes, or counts what another release of JAX may count otherwise, has the tag "numbers-vary":
of its texts all but the numbers is compared, of its figures only that they are there. Other figures may differ as much as
another release of matplotlib or its fonts makes them.
"""

import base64
import difflib
import hashlib
import io
import os
import re
import sys
import tempfile
from copy import deepcopy
from importlib import import_module
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

FOLDER = Path(__file__).parents[1] / "notebooks"
TIME_LIMIT = 300
PNG = "image/png"
WIDGET = "application/vnd.jupyter.widget-view+json"
STATES = "application/vnd.jupyter.widget-state+json"
PIXELS = 32, 32
MOST_DIFFERENT = 0.2  # of the ink of two figures made small: another font is 0.15, other curves are 0.25 and more


def executed(notebook):
    """Return a copy of a notebook with the outputs of a run in a fresh kernel."""
    fresh = deepcopy(notebook)
    resources = {"metadata": {"path": str(FOLDER)}}
    options = {"kernel_name": "python3", "record_timing": False, "coalesce_streams": True, "store_widget_state": True}
    NotebookClient(fresh, timeout=TIME_LIMIT, resources=resources, **options).execute()
    states = fresh.metadata.pop("widgets", {}).get(STATES, {}).get("state", {})
    for cell in code_cells(fresh):
        cell.outputs = [shown for output in cell.outputs for shown in without_widget(output, states)]
    fresh.metadata.update(language_info={"name": "python"}, sources=digest(fresh))
    return fresh


def without_widget(output, states):
    """Put what a widget shows at first in its place: GitHub draws no widgets."""
    view = output.get("data", {}).get(WIDGET)
    if view is None:
        return [output]
    state = states[view["model_id"]]["state"]
    parts = [part.removeprefix("IPY_MODEL_") for part in state.get("children", [])]
    return [nbformat.from_dict(shown) for part in parts for shown in states[part]["state"].get("outputs", [])]


def code_cells(notebook):
    """Return the cells that have outputs."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def digest(notebook):
    """Return a fingerprint of all code."""
    return hashlib.sha256("\0".join(cell.source for cell in code_cells(notebook)).encode()).hexdigest()[:16]


def texts(cell):
    """Return the lines that a cell shows, and the media type of everything else."""
    lines = []
    for output in cell.outputs:
        data = {"stdout": output.text} if output.output_type == "stream" and output.name == "stdout" else output.get("data", {})
        if output.output_type in {"error", "stream"} and not data:
            data = {"text/error": str(output.get("text", output.get("evalue")))}
        for media in sorted(data):
            lines += data[media].splitlines() if media.startswith(("text/", "stdout")) else [media]
    if "numbers-vary" in cell.metadata.get("tags", []):
        lines = [re.sub(r"[\s─-]*#[\s#─-]*", " # ", re.sub(r"\d[\d.,]*", "#", line)).strip() for line in lines]
    return lines


def pictures(cell):
    """Return the ink of the figures of a cell, made small."""
    shown = [output.data[PNG] for output in cell.outputs if PNG in output.get("data", {})]
    images = [
        Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").resize(PIXELS, Image.Resampling.BOX) for data in shown
    ]
    return [255.0 - np.asarray(image) for image in images]


def complaints(kept, fresh):
    """Yield what is wrong with the outputs that are kept."""
    if [cell.execution_count for cell in code_cells(kept)] != list(range(1, 1 + len(code_cells(kept)))):
        yield "its cells were not run from top to bottom"
    if kept.metadata.get("sources") != digest(kept):
        yield "its code was edited after its outputs were kept"
    for number, (old, new) in enumerate(zip(code_cells(kept), code_cells(fresh), strict=True), 1):
        before, after = texts(old), texts(new)
        if before != after:
            yield "\n".join(difflib.unified_diff(before, after, f"kept [{number}]", f"shown [{number}]", lineterm=""))
        elif "numbers-vary" not in old.metadata.get("tags", []):
            for was, now in zip(pictures(old), pictures(new), strict=True):
                difference = abs(was - now).sum() / (was + now).sum()
                if difference > MOST_DIFFERENT:
                    yield f"cell [{number}] draws another figure than the one kept: they differ by {difference:.0%} of their ink"


def main():
    """Check or run the notebooks named, or all of them."""
    command, names = sys.argv[1], sys.argv[2:]
    paths = sorted(FOLDER.glob("*.ipynb")) if not names else [FOLDER / Path(name).name for name in names]
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):  # the home may be read-only
            os.environ[variable] = scratch
        import_module("matplotlib.font_manager")  # lists the fonts once, which would be news in the first figure
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        for path in paths:
            kept = nbformat.read(path, as_version=4)
            try:
                fresh = executed(kept)
            except CellExecutionError as error:
                outcome, faults = "failed", [str(error)]
            else:
                faults = list(complaints(kept, fresh)) if command == "check" else []
                outcome = "run" if command == "run" else "stale" if faults else "as kept"
            if outcome == "run":
                nbformat.write(fresh, path)
            print(f"{path.name}: {outcome}", *faults, sep="\n", flush=True)
            failed = failed or bool(faults)
    if failed:
        sys.exit("mend them, run them again with: python .ci/notebooks.py run; look at what changed, and keep it")


if __name__ == "__main__":
    main()
