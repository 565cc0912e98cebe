"""Greedy star colorings of a symmetric sparse matrix: neighbors differ, and no path of four vertices has two colors.

Then of two symmetric places one can be read off the product with the sum of the columns of a color: the colors that meet around
a vertex twice are not those of its neighbors' other neighbors.

Reference: A. H. Gebremedhin, A. Tarafdar, F. Manne and A. Pothen, "New acyclic and star coloring algorithms with application to
computing Hessians", SIAM J. Sci. Comput. 29 (2007), algorithm 4.1, with the hub of a star looked for in the place of kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence


def color_stars(
    order: Sequence[int],
    begins: Sequence[int],
    neighbors: Sequence[int],
    forbidden: MutableSequence[int],
    met_by: MutableSequence[int],
    met: MutableSequence[int],
    treated: MutableSequence[int],
    colors: MutableSequence[int],
) -> int:
    """Give each vertex, in an order, the first color that keeps the coloring a star coloring; return how many colors there are.

    Parameters
    ----------
    order : (vertices,)
        All of them.
    begins, neighbors
        The neighbors of vertex v are ``neighbors[begins[v]:begins[v + 1]]``, itself not among them.
    forbidden, met_by, met : (vertices + 1,)
        Scratch by color, all -1: the last vertex that may not have it, the last that has a neighbor of it, and that neighbor.
    treated : (vertices,)
        Scratch, all -1: the last vertex that may have no color of a neighbor of this one.
    colors : (vertices,)
        All -1; the colors are left there.
    """
    count = 0
    for vertex in order:
        for place in range(begins[vertex], begins[vertex + 1]):
            near = neighbors[place]
            shade = colors[near]
            if shade < 0:
                continue
            forbidden[shade] = vertex
            if met_by[shade] == vertex:
                for start in (met[shade], near):
                    if treated[start] != vertex:
                        treated[start] = vertex
                        for step in range(begins[start], begins[start + 1]):
                            if colors[neighbors[step]] >= 0:
                                forbidden[colors[neighbors[step]]] = vertex
                continue
            met_by[shade], met[shade] = vertex, near
            for step in range(begins[near], begins[near + 1]):
                far = neighbors[step]
                if far == vertex or colors[far] < 0 or forbidden[colors[far]] == vertex:
                    continue
                for last in range(begins[far], begins[far + 1]):
                    if neighbors[last] != near and colors[neighbors[last]] == shade:
                        forbidden[colors[far]] = vertex
                        break
        free = 0
        while forbidden[free] == vertex:
            free += 1
        colors[vertex] = free
        if free >= count:
            count = free + 1
    return count
