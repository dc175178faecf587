"""What is promised of the benches, and whether a line holds it."""

# By a line's name: what of it, at least or at most.
GOALS = {
    "har.phone.federated": [("value", ">=", 0.905), ("value - reference", ">=", -0.015)],
    "har.watch.federated": [("value", ">=", 0.895), ("value - reference", ">=", -0.015)],
    "har.phone.strict": [("value", ">=", 0.88), ("value - reference", ">=", -0.015)],
    "har.watch.strict": [("value", ">=", 0.86), ("value - reference", ">=", -0.015)],
    "skab.federated.f1": [("value", ">=", 0.82)],
    "skab.federated.far": [("value", "<=", 0.12)],
    "mnist.iid.rounds": [("value", "<=", 22)],
    "mnist.noniid.rounds": [("value", "<=", 65)],
    "fold.updates_per_s": [("ratio", ">=", 0.8)],
    "round.seconds": [("value", "<=", 0.05)],
    "memory.agent_pss_mb": [("value", "<=", 8)],
    "memory.agent_cnn_pss_mb": [("value", "<=", 12)],
    "wire.bytes": [("value", "<=", 12500)],
    "ingest.updates_per_s": [("ratio", ">=", 0.6)],
    "bridge.events_per_s": [("ratio", ">=", 0.7)],
    "latency.edge_p99_ms": [("value", "<=", 5)],
    "latency.kafka_p99_ms": [("value", "<=", 100)],
    "recover.seconds": [("value", "<=", 2)],
    "fleet.seconds_per_round": [("value", "<=", 60)],
    "fleet.peak_mb": [("value", "<=", 64), ("ratio", "<=", 1.1)],
    "object.put_mb_per_s": [("ratio", ">=", 0.9)],
    "object.get_mb_per_s": [("ratio", ">=", 0.9)],
    "pipeline.samples_per_s": [("value", ">=", 2e6), ("ratio", ">=", 3)],
    "train.mlp": [("ratio", ">=", 30)],
    "train.2nn": [("ratio", ">=", 2.5)],
    "train.cnn": [("ratio", ">=", 3)],
    # Without PyTorch nothing else would notice that a step became slow. Well below what is measured.
    "train.mlp.to_bare_products": [("ratio", ">=", 0.5)],
    "train.2nn.to_bare_products": [("ratio", ">=", 0.6)],
    "train.cnn.to_bare_products": [("ratio", ">=", 0.6)],
    "infer.mlp_us": [("value", "<=", 0.4)],
    "infer.cnn_us": [("value", "<=", 15)],
}


def text_of(goals):
    return ", ".join(f"{what} {sign} {limit:,g}" for what, sign, limit in goals)


def part_held(line, what, sign, limit):
    """None where there was no reference to compare with. A value that is missing holds nothing."""
    if line["value"] is None:
        return False
    if what == "value - reference":
        measured = None if line["reference"] is None else line["value"] - line["reference"]
    else:
        measured = line[what]
    if measured is None:
        return None
    return measured >= limit if sign == ">=" else measured <= limit


def judge(line):
    """Adds goal and held. held is False when any part is missed, and None when there is no goal or a part
    of it could not be measured. `judged_as` names another line's goal, where the reference is that one's."""
    goals = GOALS.get(line.pop("judged_as", line["name"]), [])
    parts = [part_held(line, *goal) for goal in goals]
    line["goal"] = text_of(goals) or None
    line["held"] = False if False in parts else True if parts and None not in parts else None
    return line


def not_printed(bench, lines):
    """Promised names that a bench did not print: it would pass by saying nothing."""
    printed = {line["name"] for line in lines}
    return [name for name in GOALS if name.split(".")[0] == bench and name not in printed]
