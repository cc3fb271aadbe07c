use framegate_proto::ErrorCode;

use super::*;

struct Site {
    registry: Registry,
    topics: Topics,
    tracker: Tracker,
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
}

fn partition(topic: &str, number: i32) -> Partition {
    Partition { topic: topic.into(), number }
}

impl Site {
    fn new(partitions: &[&Partition]) -> Self {
        let registry = Registry::new().unwrap();
        let topics = Topics::new(TopicSource::new(&registry, "g"));
        let mut site = Self { registry, topics, tracker: Tracker::default() };
        for partition in partitions {
            site.tracker.assign((*partition).clone());
            site.topics.assigned(partition, now());
        }
        site
    }

    fn take(&mut self, partition: &Partition, offset: i64, age: u64) -> TopicPlace {
        self.tracker.take(partition, offset, 1).unwrap();
        let source = Source { partition: partition.clone(), offset };
        self.topics.taken(&source, now() - Duration::from_secs(age), now())
    }

    fn measure(&mut self, ends: &[(&Partition, i64, i64)], paused: bool) {
        let ends: Vec<PartitionEnd> = ends
            .iter()
            .map(|(partition, position, end)| PartitionEnd {
                partition: (*partition).clone(),
                position: *position,
                end: *end,
            })
            .collect();
        self.topics.measure(&ends, &self.tracker, |_| paused, now());
    }

    fn value(&self, name: &str, topic: &str) -> Option<f64> {
        let series = format!("framegate_topic_{name}{{group=\"g\",topic=\"{topic}\"");
        let text = self.registry.render();
        let line = text.lines().find(|line| line.starts_with(&series))?;
        Some(line.rsplit(' ').next()?.parse().unwrap())
    }
}

#[test]
fn lag_is_summed_over_a_topics_partitions_and_its_age_is_the_greatest() {
    let (first, second, other) = (partition("a", 0), partition("a", 1), partition("b", 0));
    let mut site = Site::new(&[&first, &second, &other]);
    let _places = [site.take(&first, 4, 3), site.take(&second, 9, 7), site.take(&other, 0, 1)];
    site.measure(&[(&first, 5, 8), (&second, 10, 11), (&other, 1, 1)], false);
    assert_eq!(site.value("lag_records", "a"), Some(4.0));
    assert_eq!(site.value("lag_seconds", "a"), Some(7.0));
    assert_eq!(site.value("in_flight_records", "a"), Some(2.0));
    assert_eq!(
        (site.value("lag_records", "b"), site.value("lag_seconds", "b")),
        (Some(0.0), Some(1.0))
    );
    site.measure(&[], true);
    assert_eq!(site.value("paused_partitions", "a"), Some(2.0));
}

#[test]
fn a_topic_that_went_away_has_zeros_for_gauges() {
    let only = partition("a", 0);
    let mut site = Site::new(&[&only]);
    let place = site.take(&only, 4, 3);
    site.measure(&[(&only, 5, 8)], true);
    site.tracker.revoke(&only);
    site.topics.revoked(&only);
    site.measure(&[], false);
    drop(place);
    for gauge in ["lag_records", "lag_seconds", "paused_partitions", "in_flight_records"] {
        assert_eq!(site.value(gauge, "a"), Some(0.0), "{gauge}");
    }
}

#[test]
fn commits_count_the_records_they_pass() {
    let only = partition("a", 0);
    let mut site = Site::new(&[&only]);
    let _places = [site.take(&only, 40, 0), site.take(&only, 41, 0)];
    site.topics.committed(&[(only.clone(), 41)]);
    site.topics.committed(&[(only.clone(), 42), (partition("gone", 0), 7)]);
    assert_eq!(site.value("committed_records_total", "a"), Some(2.0));
    // Its log was cut, and it begins anew.
    site.topics.committed(&[(only.clone(), 3)]);
    site.topics.committed(&[(only, 5)]);
    assert_eq!(site.value("committed_records_total", "a"), Some(4.0));
}

#[test]
fn ends_are_counted_by_topic() {
    let only = partition("a", 0);
    let mut site = Site::new(&[&only]);
    let place = site.take(&only, 0, 0);
    place.ended(OutcomeKind::Delivered, 1);
    place.ended(OutcomeKind::Dropped(DropReason::TooOld), 1);
    place.ended(OutcomeKind::DeadLettered(ErrorCode::Internal), 1);
    place.ended(OutcomeKind::DeadLettered(ErrorCode::MalformedReference), 1);
    assert_eq!(site.value("dead_letters_total", "a"), Some(2.0));
    let drop = "framegate_topic_drops_total{group=\"g\",topic=\"a\",reason=\"too_old\"} 1\n";
    assert!(site.registry.render().contains(drop));
}

#[test]
fn topics_beyond_the_bound_share_a_series() {
    let mut site = Site::new(&[]);
    let mut places = Vec::new();
    for number in 0..MAX_TOPICS + 5 {
        let one = partition(&format!("t{number}"), 0);
        site.tracker.assign(one.clone());
        site.topics.assigned(&one, now());
        places.push(site.take(&one, 0, 0));
    }
    assert_eq!(site.value("in_flight_records", "other"), Some(5.0));
    assert_eq!(site.value("in_flight_records", &format!("t{}", MAX_TOPICS - 1)), Some(1.0));
    assert_eq!(site.value("in_flight_records", &format!("t{MAX_TOPICS}")), None);
}
