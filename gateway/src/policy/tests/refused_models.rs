//! What the models and their autoscaling forbid.

use super::assert_refused;

#[test]
fn names_and_backends() {
    assert_refused(&[
        ("models: ▸{}", "models: a policy serves at least one model"),
        (
            "models:\n  ▸a/b: { artifact: a }",
            "models.`a/b`: a name of letters, digits, `_`, `-` and `.`, at most 63;",
        ),
        ("models:\n  ▸m: {}", "models.m: the onnx backend needs `artifact: FOLDER`"),
        (
            "models: { m: { artifact: ▸\"\" } }",
            "models.m.artifact: a path of 1 to 4096 bytes on one line; got ``",
        ),
        (
            "models: { m: { artifact: ▸\"a\\n\" } }",
            "models.m.artifact: a path of 1 to 4096 bytes on one line; got `a\\n`",
        ),
        (
            "models: { ▸m: { artifact: a, backend: tensorrt, device: cpu } }",
            "models.m: TensorRT computes on GPUs; write `device: cuda`, or `backend: onnx`",
        ),
        (
            "models: { m: { artifact: a, device: cuda, fallback: ▸[cpu, cuda] } }",
            "models.m.fallback: each must need less than what is tried before it; write `[cuda, cpu]`",
        ),
        (
            "models: { m: { artifact: a, fallback: ▸[cpu] } }",
            "models.m.fallback: each must need less than what is tried before it;",
        ),
        (
            "models: { m: { artifact: a, device: cuda, precision: ▸fp16 } }",
            "models.m.precision: only with `backend: tensorrt`;",
        ),
        (
            "models: { ▸m: { backend: simulated, device: cuda, simulated: { base: 5ms, per_item: 1ms } } }",
            "models.m: a simulated model uses no device; remove `device: cuda`",
        ),
        (
            "models: { m: { backend: simulated, fallback: ▸[cpu], simulated: { base: 5ms, per_item: 1ms } } }",
            "models.m.fallback: only with a model that is loaded; remove this",
        ),
        (
            "models: { ▸m: { backend: simulated } }",
            "models.m: the simulated backend needs its times",
        ),
        (
            "models: { m: { backend: simulated, artifact: ▸a, simulated: { base: 5ms, per_item: 1ms } } }",
            "models.m.artifact: the simulated backend loads nothing",
        ),
        (
            "models: { m: { artifact: a, simulated: ▸{ base: 5ms, per_item: 1ms } } }",
            "models.m.simulated: only for `backend: simulated`",
        ),
        (
            "models: { m: { backend: simulated, simulated: { base: 5ms, per_item: ▸2m } } }",
            "models.m.simulated.per_item: a duration from 0s to 1m; got `2m`",
        ),
    ]);
}

#[test]
fn numbers() {
    assert_refused(&[
        (
            "models:\n  m:\n    artifact: a\n    batch_wait_timeout: ▸5",
            "models.m.batch_wait_timeout: a duration with its unit, such as 5ms; got `5`",
        ),
        (
            "models: { m: { artifact: a, max_batch_size: ▸0 } }",
            "models.m.max_batch_size: a whole number from 1 to 1024;",
        ),
        (
            "models: { m: { artifact: a, max_batch_size: ▸-4 } }",
            "models.m.max_batch_size: a whole number from 1 to 1024;",
        ),
        (
            "models: { m: { artifact: a, num_threads: ▸two } }",
            "models.m.num_threads: a whole number from 1 to 256; got",
        ),
        (
            "models: { m: { artifact: a, max_queued_requests: ▸0 } }",
            "models.m.max_queued_requests: a whole number from",
        ),
        (
            "models: { m: { artifact: a, ingest_share: ▸0 } }",
            "models.m.ingest_share: a number from 0.001 to 1; got `0`",
        ),
        (
            "models: { m: { artifact: a, ingest_share: ▸1.5 } }",
            "models.m.ingest_share: a number from 0.001 to 1; got",
        ),
        (
            "models: { m: { artifact: a, ingest_share: ▸nan } }",
            "models.m.ingest_share: a number from 0.001 to 1; got",
        ),
    ]);
}

