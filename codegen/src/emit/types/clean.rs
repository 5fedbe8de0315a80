//! Trims what typify prints: no schemas in documentation, no conversions that nobody calls.

use quote::quote;
use syn::{
    Attribute, Expr, ExprLit, Field, Fields, File, Ident, Item, ItemEnum, ItemImpl, ItemStruct, Lit, Meta,
    parse_quote,
};

use crate::emit::docs;

use super::{
    FILLER, debug,
    marks::{self, Mark},
    shape::Described,
};

/// The file without what is not needed, documented.
pub(super) fn clean(file: File, described: &Described) -> File {
    let mut items = Vec::new();
    for item in file.items {
        match item {
            Item::Struct(item) => structure(item, described, &mut items),
            Item::Enum(item) => enumeration(item, described, &mut items),
            Item::Type(mut item) => {
                document(&mut item.attrs, &described_type(&item.ident, described));
                items.push(Item::Type(item));
            }
            Item::Mod(mut item) if item.ident == "defaults" => {
                item.vis = syn::Visibility::Inherited;
                items.push(Item::Mod(item));
            }
            Item::Impl(item) if is_kept(&item) => items.push(Item::Impl(item)),
            _ => {}
        }
    }
    File { shebang: None, attrs: Vec::new(), items }
}

fn is_kept(item: &ItemImpl) -> bool {
    let name =
        item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last()).map(|last| last.ident.to_string());
    matches!(name.as_deref(), Some("Display" | "Default"))
}

fn described_type(name: &Ident, described: &Described) -> String {
    match described.types.get(&name.to_string()).map(|text| text.trim()) {
        Some("") | None if name == "Input" => "What the operation takes.".to_owned(),
        Some("") | None if name == "Output" => "What the operation answers with.".to_owned(),
        Some("") | None => format!("The type `{name}`."),
        Some(text) => text.to_owned(),
    }
}

fn structure(mut item: ItemStruct, described: &Described, items: &mut Vec<Item>) {
    document(&mut item.attrs, &described_type(&item.ident, described));
    item.attrs.retain(|attr| !denies_unknown(attr));
    let mut secrets = Vec::new();
    for field in &mut item.fields {
        if self::field(field, &described.root).contains(&Mark::Secret) {
            secrets.extend(field.ident.clone());
        }
    }
    if secrets.is_empty() {
        items.push(Item::Struct(item));
        return;
    }
    debug::without_derive(&mut item.attrs);
    let careful = debug::structure(&item, &secrets);
    items.extend([Item::Struct(item), careful]);
}

/// Documents a field and tells its marks.
fn field(field: &mut Field, root: &str) -> Vec<Mark> {
    let written = doc_text(&field.attrs);
    let (found, text) = marks::read(&written);
    let text = match (text.trim(), &field.ident) {
        ("", Some(name)) => format!("The property `{}`.", wire_name(&field.attrs, name)),
        (text, _) => text.to_owned(),
    };
    document(&mut field.attrs, &text);
    if found.contains(&Mark::Patch) {
        patch(field, root);
    }
    found
}

/// `None` is absent, `Some(None)` is `null`.
fn patch(field: &mut Field, root: &str) {
    let inner = &field.ty;
    field.ty = parse_quote!(::std::option::Option<#inner>);
    let present = format!("{root}::shared::present");
    field.attrs.push(parse_quote!(#[serde(deserialize_with = #present)]));
}

fn enumeration(mut item: ItemEnum, described: &Described, items: &mut Vec<Item>) {
    document(&mut item.attrs, &described_type(&item.ident, described));
    item.attrs.retain(|attr| !denies_unknown(attr));
    let mut secrets = Vec::new();
    for variant in &mut item.variants {
        let text = match doc_text(&variant.attrs).trim() {
            "" => format!("`{}`", wire_name(&variant.attrs, &variant.ident)),
            text => text.to_owned(),
        };
        document(&mut variant.attrs, &text);
        let Fields::Named(fields) = &mut variant.fields else { continue };
        let kept = std::mem::take(&mut fields.named).into_iter();
        fields.named = kept.filter(|field| field.ident.as_ref().is_none_or(|name| name != FILLER)).collect();
        for named in &mut fields.named {
            if field(named, &described.root).contains(&Mark::Secret) {
                secrets.extend(named.ident.clone().map(|name| (variant.ident.clone(), name)));
            }
        }
        if fields.named.is_empty() {
            variant.fields = Fields::Unit;
        }
    }
    if secrets.is_empty() {
        items.push(Item::Enum(item));
        return;
    }
    debug::without_derive(&mut item.attrs);
    let careful = debug::enumeration(&item, &secrets);
    items.extend([Item::Enum(item), careful]);
}

fn denies_unknown(attr: &Attribute) -> bool {
    attr.path().is_ident("serde") && quote!(#attr).to_string().contains("deny_unknown_fields")
}

/// The name in JSON.
fn wire_name(attrs: &[Attribute], ident: &Ident) -> String {
    let mut name = ident.to_string();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let _ = attr.parse_nested_meta(|meta| {
            if let Ok(value) = meta.value() {
                let value: Lit = value.parse()?;
                if let (true, Lit::Str(text)) = (meta.path.is_ident("rename"), value) {
                    name = text.value();
                }
            }
            Ok(())
        });
    }
    name
}

fn doc_text(attrs: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attr in attrs {
        if let Meta::NameValue(meta) = &attr.meta
            && meta.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value
        {
            lines.push(text.value());
        }
    }
    lines.join("\n")
}

fn document(attrs: &mut Vec<Attribute>, text: &str) {
    attrs.retain(|attr| !attr.path().is_ident("doc"));
    let doc = docs::doc(text);
    let fresh: ItemStruct = parse_quote!(#doc struct Documented;);
    attrs.splice(0..0, fresh.attrs);
}
