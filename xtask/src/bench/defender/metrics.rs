//! Numbers of `/metrics`.

/// One answer.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// Names with their labels, without the prefix, and values.
    samples: Vec<(String, f64)>,
}

impl Metrics {
    pub(super) fn parse(text: &str) -> Self {
        let sample = |line: &str| {
            let (name, value) = line.strip_prefix("palisade_defender_")?.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self { samples: text.lines().filter_map(sample).collect() }
    }

    /// The sum of all of this name whose labels have all of these, as `kind="open"`.
    pub(super) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let fits = |sample: &str| {
            let (own, rest) = sample.split_once('{').unwrap_or((sample, ""));
            own == name && labels.iter().all(|label| rest.contains(label))
        };
        self.samples.iter().filter(|(name, _)| fits(name)).fold(0.0, |sum, (_, value)| sum + value)
    }

    /// The upper bound of the bucket of a histogram that holds this share of its samples.
    pub(super) fn quantile(&self, histogram: &str, share: f64) -> Option<f64> {
        let count = self.sum(&format!("{histogram}_count"), &[]);
        let start = format!("{histogram}_bucket{{le=\"");
        // In ascending order, each with those before.
        self.samples.iter().find_map(|(name, below)| {
            let bound = name.strip_prefix(&start)?.split('"').next()?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            (count > 0.0 && *below >= share * count).then_some(bound)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_select_and_buckets_bound() {
        let metrics = Metrics::parse(
            "# TYPE x counter\npalisade_defender_events_total{kind=\"open\"} 5\n\
             palisade_defender_events_total{kind=\"exec\"} 2\n\
             palisade_defender_lost_events_total{kind=\"open\",cause=\"rate-limited\"} 3\n\
             palisade_defender_incident_seconds_count 100\n\
             palisade_defender_incident_seconds_bucket{le=\"0.01\"} 50\n\
             palisade_defender_incident_seconds_bucket{le=\"0.05\"} 99\n\
             palisade_defender_incident_seconds_bucket{le=\"+Inf\"} 100\n",
        );
        assert_eq!(metrics.sum("events_total", &["kind=\"open\""]), 5.0);
        assert_eq!(metrics.sum("events_total", &[]), 7.0);
        assert_eq!(metrics.sum("lost_events_total", &["kind=\"open\""]), 3.0);
        assert_eq!(metrics.quantile("incident_seconds", 0.99), Some(0.05));
        assert_eq!(metrics.quantile("incident_seconds", 1.0), Some(f64::INFINITY));
        assert_eq!(metrics.quantile("rules_seconds", 0.99), None);
    }
}
