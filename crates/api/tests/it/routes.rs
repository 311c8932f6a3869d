use crate::support::client::Request;
use crate::support::ports::Broken;
use crate::support::{ADMIN, Server};

#[tokio::test]
async fn unknown_paths_are_404000() {
    let server = Server::start().await;
    for path in ["/nowhere", "/v4/nowhere", "/file", "/v5/file/x", "/file/a/b/c/d"] {
        let response = server.call(Request::get(path)).await;
        let code = if path == "/file" { 405_000 } else { 404_000 };
        response.is_error(code);
    }
    let response = server.call(Request::post("//file").body("x")).await;
    response.is_error(404_000);
    assert!(response.text().contains("two slashes"));
}

#[tokio::test]
async fn wrong_methods_name_the_right_ones() {
    let server = Server::start().await;
    for (method, path, allow) in [
        ("GET", "/file", "POST"),
        ("PUT", "/file/sync", "POST"),
        ("GET", "/v4/file/sync", "POST"),
        ("DELETE", "/file/0123456789abcdef0123456789abcdef", "GET,HEAD"),
        ("GET", "/hash", "POST"),
        ("POST", "/version", "GET,HEAD"),
        ("PUT", "/apikey/", "GET,HEAD"),
        ("POST", "/metrics", "GET,HEAD"),
        ("GET", "/file/batch", "POST"),
    ] {
        let response = server.call(Request::new(method, path)).await;
        response.is_error(405_000);
        assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
    }
    let options = server.call(Request::new("OPTIONS", "/v4/file").key(None)).await;
    assert_eq!((options.status, options.header("allow")), (204, Some("POST")));
    let head = server.call(Request::new("HEAD", "/version")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let head = server.call(Request::new("HEAD", "/admin/keys").key(Some(ADMIN))).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn known_calls_that_are_not_served_say_so() {
    let server = Server::start().await;
    for (method, path) in [
        ("GET", "/file/converted/x"),
        ("POST", "/sandbox"),
        ("GET", "/ip/1.2.3.4"),
        ("POST", "/ip/"),
        ("GET", "/domain/example.org"),
        ("GET", "/url/http%3A%2F%2Fa%2Fb%3Fc%3Dd"),
        ("GET", "/hash/00000000000000000000000000000000/exif"),
        ("GET", "/quarantine/x/download"),
        ("POST", "/login"),
    ] {
        let response = server.call(Request::new(method, path)).await;
        response.is_error(501_000);
        assert!(response.text().contains("does not serve it yet"));
    }
}

#[tokio::test]
async fn a_broken_port_is_a_stated_error() {
    let server = Server::start().await;
    let call = Request::get("/hash/00000000000000000000000000000000");
    // Warms the key up: it is the look-up that must fail.
    server.call(call.clone()).await.is_error(404_003);
    *server.records.broken.lock().unwrap() = Some(Broken::Unavailable);
    let response = server.call(call.clone()).await;
    response.is_error(503_900);
    assert_eq!(response.header("retry-after"), Some("2"));
    for broken in [Broken::Corrupt, Broken::Panics] {
        *server.records.broken.lock().unwrap() = Some(broken);
        let response = server.call(call.clone()).await;
        response.is_error(500_000);
        let text = response.text();
        assert!(text.contains("error id") && !text.contains("as the test wants"), "{text}");
    }
    *server.records.broken.lock().unwrap() = None;
    server.call(call).await.is_error(404_003);
}

#[tokio::test]
async fn answers_are_not_sniffed_or_kept() {
    let server = Server::start().await;
    for path in ["/version", "/nowhere", "/apikey/"] {
        let response = server.call(Request::get(path)).await;
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
}
