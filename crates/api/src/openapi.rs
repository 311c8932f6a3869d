//! The OpenAPI document: generated from the handlers, so that it cannot say anything else than what
//! is served.

use std::collections::BTreeMap;

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::error::ErrorCode;
use crate::routes::not_served::CALLS;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Palisade",
        description = "File scanning, wire-compatible with the MetaDefender v4 API",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/"), (url = "/v4")),
    tags(
        (name = "scan", description = "Scan files and get their results"),
        (name = "batch", description = "Many files with one answer"),
        (name = "upload in parts", description = "Large files over lines that break"),
        (name = "look-up", description = "Results by hash"),
        (name = "key", description = "The caller's own key"),
        (name = "operation", description = "For those who run it"),
        (name = "administration", description = "With a key of role admin"),
        (name = "not served yet", description = "Known calls that answer 501")
    ),
    components(schemas(
        crate::v4::ErrorBody,
        crate::v4::ErrorDetail,
        crate::v4::SyncTimeout,
        crate::v4::CoreErrorBody
    ))
)]
struct Document;

/// What is said besides the handlers.
pub(crate) fn base() -> OpenApi {
    use utoipa::OpenApi as _;
    let mut document = Document::openapi();
    let description = "Also taken: Authorization: apikey KEY, Authorization: Bearer KEY";
    let key = ApiKeyValue::with_description("apikey", description);
    if let Some(components) = &mut document.components {
        components.add_security_scheme("apikey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
    for call in &CALLS {
        let method = match call.method {
            "POST" => HttpMethod::Post,
            "DELETE" => HttpMethod::Delete,
            "PUT" => HttpMethod::Put,
            _ => HttpMethod::Get,
        };
        let mut operation = OperationBuilder::new()
            .tag("not served yet")
            .summary(Some(call.what))
            .security(SecurityRequirement::new("apikey", Vec::<String>::new()))
            .responses(utoipa::openapi::Responses::from_iter(responses(&NOT_SERVED)));
        for name in call.path.split('/').filter_map(|segment| {
            segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'))
        }) {
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(<String as utoipa::PartialSchema>::schema()));
            operation = operation.parameter(parameter);
        }
        document.paths.add_path_operation(call.path, vec![method], operation.build());
    }
    document
}

/// The document of this release, as `/openapi.json` serves it.
pub fn document() -> OpenApi {
    crate::router::documented().1
}

/// The responses of errors, by status.
fn responses(codes: &[ErrorCode]) -> Vec<(String, RefOr<Response>)> {
    let mut by_status = BTreeMap::<String, Vec<ErrorCode>>::new();
    for &code in codes {
        by_status.entry(code.status().as_u16().to_string()).or_default().push(code);
    }
    let response = |codes: Vec<ErrorCode>| {
        let lines: Vec<_> =
            codes.iter().map(|code| format!("{}: {}", code.number(), code.meaning())).collect();
        let body =
            if codes.contains(&ErrorCode::SyncTimeout) { "SyncTimeout" } else { "ErrorBody" };
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(body))).build();
        ResponseBuilder::new()
            .description(lines.join("\n"))
            .content("application/json", content)
            .build()
    };
    by_status.into_iter().map(|(status, codes)| (status, response(codes).into())).collect()
}

const KEY: [ErrorCode; 5] = [
    ErrorCode::BadKey,
    ErrorCode::WrongMethod,
    ErrorCode::Throttled,
    ErrorCode::Internal,
    ErrorCode::Unavailable,
];
const NOT_SERVED: [ErrorCode; 4] =
    [ErrorCode::BadKey, ErrorCode::WrongMethod, ErrorCode::Throttled, ErrorCode::NotServed];
const UPLOAD: [ErrorCode; 18] = [
    ErrorCode::TooLarge,
    ErrorCode::Empty,
    ErrorCode::BadHeader,
    ErrorCode::BadMultipart,
    ErrorCode::Truncated,
    ErrorCode::UnknownWorkflow,
    ErrorCode::UnknownEngine,
    ErrorCode::SlowBody,
    ErrorCode::Quota,
    ErrorCode::NotServed,
    ErrorCode::Busy,
    ErrorCode::Internal,
    ErrorCode::BadCallback,
    ErrorCode::NotYours,
    ErrorCode::UnknownBatch,
    ErrorCode::BatchEnded,
    ErrorCode::BatchFull,
    ErrorCode::LengthRequired,
];
const BATCH: [ErrorCode; 7] = [
    ErrorCode::BadHeader,
    ErrorCode::UnknownWorkflow,
    ErrorCode::Busy,
    ErrorCode::BadQuery,
    ErrorCode::NotServed,
    ErrorCode::UnknownBatch,
    ErrorCode::NotYours,
];
const PART: [ErrorCode; 2] = [ErrorCode::NotYours, ErrorCode::UnknownUpload];
const JSON: [ErrorCode; 3] = [ErrorCode::BadJson, ErrorCode::Truncated, ErrorCode::SlowBody];

