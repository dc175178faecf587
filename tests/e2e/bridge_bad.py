#!/usr/bin/env python3
"""What can be wrong between a cloud and a real Kafka: nobody there, a topic that is missing, a wrong password,
a foreign certificate, one that has expired, an event that is too large. Each is told with the setting to look at,
rounds go on, and once it is mended everything arrives; at the end in structured mode."""
import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import TRIBUTARY, Fleet, free_port, wait_for  # noqa: E402
import bridged  # noqa: E402
import kafka  # noqa: E402
import machines  # noqa: E402

NAME, GATEWAYS = "rotating-machine", 2


def bridge(fleet):
    return fleet.api("GET", "/v1/health")["bridge"]


def config(fleet, address, settings=None, mode="binary"):
    fleet.cloud_extra = "bridge: " + json.dumps(
        {"kafka": {"brokers": address, "partitions": 1, "settings": settings or {}, "cloudevents": mode}})


def restart(fleet, address, settings=None, mode="binary"):
    fleet.stop("cloud")
    config(fleet, address, settings, mode)
    fleet.start_cloud()


def closes_rounds(fleet, count=2):
    before = fleet.federation(NAME)["round"]["number"]
    wait_for("rounds go on", lambda: fleet.federation(NAME)["round"]["number"] >= before + count, 60)


def expect_trouble(fleet, *words):
    wait_for(f"a word about {words}",
             lambda: any(word.lower() in bridge(fleet)["trouble"].lower() for word in words), 60)
    trouble = bridge(fleet)["trouble"]
    assert not bridge(fleet)["connected"] or "topic" in trouble, trouble
    closes_rounds(fleet)
    return trouble


def told(server, topic):
    return [json.loads(record.value) for record in server.consume(topic)]


def check_structured(server):
    """An event is the value alone, also to a public client."""
    (events, schemas), counts, topic = bridged.validators(), collections.Counter(), f"tributary.{NAME}.round"
    for record in server.consume(topic):
        if not dict(record.headers)["content-type"].startswith(bridged.STRUCTURED):
            continue
        said = json.loads(record.value)
        assert said.keys() >= bridged.NEEDED and said["datacontenttype"] == "application/json", said
        assert said["subject"] == record.key.decode() == said["data"]["federation"] == NAME, said
        bridged.check_public(events, schemas, record, topic, counts)
    assert counts["round"] >= 3, counts


def setup_fails(fleet, *words):
    try:
        Fleet.run(TRIBUTARY, "bridge", "setup", "--config", fleet.cloud_config(), NAME)
    except AssertionError as failure:
        assert any(word in str(failure) for word in words), failure
        return
    raise AssertionError("setup succeeded")


def limit_messages(admin, size):
    client = kafka.python_client().admin
    entry = client.ConfigEntry("max.message.bytes", str(size),
                               incremental_operation=client.AlterConfigOpType.SET)
    topic = client.ConfigResource(client.ConfigResource.Type.TOPIC, f"tributary.{NAME}.round",
                                  incremental_configs=[entry])
    admin.incremental_alter_configs([topic])[topic].result(20)


def run(fleet, server):
    nobody = f"127.0.0.1:{free_port()}"
    config(fleet, nobody)
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(machines.document(GATEWAYS, 100000))
    for recording in machines.generate(fleet.folder / "data", GATEWAYS):
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max, loop: live}}")
    wait_for("a round", lambda: (fleet.federation(NAME)["round"] or {"number": 0})["number"] > 2, 60)
    expect_trouble(fleet, "timed out", "down")

    server.start()
    good = server.sasl_settings()
    wrong = {**good, "sasl.password": "not-the-password"}
    for settings in (good, wrong):
        settings.pop("bootstrap.servers")
    restart(fleet, server.sasl_address, good)
    trouble = expect_trouble(fleet, "bridge setup")
    assert "tributary.bridge" in trouble, trouble
    Fleet.run(TRIBUTARY, "bridge", "setup", "--config", fleet.cloud_config(), "another")
    wait_for("the federation's own topics are missed", lambda: NAME in bridge(fleet)["trouble"], 60)

    restart(fleet, server.sasl_address, wrong)
    trouble = expect_trouble(fleet, "authentication")
    assert "bridge.kafka.settings" in trouble and "not-the-password" not in fleet.log("cloud"), trouble
    setup_fails(fleet, "uthentication")

    mine = server.ssl_settings()
    mine.pop("bootstrap.servers")
    stranger = {"security.protocol": "ssl", "ssl.ca.location": str(fleet.keys / "ca.pem")}
    restart(fleet, server.ssl_address, stranger)  # it trusts the wrong authority
    expect_trouble(fleet, "ssl", "certificate")

    kafka.make_certificate(server.tls, "expired", "/CN=client", days=-1)
    expired = {**mine, **{f"ssl.{part}.location": str(server.tls / f"expired.{end}")
                          for part, end in (("certificate", "pem"), ("key", "key"))}}
    restart(fleet, server.ssl_address, expired)
    trouble = expect_trouble(fleet, "expired")
    assert "bridge.kafka.settings" in trouble and "ssl.certificate.location" in trouble, trouble
    setup_fails(fleet, "expired")

    restart(fleet, server.ssl_address, {**mine, "message.max.bytes": 1000})
    Fleet.run(TRIBUTARY, "bridge", "setup", "--config", fleet.cloud_config(), NAME)
    wait_for("Kafka has all", lambda: bridge(fleet)["connected"] and bridge(fleet)["backlog"]["ledger"] < 50, 120)
    assert bridge(fleet)["refused"] == 0 and bridge(fleet)["trouble"] == "", bridge(fleet)

    shown = Fleet.run(TRIBUTARY, "status", "--cloud", f"http://127.0.0.1:{fleet.api_port}", "--token-file",
                      fleet.folder / "token")
    assert "bridge to Kafka: connected" in shown and " 0 dropped" in shown, shown

    admin = server.admin()  # the topic takes no event any more, and then all of them
    limit_messages(admin, 300)
    restart(fleet, nobody, {})  # several wait for the same transaction
    closes_rounds(fleet, 3)
    restart(fleet, server.ssl_address, mine)
    closes_rounds(fleet, 3)
    wait_for("events that are left out", lambda: bridge(fleet)["refused"] > 2, 60)
    assert "message.max.bytes" in fleet.log("cloud")
    limit_messages(admin, 100000)
    refused = bridge(fleet)["refused"]
    closes_rounds(fleet, 3)
    models = len(told(server, f"tributary.{NAME}.model"))
    assert models > 5, models
    wait_for("nothing more is left out", lambda: bridge(fleet)["backlog"]["ledger"] < 50, 120)

    restart(fleet, server.ssl_address, mine, "structured")
    closes_rounds(fleet, 3)
    wait_for("Kafka has them", lambda: bridge(fleet)["connected"] and bridge(fleet)["backlog"]["ledger"] < 50, 60)
    check_structured(server)
    print(f"passed: {refused} events left out, {models} about models arrived")


with kafka.skipping(), Fleet("bridge-bad") as fleet:
    with kafka.Kafka(fleet.folder / "kafka", ssl=True, sasl=True) as server:
        try:
            run(fleet, server)
        except AssertionError:
            quiet = [line for line in fleet.log("cloud").splitlines() if "round" not in line]
            print(bridge(fleet), *quiet[-12:], sep="\n")
            raise
