//! Compresses the site's files at build time, so that the server need not compress them for each request.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};

use crate::project::Mode;

/// The extensions of files that are worth compressing.
const KINDS: [&str; 6] = ["css", "js", "json", "svg", "txt", "wasm"];

/// The extensions of compressed files, which the server looks for.
pub const ENDS: [&str; 2] = ["br", "gz"];

const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 22;

/// Compresses the files below `folder` that have changed. Development builds have no compressed files, because creating
/// them takes seconds.
pub fn files(folder: &Path, mode: Mode) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, mode)?;
        } else if has_end(&path, &KINDS) {
            match mode {
                Mode::Development => remove_compressed(&path)?,
                Mode::Release => compress(&path)?,
            }
        }
    }
    Ok(())
}

fn has_end(path: &Path, ends: &[&str]) -> bool {
    path.extension().is_some_and(|end| ends.iter().any(|one| end == *one))
}

fn compressed(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{end}"));
    name.into()
}

/// Whether a file with this name would be the compressed form of an existing file.
pub fn is_of(path: &Path) -> bool {
    has_end(path, &ENDS) && path.with_extension("").is_file()
}

fn remove_compressed(path: &Path) -> Result<()> {
    for end in ENDS {
        let file = compressed(path, end);
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))?;
        }
    }
    Ok(())
}

fn compress(path: &Path) -> Result<()> {
    let [br, gz] = ENDS.map(|end| compressed(path, end));
    let changed = path.metadata()?.modified()?;
    let is_fresh = |file: &Path| file.metadata().and_then(|file| file.modified()).is_ok_and(|made| made >= changed);
    if is_fresh(&br) && is_fresh(&gz) {
        return Ok(());
    }
    let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut encoder = GzEncoder::new(create(&gz)?, Compression::best());
    encoder.write_all(&content)?;
    encoder.finish()?;
    let mut encoder = brotli::CompressorWriter::new(create(&br)?, 1 << 16, BROTLI_QUALITY, BROTLI_WINDOW);
    encoder.write_all(&content)?;
    encoder.flush()?;
    // Finishes the stream.
    encoder.into_inner();
    Ok(())
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn only_release_builds_have_compressed_files() {
        let folder = std::env::temp_dir().join(format!("xtask-compress-{}", std::process::id()));
        fs::create_dir_all(folder.join("pkg")).unwrap();
        let style = folder.join("pkg/any.css");
        let text = "a { color: red }\n".repeat(100);
        fs::write(&style, &text).unwrap();
        files(&folder, Mode::Release).unwrap();
        let mut read = String::new();
        flate2::read::GzDecoder::new(File::open(compressed(&style, "gz")).unwrap()).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
        read.clear();
        brotli::Decompressor::new(File::open(compressed(&style, "br")).unwrap(), 4096)
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(read, text);
        files(&folder, Mode::Development).unwrap();
        assert!(!compressed(&style, "gz").exists() && !compressed(&style, "br").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
