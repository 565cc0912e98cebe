"""Hostile inputs, by seed: what chainopt writes, with one thing or several things changed to what nobody should write."""

import bz2
import copy
import gzip
import json
import random

import networkx as nx
import numpy as np

import chainopt
from chainopt import Banded, BlockDiagonal, Jacobian, Sparse

SHAPES = [(4, 9), (9, 3), (3, 7), (7, 2)]
STAGES = [Jacobian(shape, jvp_cost=5, vjp_cost=7, tape=at, name=f"s{at}") for at, shape in enumerate(SHAPES)]
STRUCTURED = [
    Jacobian((4, 4), structure=Banded(1, 0)),
    Jacobian((4, 4), structure=BlockDiagonal([2, 2])),
    Jacobian((4, 4), structure=Sparse(np.eye(4) + np.eye(4)[0])),
    Jacobian((4, 4)),
]
GRAPH = nx.DiGraph([("x", "v"), ("v", "w"), ("w", "y"), ("x", "w"), ("v", "y")])
MATRICES = [np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 2))]
VALUES = [
    *(None, True, False, [], {}, "", 0, -1, 1, 7, 0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf")),
    *(2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, 10**400, -(10**30), 3 * 10**7, 10**9),
    *("\x1b[31m\ncost         1", "\0", "\ud800", "é" * 50, "x" * 5000, "1e9", "inf", "nan", "0x10", "²", "__proto__", "../../x"),
    *(
        [[]],
        [1],
        [1, 2],
        [[1, 2]],
        [None] * 3,
        {"format": 1},
        {"kind": "diagonal"},
        {"kind": "blockdiagonal", "blocks": [[10**9, 1]]},
    ),
    *({"kind": "banded", "lower": 10**18, "upper": 10**18}, {"kind": "sparse", "indptr": [0, 10**9], "indices": [0]}),
]
WORDS = [
    *("order", "compare", "frontier", "oder", "--json", "--file", "-", "--workers", "2", "inf", "-1", "0", "1e400", "--method"),
    *("exact", "cp-sat", "heuristic", "polygon", "textbook", "bogus", "--objective", "time", "--patterns", "estimated"),
    *("--tape-limit", "--memory-limit", "--time-limit", "0", "nan", "4x9", "9x3", "3x7", "7x2", "0x0", "2x2", "10**3", "x", "4x"),
    *(
        f"{10**30}x{10**30}",
        "99999999999999999999x2",
        "٤x٩",
        "\x1b[31m",
        "--",
        "-o",
        "--output",
        "",
        " ",
        "/dev/null",
        "no.json",
        "\ud800",
    ),
    *("--completion", "bash", "--help", "--version", "--jsn", "=", "--json=1", "--workers=3"),
]


def documents():
    """What is written of chains, plans, comparisons, frontiers and eliminations, and what reads each."""
    graph = GRAPH
    scheduled = chainopt.optimal_order(SHAPES, workers=2)
    plans = [chainopt.optimal_order(chain) for chain in (SHAPES, STAGES, STRUCTURED)]
    plans += [scheduled, chainopt.optimal_order(SHAPES, objective="time"), chainopt.optimal_order(chainopt.linearize(graph))]
    written = [(chainopt.Plan.from_dict, plan.to_dict()) for plan in plans]
    written += [(chainopt.JacobianChain.from_dict, plan.chain.to_dict()) for plan in plans[:3]]
    written.append((chainopt.GraphChain.from_dict, plans[5].chain.to_dict()))
    written.append((chainopt.Elimination.from_dict, chainopt.optimal_elimination(graph).to_dict()))
    files = [
        plans[0].to_dict(),
        plans[1].chain.to_dict(),
        chainopt.compare(SHAPES).to_dict(),
        {"dims": [4, 9, 3]},
        {"shapes": SHAPES},
    ]
    files += [
        chainopt.tape_frontier(STAGES).to_dict(),
        [[4, 9], {"shape": [9, 3], "jvp_cost": 5, "structure": {"kind": "banded"}}],
    ]
    return written, files


def mutated(draw, data):
    """Return a copy with some places changed."""
    data = copy.deepcopy(data)
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        holder = data
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(holder[key], dict | list) and holder[key] and draw.random() < 0.8:
                holder = holder[key]
                continue
            _change(draw, holder, key)
            break
    return data


def _change(draw, holder, key):
    what = draw.randrange(6)
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(draw.choice([holder[key], *VALUES])))
    elif what == 2 and type(holder[key]) is int:
        holder[key] += draw.choice([-1, 1, 10**6, 2**63])
    elif what == 3 and isinstance(holder, dict):
        holder[str(draw.choice(VALUES))[:40]] = copy.deepcopy(draw.choice(VALUES))
    else:
        holder[key] = copy.deepcopy(draw.choice(VALUES))


