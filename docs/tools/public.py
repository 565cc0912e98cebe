"""Which names of the public classes are not for users."""

INTERNAL = {
    "Plan": ("about", "association", "model", "problem", "schedule", "solution"),
    "PlanBatch": ("model", "problems", "solutions"),
    "Comparison": ("rows", "table"),
    "Elimination": ("problem", "found", "title"),
    "GraphChain": ("graph_costs", "proves", "remarks", "with_costs"),
    "JacobianChain": (
        *("details", "from_reading", "grids", "largest", "patterns", "proves", "remarks", "shape_text", "sizes", "stage_costs"),
    ),
    "JacobianFunction": ("backend", "function", "options"),
    "Banded": ("diagonals", "label", "pattern"),
    "BlockDiagonal": ("check", "label", "own_shape", "pattern"),
    "Dense": ("is_dense", "label", "pattern"),
    "Diagonal": ("diagonals", "pattern"),
    "Identity": ("diagonals", "is_identity", "pattern"),
    "Sparse": ("check", "label", "own_shape", "pattern"),
}
