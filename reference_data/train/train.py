"""Trains a network, or goes on with it.

    python3 train.py small  PHOTOS RUNS [--steps N] [--minutes M]
    python3 train.py tiny   PHOTOS RUNS     needs RUNS/small
    python3 train.py approx PHOTOS RUNS     needs RUNS/small

PHOTOS is what photos.py fetch made. RUNS/NAME keeps checkpoint.pt and curve.tsv.
"""

import argparse
import math
import pathlib

import dataset
import networks
import tasks
import training

STEPS = {"small": 4_000, "tiny": 3_000, "approx": 1_200}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=STEPS)
    parser.add_argument("photos", type=pathlib.Path)
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stops then, to go on later")
    options = parser.parse_args()
    crops = dataset.Crops(options.photos)
    if options.name == "small":
        task = tasks.Small(options.seed)
    else:
        teacher = networks.Teacher(options.runs / "small", crops)
        task = {"tiny": tasks.Tiny, "approx": tasks.Approx}[options.name](options.seed, teacher)
    training.run(task, crops, options.runs / options.name, options.steps or STEPS[options.name],
                 options.seed, options.minutes)


if __name__ == "__main__":
    main()
