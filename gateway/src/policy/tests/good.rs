//! What resolves, and to what.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use framegate_replica::backend::{Execution, Precision, Provider};

use super::parse_text;
use crate::policy::{
    Backend, Batching, Bucket, Fsync, InstanceId, JsonlSink, Limits, Overload, Place, Placement,
    Policy, RecordMap, Retries, Selector, Server, Sink, Start, Target, load,
};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn pointer(path: &str) -> Selector {
    Selector::Pointer(path.to_owned())
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn names(models: &[Arc<str>]) -> Vec<&str> {
    models.iter().map(|name| &**name).collect()
}

#[test]
fn the_least_policy_has_the_documented_defaults() {
    let Policy { server, limits, buckets, models, ingest, sinks } =
        parse_text("models: { m: { artifact: a } }\nserver:\nlimits:\n").unwrap();
    let timeouts = (ms(30_000), ms(30_000), ms(0));
    assert_eq!((server.grpc, server.http), (loopback(9000), loopback(9001)));
    assert_eq!(
        (server.default_timeout, server.graceful_shutdown_timeout, server.drain_delay),
        timeouts
    );
    let threads = 2 * std::thread::available_parallelism().unwrap().get();
    assert_eq!(
        limits,
        Limits {
            frame_bytes: 256 << 20,
            object_bytes: 20 << 20,
            image_width: 16_384,
            image_height: 16_384,
            image_pixels: 64_000_000,
            message_bytes: 20 << 20,
            concurrent_fetches: 64,
            replica_threads: threads,
            // Of this machine.
            replica_memory: limits.replica_memory,
        }
    );
    assert!((64 << 20..1 << 50).contains(&limits.replica_memory));
    assert_eq!((buckets, ingest, sinks), (vec![], vec![], vec![]));
    let [model] = &models[..] else { panic!("one model") };
    assert_eq!(
        model.backend,
        Backend::Onnx {
            artifact: PathBuf::from("/etc/framegate/a"),
            version: None,
            execution: on(&[Provider::Cpu], Precision::Fp32),
        }
    );
    assert_eq!(
        (model.num_threads, model.max_batch_size, model.batching),
        (1, 16, Batching::WaitTimeout(ms(5)))
    );
    assert_eq!((model.max_queued_requests, model.max_queued_ingest), (1024, 512));
    assert_eq!(model.graceful_shutdown_timeout, ms(60_000));
    let scaling = &model.autoscaling;
    assert_eq!((scaling.min_replicas, scaling.initial_replicas, scaling.max_replicas), (1, 1, 10));
    assert_eq!(scaling.target, Target::OngoingRequests(16.0));
    assert_eq!(
        (scaling.look_back, scaling.upscale_delay, scaling.downscale_delay),
        (ms(200), ms(0), ms(60_000))
    );
    assert_eq!(scaling.downscale_to_zero_delay, ms(60_000));
}

#[test]
fn the_least_ingest_has_the_documented_defaults() {
    let policy = parse_text(
        "models: { b: { artifact: a }, a: { artifact: b } }\nsinks: [jsonl: { path: p }]\n\
         ingest: [kafka: { brokers: \"k:9092,[::1]:1\", topics: [x, ^y], group: g }]\n",
    )
    .unwrap();
    let [ingest] = &policy.ingest[..] else { panic!("one ingest") };
    assert_eq!(
        (&*ingest.brokers, &*ingest.group, &ingest.instance_id),
        ("k:9092,[::1]:1", "g", &None)
    );
    assert_eq!(ingest.topics, ["x", "^y"]);
    assert_eq!(names(&ingest.models), ["b", "a"]);
    assert_eq!(
        ingest.record,
        RecordMap {
            uri: pointer("/uri"),
            camera_id: pointer("/camera_id"),
            captured_at: pointer("/captured_at"),
            sequence: pointer("/sequence"),
            models: pointer("/models"),
            uri_prefix: String::new(),
        }
    );
    assert_eq!(
        (ingest.max_frame_age, ingest.start, ingest.max_in_flight),
        (None, Start::Committed, 4096)
    );
    assert_eq!((ingest.commit_interval, &ingest.dead_letter), (ms(200), &None));
    assert_eq!((ingest.number, ingest.overload), (0, Overload::ProcessAll));
    assert_eq!(ingest.retries, Retries { attempts: 5, backoff: ms(100) });
    assert_eq!((ingest.session_timeout, ingest.metadata_refresh), (ms(45_000), ms(5_000)));
}

#[test]
fn what_is_written_runs() {
    let policy = parse_text(
        "server: { grpc: 0.0.0.0:0, http: 0.0.0.0:0, insecure: true }\n\
         buckets: [{ name: a, url: \"file:///var/frames/\" }, { name: b, url: \"file:../b\" }]\n\
         models:\n  m:\n    backend: simulated\n    simulated: { base: 5ms, per_item: 0s, fetch: true }\n    \
         max_queued_requests: 1\n    ingest_share: 0.5\n    \
         autoscaling: { min_replicas: 0, target_drain_time: 200ms }\n\
         sinks: [jsonl: { path: /r.jsonl, drops: d.jsonl }]\n\
         ingest:\n  - kafka: { brokers: \"k:1\", topics: t, group: g }\n    start: latest\n    group_instance_id: i\n    \
         record: { uri: /a/0/b~1, camera_id: x-camera, uri_prefix: \"b:\" }\n    dead_letter: { topic: d }\n",
    )
    .unwrap();
    assert!(!policy.server.grpc.ip().is_loopback());
    let bucket = |name: &str, root| Bucket {
        name: name.to_owned(),
        place: Place::Folder(PathBuf::from(root)),
    };
    assert_eq!(policy.buckets, [bucket("a", "/var/frames"), bucket("b", "/etc/b")]);
    let model = &policy.models[0];
    assert_eq!(model.backend, Backend::Simulated { base: ms(5), per_item: ms(0), fetch: true });
    assert_eq!((model.max_queued_requests, model.max_queued_ingest), (1, 1));
    assert_eq!(
        (model.autoscaling.initial_replicas, model.autoscaling.target),
        (0, Target::DrainTime(ms(200)))
    );
    let jsonl = JsonlSink {
        path: "/r.jsonl".into(),
        drops: Some("/etc/framegate/d.jsonl".into()),
        rotate: None,
        fsync: Fsync::Never,
    };
    assert_eq!(policy.sinks, [Sink::Jsonl(jsonl)]);
    let ingest = &policy.ingest[0];
    assert_eq!(
        (&ingest.record.uri, &ingest.record.camera_id),
        (&pointer("/a/0/b~1"), &Selector::Header("x-camera".into()))
    );
    assert_eq!(
        (&*ingest.record.uri_prefix, ingest.start, ingest.dead_letter.as_deref()),
        ("b:", Start::Latest, Some("d"))
    );
    assert_eq!(ingest.instance_id, Some(InstanceId::Name("i".to_owned())));
}

#[test]
fn each_ingest_has_its_overload_policy_and_number() {
    let written = ["process_all", "latest_only", "{ every_nth: 3 }", "{ every_nth: 2 }", ""];
    let ingest = |overload| {
        format!("- kafka: {{ brokers: \"k:1\", topics: t, group: g }}\n  overload: {overload}\n")
    };
    let ingests: String = written.map(ingest).concat();
    let models = "models: { m: { artifact: a } }\nsinks: [jsonl: { path: p }]\n";
    let policy = parse_text(&format!("{models}ingest:\n{ingests}")).unwrap();
    let found: Vec<_> = policy.ingest.iter().map(|i| (i.number, i.overload)).collect();
    let [all, latest] = [Overload::ProcessAll, Overload::LatestOnly];
    let wanted = [all, latest, Overload::EveryNth(3), Overload::EveryNth(2), all];
    assert_eq!(found, (0..).zip(wanted).collect::<Vec<_>>());
}

#[test]
fn what_only_looks_impossible_runs() {
    let kafka = "kafka: { brokers: \"k:1\", topics: t, group: g }";
    for text in [
        "models: { m: { artifact: a, max_queued_requests: 4 } }", // smaller than the default batch
        "models: { m: { artifact: a } }\nlimits: { frame_bytes: 1MiB }", // than the default object
        "models: { m: { artifact: a } }\nserver: { grpc: 127.0.0.1:0, http: 127.0.0.1:0 }",
        "models: { m: { artifact: a } }\nserver: { grpc: 127.0.0.1:9, http: 127.0.0.2:9 }",
    ] {
        assert!(parse_text(text).is_ok(), "{text}");
    }
    for prefix in ["file:///var/frames/", "s3://cams/", "/var/frames/", "cam1/", "b:"] {
        let text = format!(
            "models: {{ m: {{ artifact: a }} }}\nsinks: [jsonl: {{ path: p }}]\n\
             buckets: [{{ name: b, url: \"file:b\" }}]\n\
             ingest: [{{ {kafka}, record: {{ uri_prefix: \"{prefix}\" }}, group_instance_id: i }}, \
             {{ kafka: {{ brokers: \"k:1\", topics: t, group: h }}, group_instance_id: i }}]"
        );
        assert_eq!(parse_text(&text).map(|policy| policy.ingest.len()), Ok(2), "{text}");
    }
}

#[test]
fn values_are_shared_through_anchors() {
    let policy = parse_text(
        "models:\n  a: { artifact: a, autoscaling: &s { min_replicas: 0, max_replicas: 2 } }\n  \
         b: { artifact: b, autoscaling: { <<: *s, max_replicas: 3 } }\n",
    )
    .unwrap();
    assert_eq!(policy.models[1].autoscaling.min_replicas, 0);
    assert_eq!(policy.models[1].autoscaling.max_replicas, 3);
}

#[test]
fn an_objective_takes_the_place_of_the_wait_and_sets_a_target() {
    let text = "models:\n  a: { artifact: a, latency_slo: 80ms }\n  \
                b: { artifact: b, latency_slo: 80ms, autoscaling: { target_ongoing_requests: 4 } }\n";
    let policy = parse_text(text).unwrap();
    let [a, b] = &policy.models[..] else { panic!("two models") };
    assert_eq!((a.batching, b.batching), (Batching::LatencySlo(ms(80)), a.batching));
    assert_eq!(a.autoscaling.target, Target::DrainTime(ms(40)));
    assert_eq!(b.autoscaling.target, Target::OngoingRequests(4.0));
}

#[test]
fn the_demo_policy_resolves() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let policy = load(&configs.join("configs/demo.yaml")).unwrap();
    let root = std::path::absolute(configs).unwrap();
    let Server { grpc, http, graceful_shutdown_timeout, .. } = policy.server;
    assert_eq!(
        (grpc, http, graceful_shutdown_timeout),
        (loopback(9000), loopback(9001), ms(10_000))
    );
    assert_eq!(
        policy.buckets,
        [Bucket { name: "frames".into(), place: Place::Folder(root.join(".demo/bucket")) }]
    );
    let replicas = |max| (1, 1, max, Target::OngoingRequests(4.0), ms(500), ms(0), ms(2000));
    let models = [("detector", "nanodet", 3), ("classifier", "efficientnet-lite0", 2)];
    for (model, (name, artifact, max)) in policy.models.iter().zip(models) {
        let a = &model.autoscaling;
        let scaling = (
            a.min_replicas,
            a.initial_replicas,
            a.max_replicas,
            a.target,
            a.look_back,
            a.upscale_delay,
        );
        let (min, initial, most, target, look_back, up, down) = replicas(max);
        assert_eq!((&*model.name, scaling), (name, (min, initial, most, target, look_back, up)));
        assert_eq!(a.downscale_delay, down);
        assert_eq!(
            model.backend,
            Backend::Onnx {
                artifact: root.join(".deps/models").join(artifact),
                version: None,
                execution: on(&[Provider::Cpu], Precision::Fp32),
            }
        );
        assert_eq!(
            (model.num_threads, model.max_batch_size, model.batching),
            (1, 2, Batching::WaitTimeout(ms(5)))
        );
    }
    let [ingest] = &policy.ingest[..] else { panic!("one ingest") };
    assert_eq!(ingest.topics, ["^camera_[0-9]+$"]);
    assert_eq!(names(&ingest.models), ["detector", "classifier"]);
    assert_eq!(
        (ingest.max_frame_age, ingest.dead_letter.as_deref()),
        (Some(ms(2000)), Some("framegate-dead"))
    );
    let jsonl = JsonlSink {
        path: root.join(".demo/results.jsonl"),
        drops: Some(root.join(".demo/drops.jsonl")),
        rotate: None,
        fsync: Fsync::Never,
    };
    assert_eq!(policy.sinks, [Sink::Jsonl(jsonl)]);
}

