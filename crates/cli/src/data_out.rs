//! Standard output as a place for data that another program reads.

use std::io::{self, Write};

/// Room of a pipe, in bytes. Unasked it has 64 KiB, and much data passes in so many small turns of
/// both programs that these take most of the time.
#[cfg(target_os = "linux")]
const ROOM: usize = 1 << 18;

/// Standard output for data: nothing in it is looked at for ends of lines.
#[cfg(unix)]
pub(crate) fn data_out() -> Box<dyn Write + Send> {
    use std::os::fd::AsFd as _;

    let Ok(out) = io::stdout().as_fd().try_clone_to_owned() else { return Box::new(io::stdout()) };
    #[cfg(target_os = "linux")]
    make_room(&out);
    Box::new(std::fs::File::from(out))
}

/// Gives a pipe more room. What is no pipe, has as much, or may have no more, stays as it is.
#[cfg(target_os = "linux")]
fn make_room(out: &std::os::fd::OwnedFd) {
    use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

    if fcntl_getpipe_size(out).is_ok_and(|room| room < ROOM) {
        fcntl_setpipe_size(out, ROOM).ok();
    }
}

/// Standard output for data.
#[cfg(not(unix))]
pub(crate) fn data_out() -> Box<dyn Write + Send> {
    Box::new(io::stdout())
}
