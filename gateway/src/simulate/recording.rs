//! A recording of a load: a line of JSON for each frame.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::load::Arrival;

/// A frame that came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Seconds since the start of the recording.
    pub at: f64,
    /// Its camera; empty if it named none.
    pub camera_id: String,
    /// The models that it was for.
    pub models: Vec<String>,
}

/// The frames of a recording as they stand there, each with when it came.
///
/// # Errors
/// When it cannot be read; with the line.
pub fn read(path: &Path) -> anyhow::Result<Vec<(Duration, Recorded)>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut frames = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let place = || format!("{}, line {}", path.display(), number + 1);
        let recorded: Recorded =
            serde_json::from_str(&line.with_context(place)?).with_context(place)?;
        let Ok(at) = Duration::try_from_secs_f64(recorded.at) else {
            bail!("{}: `at` is a number of seconds, from 0; got {}", place(), recorded.at);
        };
        frames.push((at, recorded));
    }
    Ok(frames)
}

/// Frames of a recording, in the order of their time. Models that the policy does not have are left
/// out.
///
/// # Errors
/// When it cannot be read; with the line.
pub(super) fn load(path: &Path, models: &[Arc<str>]) -> anyhow::Result<Vec<Arrival>> {
    let (mut cameras, mut arrivals) = (HashMap::new(), Vec::new());
    for (at, recorded) in read(path)? {
        let next = u32::try_from(cameras.len()).unwrap_or(u32::MAX);
        let camera = *cameras.entry(recorded.camera_id).or_insert(next);
        let wanted = |name: &Arc<str>| recorded.models.iter().any(|model| **model == **name);
        let wanted = models.iter().enumerate().filter(|(_, name)| wanted(name));
        arrivals.push(Arrival { at, camera, models: wanted.map(|(place, _)| place).collect() });
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    Ok(arrivals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_arrivals_in_the_order_of_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        write(
            "{\"at\": 2.5, \"camera_id\": \"b\", \"models\": [\"m\", \"other\"]}\n\
             {\"at\": 1.0, \"camera_id\": \"a\", \"models\": []}\n",
        );
        let found = load(file.path(), &["x".into(), "m".into()]).unwrap();
        let at = |seconds: f64| Duration::from_secs_f64(seconds);
        let arrival = |at, camera, models: &[usize]| Arrival { at, camera, models: models.into() };
        assert_eq!(found, [arrival(at(1.0), 1, &[]), arrival(at(2.5), 0, &[1])]);
        write("{\"at\": -1, \"camera_id\": \"\", \"models\": []}\n");
        let problem = load(file.path(), &[]).unwrap_err().to_string();
        assert!(
            problem.ends_with("line 1: `at` is a number of seconds, from 0; got -1"),
            "{problem}"
        );
        write("{}\nno json\n");
        assert!(load(file.path(), &[]).unwrap_err().to_string().ends_with("line 1"));
    }
}