def garbled(draw, text):
    """Return a text with letters cut out, doubled or replaced, or nested deeply."""
    for _ in range(draw.choice([1, 1, 3])):
        begin = draw.randrange(len(text) + 1)
        end = min(len(text), begin + draw.choice([1, 1, 5, 40]))
        new = draw.choice(
            [
                "",
                text[begin:end] * 2,
                text[: text.find(",") + 1],
                "\0",
                "\x1b[31m",
                "9" * 50,
                "[" * 2000,
                '{"a":' * 2000,
                "<a>",
                "&x;",
                "\ufeff",
                "1e999",
            ]
        )
        text = text[:begin] + new + text[end:]
    return text


def graphml(draw):
    """Return a graph in GraphML, garbled."""
    sizes = [draw.choice(["30", "0", "-1", "x", str(2**63), "1e3", "", "99999999999"]) for _ in range(3)]
    structure = draw.choice(["", "diagonal", '{"kind": "blockdiagonal", "blocks": [[100000000, 1], [1, 1]]}', "[" * 3000])
    nodes = "".join(f'<node id="{name}"><data key="s">{size}</data></node>' for name, size in zip("xyz", sizes, strict=True))
    edges = "".join(
        f'<edge source="{tail}" target="{head}"><data key="t">{draw.choice(["7", "-1", "nan", "1e400", "a"])}</data>'
        f'<data key="k">{structure}</data></edge>'
        for tail, head in ("xy", "yz", draw.choice(["xz", "zx", "xx"]))
    )
    types = ["int", "string", "double", "boolean", "?"]
    keys = "".join(
        f'<key id="{key}" for="{kind}" attr.name="{name}" attr.type="{draw.choice(types)}"/>'
        for key, kind, name in (("s", "node", "size"), ("t", "edge", "c_tan"), ("k", "edge", "structure"))
    )
    head = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    text = f'{head}{keys}<graph edgedefault="directed">{nodes}{edges}</graph></graphml>'
    return garbled(draw, text) if draw.random() < 0.5 else text


def attempts(seed, count, folder):
    """Yield calls that read something hostile, each with a text that says what it is."""
    draw = random.Random(seed)
    written, files = documents()
    for number in range(count):
        kind = number % 6
        if kind == 0:
            door, data = draw.choice(written)
            changed = mutated(draw, data)
            yield f"{door.__qualname__} {changed!r}"[:2000], lambda door=door, changed=changed: door(changed)
        elif kind == 1:
            doors = [(chainopt.Plan.from_json, data) for _, data in written[:6]]
            door, data = draw.choice([*doors, (chainopt.Elimination.from_json, written[-1][1])])
            text = garbled(draw, json.dumps(data))
            yield f"{door.__qualname__} {text!r}"[:2000], lambda door=door, text=text: door(text)
        elif kind == 5:
            yield _call(draw)
        else:
            words = _words(draw, kind, files, folder / f"{number}")
            yield f"chainopt {words!r}", words


