"""Draw the pictures of the pages and the README, from the figures of benchmarks/RESULTS.md.

    python docs/figures/draw.py

They lie beside this file, and are drawn again only when a figure changes.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
# Of Okabe and Ito, which the colour-blind can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"


def new_figure(width=7.0, height=3.2, n_axes=1):
    """Return a figure and its axes, without frames."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, n_axes))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, *axes


def save(figure, name):
    """Write it beside this file."""
    figure.savefig(FOLDER / name, dpi=130, metadata={"Software": None})


def draw_verdict():
    """Draw "The forecast of compare, and its verdict": sst2_sentences, 2,000 rows."""
    rows = [
        ("majority class", 0.520, 0.001, "0 s"),
        ("naive-Bayes SVM", 0.717, 0.019, "0.2 s"),
        ("TF-IDF + linear SVM", 0.720, 0.014, "0.1 s"),
        ("TF-IDF + logistic regression", 0.722, 0.011, "0.2 s"),
        ("static embeddings + logistic regression", 0.731, 0.015, "41 s"),
        ("frozen BERT + logistic regression", 0.776, 0.011, "17 s"),
        ("BERT (all-MiniLM-L6-v2)", 0.834, 0.015, "134 s"),
    ]
    figure, ax = new_figure(8, 3.2)
    for row, (_, mean, deviation, seconds) in enumerate(rows):
        colour = ORANGE if row == len(rows) - 1 else BLUE
        ax.errorbar(mean, row, xerr=deviation, fmt="o", color=colour, capsize=3)
        ax.annotate(f"{mean:.3f}, fit {seconds}", (mean + deviation, row), (8, -4),
                    textcoords="offset points", fontsize=9)  # fmt: skip
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set(xlim=(0.5, 0.94), xlabel="accuracy, mean ± standard deviation of 5 folds")
    figure.suptitle(
        "BERT is better by 5.9 points of accuracy (95 % interval 4.4 to 7.3),\n"
        "at 8.1 times the training time of frozen BERT + logistic regression",
        fontsize=11,
    )
    save(figure, "verdict.png")


def draw_fit():
    """Draw the one-cycle policy of body and head, and what is averaged."""
    figure, ax = new_figure()
    step = np.array([0, 50, 100])
    ax.plot(step, [0, 1, 0], color=BLUE, linewidth=2)
    ax.plot(step, [0, 0.55, 0], color=ORANGE, linewidth=2)
    ax.annotate("head: its own, higher rate", (70, 0.62), color=BLUE)
    ax.annotate("pretrained body", (30, 0.18), color=ORANGE)
    ax.axvspan(50, 100, color=GREEN, alpha=0.12)
    ax.annotate(
        "the weights kept are\na mean over these steps", (99, 0.92), ha="right", color="#00664b"
    )
    ax.annotate("few labels: first a logistic regression\nis fitted, and the head starts from it",
                (1, 0.86), color=GREY)  # fmt: skip
    ax.set(xlabel="steps, in per cent of all", ylabel="learning rate (not to scale)", yticks=[])
    ax.set(xlim=(0, 100), ylim=(0, 1.08))
    save(figure, "fit.png")


def draw_few_labels():
    """Draw the mean accuracy over seven sets, of "Accuracy at every size"."""
    sizes = ["8 a class", "16 a class", "320 in all", "1,000 in all"]
    ways = {
        "default": ([62.7, 67.0, 72.6, 78.8], ORANGE, "-"),
        "frozen MiniLM": ([59.6, 64.9, 68.9, 73.2], BLUE, "-"),
        "static embeddings": ([62.0, 64.8, 66.2, 71.5], GREEN, "--"),
        "TF-IDF + linear SVM": ([50.8, 56.1, 63.3, 71.0], GREY, "--"),
        "first default": ([47.0, 52.5, 59.9, 69.9], "#CC79A7", ":"),
    }
    heights = dict(zip(ways, [79.0, 74.4, 72.3, 70.2, 68.1], strict=True))  # of the labels
    figure, ax = new_figure(8, 3.6)
    for name, (accuracy, colour, style) in ways.items():
        ax.plot(sizes, accuracy, style, marker="o", color=colour, linewidth=2)
        ax.annotate(name, (3.08, heights[name]), va="center", color=colour)
    ax.set(xlim=(-0.1, 4.1), ylabel="mean accuracy, %", xlabel="training texts")
    save(figure, "few_labels.png")


def draw_speed():
    """Draw the seconds of a fit on short texts, of "Speed and memory"."""
    ways = {
        "sentence embeddings + logistic regression": 0.6,
        "sklearn-bert": 1.0,
        "Trainer, bfloat16, similar lengths": 1.7,
        "Trainer, dynamic padding": 3.1,
        "skorch recipe": 8.5,
        "simpletransformers": 8.8,
        "SetFit (16 texts a class)": 9.7,
    }
    figure, ax = new_figure(8, 3)
    colours = [ORANGE if name == "sklearn-bert" else BLUE for name in ways]
    bars = ax.barh(list(ways), list(ways.values()), color=colours)
    ax.bar_label(bars, fmt="%.1f", padding=3)
    ax.invert_yaxis()
    ax.set_xlabel("seconds of a fit, as a multiple of sklearn-bert's")
    save(figure, "speed.png")


if __name__ == "__main__":
    draw_verdict()
    draw_fit()
    draw_few_labels()
    draw_speed()
