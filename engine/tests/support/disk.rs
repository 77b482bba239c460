//! A disk that loses power: a layer over SQLite's own VFS that tracks what has been synced.
//!
//! It forwards every call to real files, and tracks for each file what is certain to be on disk (written before the
//! last sync) and what is not. A power cut keeps the former, and arbitrary parts of arbitrary writes of the latter,
//! because a disk with a cache can reorder writes. The layer can also fail any single call.

#![allow(unsafe_code, reason = "SQLite's VFS is a C interface")]

use std::{
    collections::HashMap,
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    mem::size_of,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr::null_mut,
    sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError},
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

/// What happens at a call that changes something: opening, writing, truncating, syncing or deleting a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power fails before this call. It and all later calls fail until the restart.
    PowerCut { call: u64 },
    /// This call fails with an SQLite error code, and later ones succeed.
    Fails { call: u64, code: c_int },
}

/// The files in one folder.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    folder: PathBuf,
    files: HashMap<PathBuf, Image>,
    calls: u64,
    fault: Option<Fault>,
    has_power: bool,
    read_only: bool,
}

/// The tracked contents of a file.
#[derive(Default)]
struct Image {
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*at..end].copy_from_slice(bytes);
            }
            Self::Truncate { length } => file.truncate(*length),
        }
    }
}

/// The unit that a disk writes atomically.
const SECTOR: usize = 512;

static DISKS: LazyLock<Mutex<HashMap<PathBuf, Disk>>> = LazyLock::new(Mutex::default);

impl Disk {
    /// From now on, databases in this folder are on a disk of their own.
    pub fn holding(folder: &Path) -> Self {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(register);
        let folder = folder.canonicalize().expect("a folder");
        let state = State { folder: folder.clone(), has_power: true, ..State::default() };
        let disk = Self(Arc::new(Mutex::new(state)));
        DISKS.lock().unwrap().insert(folder, disk.clone());
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans a fault at a call, counted from now.
    pub fn plan(&self, fault: Fault) {
        let mut state = self.state();
        (state.calls, state.fault) = (0, Some(fault));
    }

    pub fn cut_power(&self) {
        self.state().has_power = false;
    }

    pub fn has_power(&self) -> bool {
        self.state().has_power
    }

    /// Whether files can only be opened for reading.
    pub fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    /// Restores power: the files contain what the disk has kept. None of them may be open.
    pub fn restart(&self, mut random: impl FnMut() -> u64) {
        let mut state = self.state();
        let mut files: Vec<_> = state.files.iter_mut().collect();
        // The same random numbers must lead to the same decisions in each run.
        files.sort_by_key(|(path, _)| *path);
        for (path, image) in files {
            let mut kept = std::mem::take(&mut image.synced);
            for change in image.unsynced.drain(..) {
                match (random() % 4, change) {
                    (0 | 1, _) => {}
                    (2, Change::Write { at, bytes }) => {
                        for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                            if random().is_multiple_of(2) {
                                Change::Write { at: at + number * SECTOR, bytes: sector.to_vec() }.apply(&mut kept);
                            }
                        }
                    }
                    (_, change) => change.apply(&mut kept),
                }
            }
            if path.exists() {
                std::fs::write(path, &kept).expect("the real file can be written");
            }
            image.synced = kept;
        }
        for entry in std::fs::read_dir(&state.folder).expect("the folder").flatten() {
            // Memory shared by processes, which does not survive a restart of the machine.
            if entry.file_name().as_bytes().ends_with(b"-shm") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        (state.calls, state.fault, state.has_power) = (0, None, true);
    }
}

impl State {
    /// Counts a call that changes something.
    ///
    /// # Errors
    /// The error code that the call must fail with, and whether the power fails during this very call.
    fn begin(&mut self, failure: c_int) -> Result<(), (c_int, bool)> {
        if !self.has_power {
            return Err((failure, false));
        }
        self.calls += 1;
        match self.fault {
            Some(Fault::PowerCut { call }) if call == self.calls => {
                self.has_power = false;
                Err((failure, true))
            }
            Some(Fault::Fails { call, code }) if call == self.calls => Err((code, false)),
            _ => Ok(()),
        }
    }

    fn change(&mut self, path: &Path, change: Change) {
        self.files.entry(path.to_owned()).or_default().unsynced.push(change);
    }
}

/// A file of SQLite's own VFS, which follows this struct in memory.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// `None` for files that are not on a tracked disk.
    tracked: *mut Option<(Disk, PathBuf)>,
}

static mut VFS: Option<sqlite3_vfs> = None;

fn register() {
    // SAFETY: runs once, before any database is opened through it. Both structs live until the process ends.
    unsafe {
        let real = ffi::sqlite3_vfs_find(std::ptr::null());
        let mut ours = *real;
        ours.zName = c"losing-power".as_ptr();
        ours.szOsFile += size_of::<File>() as c_int;
        ours.pNext = null_mut();
        ours.pAppData = real.cast();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        VFS = Some(ours);
        let ours = &raw mut VFS;
        let registered = ffi::sqlite3_vfs_register((*ours).as_mut().expect("it was just set"), 1);
        assert_eq!(registered, ffi::SQLITE_OK);
    }
}

