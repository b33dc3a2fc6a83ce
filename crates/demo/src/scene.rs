//! The scratch folder with a copy of the example, and the project in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use metalith_base::FeatureKey;
use metalith_ingest::{Gone, ScanOptions, ScanReport, scan};
use metalith_objects::ObjectLocation;
use metalith_project::{Project, ProjectOptions};
use metalith_store::{Mode, Store};

use crate::DemoError;

const FILES: [(&str, &[u8]); 5] = [
    ("metalith.toml", include_bytes!("../../../examples/video/metalith.toml")),
    ("features.toml", include_bytes!("../../../examples/video/features.toml")),
    ("media/dawn.y4m", include_bytes!("../../../examples/video/media/dawn.y4m")),
    ("media/dusk.y4m", include_bytes!("../../../examples/video/media/dusk.y4m")),
    ("media/noon.y4m", include_bytes!("../../../examples/video/media/noon.y4m")),
];

/// The scratch folder and the project in it.
pub(crate) struct Scene {
    folder: PathBuf,
    project: Project,
}

impl Scene {
    /// Writes the example into a folder that must be new.
    pub(crate) fn set(folder: PathBuf) -> Result<Self, DemoError> {
        let media = folder.join("media");
        if folder.exists() {
            let source = std::io::ErrorKind::AlreadyExists.into();
            return Err(DemoError::File { action: "create", path: folder, source });
        }
        std::fs::create_dir_all(&media).map_err(|source| DemoError::File {
            action: "create",
            path: media,
            source,
        })?;
        for (name, content) in FILES {
            write(&folder.join(name), content)?;
        }
        let project = load(&folder)?;
        Ok(Self { folder, project })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn project(&self) -> &Project {
        &self.project
    }

    pub(crate) fn media(&self, name: &str) -> PathBuf {
        self.folder.join("media").join(name)
    }

    pub(crate) async fn open(&self) -> Result<Store, DemoError> {
        Ok(self.project.open_store(None, Mode::Write).await?)
    }

    /// Looks at the videos again.
    pub(crate) async fn scan(&self, store: &Store, gone: Gone) -> Result<ScanReport, DemoError> {
        let location = ObjectLocation::Local(self.folder.join("media"));
        let place = metalith_objects::open(&location, &BTreeMap::new())
            .map_err(metalith_ingest::IngestError::from)?;
        let options =
            ScanOptions { glob: Some("*.y4m".to_owned()), gone, ..ScanOptions::default() };
        let raw = key("video/raw");
        Ok(scan(&place, store, self.project.graph(), &raw, &options, &mut |_| {}).await?)
    }

    /// Makes every byte of a video's frames a little brighter.
    pub(crate) fn brighten(&self, name: &str) -> Result<(), DemoError> {
        let path = self.media(name);
        let mut content = std::fs::read(&path).map_err(|source| DemoError::File {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let header = content.iter().position(|byte| *byte == b'\n').unwrap_or(0);
        // Only values that are luma and stay luma; marks between frames are letters below these.
        for byte in content.iter_mut().skip(header).filter(|byte| (129..=220).contains(*byte)) {
            *byte += 10;
        }
        write(&path, &content)
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), DemoError> {
        let path = self.media(name);
        std::fs::remove_file(&path).map_err(|source| DemoError::File {
            action: "remove",
            path,
            source,
        })
    }

    /// Raises the code version of the `motion` field in features.toml and loads the project again.
    pub(crate) fn bump_motion(&mut self) -> Result<(), DemoError> {
        let path = self.folder.join("features.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| DemoError::File {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let before = r#"{ key = "motion", code_version = "1" }"#;
        let after = r#"{ key = "motion", code_version = "2" }"#;
        write(&path, text.replace(before, after).as_bytes())?;
        self.project = load(&self.folder)?;
        Ok(())
    }
}

fn load(folder: &Path) -> Result<Project, DemoError> {
    let options = ProjectOptions { project: Some(folder.into()), ..ProjectOptions::default() };
    Ok(Project::load(&options)?)
}

fn write(path: &Path, content: &[u8]) -> Result<(), DemoError> {
    std::fs::write(path, content).map_err(|source| DemoError::File {
        action: "write",
        path: path.to_path_buf(),
        source,
    })
}

/// A key of the example.
pub(crate) fn key(text: &str) -> FeatureKey {
    text.parse().expect("the example names real keys")
}