macro_rules! errors {
    ($($name:ident = $($codes:expr),+;)+) => {$(
        /// The errors of a group of calls.
        pub(crate) struct $name;
        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let groups: &[&[ErrorCode]] = &[$(&$codes),+];
                let mut codes = groups.concat();
                codes.sort_unstable();
                codes.dedup();
                responses(&codes).into_iter().collect()
            }
        }
    )+};
}

errors! {
    OpenErrors = [ErrorCode::WrongMethod, ErrorCode::Internal];
    KeyErrors = KEY;
    UploadErrors = KEY, UPLOAD;
    SyncErrors = KEY, UPLOAD, [ErrorCode::SyncTimeout];
    ScanLookUpErrors = KEY, [ErrorCode::BadQuery, ErrorCode::UnknownDataId];
    LookUpErrors = KEY, [ErrorCode::BadQuery, ErrorCode::BadHash, ErrorCode::UnknownHash];
    BulkErrors = KEY, [
        ErrorCode::BadHash, ErrorCode::BadJson, ErrorCode::TooManyHashes, ErrorCode::Truncated,
        ErrorCode::SlowBody
    ];
    CancelErrors = KEY, [ErrorCode::UnknownDataId, ErrorCode::NotYours, ErrorCode::Finished];
    BatchErrors = KEY, [ErrorCode::BadHeader, ErrorCode::UnknownWorkflow, ErrorCode::Busy];
    BatchLookUpErrors = KEY, BATCH, [ErrorCode::BadCallback, ErrorCode::BatchEnded];
    CertificateErrors = KEY, [
        ErrorCode::UnknownBatch, ErrorCode::BatchOpen, ErrorCode::NotServed
    ];
    WebhookErrors = KEY, [
        ErrorCode::UnknownDataId, ErrorCode::NoCallback, ErrorCode::NotYours,
        ErrorCode::UnknownBatch
    ];
    FinishedErrors = KEY, [ErrorCode::UnknownDataId, ErrorCode::NotFinished];
    HistoryErrors = KEY, [ErrorCode::BadQuery];
    DetailErrors = [ErrorCode::UnknownHash, ErrorCode::NoDetails];
    PartsErrors = KEY, UPLOAD, [ErrorCode::UploadFull];
    PartErrors = KEY, UPLOAD, PART, [ErrorCode::UploadFull, ErrorCode::BadRange];
    PartLookUpErrors = KEY, PART;
    LoginErrors = JSON, [
        ErrorCode::BadLogin, ErrorCode::Throttled, ErrorCode::NotServed, ErrorCode::WrongMethod
    ];
    LogoutErrors = KEY, [ErrorCode::BadLogin];
    AdminErrors = KEY, [ErrorCode::Forbidden];
    AdminJsonErrors = KEY, [
        ErrorCode::Forbidden, ErrorCode::BadJson, ErrorCode::Truncated, ErrorCode::SlowBody
    ];
    AdminEntryErrors = KEY, [ErrorCode::Forbidden, ErrorCode::UnknownEntry];
    AdminRetryErrors = KEY, [
        ErrorCode::Forbidden, ErrorCode::UnknownEntry, ErrorCode::NotServed
    ];
}

/// A form with one file.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form; the form is read as a stream")]
pub(crate) struct FileForm {
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// The headers of an upload.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes the headers; `upload::headers` reads them")]
pub(crate) struct UploadHeaders {
    /// The file's name, URL-encoded UTF-8, at most 1,024 bytes.
    filename: Option<String>,
    /// The workflow: one of `GET /file/rules`, or `multiscan` and `unarchive` for the default one.
    rule: Option<String>,
    /// The same, in older clients.
    workflow: Option<String>,
    /// A password for encrypted content; more as `archivepwd1`, `archivepwd2`, … up to 32 in all.
    archivepwd: Option<String>,
    /// A password for a document.
    filepassword: Option<String>,
    /// The caller's own data, a JSON object of at most 16 KiB, given back in the result.
    metadata: Option<String>,
    /// `interactive` (default) or `batch`.
    priority: Option<String>,
    /// `true`: scan anew even if these bytes have a report.
    rescan: Option<String>,
    /// `no`: the same.
    #[param(rename = "x-palisade-cache")]
    cache: Option<String>,
    /// Seconds to the report; the server has a maximum.
    #[param(rename = "global-timeout")]
    global_timeout: Option<u32>,
    /// Names of engines, joined by commas; all of the workflow's if absent.
    engines: Option<String>,
    /// The batch that the file belongs to.
    batch: Option<String>,
    /// Where to send the result when it is there: an http or https URL.
    callbackurl: Option<String>,
}
