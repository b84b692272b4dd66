"""Explanation metadata as a table for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfx_explain.cli.output import printing
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel.metadata.described import DescribedFeature, described_features, described_outputs


def metadata_table(metadata: explanation_pb2.ExplanationMetadata, model_dir: str, stderr: bool = False) -> None:
    """Prints a row for each feature, then what there is to say of each, then the outputs."""
    with printing(stderr) as console:
        _print(console, metadata, model_dir)


def _print(console: Console, metadata: explanation_pb2.ExplanationMetadata, model_dir: str) -> None:
    console.print(Text(printable(f"{model_dir}, signature {metadata.signature_name}"), style="bold"))
    table = Table()
    for header in ("Feature", "Dtype", "Shape", "Modality", "Encoded through", "Explainable by", "Baseline"):
        table.add_column(header, overflow="fold")
    features = described_features(metadata)
    for feature in features:
        _add(table, feature)
    console.print(table)
    for feature in features:
        if feature.finding:
            console.print(Text.assemble((printable(feature.name), "bold"), f": {printable(feature.finding)}"))
    for name, explained in described_outputs(metadata).items():
        console.print(Text.assemble("Output ", (printable(name), "bold"), f": {explained}"))


def _add(table: Table, feature: DescribedFeature) -> None:
    """Adds a row for a feature, and one for each of its columns that get an attribution of their own."""
    encoded = "\n".join(map(printable, feature.encoded))
    before = map(printable, (feature.name, feature.dtype, feature.shape, feature.modality))
    table.add_row(*map(Text, (*before, encoded, printable(feature.methods), printable(feature.baseline))))
    for name, baseline in feature.columns:
        table.add_row(*map(Text, (printable(f"  {name}"), *[""] * 5, printable(baseline))))
    if feature.columns_left_out:
        table.add_row(*map(Text, (f"  and {feature.columns_left_out} more columns", *[""] * 6)))
