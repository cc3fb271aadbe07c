//! What is sent to a server of HTTP.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Uri,
    body::Bytes,
    header::{HOST, HeaderName, HeaderValue},
};

use crate::connection::Version;

/// Requests with the bodies of files, which are sent in turn.
#[derive(Debug, Clone)]
pub struct Posts {
    target: Uri,
    headers: HeaderMap,
    bodies: Arc<[Bytes]>,
}

impl Posts {
    /// Those of a folder's files, in the order of their names.
    ///
    /// # Errors
    /// When they cannot be read, or there are none; when the URL names no host.
    pub fn new(url: &Uri, version: Version, mut headers: HeaderMap, folder: &Path) -> Result<Self> {
        let host = url.authority().with_context(|| format!("{url} names no host"))?;
        let mut target = url.clone();
        if version == Version::Http1 {
            headers.insert(HOST, host.as_str().parse()?);
            target = url.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        }
        Ok(Self { target, headers, bodies: bodies(folder)? })
    }

    /// The request with this number.
    pub fn get(&self, number: u64) -> Request<Full<Bytes>> {
        let body = &self.bodies[(number % self.bodies.len() as u64) as usize];
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn bodies(folder: &Path) -> Result<Arc<[Bytes]>> {
    let named = || folder.display().to_string();
    let files = fs::read_dir(folder).with_context(named)?;
    let mut paths = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    ensure!(!paths.is_empty(), "{}: there is no file", named());
    let read = |path: PathBuf| fs::read(&path).with_context(|| path.display().to_string());
    paths.into_iter().map(|path| read(path).map(Bytes::from)).collect()
}

/// `NAME: VALUE`.
///
/// # Errors
/// When it is not that.
pub fn header(written: &str) -> Result<(HeaderName, HeaderValue), String> {
    let read = || {
        let (name, value) = written.split_once(':')?;
        Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
    };
    read().ok_or_else(|| format!("write NAME: VALUE, such as `te: trailers`; got `{written}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(bodies(folder.path()).is_err());
        for name in ["b", "a"] {
            fs::write(folder.path().join(name), name).expect("it is written");
        }
        assert_eq!(*bodies(folder.path()).expect("two bodies"), ["a", "b"].map(Bytes::from));
    }

    #[test]
    fn a_connection_of_its_own_is_asked_for_a_path_of_its_host() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("body"), "it").expect("it is written");
        let url = Uri::from_static("http://localhost:80/a?b=c");
        let request = |version| {
            let posts = Posts::new(&url, version, HeaderMap::new(), folder.path());
            posts.expect("a body").get(7)
        };
        assert_eq!(*request(Version::Http2).uri(), url);
        assert_eq!(*request(Version::Http1).uri(), "/a?b=c");
        assert_eq!(request(Version::Http1).headers()[HOST], "localhost:80");
    }

    #[test]
    fn headers_are_read_as_they_are_written() {
        let (name, value) = header("TE: trailers").expect("a header");
        assert_eq!((name.as_str(), value.as_bytes()), ("te", b"trailers".as_slice()));
        assert!(header("te trailers").is_err() && header("a b: c").is_err());
    }
}