def _call(draw):
    """Return a call with arguments that nobody should give, and what it is."""
    options = {
        "objective": ["time", "multiplications"],
        "method": ["exact", "interval", "heuristic"],
        "patterns": ["exact", "estimated"],
        "tape_limit": [3],
        "memory_limit": [50],
        "workers": [2, float("inf")],
        "time_limit": [0, 0.1],
    }
    given = {name: draw.choice([*known, *VALUES]) for name, known in options.items() if draw.random() < 0.3}
    chain = draw.choice([SHAPES, STAGES, STRUCTURED, mutated(draw, [list(shape) for shape in SHAPES]), draw.choice(VALUES)])
    graph = nx.DiGraph([("x", "v"), ("v", "y")])
    names = ["size", "jvp_cost", "vjp_cost", "tape", "jacobian", "structure", "accumulation_cost"]
    graph.add_node("v", **{draw.choice(names): draw.choice(VALUES)})
    graph.add_edge("x", "v", **{draw.choice(names): draw.choice(VALUES) for _ in range(2)})
    factors = mutated(draw, [np.ones((2, 3)).tolist(), np.ones((3, 4)).tolist(), np.ones((4, 2)).tolist()])

    def one_of(known):
        return {name: draw.choice([*values, *VALUES]) for name, values in known.items() if draw.random() < 0.5}

    calls = {
        "optimal_order": lambda: chainopt.optimal_order(chain, **given),
        "compare": lambda: chainopt.compare(chain, **given),
        "Jacobian": lambda: Jacobian((2, 3), **{draw.choice(names[1:4]): draw.choice(VALUES)}),
        "from_dims": lambda: chainopt.JacobianChain.from_dims(draw.choice(VALUES)),
        "optimal_orders": lambda: chainopt.optimal_orders(draw.choice([[[2, 3, 4]], *VALUES])),
        "linearize": lambda: chainopt.optimal_order(chainopt.linearize(graph)),
        "optimal_elimination": lambda: chainopt.optimal_elimination(graph),
        "search": lambda: chainopt.optimal_elimination(GRAPH, **one_of({"method": ["annealing"], "seed": [1]})),
        "ends": lambda: chainopt.linearize(GRAPH, **one_of({"inputs": [["x"], ["v"]], "outputs": [["y"], ["w", "y"]]})),
        "accumulate": lambda: chainopt.accumulate(graph),
        "elimination": lambda: chainopt.optimal_elimination(GRAPH).execute(
            {("x", "v"): draw.choice(VALUES), ("v", "w"): factors}
        ),
        "tape_frontier": lambda: chainopt.tape_frontier(chain, **one_of({"objective": ["time"]})),
        "calibrate": lambda: chainopt.calibrate(draw.choice([draw.choice(VALUES[1:16]), [np.ones((2, 3)), draw.choice(VALUES)]])),
        "execute": lambda: chainopt.optimal_order([(2, 3), (3, 4), (4, 2)]).execute(factors),
        "options": lambda: chainopt.optimal_order(MATRICES).execute(
            MATRICES, **one_of({"workers": [2], "chunk_size": [1], "out": [np.ones((2, 2))], "client": [None], "gather": [True]})
        ),
    }
    name = draw.choice(list(calls))
    return f"{name} {chain!r} {given!r} {graph.edges(data=True)!r} {factors!r}"[:2000], calls[name]


def _words(draw, kind, files, path):
    if kind == 4:
        return draw.choices(WORDS, k=draw.randrange(8))
    if kind == 3:
        path = path.with_suffix(".graphml")
        text = graphml(draw)
    else:
        path = path.with_suffix(".json")
        lines = "\n".join(
            " ".join(str(draw.choice([4, 9, 0, -1, "x", 2**63, ""])) for _ in range(draw.randrange(4))) for _ in range(4)
        )
        text = draw.choice([json.dumps(mutated(draw, draw.choice(files))), garbled(draw, json.dumps(draw.choice(files))), lines])
    content = text.encode("utf-8", "surrogatepass")
    if draw.random() < 0.15:
        path = path.with_suffix(f"{path.suffix}.{draw.choice(['gz', 'bz2'])}")
        content = (gzip.compress if path.suffix == ".gz" else bz2.compress)(content)[: draw.choice([None, None, -1, 9])]
    path.write_bytes(content)
    return [draw.choice(["order", "compare", "frontier"]), "--file", str(path), *draw.choice([[], ["--json"]])]
