"""What CI says of notebooks whose outputs are stale: the script that it runs, on outputs made up here."""

import base64
import io
import sys
from copy import deepcopy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / ".ci"


@pytest.fixture(scope="module")
def script(nbclient):  # noqa: ARG001 -- it needs nbclient
    if not FOLDER.exists():
        pytest.skip("only the repository has the script")
    sys.path.insert(0, str(FOLDER))
    try:
        import notebooks
    finally:
        sys.path.remove(str(FOLDER))
    return notebooks


def figure(heights):
    """Return a bar chart as a cell's output."""
    import matplotlib.pyplot as plt
    from nbformat.v4 import new_output

    axes = plt.figure(figsize=(4, 3)).add_subplot()
    axes.bar(range(len(heights)), heights)
    file = io.BytesIO()
    axes.figure.savefig(file, format="png")
    plt.close(axes.figure)
    return new_output("display_data", {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": "<Figure>"})


@pytest.fixture
def notebook(script):
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    printed = new_code_cell("print(2)", execution_count=1, outputs=[new_output("stream", text="costs 2\n")])
    drawn = new_code_cell("draw()", execution_count=2, outputs=[figure([1, 2, 3])])
    timed = new_code_cell("time()", execution_count=3, outputs=[new_output("stream", text="after  1.25 ms, 3 times\n")])
    timed.metadata["tags"] = ["numbers-vary"]
    made = new_notebook(cells=[printed, drawn, timed])
    made.metadata["sources"] = script.digest(made)
    return made


def test_nothing_to_say(script, notebook):
    assert list(script.complaints(notebook, deepcopy(notebook))) == []


def test_other_numbers_where_they_vary(script, notebook):
    other = deepcopy(notebook)
    other.cells[2].outputs[0].text = "after 311.5 ms, 12 times\n"
    assert list(script.complaints(notebook, other)) == []


def edit_text(notebook):
    notebook.cells[0].outputs[0].text = "costs 3\n"


def edit_words(notebook):
    notebook.cells[2].outputs[0].text = "before 1.25 ms, 3 times\n"


def edit_code(notebook):
    notebook.cells[1].source += "  # other"


def edit_figure(notebook):
    notebook.cells[1].outputs = [figure([3, 1, 1])]


def lose_figure(notebook):
    notebook.cells[1].outputs = []


def run_out_of_order(notebook):
    notebook.cells[1].execution_count = 7


def warn(notebook):
    from nbformat.v4 import new_output

    notebook.cells[0].outputs.append(new_output("stream", name="stderr", text="DeprecationWarning\n"))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (edit_text, "costs 3"),
        (edit_words, "before #"),
        (edit_code, "its code was edited"),
        (edit_figure, "another figure"),
        (lose_figure, "image/png"),
        (run_out_of_order, "from top to bottom"),
        (warn, "DeprecationWarning"),
    ],
)
def test_stale_outputs(script, notebook, edit, said):
    kept = deepcopy(notebook)
    edit(kept)
    (complaint,) = script.complaints(kept, notebook)
    assert said in complaint


def test_widgets_show_their_first_figure(script):
    from nbformat.v4 import new_output

    shown = figure([1])
    states = {
        "box": {"state": {"children": ["IPY_MODEL_slider", "IPY_MODEL_out"]}},
        "slider": {"state": {"value": 3}},
        "out": {"state": {"outputs": [dict(shown)]}},
    }
    widget = new_output("display_data", {script.WIDGET: {"model_id": "box"}})
    assert script.without_widget(widget, states) == [shown]
    assert script.without_widget(shown, states) == [shown]
