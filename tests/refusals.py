"""Policies that are refused: what is wrong, the text with a mark where that stands, what the refusal says."""

from dataclasses import dataclass

MARK = "▸"
MODEL = "models: { m: { artifact: a } }\n"
SINK = "sinks: [jsonl: { path: results.jsonl }]\n"
KAFKA = "{ brokers: '127.0.0.1:9092', topics: '^camera_[0-9]+$', group: g }"


@dataclass(frozen=True)
class Refusal:
    """A policy that is refused."""

    name: str
    marked: str
    says: str

    def policy(self) -> str:
        """Its text."""
        return self.marked.replace(MARK, "", 1)

    def place(self) -> tuple[int, int]:
        """Line and column of what is wrong, from 1."""
        before = self.marked[: self.marked.index(MARK)]
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def top(name: str, section: str, says: str) -> Refusal:
    """A section beside a model that is right."""
    return Refusal(name, f"{MODEL}{section}\n", says)


def model(name: str, keys: str, says: str, rest: str = "") -> Refusal:
    """An onnx model with these keys."""
    return Refusal(name, f"models:\n  m:\n    artifact: a\n    {keys}\n{rest}", says)


def scaling(name: str, keys: str, says: str) -> Refusal:
    """A model whose autoscaling has these keys."""
    return model(name, f"autoscaling: {{ {keys} }}", says)


def ingest(name: str, keys: str, says: str, rest: str = "") -> Refusal:
    """An ingest with these keys, beside a model and a sink that are right."""
    return Refusal(name, f"{MODEL}{SINK}ingest:\n  - kafka: {KAFKA}\n    {keys}\n{rest}", says)


def kafka(name: str, keys: str, says: str) -> Refusal:
    """An ingest whose connection has these keys."""
    return Refusal(name, f"{MODEL}{SINK}ingest:\n  - kafka: {{ {keys} }}\n", says)


MISTYPED = [
    Refusal("section", f"{MODEL}{MARK}limit: {{}}\n", "unknown key `limit`; did you mean `limits`?"),
    Refusal("first section", f"{MARK}model: {{}}\n", "unknown key `model`; did you mean `models`?"),
    top("server key", "server: { ▸default_timout: 1s }", "did you mean `default_timeout`?"),
    top("limits key", "limits: { ▸frame_byte: 1MiB }", "did you mean `frame_bytes`?"),
    top("bucket key", "buckets:\n  - { name: a, ▸uri: 'file:a' }", "did you mean `url`?"),
    model("model key", "▸max_batchsize: 4", "did you mean `max_batch_size`?"),
    scaling("autoscaling key", "▸max_replica: 4", "did you mean `max_replicas`?"),
    Refusal(
        "simulated key",
        "models:\n  m:\n    backend: simulated\n    simulated: { ▸bas: 1ms, per_item: 0s }\n",
        "did you mean `base`?",
    ),
    ingest("ingest key", "▸max_inflight: 4", "did you mean `max_in_flight`?"),
    kafka("kafka key", "brokers: 'k:1', ▸topic: t, group: g", "did you mean `topics`?"),
    ingest("record key", "record: { ▸urii: /a }", "did you mean `uri`?"),
    ingest("dead letter key", "dead_letter: { ▸topics: t }", "did you mean `topic`?"),
    ingest("retries key", "retries: { ▸attempt: 3 }", "did you mean `attempts`?"),
    top("sink kind", "sinks:\n  - ▸json: { path: p }", "did you mean `jsonl`?"),
    top("sink key", "sinks:\n  - jsonl: { path: p, ▸drop: d }", "unknown key `drop`; did you mean `drops`?"),
    Refusal("backend", "models: { m: { backend: ▸onxx } }\n", "did you mean `onnx`?"),
    model("device", "device: ▸cup", "did you mean `cpu`?"),
    model("placement", "placement: ▸tread", "did you mean `thread`?"),
    ingest("overload", "overload: ▸proces_all", "did you mean `process_all`?"),
    ingest("start", "start: ▸comitted", "did you mean `committed`?"),
    ingest("delivery", "delivery: ▸at_least_one", "did you mean `at_least_once`?"),
    ingest("model of an ingest", "models: [▸n]", "unknown model `n`; did you mean `m`?"),
    Refusal("section twice", f"{MODEL}▸models: {{}}\n", "the key `models` is given twice"),
    model("key twice", "num_threads: 1\n    ▸num_threads: 2", "the key `num_threads` is given twice"),
    Refusal(
        "model twice",
        "models:\n  m: { artifact: a }\n  ▸m: { artifact: b }\n",
        "the key `m` is given twice",
    ),
]

