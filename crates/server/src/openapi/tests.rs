use super::*;

#[test]
fn near_every_change_there_is_something_to_look_at() {
    let document = document();
    let paths = document["paths"].as_object().into_iter().flatten();
    let changes = paths.filter(|(_, methods)| methods["post"].is_object());
    let mut seen = 0;
    for (route, _) in changes {
        let path = route.replace(['{', '}'], "");
        let look = nearest(route, &path);
        assert!(path.starts_with(&look), "{path}: {look}");
        let route = route.split('/').take(look.split('/').count()).collect::<Vec<_>>().join("/");
        assert!(document["paths"][&route]["get"].is_object(), "{path}: {look}");
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
    let of_plan = "/api/v1/deletions/plans/{deletion}/execute";
    assert_eq!(nearest(of_plan, "/api/v1/deletions/plans/1/execute"), "/api/v1/deletions");
    assert_eq!(nearest("/login", "/login"), "/");
}
