use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EngineDetails;

/// Which hashes are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkQuestion {
    /// At most 1,000 of MD5, SHA-1, SHA-256 or SHA-512, in hexadecimal, in any mixture.
    #[schema(min_items = 1, max_items = 1000)]
    pub hash: Vec<String>,
}

/// What is known of each, in the order asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkAnswers {
    /// One entry for each hash.
    pub data: Vec<BulkAnswer>,
}

/// What is known of one hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkAnswer {
    /// As it was asked.
    pub hash: String,
    /// The newest scan of these bytes; empty when there is none.
    pub data_id: String,
    /// Its code; 5 when nothing is known.
    pub scan_result_i: u16,
    /// Engines that found something.
    pub total_detected_avs: u32,
    /// By engine, when `includescandetails` asks for it; otherwise empty.
    pub scan_details: BTreeMap<String, EngineDetails>,
}
