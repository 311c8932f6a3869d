//! Text that asks the reader to switch off protection, in the languages of those who are asked.

use memchr::memmem;

/// Bytes of text that are looked at.
const MAX_TEXT: usize = 1 << 20;

/// In lower case. Word's own buttons are "Enable Content" and "Enable Editing".
const PHRASES: &[&str] = &[
    "enable content",
    "enable editing",
    "enable macros",
    "enable the macros",
    "\"enable content\"",
    "click enable",
    "press enable",
    "activate macros",
    "allow macros",
    "turn on macros",
    "protected document",
    "created in an earlier version of microsoft",
    "created in an online version",
    "created with a newer version of",
    "decrypt the document",
    "this document is protected",
    "this document is encrypted",
    "document is only available for desktop",
    "inhalt aktivieren",
    "bearbeitung aktivieren",
    "makros aktivieren",
    "inhalte aktivieren",
    "activer le contenu",
    "activer les macros",
    "activer la modification",
    "habilitar contenido",
    "habilitar edición",
    "habilitar macros",
    "habilitar conteúdo",
    "habilitar edição",
    "abilita contenuto",
    "abilita modifica",
    "abilita macro",
    "attiva contenuto",
    "włącz zawartość",
    "włącz edytowanie",
    "włącz makra",
    "включить содержимое",
    "разрешить редактирование",
    "включить макросы",
    "увімкнути вміст",
    "увімкнути макроси",
    "inhoud inschakelen",
    "bewerken inschakelen",
    "povolit obsah",
    "içeriği etkinleştir",
    "コンテンツの有効化",
    "編集を有効にする",
    "启用内容",
    "启用编辑",
    "启用宏",
    "啟用內容",
    "콘텐츠 사용",
    "매크로 사용",
];

/// The phrase that stands in text, if one does.
pub(super) fn find(text: &str) -> Option<&'static str> {
    let text = text.get(..text.floor_char_boundary(text.len().min(MAX_TEXT)))?;
    // Runs split words apart; one blank for any white space.
    let mut lower = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        lower.push_str(&word.to_lowercase());
        lower.push(' ');
    }
    PHRASES
        .iter()
        .find(|phrase| memmem::find(lower.as_bytes(), phrase.as_bytes()).is_some())
        .copied()
}
