use super::Managed;
use crate::bytes::{Cursor, u32_le};

/// Rows of one table that are read.
const MAX_ROWS: u32 = 100_000;

/// A column of a metadata table (ECMA-335 II.22 and II.24.2.6).
#[derive(Clone, Copy)]
enum Column {
    /// This many bytes.
    Fixed(usize),
    String,
    Guid,
    Blob,
    /// Index into one table.
    Index(u8),
    /// Index into one of several, with this many bits for which.
    Coded(u32, &'static [u8]),
}

use Column::{Blob, Coded, Fixed, Guid, Index, String as Text};

const TYPE_DEF_OR_REF: Column = Coded(2, &[2, 1, 0x1b]);
const HAS_CONSTANT: Column = Coded(2, &[4, 8, 0x17]);
const HAS_CUSTOM_ATTRIBUTE: Column = Coded(
    5,
    &[
        6, 4, 1, 2, 8, 9, 0xa, 0, 0xe, 0x17, 0x14, 0x11, 0x1a, 0x1b, 0x20, 0x23, 0x26, 0x27, 0x28,
        0x2a, 0x2c, 0x2b,
    ],
);
const HAS_FIELD_MARSHAL: Column = Coded(1, &[4, 8]);
const HAS_DECL_SECURITY: Column = Coded(2, &[2, 6, 0x20]);
const MEMBER_REF_PARENT: Column = Coded(3, &[2, 1, 0x1a, 6, 0x1b]);
const HAS_SEMANTICS: Column = Coded(1, &[0x14, 0x17]);
const METHOD_DEF_OR_REF: Column = Coded(1, &[6, 0xa]);
const MEMBER_FORWARDED: Column = Coded(1, &[4, 6]);
const IMPLEMENTATION: Column = Coded(2, &[0x26, 0x23, 0x27]);
const CUSTOM_ATTRIBUTE_TYPE: Column = Coded(3, &[6, 0xa]);
const RESOLUTION_SCOPE: Column = Coded(2, &[0, 0x1a, 0x23, 1]);
const TYPE_OR_METHOD_DEF: Column = Coded(1, &[2, 6]);

/// The columns of every table, by its number (ECMA-335 II.22).
const SCHEMA: [&[Column]; 45] = [
    &[Fixed(2), Text, Guid, Guid, Guid],
    &[RESOLUTION_SCOPE, Text, Text],
    &[Fixed(4), Text, Text, TYPE_DEF_OR_REF, Index(4), Index(6)],
    &[Index(4)],
    &[Fixed(2), Text, Blob],
    &[Index(6)],
    &[Fixed(4), Fixed(2), Fixed(2), Text, Blob, Index(8)],
    &[Index(8)],
    &[Fixed(2), Fixed(2), Text],
    &[Index(2), TYPE_DEF_OR_REF],
    &[MEMBER_REF_PARENT, Text, Blob],
    &[Fixed(2), HAS_CONSTANT, Blob],
    &[HAS_CUSTOM_ATTRIBUTE, CUSTOM_ATTRIBUTE_TYPE, Blob],
    &[HAS_FIELD_MARSHAL, Blob],
    &[Fixed(2), HAS_DECL_SECURITY, Blob],
    &[Fixed(2), Fixed(4), Index(2)],
    &[Fixed(4), Index(4)],
    &[Blob],
    &[Index(2), Index(0x14)],
    &[Index(0x14)],
    &[Fixed(2), Text, TYPE_DEF_OR_REF],
    &[Index(2), Index(0x17)],
    &[Index(0x17)],
    &[Fixed(2), Text, Blob],
    &[Fixed(2), Index(6), HAS_SEMANTICS],
    &[Index(2), METHOD_DEF_OR_REF, METHOD_DEF_OR_REF],
    &[Text],
    &[Blob],
    &[Fixed(2), MEMBER_FORWARDED, Text, Index(0x1a)],
    &[Fixed(4), Index(4)],
    &[Fixed(4), Fixed(4)],
    &[Fixed(4)],
    &[Fixed(4), Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(4), Blob, Text, Text],
    &[Fixed(4)],
    &[Fixed(4), Fixed(4), Fixed(4)],
    &[Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(4), Blob, Text, Text, Blob],
    &[Fixed(4), Index(0x23)],
    &[Fixed(4), Fixed(4), Fixed(4), Index(0x23)],
    &[Fixed(4), Text, Blob],
    &[Fixed(4), Fixed(4), Text, Text, IMPLEMENTATION],
    &[Fixed(4), Fixed(4), Text, IMPLEMENTATION],
    &[Index(2), Index(2)],
    &[Fixed(2), Fixed(2), TYPE_OR_METHOD_DEF, Text],
    &[METHOD_DEF_OR_REF, Blob],
    &[Index(0x2a), TYPE_DEF_OR_REF],
];

const MODULE: usize = 0;
const TYPE_REF: usize = 1;
const TYPE_DEF: usize = 2;
const METHOD_DEF: usize = 6;
const MEMBER_REF: usize = 0xa;
const CUSTOM_ATTRIBUTE: usize = 0xc;
const MODULE_REF: usize = 0x1a;
const IMPL_MAP: usize = 0x1c;
const ASSEMBLY: usize = 0x20;
const ASSEMBLY_REF: usize = 0x23;
const MANIFEST_RESOURCE: usize = 0x28;

/// A type or member of another assembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Namespace of the type.
    pub namespace: &'a [u8],
    /// The type.
    pub type_name: &'a [u8],
    /// The member; empty for the type itself.
    pub member: &'a [u8],
}

