"""Declares an op in one place: what it takes and returns, what runs it, and its gradients, all by names.

    _fwd = declare(
        "weighted_rows_fwd(rows: real (T, C), ids: int64 (P, J), weights: real (P, J)) -> sums: real (P, C)",
        backend.weighted_rows_fwd,
        {"rows": _grad_rows, "weights": _grad_weights},
    )

From that come the ``torch.library`` op, its fake and its autograd, so ``torch.compile`` keeps it whole.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.backend.records import Side, parse_shape
from r3d_cli.ops.bridge import LIBRARY, register


@dataclass(frozen=True)
class Value:
    """An argument or a result of an op."""

    name: str
    kind: str  # "real" or another dtype of a tensor; "int", "float", "bool", "scalar" or "str" of others
    shape: tuple[Side, ...] | None = None  # of a tensor; of an integer, the side that it is
    optional: bool = False

    @property
    def schema(self) -> str:
        numbers = {"int": "SymInt", "scalar": "Scalar", "float": "float", "bool": "bool", "str": "str"}
        return numbers.get(self.kind, "Tensor") + "?" * self.optional


class Span(NamedTuple):
    """Where a record's fields stand among the inputs."""

    name: str
    begin: int
    end: int
    kind: type


@dataclass(frozen=True)
class Op:
    """A declared op; called with its arguments, records whole."""

    name: str
    stem: str  # of its files
    inputs: tuple[Value, ...]  # records unfolded
    outputs: tuple[Value, ...]
    records: tuple[Span, ...]
    differentiable: tuple[str, ...]
    torch_op: Any = field(repr=False)

    def __call__(self, *arguments: Any) -> Any:
        if not self.records:
            return self.torch_op(*arguments)
        flat: list[Any] = []
        for argument in arguments:
            if isinstance(argument, tuple):
                flat += argument
            else:
                flat.append(argument)
        return self.torch_op(*flat)


#: Every op that was declared, by name.
OPS: dict[str, Op] = {}

#: The gradient of these arguments, from a function of saved values and of results' gradients, by their names.
Gradients = Mapping[str, Callable[..., Any]]


def declare(
    signature: str,
    run: Callable[..., Any],
    gradients: Gradients | str | None = None,
    *,
    fake: Callable[..., Any] | None = None,
    records: tuple[type, ...] = (),
    constant: tuple[str, ...] = (),
) -> Op:
    """Make a ``torch.library`` op of a launcher, with its gradients.

    Args:
        signature: ``name(argument: type, ...) -> result: type, ...``. A tensor's type is its dtype and its
            shape, ``real (N + 1, 3)``, with ``real?`` for one that may be None, or ``tensor`` for any dtype
            and shape; others' are ``int``, ``float``, ``bool``, ``scalar``, ``str``. An integer that is a
            side of shapes says which: ``num_rows: int T``. A record's is the name of its class.
        run: Takes the arguments in this order, tensors as `register` says, records whole.
        gradients: By the names of arguments, ``"verts"`` or ``"verts, uvs"``, a function that returns the
            gradient, or as many; it is not called where none of them is needed. Its parameters say by their
            names what it needs: arguments and results of the op, which are then saved, and ``grad_<result>``,
            None where that result was not used. A text instead: what the error says that a derivative raises.
        fake: As `register` takes it; by default results are made from their shapes.
        records: Classes of named tuples that the signature names.
        constant: Results of floating point that have no gradient.

    Returns:
        The op.
    """
    name, inputs, outputs, spans = _parse(signature, {kind.__name__: kind for kind in records})
    results = ", ".join(output.schema for output in outputs)
    schema = ", ".join(f"{value.schema} {value.name}" for value in inputs)
    op = register(
        f"{name}({schema}) -> {results if len(outputs) == 1 else f'({results})'}",
        _folded(run, spans),
        fake or _fake_of(inputs, outputs),
    )
    stem = run.__module__.rpartition(".")[2]
    targets = () if gradients is None or isinstance(gradients, str) else tuple(gradients)
    names = tuple(part.strip() for target in targets for part in target.split(","))
    OPS[name] = Op(name, stem, inputs, outputs, spans, names, op)
    if isinstance(gradients, str):
        _refuse(op, gradients)
    elif gradients is not None:
        _differentiate(op, OPS[name], gradients, constant)
    return OPS[name]


def _parse(
    signature: str, classes: dict[str, type]
) -> tuple[str, tuple[Value, ...], tuple[Value, ...], tuple[Span, ...]]:
    found = re.fullmatch(r"\s*(\w+)\((.*)\)\s*->\s*(.*)", signature, re.S)
    if not found:
        raise ValueError(f"an op is declared: name(argument: type, ...) -> result: type, got {signature!r}")
    inputs: list[Value] = []
    spans: list[Span] = []
    for text in _split(found[2]):
        name, kind = (part.strip() for part in text.split(":"))
        if kind in classes:
            fields = [
                _of_annotation(field, annotation)
                for field, annotation in classes[kind].__annotations__.items()
            ]
            spans.append(Span(name, len(inputs), len(inputs) + len(fields), classes[kind]))
            inputs += fields
        else:
            inputs.append(_value(name, kind))
    names = [value.name for value in inputs] + [span.name for span in spans]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{found[1]}: two arguments, or fields of records, are called {twice[0]}")
    outputs = [_value(*(part.strip() for part in text.split(":"))) for text in _split(found[3])]
    return found[1], tuple(inputs), tuple(outputs), tuple(spans)


