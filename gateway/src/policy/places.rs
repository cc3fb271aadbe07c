//! Where each key of a policy stands: positions to key paths. Read only when there is a problem to report.

use serde_saphyr::Spanned;

use super::errors::{Position, quote};
use super::node::Node;
use super::yaml;

/// Every value of a policy, in file order.
#[derive(Default)]
pub(super) struct Places(Vec<Place>);

struct Place {
    /// The path of the value's key.
    path: String,
    /// The path of the mapping or list around it.
    holder: String,
    key: Option<Position>,
    value: Option<Position>,
}

impl Places {
    /// Nothing when `text` is not YAML.
    pub(super) fn of(text: &str) -> Self {
        let mut places = Self::default();
        if let Ok(root) = yaml::read_loosely::<Spanned<Node>>(text) {
            places.add("", "", None, &root);
        }
        places
    }

    /// The path of the value at `position`, or of the mapping that has a key there. Of values that begin together, such
    /// as a list and its first item, the innermost.
    pub(super) fn value_at(&self, position: Position) -> Option<&str> {
        let begins_there = |place: &&Place| place.value == Some(position);
        let values =
            self.0.iter().skip_while(|place| !begins_there(place)).take_while(begins_there);
        let holder =
            || self.0.iter().find(|place| place.key == Some(position)).map(|place| &place.holder);
        values.last().map(|place| &place.path).or_else(holder).map(String::as_str)
    }

    /// Where the value of `path` begins.
    pub(super) fn start_of(&self, path: &str) -> Option<Position> {
        self.0.iter().find(|place| place.path == path).and_then(|place| place.value)
    }

    /// The path of the key at `position`.
    pub(super) fn name_at(&self, position: Position) -> Option<&str> {
        self.0.iter().find(|place| place.key == Some(position)).map(|place| place.path.as_str())
    }

    fn add(&mut self, path: &str, holder: &str, key: Option<Position>, node: &Spanned<Node>) {
        let value = Position::of(node.defined);
        self.0.push(Place { path: path.to_owned(), holder: holder.to_owned(), key, value });
        match &node.value {
            Node::Text(_) | Node::Other => {}
            Node::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.add(&format!("{path}[{i}]"), path, None, item);
                }
            }
            Node::Mapping(entries) => {
                for (key, item) in entries {
                    self.add(&below(path, &key.value), path, Position::of(key.defined), item);
                }
            }
        }
    }
}

/// `path.key`, with a key that is no plain word in backticks.
fn below(path: &str, key: &str) -> String {
    let plain =
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if plain && key.len() < 64 { key.to_owned() } else { quote(key) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
