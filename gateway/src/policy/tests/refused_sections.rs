//! What the server, the limits, the buckets and the sinks forbid, and how several problems are reported.

use super::{assert_refused, assert_refused_beside, parse_text};

/// A model that is right.
const MODEL: &str = "models: { m: { artifact: a } }\n";

#[test]
fn server() {
    assert_refused_beside(
        MODEL,
        &[
            (
                "server: { grpc: ▸localhost }",
                "server.grpc: an IP address and port, such as 127.0.0.1:9000; got `localhost`",
            ),
            (
                "server: { http: ▸127.0.0.1:99999 }",
                "server.http: an IP address and port, such as 127.0.0.1:9001; got",
            ),
            (
                "server: { grpc: ▸0.0.0.0:9000 }",
                "server.grpc: 0.0.0.0:9000 can be reached from other machines, without",
            ),
            (
                "server: { http: ▸\"[::]:80\", insecure: false }",
                "server.http: [::]:80 can be reached from other machines",
            ),
            (
                "server: { http: ▸127.0.0.1:9000 }",
                "server.http: grpc and http both listen on 127.0.0.1:9000",
            ),
            (
                "server: { grpc: ▸127.0.0.1:9001 }",
                "server.grpc: grpc and http both listen on 127.0.0.1:9001",
            ),
            (
                "server: { insecure: true, grpc: \"[::]:9\", http: ▸127.0.0.1:9 }",
                "server.http: grpc and http both listen on port 9; give each its own",
            ),
            (
                "server: { default_timeout: ▸0s }",
                "server.default_timeout: a duration from 1ms to 1h; got `0s`",
            ),
            (
                "server: { graceful_shutdown_timeout: ▸61m }",
                "server.graceful_shutdown_timeout: a duration from 0s to 1h;",
            ),
            (
                "server: { drain_delay: ▸11m }",
                "server.drain_delay: a duration from 0s to 10m; got `11m`",
            ),
        ],
    );
}

#[test]
fn limits() {
    assert_refused_beside(
        MODEL,
        &[
            (
                "limits: { frame_bytes: ▸64 }",
                "limits.frame_bytes: a size with its unit, such as 64MiB or 20MB; got `64`",
            ),
            (
                "limits: { object_bytes: ▸0B }",
                "limits.object_bytes: a size from 1KiB to 1GiB; got `0B`",
            ),
            (
                "limits: { frame_bytes: 1MiB, object_bytes: ▸2MiB }",
                "limits.object_bytes: one object may be larger than frame_bytes, all decoded frames",
            ),
            (
                "limits: { message_bytes: ▸2GiB }",
                "limits.message_bytes: a size from 1KiB to 1GiB; got `2GiB`",
            ),
            (
                "limits: { image_pixels: ▸64MB }",
                "limits.image_pixels: a number of pixels with its unit, such as 64MP; got",
            ),
            (
                "limits: { image_pixels: ▸5GP }",
                "limits.image_pixels: a number of pixels from 1P to 4GP; got `5GP`",
            ),
            (
                "limits: { image_width: ▸0 }",
                "limits.image_width: a whole number from 1 to 65535; got `0`",
            ),
            (
                "limits: { image_height: ▸1e3 }",
                "limits.image_height: a whole number from 1 to 65535; got `1e3`",
            ),
            (
                "limits: { replica_threads: ▸1.5 }",
                "limits.replica_threads: a whole number from 1 to 4096; got `1.5`",
            ),
        ],
    );
}

