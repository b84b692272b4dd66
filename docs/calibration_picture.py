"""Makes calibration.svg, the picture of the guide: false alarms and power as the benchmark measures them."""

from __future__ import annotations

import pathlib

import matplotlib
import matplotlib.pyplot as plt

from benchmarks.calibration import MODELS, SPOILT, STRENGTHS, Measured, measure, trials
from benchmarks.gates import AUC, CALIBRATED, PRESETS, RATE

_PICTURE = pathlib.Path(__file__).with_name("calibration.svg")
_SHOWN = (CALIBRATED, AUC, PRESETS)


def main(picture: pathlib.Path = _PICTURE, models: int = MODELS, spoilt: int = SPOILT) -> None:
    """Trains models, measures, and draws."""
    draw(measure(trials(models, spoilt)), picture)


def draw(measured: Measured, picture: pathlib.Path) -> None:
    """Draws what was measured."""
    matplotlib.rcParams.update({"svg.hashsalt": "calibration", "font.size": 9})
    figure, (alarms, power) = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
    for name in _SHOWN:
        found = measured.alarms[name]
        rates, errors = zip(*found.values(), strict=True)
        bars = [196 * error for error in errors]
        alarms.errorbar(list(found), [100 * rate for rate in rates], bars, fmt="o-", capsize=2, label=name)
    alarms.axhline(100 * RATE, color="black", linestyle=":", label="promised")
    alarms.set(title="False alarms", xlabel="runs in the history", ylabel="% of sound candidates stopped", xscale="log")
    alarms.set_xticks(list(measured.alarms[CALIBRATED]), [str(runs) for runs in measured.alarms[CALIBRATED]])
    alarms.minorticks_off()
    for kind, stopped in measured.caught[CALIBRATED].items():
        (line,) = power.plot(STRENGTHS, 100 * stopped, "o-", markersize=3, label=kind)
        power.plot(STRENGTHS, 100 * measured.caught[AUC][kind], "--", color=line.get_color(), linewidth=1)
    power.set(
        title="Power (dashed: AUC alone)", xlabel="part of the rows that is spoilt", ylabel="% of candidates stopped"
    )
    for axes in (alarms, power):
        axes.legend(frameon=False, fontsize=7, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.18))
        axes.set_ylim(bottom=0)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
