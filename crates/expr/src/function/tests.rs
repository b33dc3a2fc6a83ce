use std::collections::BTreeSet;

use expect_test::expect;

use super::Function;

#[test]
fn every_name_is_there_once() {
    let mut names = BTreeSet::new();
    for function in Function::all() {
        for name in function.aliases().iter().chain([&function.name()]) {
            assert!(names.insert(*name), "{name} is there twice");
            assert_eq!(Function::named(&name.to_uppercase()), Some(function));
        }
        assert!(!function.doc().is_empty() && function.required <= function.parameters.len());
    }
}

#[test]
fn usage_shows_what_may_be_left_out() {
    let usages: Vec<_> =
        ["substr", "coalesce", "now", "lpad"].map(|it| Function::named(it).unwrap().usage()).into();
    expect![[r#"
        substr(text, start[, length])
        coalesce(value, …)
        now()
        lpad(text, length[, fill])"#]]
    .assert_eq(&usages.join("\n"));
}
