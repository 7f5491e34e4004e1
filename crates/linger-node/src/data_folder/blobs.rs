//! Opens what a node needs for files: the store of their bytes, and the folder of uploads.
//!
//! The bytes lie in the data folder, or in the object store of a cluster, with copies here.

use std::{io, sync::Arc};

use super::{DataFolder, OpenError};
use crate::{
    Clock, ClusterError, ClusterSettings, Limits,
    blobs::{
        BlobStore, Holds,
        folder::FolderStore,
        jetstream::{JetStreamStore, OpenStoreError},
    },
    private,
    uploads::Uploads,
};

impl DataFolder {
    /// Opens the store of files, and goes on with the uploads that were begun.
    pub(crate) fn open_uploads(
        &self,
        limits: &Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Uploads>, OpenError> {
        let folder = self.path.join(private::FILES);
        let store = FolderStore::new(&folder);
        self.open_uploads_in(Arc::new(store), Holds::default(), clock, limits)
    }

    /// Opens the store of files beside a log on a cluster, with copies in the folder, and goes
    /// on with the uploads that were begun on this node.
    pub(crate) fn open_uploads_on_cluster(
        &self,
        cluster: &ClusterSettings,
        limits: &Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Uploads>, OpenError> {
        let (folder, holds) = (self.path.join(private::FILES), Holds::default());
        let store = JetStreamStore::open(cluster, &folder, holds.clone(), limits, clock.clone());
        let store = store.map_err(|error| match error {
            OpenStoreError::Cluster(error) => error.into(),
            OpenStoreError::Folder(error) => self.refused()(error),
        })?;
        // The cluster is asked how many bytes there are.
        let opened = self.open_uploads_in(Arc::new(store), holds, clock, limits);
        opened.map_err(|error| match error {
            OpenError::Folder { error, .. } if error.kind() == io::ErrorKind::NotConnected => {
                ClusterError::Refused(error.to_string()).into()
            }
            error => error,
        })
    }

    fn open_uploads_in(
        &self,
        store: Arc<dyn BlobStore>,
        holds: Holds,
        clock: Arc<dyn Clock>,
        limits: &Limits,
    ) -> Result<Arc<Uploads>, OpenError> {
        let staging = self.path.join(private::FILES).join(private::UPLOADS);
        Uploads::open(&staging, store, holds, clock, limits).map_err(self.refused())
    }
}
