"""Walking through a graph."""

from collections.abc import Iterable, Mapping

from metalith.keys import FeatureKey

from metaxy.graph.diff.models import GraphData, GraphNode

__all__ = ["GraphWalker"]


class GraphWalker:
    """Puts the features of a graph in order, and finds what is around one.

    >>> a, b = FeatureKey("a"), FeatureKey("b")
    >>> nodes = {"a": GraphNode(key=a, dependencies=[b]), "b": GraphNode(key=b)}
    >>> [str(it.key) for it in GraphWalker(GraphData(nodes=nodes)).topological_sort()]
    ['b', 'a']
    """

    def __init__(self, graph_data: GraphData) -> None:
        self.graph_data = graph_data

    def topological_sort(self, nodes_to_include: set[str] | None = None) -> list[GraphNode]:
        """Upstreams first, else by name; of all, or of these."""
        nodes = self.graph_data.nodes
        wanted = set(nodes) if nodes_to_include is None else nodes_to_include
        found: dict[str, GraphNode] = {}
        # Each is put down once more, behind its upstreams, and taken when they are there.
        todo = [(key, False) for key in _sorted(wanted, backwards=True)]
        seen: set[str] = set()
        while todo:
            key, ready = todo.pop()
            if ready:
                found[key] = nodes[key]
            elif key not in seen:
                seen.add(key)
                near = wanted & {str(it) for it in nodes[key].dependencies}
                todo.append((key, True))
                todo += [(it, False) for it in _sorted(near, backwards=True)]
        return list(found.values())

    def bfs_from(self, start_key: FeatureKey, max_depth: int | None = None) -> list[GraphNode]:
        """A feature and its upstreams, nearest first, so many steps away or all."""
        nodes = self.graph_data.nodes
        return [nodes[it] for it in self._around(str(start_key), self._upstreams(), max_depth)]

    def extract_subgraph(
        self, focus_key: FeatureKey, up: int | None = None, down: int | None = None
    ) -> GraphData:
        """What is around a feature: so many steps up and down, by default all."""
        data, middle = self.graph_data, str(focus_key)
        if middle not in data.nodes:
            raise ValueError(f"Feature '{middle}' not found in graph")
        downstreams: dict[str, list[str]] = {}
        for key, near in self._upstreams().items():
            for it in near:
                downstreams.setdefault(it, []).append(key)
        kept = {
            *self._around(middle, self._upstreams(), up),
            *self._around(middle, downstreams, down),
        }
        return data.model_copy(
            update={
                "nodes": {key: it for key, it in data.nodes.items() if key in kept},
                "edges": [
                    it for it in data.edges if {str(it.from_key), str(it.to_key)}.issubset(kept)
                ],
            }
        )

    def get_root_nodes(self) -> list[GraphNode]:
        """All that depend on nothing."""
        return [node for node in self.graph_data.nodes.values() if not node.dependencies]

    def _upstreams(self) -> dict[str, list[str]]:
        return {
            key: [str(it) for it in node.dependencies]
            for key, node in self.graph_data.nodes.items()
        }

    def _around(self, start: str, near: Mapping[str, list[str]], steps: int | None) -> list[str]:
        if start not in self.graph_data.nodes:
            return []
        found, edge = {start: None}, [start]
        left = None if steps is None or steps < 0 else steps
        while edge and left != 0:
            ring = dict.fromkeys(it for key in edge for it in near.get(key, ()))
            edge = [it for it in ring if it in self.graph_data.nodes and it not in found]
            found.update(dict.fromkeys(edge))
            left = None if left is None else left - 1
        return list(found)


def _sorted(keys: Iterable[str], *, backwards: bool) -> list[str]:
    return sorted(keys, key=str.lower, reverse=backwards)
