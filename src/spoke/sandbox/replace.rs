//! Writing files beneath the root: a new file takes the place of the old one in a single step.

use std::{
    io::{self, Write},
    os::fd::AsRawFd,
    path::Path,
};

use cap_std::fs::{Dir, OpenOptions, Permissions};

use super::{Fail, Root, clean, file::hash};

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only where nothing is.
    Create,
    /// In place of what is there.
    Overwrite,
    /// Behind what is there.
    Append,
}

impl Root {
    /// Writes a whole file; its size and hash.
    ///
    /// # Errors
    /// Why it cannot be written; then nothing has changed.
    pub fn write(
        &self,
        path: &str,
        content: &[u8],
        mode: Mode,
        create_parents: bool,
        expected: Option<&str>,
    ) -> Result<(u64, String), Fail> {
        let _one = self.inner.writing.lock();
        let before = if mode == Mode::Append || expected.is_some() { self.whole(path)? } else { None };
        if let Some(expected) = expected {
            let present = before.as_ref().map(|before| hash(&before.content));
            if present.as_deref() != Some(expected) {
                return Err(Fail::Changed(path.to_owned(), present));
            }
        }
        let content = match before.filter(|_| mode == Mode::Append) {
            Some(mut before) => {
                before.content.extend_from_slice(content);
                before.content
            }
            None => content.to_vec(),
        };
        self.put(path, &content, mode == Mode::Create, create_parents)?;
        Ok((content.len() as u64, hash(&content)))
    }

    /// Changes a whole file by a function from the old text to the new; its size and hash, and what the function says.
    ///
    /// # Errors
    /// Why it cannot be changed; then nothing has.
    pub fn change<T>(
        &self,
        path: &str,
        change: impl FnOnce(&str) -> Result<(String, T), Fail>,
    ) -> Result<(u64, String, T), Fail> {
        let _one = self.inner.writing.lock();
        let before = self.whole(path)?.ok_or_else(|| Fail::NotFound(path.to_owned()))?;
        let text =
            std::str::from_utf8(&before.content).map_err(|_| Fail::refused(path, "it is not UTF-8 text"))?;
        let (after, said) = change(text)?;
        self.put(path, after.as_bytes(), false, false)?;
        Ok((after.len() as u64, hash(after.as_bytes()), said))
    }

    fn put(&self, path: &str, content: &[u8], only_new: bool, create_parents: bool) -> Result<(), Fail> {
        let fail = |error: io::Error| Fail::of(path, &error);
        let whole = clean(path);
        refuse_git(path, whole)?;
        let name = whole.file_name().ok_or_else(|| Fail::refused(path, "it is a folder"))?;
        let above =
            whole.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        if create_parents {
            let there = above.ancestors().find_map(|part| self.dir().canonicalize(part).ok());
            refuse_git(path, &there.unwrap_or_default())?;
            self.dir().create_dir_all(above).map_err(fail)?;
        }
        let folder = self.dir().open_dir(above).map_err(fail)?;
        // The folder that was opened, whatever link led to it.
        refuse_git(path, &where_is(&folder).or_else(|_| self.dir().canonicalize(above)).map_err(fail)?)?;
        let permissions = match folder.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fail(error)),
            Ok(_) if only_new => return Err(Fail::refused(path, "it exists already")),
            Ok(there) if there.is_symlink() => {
                return Err(Fail::refused(path, "it is a link; write to where it leads"));
            }
            Ok(there) if !there.is_file() => return Err(Fail::refused(path, "it is not a regular file")),
            Ok(there) => Some(there.permissions()),
        };
        let temporary = format!(".alkhub-{:016x}.tmp", rand::random::<u64>());
        let done = fill(&folder, &temporary, content, permissions).and_then(|()| {
            if only_new {
                // Unlike a rename, a link does not replace what came there meanwhile.
                folder.hard_link(&temporary, &folder, name)
            } else {
                folder.rename(&temporary, &folder, name)
            }
        });
        if done.is_err() || only_new {
            let _ = folder.remove_file(&temporary);
        }
        done.map_err(fail)?;
        // The new name is to outlive a power cut too; where folders cannot be synced, nothing is lost by it.
        let _ = folder.open(".").and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// What stands in `.git` can make git run programs, which only `shell.exec` may.
pub(super) fn refuse_git(path: &str, leads_to: &Path) -> Result<(), Fail> {
    if leads_to.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
        return Err(Fail::refused(path, "what is in .git is changed by git alone"));
    }
    Ok(())
}

/// Where an opened folder is; where the system tells.
fn where_is(folder: &Dir) -> io::Result<std::path::PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

fn fill(folder: &Dir, name: &str, content: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let mut file = folder.open_with(name, OpenOptions::new().write(true).create_new(true))?;
    file.write_all(content)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.sync_all()
}