fn on(providers: &[Provider], precision: Precision) -> Execution {
    Execution { providers: providers.to_vec(), precision }
}

#[test]
fn a_model_runs_on_its_device_or_else_on_what_it_may_fall_back_to() {
    use Placement::{Process, Thread};
    use Precision::{Fp16, Fp32, Int8};
    use Provider::{Cpu, Cuda, TensorRt};
    for (keys, execution, placement) in [
        ("device: cpu", on(&[Cpu], Fp32), Thread),
        ("device: cuda", on(&[Cuda], Fp32), Process),
        ("device: cuda, fallback: [cpu]", on(&[Cuda, Cpu], Fp32), Process),
        ("device: cuda, placement: thread", on(&[Cuda], Fp32), Thread),
        ("backend: tensorrt", on(&[TensorRt], Fp32), Process),
        ("backend: tensorrt, device: cuda, precision: fp16", on(&[TensorRt], Fp16), Process),
        (
            "backend: tensorrt, precision: int8, fallback: [cuda, cpu]",
            on(&[TensorRt, Cuda, Cpu], Int8),
            Process,
        ),
        ("backend: tensorrt, fallback: [cpu]", on(&[TensorRt, Cpu], Fp32), Process),
    ] {
        let text = format!("models: {{ m: {{ artifact: a, {keys} }} }}");
        let model = &parse_text(&text).expect(keys).models[0];
        let Backend::Onnx { execution: is, .. } = &model.backend else { panic!("{keys}") };
        assert_eq!((is, model.placement), (&execution, placement), "{keys}");
    }
}
