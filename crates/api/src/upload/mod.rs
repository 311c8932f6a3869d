//! An upload: what its headers ask for, and its bytes on their way into the object store.

mod body;
mod headers;
mod multipart;
mod range;
mod text;

pub(crate) use body::{is_form, receive, receive_files, receive_part};
pub(crate) use headers::{Asked, agent, callback, parse, user_data, workflow};
pub(crate) use range::range;
