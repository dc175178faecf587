"""What the bridge has brought to Kafka, looked at from outside; and rows without end for agents' predictions."""
import collections
import json

from fleet import SOURCE

# Lines again and again, later each time: as fast as the agent takes them, or with so many seconds between.
AGAIN = """
import sys, time
rows = [line.rstrip().split(",") for line in open(sys.argv[1])]
print(",".join(rows[0]))
step = int(float(rows[-1][0]) - float(rows[1][0]) + 2)
for turn in range(1000000):
    for row in rows[1:]:
        print(f"{float(row[0]) + turn * step:.3f}", *row[1:], sep=",")
    if len(sys.argv) > 2:
        sys.stdout.flush()
        time.sleep(float(sys.argv[2]))
"""
STRUCTURED = b"application/cloudevents+json"
NEEDED = {"specversion", "id", "source", "type", "time", "subject", "dataschema"}


def validators():
    """What others make of events: a public client of CloudEvents, and one of JSON Schema."""
    try:
        import cloudevents.kafka
        import jsonschema
    except ImportError as missing:
        print(f"events are not held against docs/schemas: {missing}")
        return None, {}
    schemas = {path.stem: json.loads(path.read_text()) for path in (SOURCE / "docs/schemas").glob("*.json")}
    return cloudevents.kafka, {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas.items()}


def check_public(events, schemas, record, topic, counts):
    """Every event of a kind but predictions, and of those the first thousand."""
    kind = topic.rsplit(".", 1)[1]
    counts[kind] += 1
    if events is None or counts[kind] > 1000:
        return
    headers = dict(record.headers)
    read = events.from_structured if headers["content-type"].startswith(STRUCTURED) else events.from_binary
    event = read(events.KafkaMessage(headers, record.key, record.value))
    assert event["type"].startswith(f"tributary.{kind}."), event
    schemas[kind].validate(event.data if isinstance(event.data, dict) else json.loads(event.data))
    assert event["dataschema"] == schemas[kind].schema["$id"], event


def check(broker, topics):
    """The positions of each log, from every topic, and that none comes twice or out of order."""
    positions, newest, counts = collections.defaultdict(list), {}, collections.Counter()
    events, schemas = validators()
    for topic in topics:
        for record in broker.consume(topic, seconds=600):
            headers = {key: value.decode() for key, value in record.headers}
            attributes = {key[3:]: value for key, value in headers.items() if key.startswith("ce_")}
            assert attributes.keys() >= NEEDED, (topic, headers)
            assert headers["content-type"] == "application/json", headers
            body, key = json.loads(record.value), record.key.decode()
            assert attributes["subject"] == key and body.get("gateway", key) == key, (attributes, body)
            assert topic.endswith("." + attributes["type"].split(".")[1]), (topic, attributes)
            check_public(events, schemas, record, topic, counts)
            log, position = attributes["id"].rsplit("-", 1)
            assert newest.get((topic, key), 0) < int(position), f"{topic}: {key} has {position} too late"
            newest[topic, key] = int(position)
            positions[log].append((int(position), topic))
    for log, seen in positions.items():
        assert len(set(seen)) == len(seen), f"{log}: told twice"
    return {log: {position for position, _ in seen} for log, seen in positions.items()}
