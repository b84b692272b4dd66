"""TF 1's control flow made functions: Enter, Switch, Merge, Exit become While and If, which can be cut around.

In TF 1 a loop or a condition is a neighbourhood of the graph, and what is in it can be neither fetched nor fed. Each is
taken out, innermost first, built again by `tf.while_loop` or `tf.cond`, and spliced in where it was, under the names
that the rest of the graph reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.arrays1 import lists_for_arrays
from tfx_explain.savedmodel.graph.flat import in_order, index_of, node_of, unmarked

v1 = tf.compat.v1

FLOW = frozenset({"Enter", "Exit", "Switch", "Merge", "NextIteration", "LoopCond"})


def functionalize(graph_def: Any, tensors: Sequence[str]) -> Any:
    """A GraphDef that computes `tensors` without TF 1 control flow and control edges.

    Raises:
        ValueError: if a loop or condition is not as TensorFlow builds them.
    """
    every, controls = with_data_inputs(graph_def.node)
    nodes, library = in_order(every, tensors), graph_def.library
    if any(node.op in FLOW for node in nodes.values()):
        nodes = in_order(lists_for_arrays(nodes), tensors)
        try:
            rewriter = _Rewriter(graph_def, nodes, controls, steady=True)
            rewriter.replace_all()
        except ValueError:  # a loop's variable changes its shape from round to round
            rewriter = _Rewriter(graph_def, nodes, controls, steady=False)
            rewriter.replace_all()
        nodes, library = in_order(rewriter.nodes, tensors), rewriter.library
    for node in nodes.values():
        if node.op in FLOW:
            raise ValueError(
                f"The control flow around node {node.name!r} ({node.op}) is none that tf.while_loop or tf.cond builds; "
                "export the model with tf.compat.v1.enable_control_flow_v2()."
            )
    return v1.GraphDef(versions=graph_def.versions, library=library, node=nodes.values())


def with_data_inputs(nodes: Iterable[Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Copies of nodes by name, inputs written `name:index`, control edges apart: names by the waiting node's."""
    data, controls = {}, {}
    for node in nodes:
        copy = unmarked(node)
        controls[node.name] = [name[1:] for name in node.input if name.startswith("^")]
        del copy.input[:]
        copy.input.extend(n if ":" in n else f"{n}:0" for n in node.input if not n.startswith("^"))
        data[node.name] = copy
    return data, controls


@dataclass
class _Loop:
    """One frame: loop variables by position, and what every round reads.

    Attributes:
        starts: the tensor that each variable begins with.
        states: the tensor that the condition reads of each.
        steps: the tensors that the body reads of each.
        results: the tensor that the body makes of each.
        exits: the nodes that pass on the last value, by the variable's position.
        constants: inside the loop's tensor to the one outside.
        condition: the tensor that decides on a further round.
    """

    starts: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    exits: list[tuple[int, str]] = field(default_factory=list)
    constants: dict[str, str] = field(default_factory=dict)
    condition: str = ""


