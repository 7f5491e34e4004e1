//! Where things are: the checkout, the page's sources, cargo's target folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// One checkout, and where its products go.
pub struct Site {
    /// The folder of the workspace's manifest.
    pub root: PathBuf,
    /// The page's sources.
    pub web: PathBuf,
    /// Where cargo builds; follows `CARGO_TARGET_DIR` and cargo's configuration.
    pub target: PathBuf,
    /// Where this program keeps logs and reports.
    pub logs: PathBuf,
}

impl Site {
    /// Finds the checkout that this program was built from, and makes the folder for logs.
    pub fn find() -> Self {
        let root = root();
        let target = target(&root).unwrap_or_else(|| root.join("target"));
        let logs = target.join("xtask");
        fs::create_dir_all(&logs)
            .unwrap_or_else(|error| panic!("no folder for logs at {}: {error}", logs.display()));
        Self { web: root.join("web"), root, target, logs }
    }

    /// Returns `path` as a reader at the root would type it.
    pub fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// Returns the folder of the workspace's manifest.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("xtask/ is inside the workspace").to_owned()
}

/// Asks cargo, which alone knows all the ways in which the folder can be set.
fn target(root: &Path) -> Option<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    metadata["target_directory"].as_str().map(PathBuf::from)
}
