#!/usr/bin/python3
"""MNIST's bytes as CSV for docs/examples/mnist.yaml: a line a row of pixels, 28 lines an image.

    mnist_to_csv.py FOLDER OUT [--clients N] [--shards] [--seed N]

FOLDER holds {train,test}-images.u8 (784 bytes an image) and {train,test}-labels.u8 (a byte each), without
headers, or the original files (train-images-idx3-ubyte, t10k-labels-idx1-ubyte, ...; unpack them first).
Writes OUT/train/client-000.csv ... and OUT/test/test.csv, some 300 MB in all.

  --clients N   files to deal the training images to (100)
  --shards      two runs of images in the order of their digits a client, so that most see two digits;
                else they are dealt at random
  --seed N      of the dealing (1)

Example:
    mnist_to_csv.py /data/mnist digits && tributary simulate mnist.yaml --data digits/train --test digits/test
"""
import argparse
import pathlib
import random
import sys

PIXELS, SIDE = 784, 28
IDX_HEADERS = {"images": 16, "labels": 8}
CELLS = [f"{(value / 255 - 0.1307) / 0.3081:.4g}" for value in range(256)]
HEADER = ",".join([*(f"c{i}" for i in range(SIDE)), "digit"]) + "\n"


def read(folder, part, kind):
    """The bytes of one file, whichever of its names it goes by."""
    plain = folder / f"{part}-{kind}.u8"
    original = folder / f"{'t10k' if part == 'test' else part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    if plain.exists():
        return plain.read_bytes()
    if original.exists():
        return original.read_bytes()[IDX_HEADERS[kind]:]
    sys.exit(f"mnist_to_csv.py: expected {plain} or {original}, found neither")


def load(folder, part):
    pixels, labels = read(folder, part, "images"), read(folder, part, "labels")
    if len(pixels) != PIXELS * len(labels) or not labels:
        sys.exit(f"mnist_to_csv.py: {folder}: expected {PIXELS} bytes of {part}-images for each of {len(labels)} "
                 f"labels, found {len(pixels)}")
    return pixels, labels


def write(path, pixels, labels, images):
    lines = [HEADER]
    for image in images:
        end = f",{labels[image]}\n"
        for at in range(image * PIXELS, (image + 1) * PIXELS, SIDE):
            lines.append(",".join([CELLS[value] for value in pixels[at:at + SIDE]]) + end)
    path.write_text("".join(lines))


def deal(labels, clients, by_digit, seed):
    """Indices of images, a list a client."""
    chance = random.Random(seed)
    order = list(range(len(labels)))
    chance.shuffle(order)
    if by_digit:
        order.sort(key=lambda image: labels[image])
    size = len(order) // (2 * clients)
    shards = list(range(2 * clients))
    chance.shuffle(shards)
    return [[image for shard in shards[2 * i:2 * i + 2] for image in order[shard * size:(shard + 1) * size]]
            for i in range(clients)]


arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("folder", type=pathlib.Path)
arguments.add_argument("out", type=pathlib.Path)
arguments.add_argument("--clients", type=int, default=100)
arguments.add_argument("--shards", action="store_true")
arguments.add_argument("--seed", type=int, default=1)
options = arguments.parse_args()
train, test = load(options.folder, "train"), load(options.folder, "test")
if not 1 <= options.clients <= len(train[1]) // 2:
    arguments.error(f"--clients {options.clients}: expected from 1 to {len(train[1]) // 2}")
for part in ("train", "test"):
    (options.out / part).mkdir(parents=True, exist_ok=True)
for number, images in enumerate(deal(train[1], options.clients, options.shards, options.seed)):
    write(options.out / f"train/client-{number:03}.csv", *train, images)
write(options.out / "test/test.csv", *test, range(len(test[1])))
print(f"{options.clients} clients in {options.out}/train, {len(test[1])} images to test on in {options.out}/test")