WRITTEN_WRONG = [
    top("duration without unit", "server: { default_timeout: ▸30 }", "a duration with its unit, such as 5ms"),
    top("duration with a unit of size", "server: { drain_delay: ▸5MiB }", "a duration with its unit"),
    top("size with a unit of time", "limits: { frame_bytes: ▸5ms }", "a size with its unit, such as 64MiB"),
    top("size without unit", "limits:\n  object_bytes: ▸1000", "a size with its unit"),
    top("pixels with a unit of size", "limits: { image_pixels: ▸64MB }", "a number of pixels with its unit"),
    top("half a thread", "limits: { replica_threads: ▸1.5 }", "a whole number from 1 to 4096; got `1.5`"),
    model("word for a number", "max_batch_size: ▸many", "a whole number from 1 to 1024; got `many`"),
    model("negative number", "num_threads: ▸-1", "a whole number from 1 to 256; got `-1`"),
    top("mapping wanted", "server: ▸9000", "expected a mapping"),
    top("list wanted", "buckets: ▸{ name: a, url: 'file:a' }", "expected a list"),
    model("single value wanted", "num_threads: ▸[1]", "expected a single value"),
    top("true or false wanted", "server: { insecure: ▸yes }", "expected true or false"),
    top(
        "host without port",
        "server: { grpc: ▸localhost }",
        "an IP address and port, such as 127.0.0.1:9000",
    ),
    kafka("brokers without port", "brokers: ▸k, topics: t, group: g", "brokers as host:port"),
    kafka("topic with a space", "brokers: 'k:1', topics: ▸a b, group: g", "a topic's name"),
    kafka("broken pattern", "brokers: 'k:1', topics: ▸'^camera_[', group: g", "not a regular expression"),
    kafka("pattern that Kafka cannot", "brokers: 'k:1', topics: ▸'^c\\d', group: g", "write a POSIX pattern"),
    kafka("no group", "brokers: 'k:1', topics: t, group: ▸''", "a consumer group's name of 1 to 255 bytes"),
    ingest("broken pointer", "record: { uri: ▸/a~2 }", "in a JSON pointer `~` is written `~0`"),
    top("bucket of another kind", "buckets: [{ name: a, url: ▸'http://h/a' }]", "a URL, such as s3://cams"),
    top(
        "bucket name with a colon",
        "buckets: [{ name: ▸'a:b', url: 'file:a' }]",
        "a name of letters, digits",
    ),
    Refusal("model name with a slash", "models:\n  ▸a/b: { artifact: a }\n", "a name of letters, digits"),
    Refusal("broken YAML", MODEL + "server: { grpc: ▸'unclosed }\n", "quote"),
    Refusal("tabs", "models:\n\t▸m: { artifact: a }\n", "tab"),
    Refusal("no models", "▸server: { grpc: 127.0.0.1:9000 }\n", "the key `models` is missing; write it"),
    Refusal("bucket without url", MODEL + "buckets:\n  - ▸name: a\n", "the key `url` is missing; write it"),
    Refusal("two documents", MODEL + "---\n▸server: {}\n", "a policy is one document"),
]