def _split(text: str) -> list[str]:
    """At the commas outside of parentheses."""
    return [part for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def _value(name: str, kind: str) -> Value:
    found = re.fullmatch(r"(\w+)(\??)\s*(\(.*\)|[A-Z]?)", kind)
    shape = None
    if found and found[3]:
        shape = parse_shape(found[3] if found[3].startswith("(") else f"({found[3]},)")
    if not found or (found[3] and shape is None):
        raise ValueError(f"{name}: a type is real (N, 3), int64? (F, 3), int T or bool, got {kind!r}")
    return Value(name, found[1], shape, bool(found[2]))


def _of_annotation(name: str, annotation: Any) -> Value:
    """A field of a record: a number, a text, or else an array."""
    written = getattr(annotation, "__forward_arg__", annotation)  # of "from __future__ import annotations"
    kind, _, optional = str(written).partition(" | ")
    return Value(
        name, kind if kind in ("float", "bool", "int", "str") else "tensor", None, optional == "None"
    )


def _folded(run: Callable[..., Any], spans: tuple[Span, ...]) -> Callable[..., Any]:
    if not spans:
        return run
    return lambda *flat: run(*_fold(flat, spans))


def _fold(flat: tuple[Any, ...], spans: tuple[Span, ...]) -> list[Any]:
    """Arguments with their records whole."""
    out: list[Any] = []
    at = 0
    for _, begin, end, kind in spans:
        out += [*flat[at:begin], kind(*flat[begin:end])]
        at = end
    return [*out, *flat[at:]]


def _fake_of(inputs: tuple[Value, ...], outputs: tuple[Value, ...]) -> Callable[..., Any]:
    """Empty results, of the shapes and dtypes that are declared."""

    def fake(*arguments: Any) -> Any:
        sizes: dict[str, Any] = {}
        given = list(zip(inputs, arguments, strict=True))
        for value, argument in given:
            if argument is not None and value.shape:
                shape = argument.shape if isinstance(argument, Tensor) else (argument,)
                for (letter, factor, plus), size in zip(value.shape, shape, strict=False):
                    if letter is not None and factor == 1:
                        sizes.setdefault(letter, size - plus)
        tensors = [(value.kind, argument) for value, argument in given if isinstance(argument, Tensor)]
        real = next((tensor.dtype for kind, tensor in tensors if kind == "real"), None)
        made = []
        for output in outputs:
            sides = [
                plus if letter is None else factor * sizes[letter] + plus
                for letter, factor, plus in output.shape or ()
            ]
            dtype = real if output.kind == "real" else getattr(torch, output.kind)
            made.append(tensors[0][1].new_empty(sides, dtype=dtype))
        return made[0] if len(made) == 1 else tuple(made)

    return fake


def _differentiate(torch_op: Any, op: Op, gradients: Gradients, constant: tuple[str, ...]) -> None:
    index = {value.name: number for number, value in enumerate(op.inputs)}
    results = {value.name: number for number, value in enumerate(op.outputs)}
    grads = {f"grad_{name}": number for name, number in results.items()}
    parts = []  # what each function is of, and takes
    for target, function in gradients.items():
        names = [part.strip() for part in target.split(",")]
        takes = list(inspect.signature(function).parameters)
        known = {**index, **results, **grads, **{record.name: 0 for record in op.records}}
        if wrong := [name for name in [*names, *takes] if name not in known]:
            raise ValueError(f"{op.name}: its gradient of {target} names {wrong[0]}, which it does not have")
        parts.append(([index[name] for name in names], function, takes))
    needed = {name for _, _, takes in parts for name in takes if name not in grads}
    folded = [record for record in op.records if record.name in needed]
    needed |= {value.name for record in folded for value in op.inputs[record.begin : record.end]}
    keep = [name for name in index if name in needed]
    kept_results = [name for name in results if name in needed and name not in index]

    def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.set_materialize_grads(False)
        outputs = output if isinstance(output, tuple) else (output,)
        if constant:
            ctx.mark_non_differentiable(*(outputs[results[name]] for name in constant))
        values = {name: inputs[index[name]] for name in keep}
        values |= {name: outputs[results[name]] for name in kept_results}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        ctx.names = list(tensors)
        ctx.others = {name: value for name, value in values.items() if name not in tensors}
        ctx.save_for_backward(*tensors.values())

    def backward(ctx: Any, *given: Any) -> tuple[Any, ...]:
        out: list[Any] = [None] * len(op.inputs)
        if all(grad is None for grad in given):
            return tuple(out)
        values = dict(zip(ctx.names, ctx.saved_tensors, strict=True)) | ctx.others
        values |= {name: given[number] for name, number in grads.items()}
        for name, begin, end, kind in folded:
            values[name] = kind(*(values[value.name] for value in op.inputs[begin:end]))
        needs = ctx.needs_input_grad
        for targets, function, takes in parts:
            if any(needs[target] for target in targets):
                found = function(*(values[name] for name in takes))
                for target, grad in zip(targets, found if len(targets) > 1 else (found,), strict=True):
                    out[target] = grad
        return tuple(out)

    torch.library.register_autograd(torch_op, backward, setup_context=save, lib=LIBRARY)


def _refuse(torch_op: Any, message: str) -> None:
    """Let derivatives of an op raise an error."""

    def backward(*_: Any) -> None:
        raise RuntimeError(message)

    torch.library.register_autograd(torch_op, backward, setup_context=lambda *_, **__: None, lib=LIBRARY)
