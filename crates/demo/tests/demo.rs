//! The demo keeps what it claims.

#[tokio::test]
async fn every_claim_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    metalith_demo::run(Some(folder.path().join("demo")), &mut |line| told.push(line.to_owned()))
        .await
        .unwrap();
    assert!(told.iter().filter(|line| line.starts_with("\n== ")).count() == 6, "{told:#?}");
}
