//! A file that a thread of its own writes while the next rows are encoded.

use std::{
    fs::File,
    io::{self, Write},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
};

/// Bytes that are written at once.
const BLOCK: usize = 1 << 20;
/// Blocks there are: one is filled, one is written, the others wait.
const BLOCKS: usize = 4;

/// A file whose bytes are written a few blocks behind.
///
/// What went wrong there is told by the next call. Only [`finish`](Self::finish) says that all was
/// written.
#[derive(Debug)]
pub(crate) struct Behind {
    block: Vec<u8>,
    full: Sender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    /// Until it was asked how it ended.
    thread: Option<JoinHandle<io::Result<File>>>,
}

impl Behind {
    pub(crate) fn new(mut file: File) -> io::Result<Self> {
        let (full, blocks) = channel::<Vec<u8>>();
        let (back, empty) = channel();
        for _ in 1..BLOCKS {
            back.send(Vec::new()).ok();
        }
        let thread =
            thread::Builder::new().name("metalith-writer".to_owned()).spawn(move || {
                for mut block in blocks {
                    file.write_all(&block)?;
                    block.clear();
                    // Who writes no more needs no block.
                    back.send(block).ok();
                }
                Ok(file)
            })?;
        Ok(Self { block: Vec::new(), full, empty, thread: Some(thread) })
    }

    /// Waits until everything is written, and hands the file out.
    pub(crate) fn finish(mut self) -> io::Result<File> {
        self.hand_on()?;
        let Self { full, thread, .. } = self;
        drop(full);
        ended(thread)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let Ok(next) = self.empty.recv() else { return Err(self.failure()) };
        let block = std::mem::replace(&mut self.block, next);
        self.full.send(block).map_err(|_| self.failure())
    }

    /// Why the thread takes nothing any more.
    fn failure(&mut self) -> io::Error {
        match ended(self.thread.take()) {
            Ok(_) => io::ErrorKind::BrokenPipe.into(),
            Err(error) => error,
        }
    }
}

fn ended(thread: Option<JoinHandle<io::Result<File>>>) -> io::Result<File> {
    let thread = thread.ok_or(io::ErrorKind::BrokenPipe)?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes broke off")))
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.hand_on()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.block.is_empty() { Ok(()) } else { self.hand_on() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_arrive_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..3 * BLOCK + 7).map(|at| (at % 251) as u8).collect();
        let mut behind = Behind::new(File::create(&path).unwrap()).unwrap();
        for piece in bytes.chunks(BLOCK / 3 + 1) {
            behind.write_all(piece).unwrap();
        }
        behind.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == bytes);
    }

    #[test]
    fn a_disk_that_refuses_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        // Opened to be read, it takes no bytes.
        let mut behind = Behind::new(File::open(&path).unwrap()).unwrap();
        behind.write_all(b"a").unwrap();
        behind.finish().unwrap_err();

        let mut behind = Behind::new(File::open(&path).unwrap()).unwrap();
        let block = vec![0; BLOCK];
        let refused = (0..10).any(|_| behind.write_all(&block).is_err());
        assert!(refused, "ten blocks were taken by a file that takes none");
    }
}
