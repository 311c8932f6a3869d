use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Argon2, Params};
use palisade_api::{ApiConfig, Dialect, UserConfig};
use serde_json::json;

use crate::support::client::Request;
use crate::support::{Server, Setup};

async fn core() -> Server {
    let api = ApiConfig { dialect: Dialect::Core, ..ApiConfig::default() };
    Server::with(Setup { api, ..Setup::default() }).await
}

#[tokio::test]
async fn core_speaks_of_errors_in_its_own_way() {
    let server = core().await;
    for (call, status) in [
        (Request::get("/file/nonsense"), 404),
        (Request::get("/nowhere"), 404),
        (Request::get("/apikey/").key(None), 401),
        (Request::get("/file"), 405),
        (Request::post("/hash").body("{"), 400),
        (Request::post("/sandbox"), 501),
    ] {
        let response = server.call(call).await;
        assert_eq!(response.status, status);
        let body = response.json();
        assert!(body["err"].as_str().unwrap().len() > 10, "{body}");
        assert_eq!(body.as_object().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn core_answers_an_unknown_hash_with_200() {
    let server = core().await;
    let hash = "0".repeat(32);
    let response = server.call(Request::get(&format!("/hash/{hash}"))).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.json(), json!({ (hash.as_str()): "Not Found" }));
    assert_eq!(server.call(Request::get("/hash/xyz")).await.status, 400);
}

#[tokio::test]
async fn core_needs_a_content_length() {
    let server = core().await;
    let mut client = server.connect().await;
    let mut bytes = Request::post("/file").header("transfer-encoding", "chunked").head();
    bytes.extend_from_slice(b"\r\n3\r\nabc\r\n0\r\n\r\n");
    client.send(&bytes).await;
    let response = client.response(false).await;
    assert_eq!(response.status, 411);
    assert!(response.json()["err"].as_str().unwrap().contains("Content-Length"));
    assert_eq!(server.call(Request::post("/file").body("abc")).await.status, 200);
}

/// As cheap as Argon2 may be: the test is not about time.
fn hash(password: &str) -> String {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let salt = SaltString::from_b64("c29tZXNhbHQ").unwrap();
    argon2.hash_password(password.as_bytes(), &salt).unwrap().to_string()
}

#[tokio::test]
async fn users_sign_in_and_out() {
    let user =
        |password: &str, admin| UserConfig { password_hash: hash(password), admin, workflow: None };
    let users =
        [("ann".to_owned(), user("correct horse", false)), ("root".to_owned(), user("x", true))];
    let api = ApiConfig { users: users.into(), session_idle_ms: 400, ..ApiConfig::default() };
    let server = Server::with(Setup { api, ..Setup::default() }).await;
    let login = |name: &str, password: &str| {
        let body = json!({"user": name, "password": password}).to_string();
        Request::post("/login").key(None).body(body)
    };
    for (name, password) in [("ann", "wrong"), ("nobody", "correct horse"), ("ann", "")] {
        server.call(login(name, password)).await.is_error(403_002);
    }
    server.call(Request::post("/login").key(None).body("{}")).await.is_error(400_903);
    let session = server.call(login("ann", "correct horse")).await.json();
    assert!(session["oms-csrf-token"].is_string());
    let id = session["session_id"].as_str();
    let account = server.call(Request::get("/apikey/").key(id)).await.json();
    assert_eq!((&account["nickname"], &account["role"]), (&json!("ann"), &json!("user")));
    server.call(Request::get("/admin/keys").key(id)).await.is_error(403_000);
    assert_eq!(server.call(Request::post("/file").key(id).body("x")).await.status, 200);
    let out = server.call(Request::post("/logout").key(id)).await.json();
    assert_eq!(out["response"], "Logout success");
    server.call(Request::get("/apikey/").key(id)).await.is_error(401_006);
    server.call(Request::post("/logout")).await.is_error(403_002);

    let session = server.call(login("root", "x")).await.json();
    let id = session["session_id"].as_str();
    assert_eq!(server.call(Request::get("/admin/keys").key(id)).await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(450)).await;
    server.call(Request::get("/apikey/").key(id)).await.is_error(401_006);
    // Guessing is slow.
    let mut refused = 0;
    for _ in 0..70 {
        let answer = server.call(login("ann", "guess")).await;
        refused += u32::from(answer.status == 429);
    }
    assert!(refused > 0, "every guess was looked at");
}
