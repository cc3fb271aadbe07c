use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::{S3Bucket, failure::Failure, fetch::Tally};

/// What can be done with objects beside reading and writing them. Each step is tried again where
/// that makes sense; errors are texts for the operator.
impl S3Bucket {
    /// Copies an object on the server; when this returns, the bucket has it under both keys.
    ///
    /// # Errors
    /// A text for the operator.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), String> {
        let (from, to) = (self.key(from)?, self.key(to)?);
        self.step(|| async { Ok(self.store.copy(&from, &to).await?) }).await
    }

    /// The names of the folders directly beneath a folder; none if there is no such folder.
    ///
    /// # Errors
    /// A text for the operator.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, String> {
        let folder = self.key(folder)?;
        let list = || async { Ok(self.store.list_with_delimiter(Some(&folder)).await?) };
        let listed = self.step(list).await?;
        Ok(listed.common_prefixes.iter().filter_map(name).collect())
    }

    /// The names of objects directly beneath a folder, at most `most`.
    ///
    /// # Errors
    /// A text for the operator.
    pub async fn names(&self, folder: &str, most: usize) -> Result<Vec<String>, String> {
        let folder = self.key(folder)?;
        let list = || async {
            let direct = |path: &Path| path.prefix_match(&folder).is_some_and(|it| it.count() == 1);
            let paths = self.store.list(Some(&folder)).map_ok(|object| object.location);
            let paths: Vec<_> = paths.take(most).try_collect().await?;
            Ok(paths.iter().filter(|path| direct(path)).filter_map(name).collect())
        };
        self.step(list).await
    }

    /// Deletes objects; those that are gone already count as deleted.
    ///
    /// # Errors
    /// A text for the operator.
    pub async fn delete(&self, keys: Vec<String>) -> Result<(), String> {
        let paths = keys.iter().map(|key| self.key(key)).collect::<Result<Vec<_>, _>>()?;
        let delete = || async {
            let paths = stream::iter(paths.clone().into_iter().map(Ok)).boxed();
            self.store.delete_stream(paths).try_for_each(|_| async { Ok(()) }).await?;
            Ok(())
        };
        self.step(delete).await
    }

    fn key(&self, key: &str) -> Result<Path, String> {
        self.location().path(key).ok_or_else(|| "S3 takes no key as this".to_owned())
    }

    async fn step<T, F>(&self, step: impl Fn() -> F) -> Result<T, String>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let untold = Tally::new(std::sync::Arc::new(|_| {}));
        let checked = || async {
            self.check_credentials().await?;
            step().await
        };
        self.tried(&untold, checked).await.map_err(|failure| failure.to_string())
    }
}

fn name(path: &Path) -> Option<String> {
    path.filename().map(str::to_owned)
}
