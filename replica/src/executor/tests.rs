//! The wire between a gateway and a replica's process, with a thread in the place of the process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{io::Write, os::unix::net::UnixStream, thread, time::Duration};

use super::{
    child,
    wire::{Failure, Order, Report, decode, encode, read},
};
use crate::{
    ModelOutput,
    backend::BackendSource,
    frame::{Fit, Input, InputGeometry},
};

const GEOMETRY: InputGeometry =
    InputGeometry { width: 2, height: 3, fit: Fit::CenterCrop { short_side: 4 } };

/// The next report that is no heartbeat.
fn next(socket: &UnixStream) -> std::io::Result<Report> {
    loop {
        match read(socket)? {
            Report::Alive => {}
            report => return Ok(report),
        }
    }
}

fn order(mut socket: &UnixStream, order: &Order) {
    socket.write_all(&encode(order).unwrap()).unwrap();
}

fn simulated() -> BackendSource {
    let input = Some(GEOMETRY);
    BackendSource::Simulated { base: Duration::from_millis(1), per_item: Duration::ZERO, input }
}

#[test]
fn a_process_opens_executes_and_goes_with_its_gateway() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let process = thread::spawn(move || child::serve(theirs));
    order(&ours, &Order::Open { source: simulated(), sizing: Some((Duration::from_secs(9), 4)) });
    let Report::Opened(Ok(opened)) = next(&ours).unwrap() else { panic!("it opens") };
    assert!(opened.memory > 1 << 20);
    assert_eq!(opened.measured.iter().map(|(size, _)| *size).collect::<Vec<_>>(), [1, 2, 4]);
    for entries in [1, 3] {
        order(&ours, &Order::Execute(vec![Some(Input::blank(&GEOMETRY)); entries]));
        let Report::Executed(Ok(outputs)) = next(&ours).unwrap() else { panic!("it executes") };
        assert_eq!(outputs.len(), entries);
        assert!(matches!(outputs[0], ModelOutput::Classification(_)));
    }
    drop(ours);
    process.join().unwrap().unwrap();
}

#[test]
fn a_process_that_hears_nonsense_ends() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let process = thread::spawn(move || child::serve(theirs));
    order(&ours, &Order::Execute(Vec::new()));
    assert!(next(&ours).is_err(), "nothing is open");
    process.join().unwrap().unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let process = thread::spawn(move || child::serve(theirs));
    ours.write_all(&[0, 0, 0, 2, 0xff, 0xff]).unwrap();
    assert!(process.join().unwrap().is_err());
}

#[test]
fn a_batch_arrives_as_it_was_sent() {
    let mut input = Input::blank(&GEOMETRY);
    input.data.iter_mut().zip(1..).for_each(|(value, n)| *value = n);
    let batch = vec![Some(input), None];
    let bytes = encode(&Order::Execute(batch.clone())).unwrap();
    assert_eq!(bytes.len() - 4, u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize);
    let Order::Execute(arrived) = decode(&bytes[4..]).unwrap() else { panic!("a batch") };
    assert_eq!(arrived, batch);
    let failed = encode(&Report::Executed(Err(Failure::Crashed("planted".into())))).unwrap();
    let report = decode(&failed[4..]).unwrap();
    assert!(matches!(report, Report::Executed(Err(Failure::Crashed(how))) if how == "planted"));
}
