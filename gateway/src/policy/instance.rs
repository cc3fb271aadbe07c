//! `group_instance_id:` the name of a member, written or from the environment.

use std::env;

use serde_saphyr::Spanned;

use super::checks::Checks;
use super::node::Node;
use super::raw::Text;

/// The longest name of a member, in bytes.
const LONGEST: usize = 255;

/// The stable name of a member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceId {
    /// As it was written.
    Name(String),
    /// What this environment variable holds when the gateway starts, so that several gateways can
    /// share a policy.
    Env(String),
}

impl InstanceId {
    pub(super) fn resolve(raw: &Spanned<Node>, checks: &mut Checks) -> Self {
        match &raw.value {
            Node::Text(name) => {
                let text = Text::from(Spanned::new(name.clone(), raw.referenced, raw.defined));
                Self::Name(checks.text(&text, "a member's name", LONGEST))
            }
            Node::Mapping(entries) => Self::from_env(raw, entries, checks),
            Node::List(_) | Node::Other => Self::wrong(raw, checks),
        }
    }

    fn from_env(
        raw: &Spanned<Node>,
        entries: &[(Text, Spanned<Node>)],
        checks: &mut Checks,
    ) -> Self {
        match entries {
            [(key, Spanned { value: Node::Text(variable), .. })]
                if key.value == "env" && is_variable(variable) =>
            {
                Self::Env(variable.clone())
            }
            _ => Self::wrong(raw, checks),
        }
    }

    fn wrong(raw: &Spanned<Node>, checks: &mut Checks) -> Self {
        let reason = "a member's name, or the environment variable that holds it, as in \
                      { env: POD_NAME }; write a name that looks like a number in quotes";
        checks.wrong(raw, reason);
        Self::Name(String::new())
    }

    /// The name.
    ///
    /// # Errors
    /// When the environment variable holds none.
    pub fn name(&self) -> anyhow::Result<String> {
        let variable = match self {
            Self::Name(name) => return Ok(name.clone()),
            Self::Env(variable) => variable,
        };
        let wanted = |name: &String| !name.is_empty() && name.len() <= LONGEST;
        env::var(variable).ok().filter(wanted).ok_or_else(|| {
            anyhow::anyhow!(
                "group_instance_id: the environment variable {variable} holds no name of 1 to \
                 {LONGEST} bytes; set it to a name that is this gateway's alone"
            )
        })
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