unsafe fn real_vfs(vfs: *mut sqlite3_vfs) -> *mut sqlite3_vfs {
    unsafe { (*vfs).pAppData.cast() }
}

unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    (!name.is_null()).then(|| PathBuf::from(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes())))
}

fn disk_of(path: &Path) -> Option<Disk> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner).get(path.parent()?).cloned()
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    mut flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    unsafe {
        let ours = file.cast::<File>();
        (*ours).base.pMethods = std::ptr::null();
        let tracked = path_of(name).and_then(|path| Some((disk_of(&path)?, path)));
        if let Some((disk, path)) = &tracked {
            let mut state = disk.state();
            if let Err((code, _)) = state.begin(ffi::SQLITE_CANTOPEN) {
                return code;
            }
            if state.read_only {
                flags &= !(ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE);
                flags |= ffi::SQLITE_OPEN_READONLY;
            }
            let on_disk = || Image { synced: std::fs::read(path).unwrap_or_default(), unsynced: Vec::new() };
            state.files.entry(path.clone()).or_insert_with(on_disk);
        }
        let vfs = real_vfs(vfs);
        let opened = (*vfs).xOpen.expect("a method")(vfs, name, real(file), flags, out_flags);
        if opened == ffi::SQLITE_OK {
            (*ours).base.pMethods = &METHODS;
            (*ours).tracked = Box::into_raw(Box::new(tracked));
        }
        opened
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    unsafe {
        if let Some(path) = path_of(name)
            && let Some(disk) = disk_of(&path)
        {
            let mut state = disk.state();
            if let Err((code, _)) = state.begin(ffi::SQLITE_IOERR_DELETE) {
                return code;
            }
            state.files.remove(&path);
        }
        let vfs = real_vfs(vfs);
        (*vfs).xDelete.expect("a method")(vfs, name, sync)
    }
}

unsafe fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

unsafe fn tracked<'a>(file: *mut sqlite3_file) -> Option<&'a (Disk, PathBuf)> {
    unsafe { (*(*file.cast::<File>()).tracked).as_ref() }
}

/// Forwards a call to the underlying file.
macro_rules! pass_on {
    ($file:ident.$method:ident($($argument:expr),*)) => {{
        let real = real($file);
        (*(*real).pMethods).$method.expect("a method")(real, $($argument),*)
    }};
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    unsafe {
        drop(Box::from_raw((*file.cast::<File>()).tracked));
        pass_on!(file.xClose())
    }
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, bytes: c_int, at: sqlite3_int64) -> c_int {
    unsafe {
        if tracked(file).is_some_and(|(disk, _)| !disk.has_power()) {
            return ffi::SQLITE_IOERR_READ;
        }
        pass_on!(file.xRead(to, bytes, at))
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, bytes: c_int, at: sqlite3_int64) -> c_int {
    unsafe {
        if let Some((disk, path)) = tracked(file) {
            let mut state = disk.state();
            let begun = state.begin(ffi::SQLITE_IOERR_WRITE);
            // Any part of the write that a power cut interrupts can be on disk as well.
            if matches!(begun, Ok(()) | Err((_, true))) {
                let written = std::slice::from_raw_parts(from.cast::<u8>(), bytes as usize).to_vec();
                state.change(path, Change::Write { at: at as usize, bytes: written });
            }
            if let Err((code, _)) = begun {
                return code;
            }
        }
        pass_on!(file.xWrite(from, bytes, at))
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: sqlite3_int64) -> c_int {
    unsafe {
        if let Some((disk, path)) = tracked(file) {
            let mut state = disk.state();
            if let Err((code, _)) = state.begin(ffi::SQLITE_IOERR_TRUNCATE) {
                return code;
            }
            state.change(path, Change::Truncate { length: length as usize });
        }
        pass_on!(file.xTruncate(length))
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    unsafe {
        let Some((disk, path)) = tracked(file) else { return pass_on!(file.xSync(flags)) };
        let mut state = disk.state();
        if let Err((code, _)) = state.begin(ffi::SQLITE_IOERR_FSYNC) {
            return code;
        }
        // There is no need to sync the real disk, since this layer decides what is kept.
        let image = state.files.entry(path.clone()).or_default();
        let changes = std::mem::take(&mut image.unsynced);
        changes.iter().for_each(|change| change.apply(&mut image.synced));
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    unsafe { pass_on!(file.xFileSize(size)) }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, lock: c_int) -> c_int {
    unsafe { pass_on!(file.xLock(lock)) }
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, lock: c_int) -> c_int {
    unsafe { pass_on!(file.xUnlock(lock)) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, reserved: *mut c_int) -> c_int {
    unsafe { pass_on!(file.xCheckReservedLock(reserved)) }
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    unsafe { pass_on!(file.xFileControl(operation, argument)) }
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    unsafe { pass_on!(file.xSectorSize()) }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    unsafe { pass_on!(file.xDeviceCharacteristics()) }
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    memory: *mut *mut c_void,
) -> c_int {
    unsafe { pass_on!(file.xShmMap(region, size, extend, memory)) }
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    unsafe { pass_on!(file.xShmLock(offset, count, flags)) }
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    unsafe { pass_on!(file.xShmBarrier()) }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    unsafe { pass_on!(file.xShmUnmap(delete)) }
}

/// Version 2 has no memory maps, so all data goes through `write`.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
