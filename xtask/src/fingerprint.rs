//! Skips build steps whose inputs have not changed.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use anyhow::{Context, Result};

/// A hash of the inputs of a step.
#[derive(Default)]
pub struct Fingerprint(DefaultHasher);

impl Fingerprint {
    pub fn text(mut self, text: &str) -> Self {
        self.bytes(text.as_bytes());
        self
    }

    pub fn file(mut self, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.bytes(&content);
        Ok(self)
    }

    // Prefix the length, so that adjacent inputs cannot be confused.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_usize(bytes.len());
        self.0.write(bytes);
    }

    /// Runs `step` unless the file `note` holds this fingerprint and all `outputs` exist. The note is written only
    /// after the step has succeeded.
    pub fn unless_done(self, note: &Path, outputs: &[&Path], step: impl FnOnce() -> Result<()>) -> Result<()> {
        let wanted = format!("{:016x}\n", self.0.finish());
        let done =
            outputs.iter().all(|output| output.exists()) && fs::read_to_string(note).is_ok_and(|is| is == wanted);
        if done {
            return Ok(());
        }
        step()?;
        if let Some(folder) = note.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(note, wanted).with_context(|| format!("cannot write {}", note.display()))
    }
}
