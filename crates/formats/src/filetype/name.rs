//! A file's name judged against what the content is.
