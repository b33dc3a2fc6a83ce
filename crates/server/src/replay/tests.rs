use super::*;

fn named(caller: &str, key: usize) -> Named {
    let (caller, key) = (caller.as_bytes().to_vec(), key.to_string().into_bytes());
    Named { caller, key, request: b"the same".to_vec() }
}

fn answer(bytes: usize) -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: vec![0; bytes] }
}

impl Replays {
    fn carries_out(&self, named: &Named) -> UnderWay {
        match self.begin(named) {
            Ok(Begun::Now(under_way)) => under_way,
            Ok(Begun::Before(_)) => panic!("it was carried out before"),
            Err(problem) => panic!("{}", problem.code),
        }
    }

    fn is_answered(&self, named: &Named) -> bool {
        matches!(self.begin(named), Ok(Begun::Before(_)))
    }

    fn refusal(&self, named: &Named) -> Option<&'static str> {
        self.begin(named).err().map(|problem| problem.code)
    }
}

#[tokio::test]
async fn a_request_that_breaks_off_is_not_under_way_any_more_though_nobody_waits() {
    let replays = Replays::default();
    let one = named("busy", 0);
    let under_way = replays.carries_out(&one);
    assert_eq!(replays.refusal(&one), Some("idempotency.under-way"));
    let broken = tokio::spawn(async move {
        let _under_way = under_way;
        panic!("a defect");
    });
    while !broken.is_finished() {
        tokio::task::yield_now().await;
    }
    // Neither a panic nor an end in the middle leaves anything behind.
    let under_way = replays.carries_out(&one);
    let abandoned = tokio::spawn(async move {
        let _under_way = under_way;
        std::future::pending::<()>().await;
    });
    abandoned.abort();
    assert!(abandoned.await.is_err());
    replays.carries_out(&one).answered(answer(1));
    assert!(replays.is_answered(&one));
}

#[test]
fn what_is_under_way_and_what_others_got_is_not_forgotten() {
    let replays = Replays::default();
    let under_way = named("busy", 0);
    let at_work = replays.carries_out(&under_way);
    let of_another = named("another", 0);
    replays.carries_out(&of_another).answered(answer(1));
    for key in 1..=2 * MOST {
        replays.carries_out(&named("busy", key)).answered(answer(1));
    }
    assert_eq!(replays.refusal(&under_way), Some("idempotency.under-way"));
    assert!(replays.is_answered(&of_another));
    assert!(replays.is_answered(&named("busy", 2 * MOST)));
    assert!(!replays.is_answered(&named("busy", 1)), "the oldest go first");
    drop(at_work);
}

#[test]
fn one_caller_takes_so_much_memory_and_no_more() {
    let replays = Replays::default();
    for key in 0..20 {
        replays.carries_out(&named("busy", key)).answered(answer(LONGEST));
    }
    let held: usize = replays.known().values().flat_map(BTreeMap::values).count();
    assert_eq!(held, MOST_BYTES / LONGEST);
    let keys = 100..100 + MOST_AT_ONCE;
    let at_work: Vec<_> = keys.map(|key| replays.carries_out(&named("busy", key))).collect();
    assert_eq!(replays.refusal(&named("busy", 1000)), Some("server.busy"));
    drop(replays.carries_out(&named("another", 1000)));
    drop(at_work);
}