#[test]
fn autoscaling() {
    assert_refused(&[
        (
            "models:\n  m:\n    artifact: a\n    autoscaling:\n      min_replicas: ▸3\n      max_replicas: 2",
            "models.m.autoscaling.min_replicas: min_replicas is 3, but max_replicas is 2;",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { min_replicas: ▸11 } } }",
            "models.m.autoscaling.min_replicas: min_replicas is 11, but max_replicas is 10 by default;",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { initial_replicas: ▸5, max_replicas: 3 } } }",
            "models.m.autoscaling.initial_replicas: initial_replicas must be from min_replicas to max_replicas, 1 to 3;",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { initial_replicas: ▸0 } } }",
            "models.m.autoscaling.initial_replicas: initial_replicas must be from min_replicas to max_replicas, 1 to 10;",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { downscale_to_zero_delay: ▸5s } } }",
            "models.m.autoscaling.downscale_to_zero_delay: goes only with min_replicas: 0, but that is 1; leave it out",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { max_replicas: ▸0 } } }",
            "models.m.autoscaling.max_replicas: a whole number from 1 to 1000; got `0`",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { look_back: ▸0s } } }",
            "models.m.autoscaling.look_back: a duration from 1ms to 10m; got `0s`",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { target_ongoing_requests: ▸0 } } }",
            "models.m.autoscaling.target_ongoing_requests: a number from 0.1 to 100000; got `0`",
        ),
        (
            "models: { m: { artifact: a, autoscaling: { target_ongoing_requests: 4, target_drain_time: ▸1s } } }",
            "models.m.autoscaling.target_drain_time: goes instead of target_ongoing_requests; keep one of the two",
        ),
    ]);
}

#[test]
fn waits_and_threads() {
    assert_refused(&[
        (
            "server: { default_timeout: 50ms }\nmodels: { m: { artifact: a, batch_wait_timeout: ▸50ms } }",
            "models.m.batch_wait_timeout: batch_wait_timeout of `m` (50ms) must be shorter than server.default_timeout (50ms)",
        ),
        (
            "server: { default_timeout: 50ms }\nmodels: { m: { artifact: a, latency_slo: ▸50ms } }",
            "models.m.latency_slo: latency_slo of `m` (50ms) must be shorter than server.default_timeout (50ms)",
        ),
        (
            "models: { m: { artifact: a, batch_wait_timeout: 5ms, latency_slo: ▸80ms } }",
            "models.m.latency_slo: goes instead of batch_wait_timeout; keep one of the two",
        ),
        (
            "models: { m: { artifact: a, latency_slo: ▸0s } }",
            "models.m.latency_slo: a duration from 1ms to 1m; got `0s`",
        ),
        (
            "server: { default_timeout: ▸5ms }\nmodels: { m: { artifact: a } }",
            "server.default_timeout: batch_wait_timeout of `m` (5ms) must be shorter than server.default_timeout (5ms)",
        ),
        (
            "limits: { replica_threads: 2 }\nmodels:\n  a: { artifact: a }\n  ▸b: { artifact: b, num_threads: 2 }",
            "models.b: num_threads × min_replicas of the onnx models up to this one come to 3 threads, but",
        ),
        (
            "limits: { replica_threads: 2 }\n\
             models: { a: { artifact: a, num_threads: ▸3, autoscaling: { min_replicas: 0 } } }",
            "models.a.num_threads: num_threads may be at most limits.replica_threads (2);",
        ),
        (
            "models: { m: { artifact: a, max_queued_requests: 32, max_batch_size: ▸64 } }",
            "models.m.max_batch_size: may be at most max_queued_requests (32); lower it or raise that",
        ),
    ]);
}
