use super::Timestamp;

#[test]
fn a_timestamp_reads_as_rfc_3339() {
    let cases = [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
        (1_767_225_599_999_999, "2025-12-31T23:59:59.999999Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ];
    for (micros, expected) in cases {
        assert_eq!(Timestamp::from_micros(micros).to_string(), expected);
    }
}
