use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{admin_key, any_key};
use crate::error::{ApiError, ErrorCode};
use crate::observe::observe;
use crate::routes::{
    account, archive, batch, cancel, dead_letters, engines, file, hash, history, home, keys, nodes,
    not_served, ops, parts, sessions, webhook, workflows,
};
use crate::state::{Api, json_bytes};

/// The routes by who may call them.
struct Groups {
    open: OpenApiRouter<Api>,
    metrics: OpenApiRouter<Api>,
    keyed: OpenApiRouter<Api>,
    admin: OpenApiRouter<Api>,
}

fn groups() -> Groups {
    Groups {
        open: OpenApiRouter::with_openapi(crate::openapi::base())
            .routes(routes!(ops::version))
            .routes(routes!(ops::api_version))
            .routes(routes!(ops::live))
            .routes(routes!(ops::ready))
            .routes(routes!(engines::get_definitions))
            .routes(routes!(batch::public_keys))
            .routes(routes!(sessions::login)),
        metrics: OpenApiRouter::new().routes(routes!(ops::metrics)),
        keyed: OpenApiRouter::new()
            .routes(routes!(file::post))
            .routes(routes!(file::post_sync))
            .routes(routes!(file::get))
            .routes(routes!(file::get_by_hash))
            .routes(routes!(hash::post))
            .routes(routes!(account::get))
            .routes(routes!(account::get_limits))
            .routes(routes!(account::get_status))
            .routes(routes!(engines::get))
            .routes(routes!(nodes::get))
            .routes(routes!(workflows::get))
            .routes(routes!(cancel::post))
            .routes(routes!(batch::create))
            .routes(routes!(batch::get))
            .routes(routes!(batch::close))
            .routes(routes!(batch::close_and_tell))
            .routes(routes!(batch::cancel))
            .routes(routes!(batch::certificate))
            .routes(routes!(parts::begin_upload))
            .routes(routes!(parts::send, parts::get, parts::delete))
            .routes(routes!(webhook::get))
            .routes(routes!(archive::get))
            .routes(routes!(archive::blocked_leaves))
            .routes(routes!(archive::export))
            .routes(routes!(history::of_hash))
            .routes(routes!(history::of_key))
            .routes(routes!(history::pe_info))
            .routes(routes!(sessions::logout)),
        admin: OpenApiRouter::new()
            .routes(routes!(keys::list, keys::create))
            .routes(routes!(keys::revoke))
            .routes(routes!(dead_letters::list))
            .routes(routes!(dead_letters::get))
            .routes(routes!(dead_letters::retry)),
    }
}

/// The documented routes without their guards, and the document.
pub(crate) fn documented() -> (OpenApiRouter<Api>, OpenApi) {
    let Groups { open, metrics, keyed, admin } = groups();
    let all = open.merge(metrics).merge(keyed).merge(admin);
    let document = all.get_openapi().clone();
    (all, document)
}

/// Every route, at `/…` and at `/v4/…`.
pub fn router(api: Api) -> Router {
    let (_, document) = documented();
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let routes = routes(&api, document);
    Router::new()
        .route("/v4/", get(home::get))
        .nest("/v4", routes.clone())
        .merge(routes)
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(api.clone(), observe))
        .with_state(api)
}

fn routes(api: &Api, document: Bytes) -> Router<Api> {
    let Groups { open, metrics, keyed, admin } = groups();
    let plain = |router: OpenApiRouter<Api>| router.split_for_parts().0;
    let any = from_fn_with_state(api.clone(), any_key);
    let administrator = from_fn_with_state(api.clone(), admin_key);

    // The vendor's client calls `/apikey/`; people type `/apikey`.
    let mut keyed = plain(keyed)
        .route("/apikey", get(account::get))
        // Core's name for it.
        .route("/file/webhook/{data_id}", get(webhook::get));
    for (path, route) in not_served::routes() {
        keyed = keyed.route(path, route);
    }
    let mut metrics = plain(metrics);
    if api.config().metrics_need_admin {
        metrics = metrics.route_layer(administrator.clone());
    }
    if api.is_for_operation_only() {
        return plain(open).merge(metrics);
    }
    plain(open)
        .route("/", get(home::get))
        .route("/openapi.json", get(async move || json_bytes(document.clone())))
        .merge(metrics)
        .merge(keyed.route_layer(any))
        .merge(plain(admin).route_layer(administrator))
}

async fn unknown_route(uri: Uri) -> ApiError {
    let message = if uri.path().starts_with("//") {
        "There is no such path: it begins with two slashes, so take the slash off the end of the \
         server's address"
    } else {
        "There is no such path: GET /openapi.json lists those there are"
    };
    ApiError::new(ErrorCode::UnknownRoute, message)
}

/// axum adds the header Allow.
async fn wrong_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let message = format!("{method} is not served here: see the header Allow");
    ApiError::new(ErrorCode::WrongMethod, message).into_response()
}
