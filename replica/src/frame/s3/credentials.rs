use std::{
    env,
    fmt::Debug,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use object_store::{
    CredentialProvider,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential},
};
use tokio::task::spawn_blocking;

/// A file of credentials may not be longer than this, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Where the credentials of requests come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum S3Credentials {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if there is one, `AWS_SESSION_TOKEN`, as
    /// they are at the start.
    #[default]
    Environment,
    /// A file as `~/.aws/credentials` is. It is read for each request, so that it may be replaced.
    File {
        /// The file.
        path: PathBuf,
        /// Its section.
        profile: String,
    },
    /// What the machine is given: by a web identity token, a container's credentials, or the
    /// instance's metadata, in this order, as AWS's variables say.
    Instance,
    /// None: requests are not signed.
    Anonymous,
}

/// Where a machine's credentials are to be had, as AWS names it.
const CHAIN: [(&str, AmazonS3ConfigKey); 8] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
    ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
    ("AWS_ENDPOINT_URL_STS", AmazonS3ConfigKey::StsEndpoint),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
    ("AWS_METADATA_ENDPOINT", AmazonS3ConfigKey::MetadataEndpoint),
];

impl S3Credentials {
    /// The builder with these credentials. Nothing else of the environment is looked at: what the
    /// policy says cannot be changed from there.
    ///
    /// # Errors
    /// Why there are none, for the operator; it holds no secret.
    pub(super) fn apply(&self, builder: AmazonS3Builder) -> Result<AmazonS3Builder, String> {
        match self {
            Self::Environment => {
                let found = of_environment(|name| env::var(name).ok())?;
                let builder = builder
                    .with_access_key_id(found.key_id)
                    .with_secret_access_key(found.secret_key);
                Ok(match found.token {
                    Some(token) => builder.with_token(token),
                    None => builder,
                })
            }
            Self::File { path, profile } => {
                let file = CredentialsFile { path: path.clone(), profile: profile.clone() };
                file.read()?;
                Ok(builder.with_credentials(Arc::new(file)))
            }
            Self::Instance => {
                Ok(CHAIN.into_iter().fold(builder, |builder, (name, key)| match env::var(name) {
                    Ok(value) => builder.with_config(key, value),
                    Err(_) => builder,
                }))
            }
            Self::Anonymous => Ok(builder.with_skip_signature(true)),
        }
    }
}

/// Credentials that are read anew for each request.
#[derive(Debug, Clone)]
struct CredentialsFile {
    path: PathBuf,
    profile: String,
}

impl CredentialsFile {
    fn read(&self) -> Result<AwsCredential, String> {
        let text = read_bounded(&self.path)
            .map_err(|error| format!("the credentials file cannot be read: {error}"))?;
        of_profile(&text, &self.profile)
    }
}

#[async_trait]
impl CredentialProvider for CredentialsFile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let file = self.clone();
        let read = spawn_blocking(move || file.read()).await?;
        read.map(Arc::new).map_err(|reason| object_store::Error::Generic {
            store: "credentials file",
            source: reason.into(),
        })
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn of_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<AwsCredential, String> {
    let value = |name| lookup(name).filter(|value| !value.is_empty());
    let required = |name| value(name).ok_or(format!("the environment has no {name}; set it"));
    Ok(AwsCredential {
        key_id: required("AWS_ACCESS_KEY_ID")?,
        secret_key: required("AWS_SECRET_ACCESS_KEY")?,
        token: value("AWS_SESSION_TOKEN"),
    })
}

/// The credentials in the section `[profile]` of a text of `key = value` lines.
fn of_profile(text: &str, profile: &str) -> Result<AwsCredential, String> {
    let header = format!("[{profile}]");
    let section = || {
        let lines = text.lines().map(str::trim).skip_while(|line| *line != header);
        lines.skip(1).take_while(|line| !line.starts_with('['))
    };
    let value = |name: &str| {
        let mut pairs = section().filter_map(|line| line.split_once('='));
        let found = pairs.find(|(key, _)| key.trim() == name)?.1.trim();
        (!found.is_empty()).then(|| found.to_owned())
    };
    let required =
        |name| value(name).ok_or(format!("the credentials file has no {name} in {header}"));
    Ok(AwsCredential {
        key_id: required("aws_access_key_id")?,
        secret_key: required("aws_secret_access_key")?,
        token: value("aws_session_token"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const FILE: &str = "# of two sites\n[default]\naws_access_key_id = AK1\n\
        aws_secret_access_key=se/cr+et==\n\n[other]\naws_access_key_id = AK2\n\
        aws_session_token = token\naws_secret_access_key = secret2\nregion = eu-west-1\n[half]\n\
        aws_access_key_id = AK3\n";

    fn parts(found: AwsCredential) -> (String, String, Option<String>) {
        (found.key_id, found.secret_key, found.token)
    }

    #[test]
    fn a_profile_is_its_own_section() {
        let default = parts(of_profile(FILE, "default").unwrap());
        assert_eq!(default, ("AK1".into(), "se/cr+et==".into(), None));
        let other = parts(of_profile(FILE, "other").unwrap());
        assert_eq!(other, ("AK2".into(), "secret2".into(), Some("token".into())));
        for profile in ["half", "none", ""] {
            let reason = of_profile(FILE, profile).unwrap_err();
            assert!(
                reason.contains(&format!("[{profile}]")) && !reason.contains("AK3"),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_environment_needs_key_and_secret() {
        let lookup = |names: &'static [&str]| {
            move |name: &str| names.contains(&name).then(|| name.to_lowercase())
        };
        let both = of_environment(lookup(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]));
        let both = parts(both.unwrap());
        assert_eq!(both, ("aws_access_key_id".into(), "aws_secret_access_key".into(), None));
        let half = of_environment(lookup(&["AWS_ACCESS_KEY_ID"])).unwrap_err();
        assert!(half.contains("AWS_SECRET_ACCESS_KEY"), "{half}");
    }
}
