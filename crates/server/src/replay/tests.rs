use super::*;

fn named(caller: &str, key: usize) -> Named {
    let (caller, key) = (caller.as_bytes().to_vec(), key.to_string().into_bytes());
    Named { caller, key, request: b"the same".to_vec() }
}

fn answer(bytes: usize) -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: vec![0; bytes] }
}

#[test]
fn what_is_under_way_and_what_others_got_is_not_forgotten() {
    let replays = Replays::default();
    let under_way = named("busy", 0);
    assert!(replays.begin(&under_way).unwrap().is_none());
    let of_another = named("another", 0);
    replays.begin(&of_another).unwrap();
    replays.end(&of_another, answer(1));
    for key in 1..=2 * MOST {
        let one = named("busy", key);
        assert!(replays.begin(&one).unwrap().is_none());
        replays.end(&one, answer(1));
    }
    assert_eq!(replays.begin(&under_way).unwrap_err().code, "idempotency.under-way");
    assert!(replays.begin(&of_another).unwrap().is_some());
    assert!(replays.begin(&named("busy", 2 * MOST)).unwrap().is_some());
    assert!(replays.begin(&named("busy", 1)).unwrap().is_none(), "the oldest go first");
}

#[test]
fn one_caller_takes_so_much_memory_and_no_more() {
    let replays = Replays::default();
    for key in 0..20 {
        replays.begin(&named("busy", key)).unwrap();
        replays.end(&named("busy", key), answer(LONGEST));
    }
    let held: usize = replays.known().values().flat_map(BTreeMap::values).count();
    assert_eq!(held, MOST_BYTES / LONGEST);
    for key in 100..100 + MOST_AT_ONCE {
        replays.begin(&named("busy", key)).unwrap();
    }
    assert_eq!(replays.begin(&named("busy", 1000)).unwrap_err().code, "server.busy");
    assert!(replays.begin(&named("another", 1000)).unwrap().is_none());
}