/// A method that is defined here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Address of its code; 0 when it has none.
    pub address: u32,
}

/// A function of a native library that is called (`DllImport`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NativeCall<'a> {
    /// The library.
    pub library: &'a [u8],
    /// The function.
    pub function: &'a [u8],
}

/// The tables of the metadata, `#~` or `#-`.
#[derive(Debug, Clone)]
pub struct Tables<'a> {
    managed: &'a Managed<'a>,
    rows: [u32; 64],
    /// For each table the offset of its first row and the bytes of one row.
    places: [(usize, usize); SCHEMA.len()],
    heap_sizes: u8,
    bytes: &'a [u8],
}

impl<'a> Tables<'a> {
    /// Reads the header of the tables; `None` when there are none or they have a table that no
    /// runtime knows.
    pub fn read(managed: &'a Managed<'a>) -> Option<Self> {
        let bytes = managed.stream("#~").or_else(|| managed.stream("#-"))?;
        let mut cursor = Cursor::at(bytes, 6)?;
        let heap_sizes = cursor.u8()?;
        cursor.skip(1)?;
        let valid = cursor.u64_le()?;
        cursor.skip(8)?;
        let mut rows = [0u32; 64];
        for (number, count) in rows.iter_mut().enumerate() {
            if valid >> number & 1 == 1 {
                *count = cursor.u32_le()?;
            }
        }
        // An extra word follows when the flag says so; obfuscators set it.
        if heap_sizes & 0x40 != 0 {
            cursor.skip(4)?;
        }
        if rows.iter().skip(SCHEMA.len()).any(|&count| count != 0) {
            return None;
        }
        let mut tables = Self { managed, rows, places: [(0, 0); SCHEMA.len()], heap_sizes, bytes };
        let mut at = cursor.position();
        for (number, columns) in SCHEMA.iter().enumerate() {
            let width: usize = columns.iter().map(|&column| tables.width(column)).sum();
            let count = rows.get(number).copied().unwrap_or(0) as usize;
            if let Some(place) = tables.places.get_mut(number) {
                *place = (at, width);
            }
            at = at.saturating_add(width.saturating_mul(count));
        }
        Some(tables)
    }

    /// Name and version id (MVID) of the module.
    pub fn module(&self) -> Option<(&'a [u8], Option<String>)> {
        let row = self.row(MODULE, 1)?;
        Some((self.managed.string(row[1]), self.managed.guid(row[2])))
    }

    /// Name and version of the assembly.
    pub fn assembly(&self) -> Option<(&'a [u8], String)> {
        let row = self.row(ASSEMBLY, 1)?;
        let version = format!("{}.{}.{}.{}", row[1], row[2], row[3], row[4]);
        Some((self.managed.string(row[7]), version))
    }

