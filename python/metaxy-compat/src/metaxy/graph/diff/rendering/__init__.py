"""Graphs drawn: for terminals, Mermaid and Graphviz. The drawings are Metalith's own."""

from dataclasses import dataclass
from typing import ClassVar

from metalith.graph import DrawnAs, FeatureGraph
from metalith.keys import FeatureKey
from typing_extensions import Self

from metaxy.graph.diff.models import GraphData
from metaxy.graph.diff.rendering.field_deps import render_field_deps_mermaid
from metaxy.graph.diff.rendering.theme import Theme

__all__ = [
    "BaseRenderer",
    "CardsRenderer",
    "GraphvizRenderer",
    "MermaidRenderer",
    "RenderConfig",
    "TerminalRenderer",
    "Theme",
    "render_field_deps_mermaid",
]


@dataclass
class RenderConfig:
    """What a drawing shows.

    Which features, and whether with versions, is as it says. The rest is taken so that calls keep
    working: fields are always shown, projects and titles never.
    """

    show_fields: bool = True
    show_feature_versions: bool = True
    show_field_versions: bool = True
    show_code_versions: bool = False
    show_project_version: bool = True
    hash_length: int = 8
    direction: str = "TB"
    feature: str | None = None
    up: int | None = None
    down: int | None = None
    project: str | None = None
    show_projects: bool = True
    title: str | None = None

    def get_feature_key(self) -> FeatureKey | None:
        """The feature in the middle, written with `/` or `__`."""
        if self.feature is None:
            return None
        return FeatureKey(self.feature.split("/" if "/" in self.feature else "__"))

    @classmethod
    def minimal(cls, show_projects: bool = True) -> Self:
        """Without versions."""
        return cls(
            show_feature_versions=False,
            show_field_versions=False,
            show_project_version=False,
            show_projects=show_projects,
        )

    @classmethod
    def default(cls) -> Self:
        """With short versions."""
        return cls()

    @classmethod
    def verbose(cls, show_projects: bool = True) -> Self:
        """With whole versions."""
        return cls(show_code_versions=True, hash_length=0, show_projects=show_projects)


class BaseRenderer:
    """Draws a graph.

    >>> print(MermaidRenderer(FeatureGraph()).render())
    flowchart TD
    <BLANKLINE>
    """

    form: ClassVar[DrawnAs] = "text"

    def __init__(
        self,
        graph: FeatureGraph | None = None,
        config: RenderConfig | None = None,
        graph_data: GraphData | None = None,
    ) -> None:
        if graph_data is None:
            if graph is None:
                raise ValueError("give `graph` or `graph_data`")
            graph_data = GraphData.from_feature_graph(graph)
        self.graph_data = graph_data
        self.config = config or RenderConfig()

    def render(self) -> str:
        """The drawing."""
        return self.graph_data.graph.render(
            self.form,
            features=self._features(),
            versions=self.config.show_feature_versions,
            version_length=self.config.hash_length or None,
        )

    def _features(self) -> list[FeatureKey] | None:
        graph, project = self.graph_data.graph, self.config.project
        definitions = graph.feature_definitions_by_key
        middle = self.config.get_feature_key()
        if middle is None and project is None:
            return None
        keys = set(definitions)
        if middle is not None:
            middle = graph.get_feature_definition(middle).key
            keys = self._around(middle, self.config.up, up=True)
            keys |= self._around(middle, self.config.down, up=False)
        return [key for key in keys if project in (None, definitions[key].project)]

    def _around(self, middle: FeatureKey, steps: int | None, *, up: bool) -> set[FeatureKey]:
        definitions = self.graph_data.graph.feature_definitions_by_key
        found, edge = {middle}, {middle}
        while edge and (steps is None or steps > 0):
            if up:
                near = {dep.feature for key in edge for dep in definitions[key].spec.deps}
            else:
                near = {key for key, it in definitions.items() if edge & it.spec.deps_by_key.keys()}
            edge = near - found
            found |= edge
            steps = None if steps is None else steps - 1
        return found


class TerminalRenderer(BaseRenderer):
    """As lines of text."""


class CardsRenderer(BaseRenderer):
    """As lines of text."""


class MermaidRenderer(BaseRenderer):
    """As a flowchart of Mermaid."""

    form = "mermaid"


class GraphvizRenderer(BaseRenderer):
    """As a digraph of Graphviz."""

    form = "dot"