#[test]
fn buckets() {
    assert_refused_beside(
        MODEL,
        &[
            (
                "buckets: [{ name: a, url: ▸\"gs://cams\" }]",
                "buckets[0].url: a URL, such as s3://cams, file:///var/frames",
            ),
            (
                "buckets: [{ name: a, url: ▸\"file://host/a\" }]",
                "buckets[0].url: three slashes before an absolute path",
            ),
            ("buckets: [{ name: a, url: ▸\"file:\" }]", "buckets[0].url: a file URL with a path"),
            (
                "buckets: [{ name: a, url: ▸\"file:///a%20b\" }]",
                "buckets[0].url: a folder's plain path, without `%`",
            ),
            (
                "buckets: [{ name: a, url: ▸\"file:../..\" }]",
                "buckets[0].url: a bucket cannot be the whole file system",
            ),
            (
                "buckets: [{ name: ▸\"a:b\", url: \"file:a\" }]",
                "buckets[0].name: a name of letters, digits",
            ),
            (
                "buckets: [{ name: ▸File, url: \"file:a\" }]",
                "buckets[0].name: `File:` begins a URL; name the bucket",
            ),
            (
                "buckets:\n- { name: a, url: \"file:a\" }\n- { name: ▸a, url: \"file:b\" }",
                "buckets[1].name: another bucket is named `a` too",
            ),
            (
                "buckets:\n- { name: a, url: \"file:a\" }\n- { name: b, url: ▸\"file:./a/\" }",
                "buckets[1].url: the bucket `a` is this folder already",
            ),
        ],
    );
}

#[test]
fn sinks() {
    let table = [
        (
            "sinks: [jsonl: { path: ▸\"\" }]",
            "sinks[0].jsonl.path: a path of 1 to 4096 bytes on one line; got ``",
        ),
        (
            "sinks: [jsonl: { path: p, drops: ▸./p }]",
            "sinks[0].jsonl.drops: another sink writes this file already",
        ),
        (
            "sinks: [jsonl: { path: p }, jsonl: { path: ▸a/../p }]",
            "sinks[1].jsonl.path: another sink writes this",
        ),
        (
            "ingest:\n  ▸- kafka: { brokers: \"k:1\", topics: t, group: g }",
            "ingest: results of ingest need a sink; write `sinks: [jsonl: { path: results.jsonl }]`",
        ),
    ];
    assert_refused_beside(MODEL, &table);
}

#[test]
fn all_problems_are_reported_in_the_order_of_the_file() {
    let errors = parse_text(
        "server:\n  grpc: 0.0.0.0:1\n  drain_delay: 5\nmodels:\n  m:\n    max_batch_size: 0\n    autoscaling:\n      \
         min_replicas: 5\n      max_replicas: 2\nbuckets:\n  - { name: /, url: /a }\n",
    )
    .unwrap_err();
    let keys: Vec<&str> = errors.problems().iter().map(|problem| problem.key.as_str()).collect();
    let want = [
        "server.grpc",
        "server.drain_delay",
        "models.m",
        "models.m.max_batch_size",
        "models.m.autoscaling.min_replicas",
        "buckets[0].name",
        "buckets[0].url",
    ];
    assert_eq!(keys, want, "{errors}");
    assert_eq!(errors.to_string().lines().count(), want.len());
}

#[test]
fn of_very_many_problems_the_first_are_reported() {
    let models: String = (0..150).map(|i| format!("  m{i}: {{ num_threads: 0 }}\n")).collect();
    let errors = parse_text(&format!("models:\n{models}")).unwrap_err();
    assert_eq!(errors.problems().len(), 101);
    assert!(errors.to_string().ends_with("policy.yaml: and 200 more problems"), "{errors}");
}

#[test]
fn a_shared_value_is_blamed_once_where_it_is_defined() {
    assert_refused(&[(
        "models:\n  a: { artifact: a, autoscaling: &s { look_back: ▸5 } }\n  b: { artifact: b, autoscaling: *s }",
        "models.a.autoscaling.look_back: a duration with its unit, such as 5ms; got `5`",
    )]);
}

#[test]
fn a_wrong_value_is_not_compared_through_its_default() {
    assert_refused(&[
        (
            "models: { m: { artifact: a, autoscaling: { min_replicas: 11, max_replicas: ▸many } } }\n\
             limits: { replica_threads: 11 }",
            "models.m.autoscaling.max_replicas: a whole number from 1 to 1000; got `many`",
        ),
        (
            "server: { default_timeout: 1ms }\nmodels: { m: { artifact: a, batch_wait_timeout: ▸soon } }",
            "models.m.batch_wait_timeout: a duration with its unit",
        ),
    ]);
}