    /// Names of the assemblies that it refers to.
    pub fn assembly_references(&self) -> impl Iterator<Item = &'a [u8]> {
        self.all(ASSEMBLY_REF).map(|row| self.managed.string(row[6]))
    }

    /// Namespaces and names of the types that are defined here.
    pub fn types(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.all(TYPE_DEF).map(|row| (self.managed.string(row[2]), self.managed.string(row[1])))
    }

    /// The methods that are defined here.
    pub fn methods(&self) -> impl Iterator<Item = Method<'a>> {
        self.all(METHOD_DEF)
            .map(|row| Method { name: self.managed.string(row[3]), address: row[0] })
    }

    /// The types and members of other assemblies that are used.
    pub fn references(&self) -> impl Iterator<Item = Reference<'a>> {
        let types = (1..=self.count(TYPE_REF)).filter_map(|row| self.type_reference(row));
        let members = self.all(MEMBER_REF).filter_map(|row| {
            // Parent kind 1 is a type reference.
            let parent = self.type_reference(row[0] >> 3).filter(|_| row[0] & 7 == 1)?;
            Some(Reference { member: self.managed.string(row[1]), ..parent })
        });
        types.chain(members)
    }

    /// The functions of native libraries that are called.
    pub fn native_calls(&self) -> impl Iterator<Item = NativeCall<'a>> {
        self.all(IMPL_MAP).map(|row| {
            let library = self.row(MODULE_REF, row[3]).map(|row| self.managed.string(row[0]));
            NativeCall {
                library: library.unwrap_or_default(),
                function: self.managed.string(row[2]),
            }
        })
    }

    /// Names and bytes of the resources that are in the file itself.
    pub fn resources(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.all(MANIFEST_RESOURCE).filter(|row| row[3] >> 2 == 0).filter_map(|row| {
            let area = self.managed.resources?;
            let at = row[0] as usize;
            let size = u32_le(area, at)? as usize;
            let rest = area.get(at.checked_add(4)?..)?;
            Some((self.managed.string(row[2]), rest.get(..size.min(rest.len()))?))
        })
    }

    /// The type library id: the argument of the assembly's `GuidAttribute`.
    pub fn type_library(&self) -> Option<&'a [u8]> {
        self.all(CUSTOM_ATTRIBUTE).find_map(|row| {
            // Parent kind 14 is the assembly, constructor kind 3 a member reference.
            if row[0] & 31 != 14 || row[1] & 7 != 3 {
                return None;
            }
            let constructor = self.row(MEMBER_REF, row[1] >> 3)?;
            let of = self.type_reference(constructor[0] >> 3)?;
            let blob = self.managed.blob(row[2]);
            // Prolog 0x0001, then the string with its length.
            (of.type_name == b"GuidAttribute" && blob.starts_with(&[1, 0, 36]))
                .then(|| blob.get(3..39))
                .flatten()
        })
    }

    /// Rows of a table that are inside the bounds.
    fn count(&self, table: usize) -> u32 {
        self.rows.get(table).copied().unwrap_or(0).min(MAX_ROWS)
    }

    fn all(&self, table: usize) -> impl Iterator<Item = [u32; 9]> {
        (1..=self.count(table)).map_while(move |number| self.row(table, number))
    }

    fn type_reference(&self, row: u32) -> Option<Reference<'a>> {
        let row = self.row(TYPE_REF, row)?;
        let (type_name, namespace) = (self.managed.string(row[1]), self.managed.string(row[2]));
        Some(Reference { namespace, type_name, member: b"" })
    }

    /// A row by its one-based number; unused columns are 0.
    fn row(&self, table: usize, number: u32) -> Option<[u32; 9]> {
        let before = number.checked_sub(1).filter(|_| number <= self.count(table))?;
        let (start, width) = *self.places.get(table)?;
        let mut cursor =
            Cursor::at(self.bytes, start.checked_add(width.checked_mul(before as usize)?)?)?;
        let mut row = [0; 9];
        for (value, &column) in row.iter_mut().zip(*SCHEMA.get(table)?) {
            *value = match self.width(column) {
                2 => u32::from(cursor.u16_le()?),
                _ => cursor.u32_le()?,
            };
        }
        Some(row)
    }

    /// Bytes of a column (II.24.2.6).
    fn width(&self, column: Column) -> usize {
        let large = |is: bool| if is { 4 } else { 2 };
        let rows = |table: u8| self.rows.get(usize::from(table)).copied().unwrap_or(0);
        match column {
            Fixed(bytes) => bytes,
            Text => large(self.heap_sizes & 1 != 0),
            Guid => large(self.heap_sizes & 2 != 0),
            Blob => large(self.heap_sizes & 4 != 0),
            Index(table) => large(rows(table) > 0xffff),
            Coded(bits, tables) => {
                large(tables.iter().any(|&table| rows(table) >= 1 << (16 - bits)))
            }
        }
    }
}
