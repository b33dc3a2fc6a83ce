//! A file that is only read.

use metalith_store::Mode;
use metalith_testkit::databases;

use crate::support::{append, backend, numbers, stored};

#[tokio::test]
async fn a_file_that_is_read_is_opened_anew_to_be_written() {
    let place = databases::fresh("duckdb");
    {
        let writer = backend(&place);
        append(&writer, numbers([1])).await.unwrap();
    }
    let reader = backend(&place);
    reader.prepare_for(Mode::Read).await.unwrap();
    assert_eq!(stored(&reader).await.unwrap(), [1]);
    let refused = append(&reader, numbers([2])).await.unwrap_err();
    assert!(format!("{refused:?}").contains("read-only"), "{refused:?}");

    let writer = backend(&place);
    writer.prepare_for(Mode::Write).await.unwrap();
    append(&writer, numbers([2])).await.unwrap();
    assert_eq!(stored(&reader).await.unwrap(), [1, 2]);

    // Who may write may read as well.
    reader.prepare_for(Mode::Read).await.unwrap();
    append(&writer, numbers([3])).await.unwrap();
    assert_eq!(stored(&reader).await.unwrap(), [1, 2, 3]);
}