class _Rewriter:
    """A graph in which loops and conditions are replaced one by one.

    Attributes:
        nodes: by name; what was replaced is left where nothing reads it any more.
        library: the functions that nodes refer to.
    """

    def __init__(
        self, graph_def: Any, nodes: Mapping[str, Any], controls: Mapping[str, list[str]], *, steady: bool
    ) -> None:
        """Takes a graph.

        Args:
            graph_def: whose library and versions count.
            nodes: of the graph, inputs written `name:index`.
            controls: the nodes that each waits for.
            steady: whether a loop's variables keep the shapes that they begin with.
        """
        self.nodes, self.library = dict(nodes), v1.GraphDef(library=graph_def.library).library
        self._controls, self._versions, self._steady = controls, graph_def.versions, steady
        self._graph = tf.Graph()  # tells dtypes and shapes
        with self._graph.as_default():
            shaped = [_first_round(self.nodes, node) if steady else node for node in nodes.values()]
            tf.graph_util.import_graph_def(self._graph_def(shaped), name="")

    def replace_all(self) -> None:
        """Replaces what is inside of others before them, until there is nothing more that can be."""
        loops = list(_find_loops(self.nodes))
        merges = [node.name for node in self.nodes.values() if _is_join(self.nodes, node)]
        while True:
            done_loops = [loop for loop in loops if self._replace_loop(loop)]
            done_merges = [name for name in merges if self._replace_condition(name)]
            if not done_loops and not done_merges:
                return
            loops = [loop for loop in loops if loop not in done_loops]
            merges = [name for name in merges if name not in done_merges]

    def _replace_loop(self, loop: _Loop) -> bool:
        inside = dict.fromkeys([*loop.states, *loop.steps, *loop.constants])
        if not self._is_plain([loop.condition, *loop.results], inside):
            return False
        outside = [*loop.starts, *loop.constants.values()]

        def build(*given: tf.Tensor) -> Any:
            constants = dict(zip(loop.constants, given[len(loop.starts) :], strict=True))

            def fed(names: Sequence[str], variables: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
                return (
                    constants
                    | dict(zip(loop.states, variables, strict=True))
                    | dict(zip(names, variables, strict=True))
                )

            def condition(*variables: tf.Tensor) -> tf.Tensor:
                return self._import([loop.condition], fed(loop.states, variables))[0]

            def body(*variables: tf.Tensor) -> list[tf.Tensor]:
                return self._import(loop.results, fed(loop.steps, variables))

            starts = list(given[: len(loop.starts)])
            # A shape of any rank; the stubs lack None.
            shapes = None if self._steady else [tf.TensorShape(None)] * len(starts)  # type: ignore[arg-type]
            return tf.while_loop(condition, body, starts, shapes)

        scope = loop.exits[0][1] if loop.exits else node_of(loop.condition)
        finals = self._splice(f"{scope}/functional", build, outside)
        for position, name in loop.exits:
            self._stand_in(name, finals[position])
        return True

    def _replace_condition(self, merge: str) -> bool:
        results = list(self.nodes[merge].input)
        entries = [self._entries(tensor) for tensor in results]
        switches = [tensor for found in entries for tensor in found or ()]
        deciders = {self._origin(self.nodes[node_of(tensor)].input[1]) for tensor in switches}
        ports = [{index_of(tensor) for tensor in found or ()} for found in entries]
        if None in entries or len(deciders) != 1 or any(len(port) > 1 for port in ports) or ports[0] == ports[1]:
            return False
        by_port = dict(zip([1, 0] if 1 in ports[0] or 0 in ports[1] else [0, 1], results, strict=True))
        (decider,) = deciders

        def build(decision: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
            fed = dict(zip(switches, given, strict=True))
            branches = [lambda port=port: self._import([by_port[port]], fed)[0] for port in (1, 0)]
            return tf.cond(decision, *branches)

        outside = [decider, *(self.nodes[node_of(tensor)].input[0] for tensor in switches)]
        self._stand_in(merge, self._splice(f"{merge}/functional", build, outside)[0])
        return True

    def _entries(self, result: str) -> list[str] | None:
        """The outputs of Switch ops behind which a branch begins; None where there is other control flow before."""
        found: dict[str, None] = {}
        queue, seen = [result], {result}
        while queue:
            tensor = queue.pop()
            node = self.nodes[node_of(tensor)]
            if node.op == "Switch":
                found[tensor] = None
                continue
            if node.op in FLOW:
                return None
            found |= dict.fromkeys(self._pivots(node.name))
            queue += [other for other in node.input if other not in seen]
            seen.update(node.input)
        return list(found)

    def _pivots(self, name: str) -> Iterator[str]:
        """The outputs of Switch ops that a node waits for: how a constant is tied to its branch."""
        for control in self._controls.get(name, ()):
            node = self.nodes.get(control)
            if node is not None and node.op == "Identity" and self.nodes[node_of(node.input[0])].op == "Switch":
                yield node.input[0]

    def _origin(self, tensor: str) -> str:
        while self.nodes[node_of(tensor)].op == "Identity":
            tensor = self.nodes[node_of(tensor)].input[0]
        return tensor

    def _is_plain(self, fetches: Sequence[str], feeds: Collection[str]) -> bool:
        return not any(node.op in FLOW for node in in_order(self.nodes, fetches, feeds).values())

    def _import(self, fetches: Sequence[str], feeds: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        nodes = in_order(self.nodes, fetches, feeds)
        read = {tensor for node in nodes.values() for tensor in node.input}
        computed = [tensor for tensor in fetches if tensor not in feeds]
        imported = tf.graph_util.import_graph_def(
            self._graph_def(nodes.values()),
            # The identity is what a function takes in from outside of it.
            {name: tf.identity(feeds[name]) for name in feeds if name in read},
            computed,
            name="",
        )
        by_name = dict(zip(computed, imported, strict=True)) | dict(feeds)
        return [by_name[tensor] for tensor in fetches]

    def _splice(self, scope: str, build: Callable[..., Any], arguments: Sequence[str]) -> list[str]:
        """Adds what `build` makes of the tensors `arguments`, under `scope`; returns the tensors that it returns."""
        once = list(dict.fromkeys(arguments))  # the gradient of If fails where it reads the same tensor twice

        def expand(*given: tf.Tensor) -> Any:
            by_name = dict(zip(once, given, strict=True))
            return build(*(by_name[tensor] for tensor in arguments))

        function = v1.wrap_function(expand, [self._spec(tensor) for tensor in once])
        graph_def = function.graph.as_graph_def()
        names = {tensor.name: argument for tensor, argument in zip(function.inputs, once, strict=True)}
        added, _ = with_data_inputs(graph_def.node)
        for node in added.values():
            if f"{node.name}:0" not in names:
                node.name = f"{scope}/{node.name}"
                inputs = [names.get(tensor, f"{scope}/{tensor}") for tensor in node.input]
                del node.input[:]
                node.input.extend(inputs)
                self.nodes[node.name] = node
        known = {function.signature.name for function in self.library.function}
        self.library.function.extend(f for f in graph_def.library.function if f.signature.name not in known)
        return [names.get(tensor.name, f"{scope}/{tensor.name}") for tensor in function.outputs]

    def _stand_in(self, name: str, tensor: str) -> None:
        """Puts `tensor` where node `name` was."""
        dtype = self._spec(f"{name}:0").dtype
        self.nodes[name] = v1.NodeDef(name=name, op="Identity", input=[tensor])
        self.nodes[name].attr["T"].type = dtype.as_datatype_enum

    def _spec(self, tensor: str) -> tf.TensorSpec:
        found = self._graph.get_tensor_by_name(tensor)
        return tf.TensorSpec(found.shape, found.dtype)

    def _graph_def(self, nodes: Iterable[Any]) -> Any:
        return v1.GraphDef(versions=self._versions, library=self.library, node=nodes)


def _first_round(nodes: Mapping[str, Any], node: Any) -> Any:
    """A node that gives what a loop's variable begins with, in place of the one that gives its present value."""
    if node.op != "Merge" or _is_join(nodes, node):
        return node
    start = next(tensor for tensor in node.input if nodes[node_of(tensor)].op == "Enter")
    return v1.NodeDef(name=node.name, op="Merge", input=[start, start], attr={**node.attr})


def _is_join(nodes: Mapping[str, Any], node: Any) -> bool:
    """Whether a node is where the branches of a condition meet."""
    return node.op == "Merge" and not any(nodes[node_of(t)].op in ("Enter", "NextIteration") for t in node.input)


def _find_loops(nodes: Mapping[str, Any]) -> Iterator[_Loop]:
    readers: dict[str, list[Any]] = {}
    for node in nodes.values():
        for tensor in node.input:
            readers.setdefault(tensor, []).append(node)
    frames: dict[bytes, _Loop] = {}
    for enter in (node for node in nodes.values() if node.op == "Enter"):
        loop = frames.setdefault(enter.attr["frame_name"].s, _Loop())
        merge = next((node for node in readers.get(f"{enter.name}:0", ()) if node.op == "Merge"), None)
        if merge is None:
            loop.constants[f"{enter.name}:0"] = enter.input[0]
            continue
        (back,) = [tensor for tensor in merge.input if tensor != f"{enter.name}:0"]
        switch = next((node for node in readers.get(f"{merge.name}:0", ()) if node.op == "Switch"), None)
        loop.exits += [
            (len(loop.starts), node.name)
            for node in (readers.get(f"{switch.name}:0", ()) if switch is not None else ())
            if node.op == "Exit"
        ]
        loop.starts.append(enter.input[0])
        loop.states.append(f"{merge.name}:0")
        loop.steps.append(f"{switch.name}:1" if switch is not None else f"{merge.name}:0")
        loop.results.append(nodes[node_of(back)].input[0])
        if switch is not None:
            loop.condition = nodes[node_of(switch.input[1])].input[0]  # of LoopCond
    yield from (loop for loop in frames.values() if loop.condition)
