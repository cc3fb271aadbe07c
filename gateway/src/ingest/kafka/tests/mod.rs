//! The whole ingress against an embedded broker, with pools and sinks that the tests hold in their
//! hands. A group's first join takes 3 s there.

mod faults;
mod flow;
mod harness;
mod overload;
mod pressure;
mod stop;
mod topics;
