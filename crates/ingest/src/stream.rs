//! Arrow's stream format, as other programs pipe it.

use std::io::{self, Read};

use arrow::{
    array::{RecordBatch, RecordBatchReader},
    datatypes::SchemaRef,
    error::ArrowError,
    ipc::reader::StreamReader,
};

/// The batches of a stream, which must say that it is at its end.
///
/// The format lets the end of the bytes stand for it. So a stream whose writer was killed would look
/// complete, and those of its rows that came would be taken for all.
pub(crate) struct WholeStream<R: Read>(StreamReader<Heard<R>>);

/// Remembers whether there was nothing more to read where something was asked for.
struct Heard<R> {
    input: R,
    is_over: bool,
}

impl<R: Read> WholeStream<R> {
    pub(crate) fn new(input: R) -> Result<Self, ArrowError> {
        StreamReader::try_new(Heard { input, is_over: false }, None).map(Self)
    }
}

impl<R: Read> Read for Heard<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(bytes)?;
        self.is_over |= read == 0 && !bytes.is_empty();
        Ok(read)
    }
}

impl<R: Read> Iterator for WholeStream<R> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0.next();
        if next.is_none() && self.0.get_ref().is_over {
            let what =
                "the stream ends without saying so: its writer broke off, or did not close it";
            return Some(Err(ArrowError::IpcError(what.to_owned())));
        }
        next
    }
}

impl<R: Read> RecordBatchReader for WholeStream<R> {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }
}
