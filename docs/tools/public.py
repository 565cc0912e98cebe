"""What of the public classes is not for users: names that the house uses itself, and how answers are made."""

CHAIN = ("details", "from_reading", "grids", "largest", "patterns", "proves", "remarks", "shape_text", "sizes", "stage_costs")
INTERNAL = {
    "Plan": ("about", "association", "model", "problem", "schedule", "solution"),
    "PlanBatch": ("model", "problems", "solutions"),
    "Comparison": ("rows", "table"),
    "Elimination": ("problem", "found", "title"),
    "GraphChain": (*CHAIN, "graph_costs", "with_costs"),
    "JacobianChain": CHAIN,
    "JacobianFunction": ("backend", "function", "options"),
    "Banded": ("diagonals", "label", "pattern"),
    "BlockDiagonal": ("check", "label", "own_shape", "pattern"),
    "Dense": ("is_dense", "label", "pattern"),
    "Diagonal": ("diagonals", "pattern"),
    "Identity": ("diagonals", "is_identity", "pattern"),
    "Sparse": ("check", "label", "own_shape", "pattern"),
}
ANSWERS = {
    *(
        "Plan",
        "PlanBatch",
        "Comparison",
        "TapeFrontier",
        "Elimination",
        "Accumulation",
        "Multiplication",
        "Pushforward",
        "Pullback",
    ),
    *("JacobianFunction", "PreparedJacobian", "Tuned", "Composition"),
}


def hide_how_answers_are_made(_app, what, name, *_):
    """Return no signature for a class whose objects functions return."""
    return ("", None) if what == "class" and name.rpartition(".")[2] in ANSWERS else None