IMPOSSIBLE = [
    Refusal("no model", "models: ▸{}\n", "a policy serves at least one model"),
    scaling("min above max", "min_replicas: ▸4, max_replicas: 2", "min_replicas is 4, but max_replicas is 2"),
    scaling("min above the default max", "min_replicas: ▸11", "max_replicas is 10 by default"),
    scaling("initial below min", "min_replicas: 2, initial_replicas: ▸1", "2 to 10; got `1`"),
    scaling("initial above max", "initial_replicas: ▸9, max_replicas: 2", "1 to 2; got `9`"),
    scaling("no replica ever", "max_replicas: ▸0", "a whole number from 1 to 1000"),
    scaling(
        "two targets",
        "target_ongoing_requests: 4, target_drain_time: ▸1s",
        "goes instead of target_ongoing_requests; keep one of the two",
    ),
    scaling("drained in no time", "target_drain_time: ▸0s", "a duration from 1ms to 1h; got `0s`"),
    scaling("average over no time", "look_back: ▸0s", "a duration from 1ms to 10m; got `0s`"),
    model(
        "wait as long as the deadline",
        "batch_wait_timeout: ▸1s",
        "must be shorter than server.default_timeout (1s)",
        "server: { default_timeout: 1s }\n",
    ),
    Refusal(
        "wait as long as the frame's age",
        f"models:\n  m:\n    artifact: a\n    batch_wait_timeout: ▸2s\n{SINK}"
        f"ingest: [{{ kafka: {KAFKA}, max_frame_age: 2s }}]\n",
        "must be shorter than the max_frame_age of its ingest (2s)",
    ),
    model("all to ingest and more", "ingest_share: ▸1.5", "a number from 0.001 to 1; got `1.5`"),
    model("nothing to ingest", "ingest_share: ▸0", "a number from 0.001 to 1; got `0`"),
    model(
        "batch larger than the queue",
        "max_batch_size: ▸64\n    max_queued_requests: 32",
        "may be at most max_queued_requests (32); lower it or raise that",
    ),
    model(
        "threads above the machine's",
        "num_threads: ▸4",
        "num_threads may be at most limits.replica_threads (2)",
        "limits: { replica_threads: 2 }\n",
    ),
    Refusal(
        "fewest replicas above the machine's",
        "limits: { replica_threads: 3 }\nmodels:\n  a: { artifact: a, num_threads: 2 }\n"
        "  ▸b: { artifact: b, num_threads: 2 }\n",
        "come to 4 threads, but limits.replica_threads is 3",
    ),
    Refusal(
        "onnx without artifact",
        "models:\n  ▸m: { backend: onnx }\n",
        "the onnx backend needs `artifact: FOLDER`",
    ),
    Refusal("simulated without times", "models:\n  ▸m: { backend: simulated }\n", "needs its times"),
    model(
        "times of an onnx model",
        "simulated: ▸{ base: 1ms, per_item: 1ms }",
        "only for `backend: simulated`",
    ),
    Refusal(
        "artifact of a simulated model",
        "models:\n  m:\n    artifact: ▸a\n    backend: simulated\n"
        "    simulated: { base: 1ms, per_item: 1ms }\n",
        "the simulated backend loads nothing",
    ),
    top(
        "object larger than all frames",
        "limits: { object_bytes: ▸2MiB, frame_bytes: 1MiB }",
        "lower it or raise that",
    ),
    top("listener open to all", "server: { grpc: ▸0.0.0.0:9000 }", "or accept that with `insecure: true`"),
    top("two listeners on a port", "server: { http: ▸127.0.0.1:9000 }", "grpc and http both listen on"),
    top(
        "two listeners on a port of all addresses",
        "server: { insecure: true, grpc: 127.0.0.1:9000, http: ▸0.0.0.0:9000 }",
        "grpc and http both listen on port 9000",
    ),
    top("no time for calls", "server: { default_timeout: ▸0s }", "a duration from 1ms to 1h; got `0s`"),
    top(
        "bucket of the whole disk",
        "buckets: [{ name: all, url: ▸'file:///' }]",
        "cannot be the whole file system",
    ),
    top(
        "two buckets of a name",
        "buckets:\n  - { name: a, url: 'file:a' }\n  - { name: ▸a, url: 'file:b' }",
        "another bucket is named `a` too",
    ),
    top(
        "two buckets of a folder",
        "buckets:\n  - { name: a, url: 'file:a' }\n  - { name: b, url: ▸'file:./a/' }",
        "the bucket `a` is this folder already",
    ),
    Refusal(
        "ingest without sinks",
        f"{MODEL}ingest:\n  ▸- kafka: {KAFKA}\n",
        "results of ingest need a sink",
    ),
    ingest("model named twice", "models: [m, ▸m]", "`m` is given twice; keep one"),
    kafka("topic named twice", "brokers: 'k:1', topics: [a, ▸a], group: g", "`a` is given twice; keep one"),
    kafka("no topics", "brokers: 'k:1', topics: ▸[], group: g", "at least one topic"),
    ingest(
        "dead letters that come back",
        "dead_letter: { topic: ▸camera_9 }",
        "is one of the topics that are read",
    ),
    ingest("frames of no age", "max_frame_age: ▸0s", "a duration from 1ms to 24h; got `0s`"),
    ingest("no record at a time", "max_in_flight: ▸0", "a whole number from 1 to 1000000"),
    ingest("no try at all", "retries: { attempts: ▸0 }", "a whole number from 1 to 100"),
    ingest("session that ends at once", "session_timeout: ▸1s", "a duration from 6s to 30m"),
    ingest("prefix of no bucket", "record: { uri_prefix: ▸'cams:' }", "unknown bucket `cams`"),
    ingest(
        "two members of a name",
        f"group_instance_id: a\n  - kafka: {KAFKA}\n    group_instance_id: ▸a",
        "another ingest is this member of the group already",
    ),
    ingest(
        "exactly once into a file",
        "delivery: ▸exactly_once\n    group_instance_id: a",
        "exactly_once needs every sink in Kafka, and there is a jsonl sink",
    ),
    ingest("exactly once without a name", "delivery: ▸exactly_once", "needs a `group_instance_id`"),
    ingest("name of no variable", "group_instance_id: ▸{ env: a-b }", "as in { env: POD_NAME }"),
    top(
        "two sinks of a file",
        "sinks: [jsonl: { path: p }, jsonl: { path: ▸./p }]",
        "another sink writes this file",
    ),
    top("drops among results", "sinks: [jsonl: { path: p, drops: ▸p }]", "another sink writes this file"),
]

REFUSALS = MISTYPED + WRITTEN_WRONG + IMPOSSIBLE
