//! A job that makes a dataset of synthetic radio samples: complex baseband as NumPy files.

use async_trait::async_trait;
use metalith_lifecycle::quota::Usage;
use metalith_objects::{ObjectUri, put};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{JobKind, Progress, kind::config_of, limits::require_room};
use crate::{
    Dataset, Job, RegistryError, Session,
    link::{check_name, parse_id},
    record::Sample,
};

/// Makes a tone in noise as several receivers hear it. What it makes follows from its
/// configuration, so it may be begun again.
#[derive(Debug)]
pub(super) struct Iq;

/// How many samples are written down at once.
const AT_ONCE: u32 = 100;
/// The most bytes of one dataset.
const MOST_BYTES: u64 = 1 << 40;
/// Bytes of one point, and of what a file has before the first.
const POINT: u64 = 8;
const HEADER: u64 = 128;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Config {
    dataset_name: String,
    #[serde(default = "some_samples")]
    num_samples: u32,
    #[serde(default = "some_receivers")]
    receivers: u32,
    /// How many points each file has.
    #[serde(default = "some_points")]
    points: u32,
    #[serde(default)]
    seed: u64,
    /// Given when the job is written down.
    #[serde(default)]
    dataset_id: Option<String>,
}

fn some_samples() -> u32 {
    10
}

fn some_receivers() -> u32 {
    3
}

fn some_points() -> u32 {
    256
}

#[async_trait]
impl JobKind for Iq {
    fn name(&self) -> &'static str {
        "iq_raw"
    }

    async fn check(
        &self,
        session: &Session,
        config: Map<String, Value>,
    ) -> Result<Map<String, Value>, RegistryError> {
        let mut config = config_of::<Config>("dataset", Value::Object(config))?;
        check_name("dataset_name", &config.dataset_name)?;
        let limits = [
            ("num_samples", config.num_samples, 100_000),
            ("receivers", config.receivers, 64),
            ("points", config.points, 1_000_000),
        ];
        for (setting, value, most) in limits {
            if value == 0 || value > most {
                let problem = format!("is {value}, and must be between 1 and {most}");
                return Err(RegistryError::Setting { setting, problem });
            }
        }
        let files = u64::from(config.num_samples) * u64::from(config.receivers);
        let bytes = files * (HEADER + u64::from(config.points) * POINT);
        if bytes > MOST_BYTES {
            let problem =
                format!("leads to {bytes} bytes, and at most {MOST_BYTES} are made at once");
            return Err(RegistryError::Setting { setting: "num_samples", problem });
        }
        require_room(session, Usage { objects: files, bytes }).await?;
        config.dataset_id = Some(Uuid::now_v7().to_string());
        match serde_json::to_value(config)? {
            Value::Object(config) => Ok(config),
            _ => Ok(Map::new()),
        }
    }

    async fn run(
        &self,
        session: &Session,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let config = config_of::<Config>("dataset", serde_json::from_str(&job.config)?)?;
        let mut dataset = Dataset {
            dataset_id: config.dataset_id.clone().unwrap_or_else(|| job.job_id.clone()),
            name: config.dataset_name.clone(),
            dataset_type: "iq_raw".to_owned(),
            created_by_job_id: Some(job.job_id.clone()),
            num_samples: i64::from(config.num_samples),
            bytes: 0,
            created_at: job.created_at.clone(),
        };
        progress.set_total(u64::from(config.num_samples));
        // The record first: no object is ever without the dataset that owns it.
        progress.write(session, std::slice::from_ref(&dataset), None).await?;
        let id = parse_id("dataset", &dataset.dataset_id)?;
        progress.log(&format!("dataset {}", dataset.dataset_id));
        let mut samples = Vec::new();
        for number in 0..config.num_samples {
            let sample = self.make(session, &config, &dataset, number, progress).await?;
            dataset.bytes += sample.bytes;
            samples.push(sample);
            if samples.len() >= AT_ONCE as usize || number + 1 == config.num_samples {
                progress.write(session, &samples, Some(id)).await?;
                samples.clear();
            }
            progress.set_done(u64::from(number) + 1);
        }
        progress.write(session, &[dataset], Some(id)).await
    }
}

impl Iq {
    /// Writes the files of one sample.
    async fn make(
        &self,
        session: &Session,
        config: &Config,
        dataset: &Dataset,
        number: u32,
        progress: &Progress,
    ) -> Result<Sample, RegistryError> {
        let space = session.space();
        let settings = space.project().settings().registry.clone().unwrap_or_default();
        let folder = format!("{}/{}", settings.place(space.name()), dataset.dataset_id);
        let mut bytes = 0;
        for receiver in 0..config.receivers {
            let address = format!("{folder}/sample-{number}/rx_{receiver}.npy");
            let uri = ObjectUri::parse(&address).map_err(|problem| RegistryError::Setting {
                setting: "objects",
                problem: format!("of the registry leads to `{address}`: {problem}"),
            })?;
            let of_file = config.clone();
            let content = move || npy(&heard(&of_file, number, receiver));
            let content = tokio::task::spawn_blocking(content).await;
            let content = content.map_err(|_| RegistryError::Broken)?;
            bytes += content.len() as i64;
            progress.check()?;
            put(&session.places().of(&uri)?, &uri, content).await?;
        }
        Ok(Sample {
            sample_id: format!("{}/{number}", dataset.dataset_id),
            dataset_id: dataset.dataset_id.clone(),
            number: i64::from(number),
            files: i64::from(config.receivers),
            bytes,
            created_at: dataset.created_at.clone(),
        })
    }
}

/// What one receiver hears of one sample: real and imaginary parts in turn.
fn heard(config: &Config, number: u32, receiver: u32) -> Vec<f32> {
    let mut noise = Noise::new(config.seed, number, receiver);
    let frequency = 0.01 + 0.2 * noise.next();
    let phase = std::f32::consts::TAU * noise.next();
    let points = 0..config.points;
    let point = |it: u32| {
        let angle = std::f32::consts::TAU * frequency * it as f32 + phase;
        [angle.cos() + 0.1 * (noise.next() - 0.5), angle.sin() + 0.1 * (noise.next() - 0.5)]
    };
    points.flat_map(point).collect()
}

/// Numbers between 0 and 1 that follow from a seed: splitmix64.
struct Noise(u64);

impl Noise {
    fn new(seed: u64, number: u32, receiver: u32) -> Self {
        Self(
            seed ^ (u64::from(number) << 32 | u64::from(receiver))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15),
        )
    }

    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1u32 << 24) as f32
    }
}

/// Complex numbers of twice 32 bits as a file of NumPy, format version 1.0.
fn npy(parts: &[f32]) -> Vec<u8> {
    let shape = parts.len() / 2;
    let mut header = format!("{{'descr': '<c8', 'fortran_order': False, 'shape': ({shape},), }}");
    // Data begins at a multiple of 64 bytes, behind a line break.
    let unpadded = 10 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    file
}
