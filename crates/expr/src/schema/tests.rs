use expect_test::{Expect, expect};

use super::{Column, Missing, Schema};
use crate::Type;

fn check(name: &str, expected: Expect) {
    let members = Type::Struct(vec![
        ("b".to_owned(), Type::Text),
        ("audio/left".to_owned(), Type::Struct(vec![("deep".to_owned(), Type::Int)])),
    ]);
    let schema = Schema::new([
        Column::of("video", "id", Type::Int),
        Column::of("audio", "id", Type::Int),
        Column::of("audio", "Size", Type::Int),
        Column::of("a", "b", Type::Int),
        Column::new("a", members),
        Column::new("Name", Type::Text),
        Column::new("name", Type::Text),
        Column::new("NOTE", Type::Text),
        Column::new("note", Type::Text),
        Column::new("flat.name", Type::Text),
    ]);
    let names: Vec<_> = name.split('.').map(str::to_owned).collect();
    let shown = match schema.resolve(&names) {
        Ok(found) => {
            let members = found.members.iter().map(|(name, _)| format!(" > {name}"));
            format!("{}{}", found.index, members.collect::<String>())
        }
        Err(Missing::Ambiguous { candidates, advice }) => {
            format!("ambiguous: {}; {advice}", candidates.join(", "))
        }
        Err(Missing::Column { advice }) => format!("no column; {}", advice.unwrap_or_default()),
        Err(Missing::Member { advice }) => format!("no member; {}", advice.unwrap_or_default()),
    };
    expected.assert_eq(&shown);
}

#[test]
fn names_are_found_exactly_then_in_any_case() {
    check("Name", expect!["5"]);
    check("name", expect!["6"]);
    check("NAME", expect!["ambiguous: `Name`, `name`; write `Name` or `name`"]);
    check("size", expect!["2"]);
    check("AUDIO.size", expect!["2"]);
    check("audio.id", expect!["1"]);
    check("id", expect!["ambiguous: `video.id`, `audio.id`; write `video.id` or `audio.id`"]);
    check("flat.name", expect!["9"]);
}

#[test]
fn members_are_found_below_columns() {
    check("a", expect!["4"]);
    check(
        "a.b",
        expect!["ambiguous: column `b` of table `a`, member `b` of column `a`; rename one of them"],
    );
    check("a.audio/left", expect!["4 > audio/left"]);
    check("a.audio/left.DEEP", expect!["4 > audio/left > deep"]);
}

#[test]
fn what_is_missing_is_said_with_what_is_there() {
    check("nmae", expect!["no column; did you mean `Name`?"]);
    check("audio.siz", expect!["no column; did you mean `audio.Size`?"]);
    check(
        "zzz",
        expect![[
            r#"no column; known columns are `video.id`, `audio.id`, `audio.Size`, `a.b`, `a`, `Name`, `name`, `NOTE`, `note`, `"flat.name"`"#
        ]],
    );
    check("note.x", expect!["no member; `note` is text and has no members"]);
    check("a.c", expect![[r#"no member; known members are `b`, `"audio/left"`"#]]);
    check("a.audio/lft", expect!["no member; did you mean `audio/left`?"]);
}
